"""One question and many answers: all that come in time, and no more than anybody should have to read."""

from __future__ import annotations

import asyncio

import pytest
from nats.aio.msg import Msg

from ajsync.errors import NotPermittedError, UnreachableError
from ajsync.transport import discovery
from ajsync.transport.connection import Connection, connect
from ajsync.transport.discovery import ask_all
from tests.conftest import StartServer
from tests.nats_server import NatsServer
from tests.transport.connecting import SECRET, answering, context_of, sent
from tests.waiting import until

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("guard")]


async def flooding(connection: Connection, answers: list[bytes], times: int = 1) -> None:
    """Answer each request on `all` with these, again and again."""

    async def respond(message: Msg) -> None:
        for _ in range(times):
            for answer in answers:
                await message.respond(answer)

    await connection.client.subscribe("all", cb=respond)
    await sent(connection.client)


async def test_all_answers_are_taken_in_their_order(server: NatsServer) -> None:
    async with connect(context_of(server)) as connection, connect(context_of(server)) as other:
        await flooding(other, [b"1", b"2", b"3"])
        assert await ask_all(connection, "all") == discovery.Answers((b"1", b"2", b"3"), 0)
        await answering(connection, "all", b"4")
        found = await ask_all(connection, "all")
        assert sorted(found.data) == [b"1", b"2", b"3", b"4"]
        assert not connection.client._takers


async def test_nobody_answers_at_once_where_nobody_listens(server: NatsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "FIRST_SECONDS", 60.0)
    async with connect(context_of(server)) as connection:
        assert await ask_all(connection, "all") == discovery.Answers((), 0)


async def test_one_that_listens_and_says_nothing_is_not_waited_for(server: NatsServer) -> None:
    async with connect(context_of(server)) as connection, connect(context_of(server)) as other:
        await flooding(other, [])
        assert await ask_all(connection, "all") == discovery.Answers((), 0)


async def test_of_thousands_of_answers_a_few_are_read_and_no_huge_one(
    server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discovery, "_MOST_ANSWERS", 3)
    huge = bytes(10_000)
    async with connect(context_of(server)) as connection, connect(context_of(server)) as other:
        await flooding(other, [huge, b"1"], times=3)
        assert await ask_all(connection, "all") == discovery.Answers((b"1", b"1", b"1"), 3)
    async with connect(context_of(server)) as connection, connect(context_of(server)) as other:
        await flooding(other, [b"1", *[huge] * 10], times=200)
        found = await ask_all(connection, "all")
        assert found.data[0] == b"1"
        assert 100 < found.more < 1900


async def test_one_that_never_stops_answering_does_not_hold_anybody_up(
    server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discovery, "_MOST_HEARD_BYTES", 10**12)
    stopped = False
    async with connect(context_of(server)) as connection, connect(context_of(server)) as other:

        async def respond(message: Msg) -> None:
            while not stopped:
                await message.respond(b"1")
                await asyncio.sleep(0)

        await other.client.subscribe("all", cb=respond)
        await sent(other.client)
        found = await ask_all(connection, "all")  # or it would go on until the guard ends it
        stopped = True
        assert found.data


async def test_a_refused_question_says_so(start_server: StartServer) -> None:
    user = f'{{ user: me, password: {SECRET}, permissions: {{ publish: ["x"], subscribe: ["_INBOX.>"] }} }}'
    server = start_server(f"authorization {{ users: [ {user} ] }}")
    async with connect(context_of(server, user="me", password=SECRET)) as connection:
        with pytest.raises(NotPermittedError, match='Permissions Violation for Publish to "all"'):
            await ask_all(connection, "all")
        assert not connection.client._takers


async def test_without_a_server_nothing_is_asked_later(server: NatsServer) -> None:
    async with connect(context_of(server), reconnect_timeout=None) as connection:
        server.stop()
        await until(lambda: not connection.is_connected)
        with pytest.raises(UnreachableError, match="There is no connection to "):
            await ask_all(connection, "all")


async def test_who_is_cut_off_while_it_waits_does_not_take_that_for_an_answer(server: NatsServer) -> None:
    async with connect(context_of(server), reconnect_timeout=None) as connection, connect(context_of(server)) as other:
        asked = asyncio.Event()

        async def hear(_message: Msg) -> None:
            asked.set()

        await other.client.subscribe("all", cb=hear)
        await sent(other.client)
        asking = asyncio.create_task(ask_all(connection, "all"))
        await asked.wait()
        server.stop()
        with pytest.raises(UnreachableError, match="There is no connection to "):
            await asking
