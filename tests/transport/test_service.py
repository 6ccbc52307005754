"""An instance of a service: it answers the questions of `nats micro`, and lets nobody use its answers or its time."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import nats
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from ajsync.timestamp import parse_timestamp
from ajsync.transport import service as service_module
from ajsync.transport.connection import connect
from ajsync.transport.service import Instance, Service
from tests.conftest import StartServer
from tests.nats_server import NatsServer
from tests.transport.connecting import SECRET, context_of, sent
from tests.waiting import PATIENCE, WAIT_SECONDS, until

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("guard")]

ME = Instance("pump", "a1", "1.2.3", "pumps", {"site": "Malta"}, {"litres": 7})
IDENTITY = {"name": "pump", "id": "a1", "version": "1.2.3", "metadata": {"site": "Malta"}}
SUBJECT = "$SRV.STATS.pump.a1"


@asynccontextmanager
async def serving(server: NatsServer, instance: Instance = ME, **members: str) -> AsyncIterator[Service]:
    """A service that listens already, on a connection of its own."""
    async with connect(context_of(server, **members), reconnect_timeout=None) as connection:
        service = Service(connection, lambda: instance)
        running = asyncio.create_task(service.run())
        try:
            await until(lambda: len(connection.client._subs) == len(service.subjects))
            await sent(connection.client)
            yield service
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            assert not connection.client._takers


@asynccontextmanager
async def client_of(server: NatsServer, **options: Any) -> AsyncIterator[Client]:
    client = await nats.connect(server.url, **options)
    try:
        yield client
    finally:
        await client.close()


async def ask(client: Client, subject: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((await client.request(subject, timeout=10)).data)
    return found


async def heard(client: Client, subject: str) -> list[str]:
    """The subjects on which something comes by, from now on."""
    found: list[str] = []

    async def hear(msg: Msg) -> None:
        found.append(msg.subject)

    await client.subscribe(subject, cb=hear)
    await sent(client)
    return found


@pytest.mark.parametrize("whom", ["", ".pump", ".pump.a1"])
async def test_it_answers_the_three_questions_to_all_to_its_kind_and_to_itself(server: NatsServer, whom: str) -> None:
    async with serving(server), client_of(server) as client:
        assert await ask(client, f"$SRV.PING{whom}") == {"type": "io.nats.micro.v1.ping_response", **IDENTITY}
        endpoint = {"name": "state", "subject": SUBJECT, "queue_group": ""}
        assert await ask(client, f"$SRV.INFO{whom}") == {
            "type": "io.nats.micro.v1.info_response",
            **IDENTITY,
            "description": "pumps",
            "endpoints": [{**endpoint, "metadata": {}}],
        }
        stats = await ask(client, f"$SRV.STATS{whom}")
        assert parse_timestamp(stats.pop("started")) > 0
        counts = {"num_errors": 0, "last_error": "", "processing_time": 0, "average_processing_time": 0}
        assert stats == {
            "type": "io.nats.micro.v1.stats_response",
            **IDENTITY,
            "endpoints": [{**endpoint, "num_requests": 3, **counts, "data": {"litres": 7}}],
        }


async def test_it_does_not_answer_for_others_and_knows_no_other_questions(server: NatsServer) -> None:
    async with serving(server), client_of(server) as client:
        for subject in ("$SRV.PING.valve", "$SRV.PING.pump.a2", "$SRV.PING.pump.a1.x"):
            with pytest.raises(nats.errors.NoRespondersError):
                await client.request(subject, timeout=PATIENCE)
        inbox = await heard(client, "_INBOX.mine.>")
        for subject, reply in (("$SRV.STOP.pump", "_INBOX.mine.1"), ("$SRV.PING.pump", "_INBOX.mine.2")):
            await client.publish(subject, reply=reply)
        await until(lambda: inbox)
        assert inbox == ["_INBOX.mine.2"]


HOSTILE = [
    "$JS.API.STREAM.PURGE.KV_X",
    "$KV.X.key",
    "$SRV.PING.pump",
    "CHORIA_AJ.T.x",
    "orders.new",
    f"_INBOX.{'x' * 300}",
    "_INBOX.ü",
]


@pytest.mark.parametrize("reply", HOSTILE)
async def test_an_answer_goes_to_nothing_but_an_inbox(server: NatsServer, reply: str) -> None:
    """Or who may ask could write where only the service may, and empty a stream."""
    async with serving(server), client_of(server) as client:
        seen = await heard(client, ">")
        await client.publish("$SRV.INFO", reply=reply)
        await client.publish("$SRV.INFO", reply="_INBOX.mine.2")
        await client.publish("$SRV.INFO")
        await client.publish("$SRV.INFO", reply="_OPS.mine")
        await until(lambda: "_OPS.mine" in seen)
        assert [each for each in seen if each != "$SRV.INFO"] == ["_INBOX.mine.2", "_OPS.mine"]


@pytest.mark.parametrize("away", [0.0, 60.0])
async def test_a_flood_of_questions_makes_it_go_away_for_a_while(
    server: NatsServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, away: float
) -> None:
    monkeypatch.setattr(service_module, "MOST_QUESTIONS", 20)
    monkeypatch.setattr(service_module, "_AWAY_SECONDS", away)
    async with serving(server) as service, client_of(server) as client:
        for _ in range(5000):
            await client.publish("$SRV.PING", reply="_INBOX.mine.1")
        await sent(client)
        await until(lambda: "More than 20 questions in a second for the service pump" in caplog.text)
        if away:
            assert not service._connection.client._takers
            with pytest.raises(nats.errors.NoRespondersError):
                await client.request("$SRV.PING", timeout=PATIENCE)
            assert service._questions <= 40  # the flood may have begun at the end of a second
        else:
            assert await answers_again(client)


async def answers_again(client: Client) -> bool:
    """Whether somebody answers soon."""
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            try:
                return (await client.request("$SRV.PING", timeout=0.2)).data.startswith(b"{")
            except (nats.errors.NoRespondersError, nats.errors.TimeoutError):
                await asyncio.sleep(0.02)


async def test_it_answers_again_once_the_server_is_back(server: NatsServer) -> None:
    async with serving(server):
        server.restart()
        async with client_of(server) as client:
            assert await answers_again(client)


async def test_it_ends_while_the_server_is_away(server: NatsServer) -> None:
    async with serving(server) as service:
        server.stop()
        await until(lambda: not service._connection.is_connected)


MAY = '"_INBOX.>", "$SRV.PING", "$SRV.INFO", "$SRV.STATS", "$SRV.*.pump", "$SRV.*.pump.*"'


@pytest.mark.parametrize(
    ("subscribe", "responses", "refused"),
    [
        (MAY, "allow_responses: true", None),
        (MAY.replace('"$SRV.INFO", ', ""), "allow_responses: true", r'Subscription to "\$SRV\.INFO"'),
        (MAY.replace(', "$SRV.*.pump"', ""), "allow_responses: true", r'Subscription to "\$SRV\.\*\.pump"'),
        (MAY.replace(', "$SRV.*.pump.*"', ""), "allow_responses: true", r'Subscription to "\$SRV\.\*\.pump\.a1"'),
        (MAY, "", r'Publish to "_INBOX\.mine\.\d"'),
    ],
)
async def test_it_says_what_the_server_refuses(
    start_server: StartServer, subscribe: str, responses: str, refused: str | None
) -> None:
    user = f'{{ publish: ["x"], subscribe: [{subscribe}], {responses} }}'
    users = f"{{ user: me, password: {SECRET}, permissions: {user} }}, {{ user: admin, password: {SECRET} }}"
    server = start_server(f"authorization {{ users: [ {users} ] }}")
    async with (
        serving(server, user="me", password=SECRET) as service,
        client_of(server, user="admin", password=SECRET) as client,
    ):
        inbox = await heard(client, "_INBOX.mine.*")
        for number, subject in enumerate(("$SRV.PING", "$SRV.PING.pump", "$SRV.PING.pump.a1")):
            await client.publish(subject, reply=f"_INBOX.mine.{number}")
        await sent(client)
        await until(lambda: len(inbox) == 3 if refused is None else service.refusal())
        reason = service.refusal()
        assert reason is None if refused is None else re.search(refused, reason or "")
