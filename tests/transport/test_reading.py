"""A read of the bucket has every key that is there throughout, whoever writes meanwhile, and makes no consumer."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.asyncjobs.names import CONFIGURATION_STREAM, SCHEDULE_SUBJECT
from ajsync.asyncjobs.streams import stream_configuration
from ajsync.errors import UnreachableError
from ajsync.transport import tail as tail_module
from ajsync.transport.connection import Connection, connect
from ajsync.transport.context import context_for_server
from ajsync.transport.leader import last_messages
from ajsync.transport.reading import Reading
from ajsync.transport.walk import NoWalkError, Walk
from tests.messages import hear
from tests.nats_server import NatsServer
from tests.scheduler.ha.cluster import cluster
from tests.transport.watched import delete, put
from tests.transport.writers import writing
from tests.waiting import until

pytestmark = pytest.mark.anyio

STABLE = [f"N{number}" for number in range(400)]
HOT = ["HOT"]


async def make(connection: Connection, **members: object) -> ConfigurationBucket:
    """The bucket with members of its stream that differ from what asyncjobs gives it."""
    config = {**stream_configuration(CONFIGURATION_STREAM), **members}
    await connection.jetstream_request(f"STREAM.CREATE.{CONFIGURATION_STREAM}", config)
    return await ConfigurationBucket.open(connection)


@pytest.mark.parametrize("direct", [True, False], ids=["direct", "by name"])
async def test_a_read_has_every_key_while_others_write(server: NatsServer, direct: bool) -> None:
    async with connect(context_for_server(server.url)) as connection:
        bucket = await make(connection, allow_direct=direct)
        await put(connection, dict.fromkeys((*STABLE, *HOT), b"{}"))
        async with writing(server.url, HOT) as writers:
            for _ in range(30):
                assert not {*STABLE, *HOT} - (await bucket.read()).entries.keys()
        assert writers.writes > 30


@pytest.mark.slow
async def test_so_has_a_read_of_three_replicas(tmp_path: Path) -> None:
    with cluster(tmp_path) as found:
        async with AsyncExitStack() as stack:
            urls = [node.url for node in found.nodes.values()]
            opened = [await stack.enter_async_context(connect(context_for_server(url))) for url in urls]
            await made(opened[0])
            await put(opened[0], dict.fromkeys((*STABLE, *HOT), b"{}"))
            buckets = [await ConfigurationBucket.open(each) for each in opened]
            await stack.enter_async_context(writing(urls[0], HOT))
            for number in range(30):
                await put(opened[0], {STABLE[0]: b"%d" % number})
                last = await buckets[0].get(f"scheduled_tasks.{STABLE[0]}")
                assert last is not None
                entries = (await buckets[number % 3].read()).entries
                assert not {*STABLE, *HOT} - entries.keys()
                assert entries[STABLE[0]].revision == last.revision


async def made(connection: Connection) -> None:
    """Make the bucket with three replicas, as soon as the cluster can."""
    async with asyncio.timeout(60):
        while True:
            try:
                await ConfigurationBucket.create(connection, replicas=3)
                return
            except UnreachableError:
                await asyncio.sleep(0.1)


@pytest.mark.parametrize("direct", [True, False], ids=["direct", "by name"])
async def test_what_was_stored_or_deleted_before_a_read_is_read_so(server: NatsServer, direct: bool) -> None:
    async with connect(context_for_server(server.url)) as connection:
        bucket = await make(connection, allow_direct=direct)
        await put(connection, dict.fromkeys(STABLE, b"{}"))
        async with writing(server.url, HOT):
            for number, name in enumerate(STABLE[:20]):
                await delete(connection, name)
                await put(connection, {STABLE[-1]: b"%d" % number})
                found = await bucket.read()
                assert sorted(found.deleted) == sorted(STABLE[: number + 1])
                last = await bucket.get(f"scheduled_tasks.{STABLE[-1]}")
                assert last is not None
                assert found.entries[STABLE[-1]].revision == last.revision


async def test_no_consumer_is_made(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        bucket = await make(connection)
        made = await hear(connection.client, "$JS.EVENT.ADVISORY.CONSUMER.>")
        await put(connection, {"A": b"{}"})
        await bucket.read()
        assert await bucket.names() == ("A",)
        body = {"stream_name": CONFIGURATION_STREAM, "config": {"durable_name": "last", "ack_policy": "none"}}
        await connection.jetstream_request(f"CONSUMER.DURABLE.CREATE.{CONFIGURATION_STREAM}.last", body)
        await until(lambda: bool(made))
        assert [each.subject for each in made] == [f"$JS.EVENT.ADVISORY.CONSUMER.CREATED.{CONFIGURATION_STREAM}.last"]


async def test_a_bucket_without_room_for_a_consumer_is_read(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        bucket = await make(connection, max_consumers=1)
        body = {"stream_name": CONFIGURATION_STREAM, "config": {"durable_name": "x", "ack_policy": "none"}}
        await connection.jetstream_request(f"CONSUMER.DURABLE.CREATE.{CONFIGURATION_STREAM}.x", body)
        await put(connection, {"A": b"{}"})
        assert await bucket.names() == ("A",)


async def test_large_values_are_read_in_many_batches(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        bucket = await make(connection)
        await put(connection, {name: bytes(100_000) for name in STABLE[:100]})
        assert sorted(await bucket.names()) == sorted(STABLE[:100])


async def test_headers_of_a_value_are_not_taken_for_those_of_the_server(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        bucket = await make(connection)
        forged = {"Nats-Subject": f"{SCHEDULE_SUBJECT}OTHER", "Nats-Sequence": "99", "Nats-Num-Pending": "0"}
        await connection.request(f"{SCHEDULE_SUBJECT}A", b"{}", headers={"Nats-Stream": "X", **forged})
        await connection.request(f"{SCHEDULE_SUBJECT}B", b"{}", headers={"KV-Operation": "PUT", **forged})
        await connection.request(f"{SCHEDULE_SUBJECT}C", b"", headers={**forged, "KV-Operation": "DEL"})
        found = await bucket.read()
        assert {name: entry.revision for name, entry in found.entries.items()} == {"A": 1, "B": 2}
        assert found.deleted == {"C": 3}


async def test_what_a_lagging_replica_does_not_know_is_had_from_the_leader(
    server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    to_end = Walk.to_end
    behind = iter([True, True])

    async def lag(self: Walk) -> None:
        if not next(behind, False):
            await to_end(self)

    monkeypatch.setattr(Walk, "to_end", lag)
    async with connect(context_for_server(server.url)) as connection:
        bucket = await make(connection)
        await put(connection, {"A": b"{}", "B": b"{}"})
        assert sorted(await bucket.names()) == ["A", "B"]
        assert next(behind, None) is None
        monkeypatch.setattr(tail_module, "_LAG_SECONDS", 0.0)
        behind = iter([True] * 100)
        assert sorted(await bucket.names()) == ["A", "B"]


async def test_what_the_walk_missed_or_met_too_long_ago_is_settled_by_name(
    server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = Reading.take

    def take_else(self: Reading, subject: str, revision: int, stored_at: int, data: bytes | None) -> None:
        if subject == f"{SCHEDULE_SUBJECT}MISSED":
            take(self, f"{SCHEDULE_SUBJECT}PURGED", 1, stored_at, b"{}")
            take(self, f"{SCHEDULE_SUBJECT}PURGED_TOO", 1, stored_at, b"{}")
        else:
            take(self, subject, revision, stored_at, data)

    monkeypatch.setattr(Reading, "take", take_else)
    async with connect(context_for_server(server.url)) as connection:
        bucket = await make(connection)
        await put(connection, {"A": b"{}", "MISSED": b"{}"})
        assert sorted(await bucket.names()) == ["A", "MISSED"]


@pytest.mark.parametrize("direct", [True, False], ids=["direct", "by name"])
async def test_a_bucket_that_is_made_anew_in_the_midst_of_a_read_is_read_again(
    server: NatsServer, monkeypatch: pytest.MonkeyPatch, direct: bool
) -> None:
    anew: list[str] = []
    to_end, gets = Walk.to_end, last_messages

    async def make_anew(connection: Connection) -> None:
        if not anew:
            anew.append("made")
            await connection.jetstream_request(f"STREAM.DELETE.{CONFIGURATION_STREAM}")
            await make(connection, allow_direct=direct)
            await put(connection, {"NEW": b"{}"})

    async with connect(context_for_server(server.url)) as connection:

        async def walk(self: Walk) -> None:
            await to_end(self)
            await make_anew(connection)

        async def get(connection: Connection, stream: str, subjects: list[str]) -> object:
            found = await gets(connection, stream, subjects)
            await make_anew(connection)
            return found

        monkeypatch.setattr(Walk, "to_end", walk)
        monkeypatch.setattr(tail_module, "last_messages", get)
        bucket = await make(connection, allow_direct=direct)
        before = bucket.target
        await put(connection, {"A": b"{}", "B": b"{}"})
        found = await bucket.read()
        assert anew
        assert [*found.entries] == ["NEW"]
        assert found.target == bucket.target != before


async def test_a_newest_key_that_was_purged_does_not_keep_a_read_from_ending(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        bucket = await make(connection)
        await put(connection, {"A": b"{}", "B": b"{}"})
        body = {"filter": f"{SCHEDULE_SUBJECT}B"}
        await connection.jetstream_request(f"STREAM.PURGE.{CONFIGURATION_STREAM}", body)
        assert await bucket.names() == ("A",)
        await connection.jetstream_request(f"STREAM.PURGE.{CONFIGURATION_STREAM}")
        assert await bucket.names() == ()


async def test_a_walk_says_why_it_cannot_be(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        await make(connection, allow_direct=False)
        with pytest.raises(NoWalkError, match="direct gets end with 503"):
            await Walk(connection, CONFIGURATION_STREAM, ">", lambda *_: None).to_end()


async def test_many_values_as_large_as_can_be_are_read_by_name(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        bucket = await make(connection, allow_direct=False)
        await put(connection, {name: bytes(1_040_000) for name in STABLE[:120]})
        assert sorted(await bucket.names()) == sorted(STABLE[:120])
        assert not connection.client.stats["reconnects"]  # the server cuts off a client with too much to take


async def test_an_api_that_lets_one_answer_through_is_read_by_name(tmp_path: Path) -> None:
    accounts = """accounts {
      A { jetstream: enabled, users: [{user: a, password: a}], exports: [{service: "$JS.API.>"}] }
      B { users: [{user: b, password: b}], imports: [{service: {account: A, subject: "$JS.API.>"}, to: "a.API.>"}] }
    }"""
    server = NatsServer(tmp_path / "nats", accounts)
    server.start()
    try:
        async with connect(context_for_server(server.url.replace("//", "//a:a@"))) as connection:
            await make(connection)
            await put(connection, dict.fromkeys(STABLE[:5], b"{}"))
        context = context_for_server(server.url.replace("//", "//b:b@"))
        async with connect(replace(context, jetstream_api_prefix="a.API")) as connection:
            bucket = await ConfigurationBucket.open(connection)
            assert sorted(await bucket.names()) == STABLE[:5]
    finally:
        server.stop()
