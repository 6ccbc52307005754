"""Following the files, where the server goes away in the middle of an apply, and comes back or does not."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from ajsync.asyncjobs.applied import RECORD_SUBJECT, Commit, Origin, RecordedApply
from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.asyncjobs.names import CONFIGURATION_STREAM
from ajsync.errors import InvalidError
from ajsync.reconcile.apply.record import read_record
from ajsync.reconcile.apply.watch_loop import WatchLoop
from ajsync.reconcile.plan import Destination, Lineage
from ajsync.reconcile.reconciler import Goal
from ajsync.safety import Safety
from ajsync.transport.connection import Connection, connect
from ajsync.transport.context import context_for_server
from tests.nats_server import NatsServer
from tests.tasks import OWNER, desired, task
from tests.waiting import until

pytestmark = pytest.mark.anyio

MANY = 30_000
"""So many take long enough to write that something can happen meanwhile."""


def wanted(*names: str) -> Goal:
    """What files want that hold schedules of these names."""
    return Goal(OWNER, desired(map(task, names)), safety=Safety(max_delete_percent=50))


@asynccontextmanager
async def applying(server: NatsServer) -> AsyncIterator[tuple[asyncio.Task[None], asyncio.Event]]:
    """A follower in the middle of its first apply, and what stops it."""
    files = wanted(*(f"JOB_{number:05}" for number in range(MANY)))
    stop = asyncio.Event()
    async with (
        connect(context_for_server(server.url), reconnect_timeout=None) as connection,
        connect(context_for_server(server.url)) as other,
    ):
        await ConfigurationBucket.create(other)

        async def open_bucket() -> ConfigurationBucket:
            return await ConfigurationBucket.open(connection)

        follower = WatchLoop(files, lambda _: files, connection, open_bucket, stop)
        running = asyncio.create_task(follower.run(asyncio.Event(), 60))
        try:
            while not await stored(other):  # a read of the bucket would wait until nobody writes
                await asyncio.sleep(0)
            yield running, stop
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def count(server: NatsServer) -> int:
    """How many schedules the bucket holds."""
    async with connect(context_for_server(server.url)) as connection:
        return await stored(connection)


async def stored(connection: Connection) -> int:
    """The same, on a connection that is there."""
    found: int = (await connection.jetstream_request(f"STREAM.INFO.{CONFIGURATION_STREAM}"))["state"]["messages"]
    return found


async def test_stopped_while_the_server_is_away_it_does_not_wait_for_it(server: NatsServer) -> None:
    async with applying(server) as (running, stop):
        server.stop()
        stop.set()
        async with asyncio.timeout(25):  # where the writes would be tried again for half a minute
            await running
    server.start()
    assert 0 < await count(server) < MANY


async def test_stopped_while_the_server_hangs_it_does_not_wait_for_long(server: NatsServer) -> None:
    async with applying(server) as (running, stop):
        assert server.process is not None
        server.process.send_signal(signal.SIGSTOP)
        stop.set()
        async with asyncio.timeout(25):
            await running
        server.process.send_signal(signal.SIGCONT)
    assert 0 < await count(server) < MANY


async def test_an_apply_that_lost_its_server_goes_on_when_that_is_back(server: NatsServer) -> None:
    async with applying(server):
        server.stop()
        server.start()
        async with asyncio.timeout(60):
            while await count(server) < MANY:
                await asyncio.sleep(0.1)


async def test_what_nobody_saw_change_is_found_at_the_next_resync_and_told_once(
    server: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "ajsync.reconcile.apply.watch_loop")
    files: list[Goal | InvalidError] = [wanted("A")]

    def load(_whole: bool = True) -> Goal:
        if isinstance(files[0], InvalidError):
            raise files[0]
        return files[0]

    def told(text: str) -> int:
        return caplog.text.count(text)

    stop = asyncio.Event()
    async with connect(context_for_server(server.url)) as connection:
        bucket, _ = await ConfigurationBucket.create(connection)

        async def open_bucket() -> ConfigurationBucket:
            return bucket

        follower = WatchLoop(load(), load, connection, open_bucket, stop)
        running = asyncio.create_task(follower.run(asyncio.Event(), 0.05))
        await until(lambda: told("Up to date") == 1)
        files[0] = InvalidError("it is broken")
        await until(lambda: told("it is broken") == 1)
        files[0] = wanted("A", "B")
        await until(lambda: told("Read the files: 2 schedules") == 1)
        await until(lambda: told("Up to date: 2 schedules") == 1)
        stop.set()
        await running
        assert {*await bucket.names()} == {"A", "B"}
    assert told("it is broken") == told("Read the files") == 1


async def test_files_that_never_stop_changing_are_still_read_as_a_whole_at_each_resync(server: NatsServer) -> None:
    changed, stop = asyncio.Event(), asyncio.Event()
    reads: list[bool] = []

    def load(whole: bool) -> Goal:
        reads.append(whole)
        loop.call_soon_threadsafe(changed.set)
        return wanted("A")

    loop = asyncio.get_running_loop()
    async with connect(context_for_server(server.url)) as connection:
        bucket, _ = await ConfigurationBucket.create(connection)

        async def open_bucket() -> ConfigurationBucket:
            return bucket

        follower = WatchLoop(wanted("A"), load, connection, open_bucket, stop)
        running = asyncio.create_task(follower.run(changed, 0.2))
        changed.set()
        await until(lambda: reads.count(True) >= 2)
        stop.set()
        await running


class Known:
    """What is known of files that come from this commit."""

    def __init__(self) -> None:
        self.commit = Commit("1" * 40)

    def origin(self) -> Origin:
        return Origin("me", self.commit)

    def lineage(self, applied: RecordedApply) -> Lineage | None:
        return Lineage(self.commit, applied, descends=False)


async def test_a_follower_records_what_it_applies_and_says_once_that_it_cannot(
    server: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "ajsync.reconcile.apply.watch_loop")
    known = Known()
    goals = [replace(wanted("A"), provenance=known)]
    changed, stop = asyncio.Event(), asyncio.Event()
    async with connect(context_for_server(server.url)) as connection:
        bucket, _ = await ConfigurationBucket.create(connection)

        async def open_bucket() -> ConfigurationBucket:
            return bucket

        async def recorded(count: int) -> None:
            async with asyncio.timeout(30):
                while len((await read_record(bucket, OWNER)).applies) < count:
                    await asyncio.sleep(0.01)

        where = Destination("prod")
        follower = WatchLoop(goals[0], lambda _: goals[0], connection, open_bucket, stop, where)
        running = asyncio.create_task(follower.run(changed, 0.05))
        await recorded(1)
        known.commit = Commit("2" * 40)  # nothing to do, and another commit
        await recorded(2)
        goals[0] = replace(wanted("A", "B"), provenance=known)
        await recorded(3)
        newest, second, first = (await read_record(bucket, OWNER)).applies
        assert (first.names, second.names, newest.names) == (("A",), (), ("B",))
        assert (first.commit, second.commit, newest.commit) == (Commit("1" * 40), known.commit, known.commit)
        assert newest.environment == "prod"

        await connection.request(RECORD_SUBJECT + OWNER, b"mess")
        for name in ("C", "D"):
            goals[0] = replace(wanted("A", "B", name), provenance=known)
            await until(lambda: f"Create {name}" in caplog.text)  # noqa: B023
        stop.set()
        await running
    assert caplog.text.count("The apply is missing in the record") == 1
