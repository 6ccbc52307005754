"""The host's clock leaps: what it skips is caught up with, and what it repeats does not fire twice."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import get_args

import nats
import pytest
from nats.aio.client import Client

from ajsync.asyncjobs.model import Catchup
from ajsync.scheduler.scheduler import Scheduler
from ajsync.scheduler.settings import Settings
from ajsync.timestamp import NANOSECONDS
from ajsync.transport.connection import connect
from ajsync.transport.context import context_for_server
from tests.nats_server import NatsServer
from tests.scheduler.clocks import HostClock
from tests.scheduler.ha.ledger import compare, read_items, read_tasks, rewritten
from tests.scheduler.ha.stage import make_streams, schedule, store, until

pytestmark = pytest.mark.anyio
MINUTES = 10
HOURS = 5
"""Longer than what is waited out."""
MINUTE = 60 * NANOSECONDS
TASKS = [schedule(policy.upper(), "@every 1m", catchup=policy) for policy in get_args(Catchup)]
INTERVALS = {task.name: MINUTE for task in TASKS}


async def test_what_a_leap_forwards_skips_follows_the_policies(server: NatsServer) -> None:
    async with _running(server) as (clock, scheduler, client):
        begin = clock()
        clock.leap_to((begin // MINUTE + MINUTES) * MINUTE + 45 * NANOSECONDS)  # later than the grace after a minute
        await _caught_up(scheduler, clock)
        made = Counter(each.schedule for each in await read_tasks(client))
        assert (made["ALL"], made["LATEST"], made["NONE"]) == (MINUTES, 1, 0)


async def test_what_a_leap_backwards_repeats_does_not_fire_twice(server: NatsServer) -> None:
    async with _running(server) as (clock, scheduler, client):
        begin = clock() // MINUTE * MINUTE
        clock.leap_to(begin + MINUTE + NANOSECONDS)
        await _caught_up(scheduler, clock)
        clock.leap_to(begin + (1 - MINUTES) * MINUTE)
        for minute in range(1 - MINUTES, 2):  # through all of it once more, stopping at each fire
            clock.leap_to(begin + minute * MINUTE + NANOSECONDS)
            await _looked_at_its_clock(scheduler)
        made = await read_tasks(client)
        assert {each.due for each in made} == {begin + MINUTE}
        assert len(made) == len(TASKS)
        clock.leap_to(begin + 2 * MINUTE + NANOSECONDS)
        await _caught_up(scheduler, clock)
        verdict = compare(await read_tasks(client), INTERVALS, begin + 2 * MINUTE)
        assert verdict.clean, verdict
        assert len(await read_items(client)) == verdict.fires == 2 * len(TASKS)
        assert not await rewritten(client)


async def test_a_clock_that_was_far_ahead_and_is_corrected_goes_on_at_once(server: NatsServer) -> None:
    async with _running(server) as (clock, scheduler, client):
        begin = clock() // MINUTE * MINUTE
        clock.leap_to(begin + HOURS * 60 * MINUTE + NANOSECONDS)
        await _caught_up(scheduler, clock)
        ahead = {each.due for each in await read_tasks(client)}
        clock.leap_to(begin + MINUTE + NANOSECONDS)
        await _caught_up(scheduler, clock)
        made = await read_tasks(client)
        assert Counter(each.schedule for each in made if each.due == begin + MINUTE) == Counter([*INTERVALS])
        assert {each.due for each in made} == ahead | {begin + MINUTE}
        assert len(await read_items(client)) == len(made)
        assert not await rewritten(client)


async def test_who_takes_over_from_a_leader_that_was_far_ahead_goes_by_its_own_clock(server: NatsServer) -> None:
    async with _running(server) as (clock, scheduler, client):
        begin = clock() // MINUTE * MINUTE
        clock.leap_to(begin + HOURS * 60 * MINUTE + NANOSECONDS)
        await _caught_up(scheduler, clock)
        ahead = await read_tasks(client)
    async with _running(server, begin) as (clock, scheduler, client):
        clock.leap_to(begin + MINUTE + NANOSECONDS)
        await _caught_up(scheduler, clock)
        made = await read_tasks(client)
        assert {each.due for each in made} == {*(each.due for each in ahead), begin + MINUTE}
        assert len(await read_items(client)) == len(made)


@pytest.mark.parametrize(("ahead", "told"), [(-90, "90.0 s behind the server's"), (90, "90.0 s ahead of the server's")])
async def test_a_clock_that_is_not_the_servers_is_told_of(
    server: NatsServer, caplog: pytest.LogCaptureFixture, ahead: int, told: str
) -> None:
    async with connect(context_for_server(server.url)) as connection:
        stop = asyncio.Event()
        scheduler = Scheduler(connection, Settings("S1"), clock=lambda: time.time_ns() + ahead * NANOSECONDS)
        running = asyncio.create_task(scheduler.run(stop))
        await until(lambda: scheduler.server_clock.skew is not None, "it has compared them")
        stop.set()
        await running
    assert told in caplog.text


@asynccontextmanager
async def _running(server: NatsServer, minute: int | None = None) -> AsyncIterator[tuple[HostClock, Scheduler, Client]]:
    """A scheduler that leads, by a clock that can be set; at first in this `minute` of a run before, or in the present.

    What is due before a schedule was stored does not fire. So a clock is set after that, and a second run, which may
    be in another minute by the server's clock, stores none again.
    """
    clock, stop = HostClock(), asyncio.Event()
    client = await nats.connect(server.url)
    if minute is None:
        await make_streams(client)
        await store(client, TASKS)
        minute = clock() // MINUTE * MINUTE
    clock.leap_to(minute + 10 * NANOSECONDS)  # far from any fire
    async with connect(context_for_server(server.url)) as connection:
        scheduler = Scheduler(connection, Settings("S1"), clock=clock)
        running = asyncio.create_task(scheduler.run(stop))
        try:
            await until(lambda: scheduler.watermark is not None, "it leads")
            yield clock, scheduler, client
        finally:
            stop.set()
            await running
            await client.close()


async def _caught_up(scheduler: Scheduler, clock: HostClock) -> None:
    """Wait until everything is fired that the clock says is due, and stored."""
    now = clock()

    def caught_up() -> bool:
        reached = scheduler.watermark
        if reached is None or not now <= reached.instant < now + MINUTE:
            return False
        return not (reached.unsettled or reached.catching_up or reached.unseen)

    await until(caught_up, "it has caught up")


async def _looked_at_its_clock(scheduler: Scheduler) -> None:
    begin = time.monotonic()
    await until(lambda: scheduler.term is not None and scheduler.term.awake_at > begin + 0.05, "it looks at its clock")
