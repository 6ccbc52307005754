"""A scheduler that starts knows first which of many schedules fail, and then since when, as a full read tells it."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from itertools import islice
from typing import Any

import pytest

from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.asyncjobs.due import times_of
from ajsync.asyncjobs.history import past_dues
from ajsync.asyncjobs.model import ScheduledTask, encode_scheduled_task
from ajsync.asyncjobs.names import SCHEDULE_SUBJECT, TASKS_STREAM
from ajsync.asyncjobs.outcome import ScheduleOutcome, schedule_outcome
from ajsync.asyncjobs.streams import make_stream
from ajsync.asyncjobs.task_store import task_write
from ajsync.asyncjobs.tasks import task_for_fire
from ajsync.scheduler import outcome_keeper
from ajsync.scheduler.election.duty import read_duty
from ajsync.scheduler.last_fires import read_outcomes
from ajsync.timestamp import NANOSECONDS as SECOND
from ajsync.transport.connection import Connection, connect
from ajsync.transport.context import context_for_server
from ajsync.transport.publisher import publish_all
from tests.nats_server import NatsServer
from tests.scheduler.fires import make_queue
from tests.scheduler.running import delete, doomed, put, running
from tests.tasks import task
from tests.waiting import until

pytestmark = pytest.mark.anyio

HOUR = 3600 * SECOND
LAST = 70
"""How old schedules are, in hours, and for how many fires at most they have tasks."""


@pytest.fixture
async def connection(server: NatsServer) -> AsyncIterator[Connection]:
    """A connection to a server with a bucket, a stream of tasks and a queue."""
    async with connect(context_for_server(server.url), reconnect_timeout=None) as connection:
        await ConfigurationBucket.create(connection)
        await make_stream(connection, TASKS_STREAM)
        await make_queue(connection)
        yield connection


class _Gate:
    """Lets the first pass of each look-up through, and the second one only once it is open."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.open = asyncio.Event()
        self.waits = 0

        async def read(*arguments: Any, further: int, **options: Any) -> Any:
            if further:
                self.waits += 1
                await self.open.wait()
            return await read_outcomes(*arguments, further=further, **options)

        monkeypatch.setattr(outcome_keeper, "read_outcomes", read)


async def store(connection: Connection, works: dict[str, list[str]]) -> list[ScheduledTask]:
    """Schedules that are due again within the hour, and the tasks of the last fires of each, the newest first.

    An empty state is a fire whose task is gone.
    """
    minute = (time.time_ns() // (60 * SECOND) + 30) % 60
    created = time.time_ns() - LAST * HOUR
    scheduled = [task(name, schedule=f"{minute} * * * *", created_at=created) for name in works]
    made = [
        replace(task_for_fire(each, due), state=state, tries=1, last_err="no such host")
        for each in scheduled
        for due, state in zip(past_dues(each, time.time_ns(), LAST), works[each.name], strict=False)
        if state
    ]
    for each in scheduled:
        await connection.client.publish(SCHEDULE_SUBJECT + each.name, encode_scheduled_task(each))
    await publish_all(connection, [task_write(each, 0) for each in made])
    return scheduled


def some_works(count: int) -> dict[str, list[str]]:
    """The states of the tasks of many schedules: most fail, for various numbers of fires."""
    chosen = random.Random(11)
    found = {}
    for number in range(count):
        failures = chosen.choice((0, 1, 2, 3, 5, 20, 64, LAST))
        begin = chosen.choices(("new", "active", "expired", ""), (1, 1, 6, 1), k=chosen.randrange(3))
        failed = chosen.choices(("expired", "terminated", "new", ""), (6, 6, 1, 1), k=failures)
        found[f"S{number:03}"] = [*begin, *failed, *islice(("complete", "expired", "complete"), LAST)]
    return found


def summed_up(known: ScheduleOutcome | None) -> tuple[object, ...] | None:
    """What is known of a schedule, without what a search that ends early does not find out."""
    if known is None:
        return None
    failing = (known.failures, known.failing_since, known.is_whole) if known.failures else ()
    return known.last.due, known.last.state, known.last_success, *failing


async def test_two_passes_find_what_a_full_read_finds(
    server: NatsServer, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outcome_keeper, "_SCHEDULES_AT_ONCE", 40)
    scheduled = await store(connection, some_works(150))
    async with running(server.url) as scheduler:
        await until(lambda: scheduler.outcomes.is_complete)
        duty = await read_duty(await ConfigurationBucket.open(connection))
        full = await read_outcomes(
            connection, [(each, times_of(each)) for each in scheduled], duty, further=LAST * len(scheduled)
        )
        for each in scheduled:
            exact = schedule_outcome(full[each.name].found)
            assert exact is not None
            exact = exact._replace(is_whole=full[each.name].is_whole)
            assert summed_up(scheduler.outcomes.of(each.name)) == summed_up(exact), each.name
        failing = {name for name, each in full.items() if (found := schedule_outcome(each.found)) and found.failures}
        assert scheduler.outcomes.all_failing() == failing
        assert 50 < len(failing) < 150


async def test_a_search_that_ends_early_says_so_and_never_says_too_much(
    server: NatsServer, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outcome_keeper, "_SCHEDULES_AT_ONCE", 40)
    monkeypatch.setattr(outcome_keeper, "_MOST_FURTHER", 500)
    failures = {f"S{number:03}": number % 10 + 1 for number in range(100)}
    await store(connection, {name: ["expired"] * number + ["complete"] for name, number in failures.items()})
    async with running(server.url) as scheduler:
        await until(lambda: scheduler.outcomes.is_complete)
        assert scheduler.outcomes.failing_count == len(failures)
        for name, number in failures.items():
            known = scheduler.outcomes.of(name)
            assert known is not None
            assert known.is_whole == bool(known.last_success)
            assert known.failures == number if known.is_whole else 3 < known.failures <= number, name
        assert {scheduler.outcomes.of(name).is_whole for name in failures} == {True, False}  # type: ignore[union-attr]


async def test_which_schedules_fail_is_known_before_since_when(
    server: NatsServer, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outcome_keeper, "_SCHEDULES_AT_ONCE", 10)
    gate = _Gate(monkeypatch)
    names = [f"S{number:02}" for number in range(25)]
    await store(connection, {name: ["expired", "expired", "expired", "complete"] for name in names})
    async with running(server.url) as scheduler:
        await until(lambda: gate.waits)
        assert scheduler.outcomes.all_failing() == frozenset(names)
        assert not scheduler.outcomes.is_complete
        known = [scheduler.outcomes.of(name) for name in names]
        assert {(each.failures, each.is_whole) for each in known if each} == {(1, False)}
        gate.open.set()
        await until(lambda: scheduler.outcomes.is_complete)
        known = [scheduler.outcomes.of(name) for name in names]
        assert {(each.failures, each.is_whole) for each in known if each} == {(3, True)}


async def test_schedules_may_go_and_the_leadership_may_move_between_the_passes(
    server: NatsServer, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outcome_keeper, "_SCHEDULES_AT_ONCE", 10)
    monkeypatch.setattr(outcome_keeper, "_LOOK_SECONDS", 0.1)
    gate = _Gate(monkeypatch)
    names = [f"S{number:02}" for number in range(25)]
    await store(connection, {name: ["expired", "expired", "complete"] for name in names})
    async with AsyncExitStack() as stack:
        async with doomed(server.url):
            heir = await stack.enter_async_context(running(server.url, "two"))
            await until(lambda: heir.outcomes.failing_count == len(names))
            for name in names[:5]:
                await delete(connection, name)
            await put(connection, names[5], schedule="0 0 30 2 *")  # it was never due
            await until(lambda: heir.outcomes.failing_count == len(names) - 5)
        await until(lambda: heir.leads)
        gate.open.set()
        await until(lambda: heir.outcomes.is_complete)
        await until(lambda: heir.outcomes.all_failing() == frozenset(names[6:]))
        known = [heir.outcomes.of(name) for name in names[6:]]
        assert {(each.failures, each.is_whole) for each in known if each} == {(2, True)}
