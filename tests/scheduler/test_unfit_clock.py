"""A clock that no id of a task can hold: nothing fires, nothing ends, and all goes on once the clock is right."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.asyncjobs.model import Managed
from ajsync.scheduler.election.role import RoleState
from ajsync.scheduler.overview import status_of, unhealthy
from ajsync.timestamp import NANOSECONDS as SECOND
from ajsync.transport.connection import connect
from ajsync.transport.context import context_for_server
from tests.nats_server import NatsServer
from tests.scheduler.clocks import HostClock
from tests.scheduler.fires import make_queue
from tests.scheduler.running import leading, put, running, stored_watermark, tasks, wait_for_tasks
from tests.tasks import OWNER
from tests.waiting import until

pytestmark = pytest.mark.anyio

WRONG = [pytest.param(year, id=str(year)) for year in (1960, 1970, 2013, 2151, 2250)]


def begin_of(year: int) -> int:
    """The begin of a year, in nanoseconds since 1970."""
    return int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) * SECOND


@pytest.mark.parametrize("year", WRONG)
async def test_it_waits_for_a_clock_that_is_right(
    server: NatsServer, caplog: pytest.LogCaptureFixture, year: int
) -> None:
    clock = HostClock()
    clock.leap_to(begin_of(year))
    async with connect(context_for_server(server.url)) as connection:
        await ConfigurationBucket.create(connection)
        await make_queue(connection)
        await put(connection, "A")
        async with running(server.url, clock=clock) as scheduler:
            await until(lambda: scheduler.role.loaded)
            when = "before May 2014" if year < 2014 else "after June 2150"
            await until(lambda: when in status_of(scheduler).reason)
            status = status_of(scheduler)
            assert (status.ready, status.role, unhealthy(scheduler)) == (False, RoleState.STAND_BY, None)
            assert await tasks(connection) == []
            right_at = time.time_ns()
            clock.leap_to(time.time_ns())
            made = await wait_for_tasks(connection, 3)
            assert status_of(scheduler).ready
    assert min(each.created for each in made) > right_at - SECOND
    assert len([text for text in caplog.messages if when in text]) == 1


@pytest.mark.parametrize("year", [1970, 2151])
async def test_a_leader_lets_others_lead_while_its_clock_is_wrong_and_catches_up_after_it(
    server: NatsServer, year: int
) -> None:
    clock = HostClock()
    async with connect(context_for_server(server.url)) as connection:
        async with leading(server.url, clock=clock) as scheduler:
            await make_queue(connection)
            await put(connection, "A", managed=Managed(OWNER, catchup="all"))
            before = await wait_for_tasks(connection, 2)
            clock.leap_to(begin_of(year))
            await until(lambda: not scheduler.leads)
            await until(lambda: scheduler.leadership is not None and bool(scheduler.leadership.trouble))
            async with leading(server.url, "two"):
                others = await wait_for_tasks(connection, len(before) + 3)
            clock.leap_to(time.time_ns())
            await until(lambda: scheduler.leads)
            made = [each.created for each in await wait_for_tasks(connection, len(others) + 3)]
        assert made == [made[0] + number * SECOND for number in range(len(made))]


@pytest.mark.parametrize("year", [1970, 2151])
async def test_a_leader_whose_clock_is_wrong_when_it_stops_leaves_the_watermark_where_it_was(
    server: NatsServer, year: int
) -> None:
    clock = HostClock()
    async with connect(context_for_server(server.url)) as connection:
        await make_queue(connection)
        async with leading(server.url, clock=clock):
            await put(connection, "A")
            (*_, last) = await wait_for_tasks(connection, 2)
            clock.leap_to(begin_of(year))  # nothing is awaited from here to the stop
        instant = (await stored_watermark(connection)).instant
        assert last.created <= instant <= time.time_ns() + SECOND
