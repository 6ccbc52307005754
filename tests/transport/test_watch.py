"""A watch tells of what is there and of each change, once, whatever happens to servers, streams and consumers."""

from __future__ import annotations

import asyncio
import logging
import time

import pytest
from nats.aio.msg import Msg

from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.asyncjobs.names import CONFIGURATION_STREAM, SCHEDULE_SUBJECT
from ajsync.asyncjobs.streams import stream_configuration
from ajsync.errors import UnreachableError
from ajsync.transport import consumer as consumer_module
from ajsync.transport import watch as watch_module
from ajsync.transport.connection import Connection, connect
from ajsync.transport.consumer import Consumer, delivery
from ajsync.transport.context import context_for_server
from ajsync.transport.leader import Listing
from ajsync.transport.tail import Tail
from ajsync.transport.watch import Known
from tests.conftest import StartServer
from tests.nats_server import NatsServer
from tests.transport.watched import delete, put, watching
from tests.waiting import PATIENCE, WAIT_SECONDS, until

pytestmark = pytest.mark.anyio


@pytest.fixture
def observant(monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence and new streams are noticed sooner."""
    monkeypatch.setattr(consumer_module, "_SILENCE_SECONDS", 1.5)
    monkeypatch.setattr(consumer_module, "_TICK_SECONDS", 0.1)
    monkeypatch.setattr(watch_module, "_CHECK_SECONDS", 0.2)
    monkeypatch.setattr(watch_module, "_AGAIN_SECONDS", 0.1)
    monkeypatch.setattr(watch_module, "_LOOK_SECONDS", 0.05)
    monkeypatch.setattr(watch_module, "_RETRY_SECONDS", 0.1)
    monkeypatch.setattr(watch_module, "_POLLING_SECONDS", 0.3)


async def consumers(connection: Connection) -> list[str]:
    listing = await connection.jetstream_request(f"CONSUMER.NAMES.{CONFIGURATION_STREAM}", {})
    return list(listing["consumers"] or [])


async def the_consumer(connection: Connection) -> str:
    """The name of the one consumer that there is, or will be."""
    async with asyncio.timeout(WAIT_SECONDS):
        while len(found := await consumers(connection)) != 1:
            await asyncio.sleep(0.01)
    return found[0]


async def test_what_is_there_is_told_first_and_each_change_after_it_once(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        await ConfigurationBucket.create(connection)
        await put(connection, {"A": b"1", "B": b"2", "GONE": b"3"})
        await delete(connection, "GONE")
        before = time.time_ns()
        async with watching(connection) as watch:
            await watch.until(watch.loaded.is_set)
            assert watch.told() == [("A", b"1"), ("B", b"2")]
            assert all(seen.initial for seen in watch.seen)
            assert [seen.revision for seen in watch.seen] == [1, 2]
            assert all(before - 60_000_000_000 < seen.stored_at < before for seen in watch.seen)
            await put(connection, {"C": b"4", "A": b"5"})
            await delete(connection, "B")
            await delete(connection, "UNKNOWN")
            await put(connection, {"B": b""})
            await watch.until(lambda: len(watch.seen) == 6)
            assert watch.told()[2:] == [("C", b"4"), ("A", b"5"), ("B", None), ("B", b"")]
            assert not any(seen.initial for seen in watch.seen[2:])
        async with asyncio.timeout(WAIT_SECONDS):
            while await consumers(connection):
                await asyncio.sleep(0.01)


async def test_an_empty_bucket_is_loaded_at_once(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        await ConfigurationBucket.create(connection)
        async with watching(connection) as watch:
            await watch.until(watch.loaded.is_set)
            await put(connection, {"A": b"1"})
            await watch.until(lambda: watch.told() == [("A", b"1")])
            assert not watch.seen[0].initial


async def test_other_keys_of_the_bucket_are_not_told(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        await ConfigurationBucket.create(connection)
        await connection.request("$KV.CHORIA_AJ_CONFIGURATION.ajsync.watermark", b"{}")
        async with watching(connection) as watch:
            await watch.until(watch.loaded.is_set)
            await connection.request("$KV.CHORIA_AJ_CONFIGURATION.ajsync.watermark", b"{}")
            await put(connection, {"A": b"1"})
            await watch.until(lambda: watch.told() == [("A", b"1")])


@pytest.mark.parametrize("noticed", [False, True], ids=["quick", "noticed"])
async def test_a_watch_goes_on_after_a_restart_and_tells_nothing_twice(server: NatsServer, noticed: bool) -> None:
    async with connect(context_for_server(server.url), reconnect_timeout=None) as connection:
        await ConfigurationBucket.create(connection)
        await put(connection, {f"S{number}": b"1" for number in range(100)})
        async with watching(connection) as watch:
            await watch.until(watch.loaded.is_set)
            await asyncio.to_thread(server.stop)
            await until(lambda: not (noticed and connection.is_connected))
            await asyncio.to_thread(server.start)
            async with connect(context_for_server(server.url)) as other:
                await put(other, {"S7": b"2", "NEW": b"3"})
                await delete(other, "S8")
            await watch.until(lambda: len(watch.seen) >= 103)
            assert sorted(watch.told()[100:], key=str) == [("NEW", b"3"), ("S7", b"2"), ("S8", None)]


@pytest.mark.usefixtures("observant")
async def test_a_consumer_that_is_deleted_behind_its_back_is_replaced(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        await ConfigurationBucket.create(connection)
        await put(connection, {"A": b"1", "B": b"1"})
        async with watching(connection) as watch:
            await watch.until(watch.loaded.is_set)
            consumer = await the_consumer(connection)
            await connection.jetstream_request(f"CONSUMER.DELETE.{CONFIGURATION_STREAM}.{consumer}")
            await put(connection, {"A": b"2"})
            await delete(connection, "B")
            await watch.until(lambda: len(watch.seen) == 4)
            assert sorted(watch.told()[2:], key=str) == [("A", b"2"), ("B", None)]


@pytest.mark.usefixtures("observant")
@pytest.mark.parametrize("value", [b"1", b"2"], ids=["same", "different"])
async def test_a_bucket_that_is_made_anew_is_listed_again(server: NatsServer, value: bytes) -> None:
    async with connect(context_for_server(server.url)) as connection:
        await ConfigurationBucket.create(connection)
        await put(connection, {"A": b"1", "GONE": b"1"})
        async with watching(connection) as watch:
            await watch.until(watch.loaded.is_set)
            await connection.jetstream_request(f"STREAM.DELETE.{CONFIGURATION_STREAM}")
            await ConfigurationBucket.create(connection)
            # At the revisions that were known: they must not be taken for what they were.
            await put(connection, {"A": value, "NEW": b"1"})
            await watch.until(lambda: watch.state() == {"A": value, "NEW": b"1"} and len(watch.seen) == 5)
            assert sorted(watch.told()[2:], key=str) == sorted([("A", value), ("NEW", b"1"), ("GONE", None)], key=str)
            assert not any(seen.initial for seen in watch.seen[2:])


async def test_what_a_restart_takes_from_memory_is_told_as_deleted_once_the_bucket_is_back(server: NatsServer) -> None:
    async with connect(context_for_server(server.url), reconnect_timeout=None) as connection:
        await ConfigurationBucket.create(connection, memory=True)
        await put(connection, {"A": b"1", "B": b"1"})
        async with watching(connection) as watch:
            await watch.until(watch.loaded.is_set)
            before = time.time_ns()
            await asyncio.to_thread(server.restart)
            async with connect(context_for_server(server.url)) as other:
                await ConfigurationBucket.create(other, memory=True)
                await put(other, {"A": b"2"})  # at the revision of the lost one
            await watch.until(lambda: watch.state() == {"A": b"2"})
            assert sorted(watch.told()[2:], key=str) == [("A", b"2"), ("B", None)]
            assert all(seen.stored_at >= before for seen in watch.seen[2:])


async def test_a_gap_makes_it_list_again(server: NatsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    receive = Consumer._receive
    lost: list[Msg] = []

    async def lose(self: Consumer, msg: Msg) -> None:
        if msg.data == b"lost" and not lost:
            lost.append(msg)
        else:
            await receive(self, msg)

    monkeypatch.setattr(Consumer, "_receive", lose)
    async with connect(context_for_server(server.url)) as connection:
        await ConfigurationBucket.create(connection)
        async with watching(connection) as watch:
            await watch.until(watch.loaded.is_set)
            await put(connection, {"A": b"1", "B": b"lost", "C": b"1"})
            await watch.until(lambda: len(watch.seen) == 3)
            assert watch.state() == {"A": b"1", "B": b"lost", "C": b"1"}
            # With nothing after it, it is a heartbeat that tells.
            lost.clear()
            await put(connection, {"D": b"lost"})
            await watch.until(lambda: watch.state().get("D") == b"lost")
            assert len(watch.seen) == 4


@pytest.mark.usefixtures("observant")
async def test_what_happens_between_the_load_and_the_consumer_is_told(
    server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    happened: list[str] = []
    create = Consumer._create

    async def happen_first(self: Consumer, inbox: str) -> None:
        if not happened:
            happened.append(inbox)
            await purge(connection, "PURGED")
            await delete(connection, "DELETED")
            await put(connection, {"A": b"2", "NEW": b"1"})
        await create(self, inbox)

    monkeypatch.setattr(Consumer, "_create", happen_first)
    async with connect(context_for_server(server.url)) as connection:
        await ConfigurationBucket.create(connection)
        await put(connection, dict.fromkeys(("A", "DELETED", "PURGED"), b"1"))
        async with watching(connection) as watch:
            await watch.until(lambda: watch.state() == {"A": b"2", "NEW": b"1"})
            assert len(watch.seen) == 7


async def test_keys_that_go_during_the_load_do_not_keep_it_from_ending(
    server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_to = Tail.read_to
    purged: list[str] = []

    async def purge_in_between(self: Tail, sequence: int) -> None:
        await read_to(self, sequence)
        if not purged:
            purged.append("A")
            await purge(connection, "A")
            raise UnreachableError("so that everything is read again")

    monkeypatch.setattr(Tail, "read_to", purge_in_between)
    async with connect(context_for_server(server.url)) as connection:
        await ConfigurationBucket.create(connection)
        await put(connection, {"A": b"1", "B": b"1"})
        async with watching(connection) as watch:
            await watch.until(watch.loaded.is_set)
            assert watch.state() == {"B": b"1"}


async def test_a_consumer_on_a_replica_that_lags_tells_nothing_that_is_known(server: NatsServer) -> None:
    """Such a replica does not have the sequence yet from which the consumer is to begin, and begins earlier."""
    told: list[tuple[int, bytes | None]] = []

    async def is_whole() -> bool:
        return True

    async with connect(context_for_server(server.url)) as connection:
        await ConfigurationBucket.create(connection)
        await put(connection, {"A": b"1"})
        subjects = [f"{SCHEDULE_SUBJECT}*"]
        consumer = Consumer(
            connection, CONFIGURATION_STREAM, subjects, 3, lambda _, revision, __, data: told.append((revision, data))
        )
        running = asyncio.create_task(consumer.run(is_whole))
        await the_consumer(connection)
        await put(connection, {"A": b"2"})
        await put(connection, {"A": b"3"})
        await put(connection, {"A": b"4"})
        await put(connection, {"B": b"5"})
        await until(lambda: len(told) == 2)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert told == [(4, b"4"), (5, b"5")]


def test_a_list_tells_which_keys_are_gone_and_which_were_never_told() -> None:
    seen: list[tuple[str, bytes | None]] = []
    known = Known(lambda change: seen.append((change.subject, change.data)))
    known.begin_load()
    known.take("kept", 1, 10, b"1")
    known.take("gone", 2, 20, b"2")
    assert known.end_load()
    known.take("younger", 4, 40, b"4")
    assert known.compare(Listing("", 3, {"kept", "unknown"}))  # the message of the unknown one may be on its way
    assert seen[3:] == [("gone", None)]
    assert not known.compare(Listing("", 3, {"kept", "unknown"}))
    assert len(known) == 2


def test_a_load_ends_only_when_every_known_key_was_met() -> None:
    seen: list[tuple[str, bytes | None, bool]] = []
    known = Known(lambda change: seen.append((change.subject, change.data, change.initial)))
    known.begin_load()
    known.take("a", 7, 10, b"1")
    known.take("b", 8, 10, b"1")
    assert known.end_load()
    assert known.loaded.is_set()
    known.begin_load()  # a stream that was made again counts from 1 again
    known.take("a", 1, 20, b"2")
    assert not known.end_load()
    assert known.compare(Listing("", 1, {"a"}))
    assert seen[2:] == [("a", b"2", False), ("b", None, False)]
    assert known._met is None


@pytest.mark.usefixtures("observant")
async def test_a_purge_of_the_stream_is_told_as_deletions(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        await ConfigurationBucket.create(connection)
        await put(connection, {"A": b"1", "B": b"1"})
        async with watching(connection) as watch:
            await watch.until(watch.loaded.is_set)
            await connection.jetstream_request(f"STREAM.PURGE.{CONFIGURATION_STREAM}")
            await watch.until(lambda: not watch.state())
            await put(connection, {"B": b"2"})
            await watch.until(lambda: watch.state() == {"B": b"2"})
            assert sorted(watch.told()[2:4], key=str) == [("A", None), ("B", None)]


async def test_twenty_thousand_large_entries_are_all_told(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        await ConfigurationBucket.create(connection)
        await put(connection, {f"S{number}": b"%d" % number + b"x" * 1024 for number in range(20_000)})
        async with watching(connection) as watch:
            await watch.until(watch.loaded.is_set)
            assert len(watch.seen) == len(watch.state()) == 20_000
            assert all(seen.initial for seen in watch.seen)
            await put(connection, {"NEW": b"1"})
            await watch.until(lambda: watch.told()[20_000:] == [("NEW", b"1")])


@pytest.mark.usefixtures("observant")
@pytest.mark.parametrize("direct", [True, False], ids=["direct", "by the leader"])
async def test_without_permission_it_says_why_and_looks_again_and_again_until_it_is_given(
    start_server: StartServer, caplog: pytest.LogCaptureFixture, direct: bool
) -> None:
    user = "authorization {{ users: [{{user: u, password: p, permissions: {{publish: {{deny: [{}]}}}}}}] }}"
    denied = '"$JS.API.CONSUMER.CREATE.>"' + ("" if direct else ', "$JS.API.DIRECT.GET.>"')
    server = start_server(user.format(denied))
    caplog.set_level(logging.WARNING)
    context = context_for_server(server.url.replace("://", "://u:p@"))
    async with connect(context, reconnect_timeout=None) as connection:
        await ConfigurationBucket.create(connection)
        await put(connection, {"A": b"1", "B": b"1", "GONE": b"1"})
        await delete(connection, "GONE")
        async with watching(connection) as watch:
            await watch.until(watch.loaded.is_set)
            assert watch.told() == [("A", b"1"), ("B", b"1")]
            assert all(seen.initial and seen.stored_at > 0 for seen in watch.seen)
            await put(connection, {"A": b"2", "C": b"1"})
            await delete(connection, "B")
            await watch.until(lambda: len(watch.seen) == 5)
            assert watch.told()[2:] == [("A", b"2"), ("C", b"1"), ("B", None)]
            assert not any(seen.initial for seen in watch.seen[2:])
            reason = 'Permissions Violation for Publish to "$JS.API.CONSUMER.CREATE.KV_CHORIA_AJ_CONFIGURATION.'
            assert sum("Cannot follow" in each and reason in each for each in caplog.messages) == 1
            server.extra = user.format('"nothing"')
            await asyncio.to_thread(server.restart)
            async with asyncio.timeout(WAIT_SECONDS):
                while not await consumers(connection):
                    await asyncio.sleep(0.01)
            await put(connection, {"D": b"1"})
            await watch.until(lambda: watch.state() == {"A": b"2", "C": b"1", "D": b"1"})
            assert len(watch.seen) == 6


@pytest.mark.usefixtures("observant")
async def test_without_room_for_a_consumer_it_says_what_to_do_and_looks_again_and_again(
    server: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    async with connect(context_for_server(server.url)) as connection:
        config = {**stream_configuration(CONFIGURATION_STREAM), "max_consumers": 1}
        await connection.jetstream_request(f"STREAM.CREATE.{CONFIGURATION_STREAM}", config)
        body = {"stream_name": CONFIGURATION_STREAM, "config": {"durable_name": "x", "ack_policy": "none"}}
        await connection.jetstream_request(f"CONSUMER.DURABLE.CREATE.{CONFIGURATION_STREAM}.x", body)
        await put(connection, {"A": b"1"})
        async with watching(connection) as watch:
            await watch.until(watch.loaded.is_set)
            await put(connection, {"B": b"1"})
            await watch.until(lambda: watch.state() == {"A": b"1", "B": b"1"})
            assert sum("'nats consumer ls KV_CHORIA_AJ_CONFIGURATION'" in each for each in caplog.messages) == 1
            await purge(connection, "A")
            await watch.until(lambda: watch.state() == {"B": b"1"})
            await connection.jetstream_request(f"CONSUMER.DELETE.{CONFIGURATION_STREAM}.x")
            async with asyncio.timeout(WAIT_SECONDS):
                while not await consumers(connection):
                    await asyncio.sleep(0.01)
            await put(connection, {"B": b"2"})
            await watch.until(lambda: watch.state() == {"B": b"2"})
            assert len(watch.seen) == 4


async def purge(connection: Connection, name: str) -> None:
    """Take a key away, and leave no marker."""
    body = {"filter": SCHEDULE_SUBJECT + name}
    await connection.jetstream_request(f"STREAM.PURGE.{CONFIGURATION_STREAM}", body)


@pytest.mark.usefixtures("observant")
@pytest.mark.parametrize("consumers", [1, -1], ids=["without a consumer", "with one"])
async def test_keys_of_two_kinds_are_told_in_the_order_in_which_they_were_written(
    server: NatsServer, consumers: int
) -> None:
    kind = "$KV.CHORIA_AJ_CONFIGURATION.ajsync.journal."
    async with connect(context_for_server(server.url)) as connection:
        config = {**stream_configuration(CONFIGURATION_STREAM), "max_consumers": consumers}
        await connection.jetstream_request(f"STREAM.CREATE.{CONFIGURATION_STREAM}", config)
        body = {"stream_name": CONFIGURATION_STREAM, "config": {"durable_name": "x", "ack_policy": "none"}}
        await connection.jetstream_request(f"CONSUMER.DURABLE.CREATE.{CONFIGURATION_STREAM}.x", body)
        await put(connection, {"A": b"1"})
        await connection.request(f"{kind}x", b"2")
        await connection.request("$KV.CHORIA_AJ_CONFIGURATION.ajsync.watermark", b"3")
        await put(connection, {"B": b"4"})
        async with watching(connection, f"{kind}*") as watch:
            await watch.until(watch.loaded.is_set)
            assert watch.told() == [("A", b"1"), (f"{kind}x", b"2"), ("B", b"4")]
            await connection.request(f"{kind}y", b"5")
            await put(connection, {"A": b"6"})
            await watch.until(lambda: watch.told()[3:] == [(f"{kind}y", b"5"), ("A", b"6")])
            await purge(connection, "B")
            await watch.until(lambda: watch.told()[5:] == [("B", None)])


@pytest.mark.usefixtures("observant")
@pytest.mark.parametrize("direct", [True, False])  # without direct gets the leader counts
async def test_a_key_that_vanishes_without_a_marker_is_told_as_deleted(server: NatsServer, direct: bool) -> None:
    async with connect(context_for_server(server.url)) as connection:
        config = {**stream_configuration(CONFIGURATION_STREAM), "allow_msg_ttl": True, "allow_direct": direct}
        await connection.jetstream_request(f"STREAM.CREATE.{CONFIGURATION_STREAM}", config)
        await put(connection, dict.fromkeys(("A", "PURGED", "B", "MARKED"), b"1"))
        await connection.request(f"{SCHEDULE_SUBJECT}EXPIRED", b"1", headers={"Nats-TTL": "1s"})
        await delete(connection, "MARKED")
        async with watching(connection) as watch:
            await watch.until(watch.loaded.is_set)
            before = time.time_ns()
            await purge(connection, "PURGED")
            await connection.request("$KV.CHORIA_AJ_CONFIGURATION.ajsync.journal.x", b"")  # as many keys as before
            await watch.until(lambda: watch.state() == {"A": b"1", "B": b"1"})
            gone = {seen.subject.removeprefix(SCHEDULE_SUBJECT): seen for seen in watch.seen if seen.data is None}
            assert gone.keys() == {"PURGED", "EXPIRED"}
            assert gone["PURGED"].stored_at >= before
            # The place of a delete marker counts too.
            await purge(connection, "MARKED")
            await put(connection, {"NEW": b"1"})
            await purge(connection, "A")
            await watch.until(lambda: watch.state() == {"B": b"1", "NEW": b"1"})


@pytest.mark.usefixtures("observant")
async def test_a_marker_of_the_server_is_told_as_deleted(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        markers = {"allow_msg_ttl": True, "subject_delete_marker_ttl": 3600 * 10**9}
        config = {**stream_configuration(CONFIGURATION_STREAM), **markers}
        await connection.jetstream_request(f"STREAM.CREATE.{CONFIGURATION_STREAM}", config)
        await connection.request(f"{SCHEDULE_SUBJECT}A", b"1", headers={"Nats-TTL": "1s"})
        async with watching(connection) as watch:
            await watch.until(lambda: watch.told() == [("A", b"1"), ("A", None)])
            assert watch.seen[1].revision == 2
        found = await (await ConfigurationBucket.open(connection)).read()
        assert (found.entries, found.deleted) == ({}, {"A": 2})


@pytest.mark.usefixtures("observant")
async def test_a_key_that_nobody_told_of_is_found(server: NatsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    take = Known.take
    lost: list[str] = []

    def lose(self: Known, subject: str, revision: int, stored_at: int, data: bytes | None) -> None:
        if data == b"lost" and not lost:
            lost.append(subject)
        else:
            take(self, subject, revision, stored_at, data)

    monkeypatch.setattr(Known, "take", lose)
    async with connect(context_for_server(server.url)) as connection:
        await ConfigurationBucket.create(connection)
        await put(connection, {"A": b"1"})
        async with watching(connection) as watch:
            await watch.until(watch.loaded.is_set)
            await put(connection, {"B": b"lost"})
            await watch.until(lambda: watch.state() == {"A": b"1", "B": b"lost"})
            assert lost
            assert len(watch.seen) == 2


async def test_nothing_is_missed_where_the_listing_ends_and_live_begins(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection, connect(context_for_server(server.url)) as other:
        await ConfigurationBucket.create(connection)
        await put(connection, {f"S{number}": b"0" for number in range(200)})
        stop = asyncio.Event()
        written: dict[str, bytes] = {}

        async def write() -> None:
            number = 0
            while not stop.is_set():
                number += 1
                name = f"S{number % 300}"
                await other.request(SCHEDULE_SUBJECT + name, b"%d" % number, timeout=PATIENCE)
                written[name] = b"%d" % number

        writing = asyncio.create_task(write())
        for _ in range(20):
            async with watching(connection) as watch:
                await watch.until(watch.loaded.is_set)
                some = len(watch.seen)
                await watch.until(lambda known=some, watch=watch: len(watch.seen) > known + 5)  # type: ignore[misc]
                revisions = [seen.revision for seen in watch.seen]
                assert revisions == sorted(set(revisions))
        async with watching(connection) as watch:
            await watch.until(watch.loaded.is_set)
            stop.set()
            await writing
            last = {f"S{number}": b"0" for number in range(200)} | written
            await watch.until(lambda: watch.state() == last)


def test_a_reply_is_read_with_and_without_a_domain() -> None:
    assert delivery("$JS.ACK.KV_B.ajsync-x.1.17.5.1700000000000000000.3") == (17, 5, 1700000000000000000)
    domain = "$JS.ACK.hub.ACCOUNTHASH.KV_B.ajsync-x.1.17.5.1700000000000000000.3"
    assert delivery(domain) == (17, 5, 1700000000000000000)
    assert delivery(f"{domain}.rAnDoM") == (17, 5, 1700000000000000000)
