"""The window: which tokens are open, which answers reach the owner, and what it is told to send again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest
from nats.aio.msg import Msg

from ajsync.transport.connection import Connection, connect
from ajsync.transport.context import context_for_server
from ajsync.transport.frames import store_frame
from ajsync.transport.window import NO_STREAM, Answer, Window, read_answer
from tests.nats_server import NatsServer
from tests.waiting import until

pytestmark = pytest.mark.anyio

STORED = b'{"stream":"S", "seq":7}'


@pytest.mark.parametrize(
    ("status", "data", "answer"),
    [
        (b"", STORED, Answer(7)),
        (b"", b'{"stream":"S","domain":"d","seq": 7}', Answer(7)),
        (b"", b'{"stream":"error","seq":7,"duplicate":true}', Answer(7, duplicate=True)),
        (
            b"",
            b'{"error":{"code":400,"err_code":10071,"description":"wrong last sequence: 1"},"stream":"S","seq":0}',
            Answer(error="wrong last sequence: 1", code=10071),
        ),
        (b"", b'{"error":{}}', Answer(error="unknown error")),
        (b"503", b"", NO_STREAM),
        (b"408", b"", Answer(error="unexpected status 408")),
    ],
)
def test_an_answer_says_where_the_message_is_stored_or_why_not(status: bytes, data: bytes, answer: Answer) -> None:
    assert read_answer(status, data) == answer
    assert answer.conflict == (answer.code == 10071)


class Owner:
    """Sends over a window, and keeps what it hears; `x.>` is answered by `respond`, if by anything."""

    def __init__(self, connection: Connection) -> None:
        self.heard: list[tuple[str, Answer]] = []
        self.window = Window(connection, lambda token, answer: self.heard.append((token, answer)))

    async def send(self, *tokens: str) -> None:
        for token in tokens:
            self.window.send(token, store_frame(f"x.{token}", f"{self.window.inbox}.{token}", b"NATS/1.0\r\n\r\n", b""))
        assert await self.window.out.flush()

    async def has_heard(self, count: int) -> None:
        await until(lambda: len(self.heard) >= count)


async def answering(connection: Connection, respond: Callable[[Msg], list[bytes]]) -> None:
    """Answer each message on `x.>` with what `respond` returns for it."""

    async def answer(msg: Msg) -> None:
        for data in respond(msg):
            await msg.respond(data)

    await connection.client.subscribe("x.>", cb=answer)
    await connection.client.flush()


async def test_each_open_token_gets_one_answer_and_is_closed_by_it(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        owner = Owner(connection)
        await answering(connection, lambda msg: [STORED, STORED] if msg.subject != "x.late" else [])
        async with owner.window as window:
            await owner.send("t.17", "i.17", "late")
            await owner.has_heard(2)
            assert owner.heard == [("t.17", Answer(7)), ("i.17", Answer(7))]
            assert len(window) == 1
            window.drop("late")
            await connection.client.publish(f"{window.inbox}.late", STORED)
            await owner.send("t.18")
            await owner.has_heard(3)
    assert [token for token, _ in owner.heard] == ["t.17", "i.17", "t.18"]


async def test_a_token_stays_open_while_no_stream_listens(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        owner = Owner(connection)
        async with owner.window as window:
            heard_at = window.heard_at
            await owner.send("a")
            await owner.has_heard(1)
            assert owner.heard == [("a", NO_STREAM)]
            assert len(window) == 1
            assert window.heard_at == heard_at
            await answering(connection, lambda _: [STORED])
            await owner.send("a")
            await owner.has_heard(2)
            assert owner.heard[1] == ("a", Answer(7))
            assert not window


async def test_what_waits_longest_comes_first_and_sending_again_moves_it_to_the_end(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        owner = Owner(connection)
        await answering(connection, lambda _: [])
        async with owner.window as window:
            await owner.send("a", "b", "c")
            assert window.sent_before(time.monotonic()) == ["a", "b", "c"]
            between = time.monotonic()
            await owner.send("a")
            assert window.sent_before(between) == ["b", "c"]
            assert window.sent_before(time.monotonic()) == ["b", "c", "a"]
            window.clear()
            assert not window
            assert window.sent_before(time.monotonic()) == []


async def test_the_latest_message_that_has_an_answer_is_known(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        owner = Owner(connection)
        await answering(connection, lambda msg: [] if msg.subject == "x.a" else [STORED])
        async with owner.window as window:
            await owner.send("a")
            between = time.monotonic()
            await owner.send("b")
            await owner.has_heard(1)
            assert between <= window.answered_sent_at <= window.heard_at
            assert window.sent_before(window.answered_sent_at) == ["a"]


async def test_a_new_connection_loses_what_was_under_way_once(server: NatsServer) -> None:
    async with connect(context_for_server(server.url), reconnect_timeout=None) as connection:
        owner = Owner(connection)
        await answering(connection, lambda _: [])
        async with owner.window as window:
            await owner.send("a", "b")
            assert window.lost() == []
            await asyncio.to_thread(server.restart)
            await until(lambda: connection.generation == 1)
            assert window.lost() == ["a", "b"]
            assert window.lost() == []
            assert len(window) == 2


async def test_an_owner_that_fails_at_an_answer_hears_the_next_one(
    server: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[str] = []

    def hear(token: str, _answer: Answer) -> None:
        heard.append(token)
        if token == "a":
            raise ValueError("as a defect would")

    async with connect(context_for_server(server.url)) as connection:
        await answering(connection, lambda _: [STORED])
        async with Window(connection, hear) as window:
            for token in ("a", "b"):
                window.send(token, store_frame(f"x.{token}", f"{window.inbox}.{token}", b"NATS/1.0\r\n\r\n", b""))
            await window.out.flush()
            await until(lambda: len(heard) == 2)
    assert heard == ["a", "b"]
    assert "as a defect would" in caplog.text
