"""A watermark that is ahead of its time, forged or by a fast clock, silences no scheduler."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.asyncjobs.names import CONFIGURATION_STREAM, CONFIGURATION_SUBJECT, TASKS_STREAM
from ajsync.scheduler.election.watermark import (
    AHEAD_AT_MOST,
    WATERMARK_KEY,
    Watermark,
    decode_watermark,
    encode_watermark,
)
from ajsync.scheduler.election.watermark_store import WatermarkReader
from ajsync.scheduler.overview import status_of, warning
from ajsync.scheduler.scheduler import Scheduler
from ajsync.timestamp import NANOSECONDS as SECOND
from ajsync.transport.connection import Connection, connect
from ajsync.transport.context import context_for_server
from ajsync.transport.messages import last_message
from tests.nats_server import NatsServer
from tests.scheduler.fires import counts, make_queue
from tests.scheduler.running import doomed, leading, put, running, tasks
from tests.waiting import until

pytestmark = pytest.mark.anyio

FAR = 59 * 60 * SECOND
QUICK: dict[str, Any] = {"takeover_after": 0.5}


async def write(connection: Connection, mark: Watermark) -> int:
    """Write the watermark whatever is there; when that was, by the server's clock."""
    await connection.request(CONFIGURATION_SUBJECT + WATERMARK_KEY, encode_watermark(mark))
    found = await last_message(connection, CONFIGURATION_STREAM, CONFIGURATION_SUBJECT + WATERMARK_KEY)
    assert found is not None
    return found.stored_at


async def forge(connection: Connection) -> int:
    """Put the watermark far ahead, with the name and the revision that are there."""
    found = await last_message(connection, CONFIGURATION_STREAM, CONFIGURATION_SUBJECT + WATERMARK_KEY)
    assert found is not None
    mark = decode_watermark(found.data)
    return await write(connection, replace(mark, instant=mark.instant + FAR))


async def fires_after(connection: Connection, instant: int) -> None:
    """Wait until something is made that is due soon after an instant."""
    wanted = range(instant, instant + 20 * SECOND)
    while not [each for each in await tasks(connection) if each.created in wanted]:
        assert time.time_ns() < instant + 30 * SECOND, "nothing is fired"


def ahead(scheduler: Scheduler) -> float:
    """What its metrics say of it."""
    lines = scheduler.metrics.exposition().decode().splitlines()
    (line,) = [each for each in lines if each.startswith("ajsync_scheduler_watermark_ahead_seconds ")]
    return float(line.partition(" ")[2])


async def test_who_takes_over_after_a_forged_watermark_fires_at_once(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        await ConfigurationBucket.create(connection)
        await make_queue(connection)
        await put(connection, "A")
        async with doomed(server.url, "one") as scheduler:
            await until(lambda: scheduler.watermark is not None)
        forged_at = await forge(connection)
        async with running(server.url, "two", **QUICK) as stand_by:
            await until(lambda: stand_by.watermark is not None)
            assert stand_by.watermark is not None
            assert stand_by.watermark.instant < forged_at + AHEAD_AT_MOST + SECOND
            assert ahead(stand_by) > 3000
            await until(lambda: stand_by.leads)
            await fires_after(connection, forged_at)
            await until(lambda: ahead(stand_by) == 0)
            assert status_of(stand_by).ready


async def test_a_leader_puts_a_forged_watermark_right(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection, leading(server.url) as scheduler:
        await until(lambda: scheduler.watermark is not None)
        await forge(connection)
        found = None
        while found is None or decode_watermark(found.data).instant > time.time_ns():
            found = await last_message(connection, CONFIGURATION_STREAM, CONFIGURATION_SUBJECT + WATERMARK_KEY)
        assert scheduler.leads


async def test_who_takes_over_from_a_leader_whose_clock_is_fast_goes_by_its_own(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        await ConfigurationBucket.create(connection)
        await make_queue(connection)
        await put(connection, "A")
        async with doomed(server.url, "one", clock=lambda: time.time_ns() + FAR) as fast:
            await until(lambda: ahead(fast) > 3000)
            status = status_of(fast)
            assert not status.ready
            assert "ahead of the server's clock" in status.reason
            async with running(server.url, "two") as stand_by:
                await until(lambda: ahead(stand_by) > 3000)
                assert status_of(stand_by).ready
                assert "ahead of the server's clock" in warning(stand_by)
                assert WATERMARK_KEY in {problem.name for problem in status_of(stand_by).problems}
        now = time.time_ns()
        async with leading(server.url, "two", **QUICK):
            await fires_after(connection, now)
        held, last = await counts(connection, TASKS_STREAM)
        assert held == last


async def test_a_scheduler_whose_clock_was_fast_goes_back_when_it_leads(server: NatsServer) -> None:
    by = FAR
    async with connect(context_for_server(server.url)) as connection:
        await ConfigurationBucket.create(connection)
        await make_queue(connection)
        await put(connection, "A")
        async with running(server.url, clock=lambda: time.time_ns() + by) as scheduler:
            by = 0  # before it has begun
            await until(lambda: scheduler.role.loaded)
            await fires_after(connection, time.time_ns())


@pytest.mark.parametrize(("skew", "counts_until"), [(lambda: None, 2), (lambda: -300.0, 2), (lambda: 300.0, 300)])
async def test_it_counts_for_as_much_longer_as_the_servers_clock_is_slow(
    server: NatsServer, skew: Callable[[], float | None], counts_until: int
) -> None:
    async with connect(context_for_server(server.url)) as connection:
        bucket, _ = await ConfigurationBucket.create(connection)
        instant = time.time_ns() + 301 * SECOND
        late = frozenset((("A", instant - 400 * SECOND), ("A", instant)))
        stored_at = await write(connection, Watermark("one", instant, 1, late))
        found = await WatermarkReader(bucket, skew).read()
        assert found.watermark is not None
        assert found.watermark.instant == min(
            instant, stored_at + counts_until * SECOND + (counts_until > 2) * 2 * SECOND
        )
        assert found.ahead == instant - found.watermark.instant
        assert len(found.watermark.open) == 1 + (found.ahead == 0)
