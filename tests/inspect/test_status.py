"""How schedules do, read from a real server at a moment of the test's choice: verdicts, counts and what comes first."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.asyncjobs.due import times_of
from ajsync.asyncjobs.history import previous_dues
from ajsync.asyncjobs.ids import fire_task_id
from ajsync.asyncjobs.model import Managed, Pause, ScheduledTask, encode_scheduled_task
from ajsync.asyncjobs.names import SCHEDULE_SUBJECT
from ajsync.asyncjobs.remedy import BACKLOG
from ajsync.asyncjobs.task_store import task_write
from ajsync.asyncjobs.tasks import NO_RESPONDERS, StoredTask, task_for_fire
from ajsync.cli.output.status import check_line, duty_told, problem, to_do
from ajsync.inspect.status import BucketStatus, ScheduleStatus, read_status
from ajsync.scheduler import last_fires
from ajsync.scheduler.election.duty import Duty
from ajsync.scheduler.election.watermark import Watermark
from ajsync.scheduler.last_fires import read_outcomes
from ajsync.timestamp import NANOSECONDS as SECOND
from ajsync.timestamp import format_timestamp
from ajsync.transport.connection import Connection, connect
from ajsync.transport.context import context_for_server
from ajsync.transport.publisher import publish_all
from tests.nats_server import NatsServer
from tests.tasks import task

pytestmark = pytest.mark.anyio

Works = dict[ScheduledTask, Sequence[Any]]
HOUR = 3600 * SECOND
CREATED = time.time_ns() // HOUR * HOUR
NOW = CREATED + 100 * HOUR + 20 * 60 * SECOND
"""Twenty minutes after the hour, so what is due each hour was due then. All entries were stored long before."""


def hourly(name: str, **fields: Any) -> ScheduledTask:
    return task(name, **{"schedule": "@hourly", "created_at": CREATED, **fields})


def duty(**fields: Any) -> Duty:
    """A scheduler of ajsync leads, as one of them always has, and everything is settled."""
    known: dict[str, Any] = {"leader": "one", "watermark": Watermark("one", NOW - SECOND, 7), "ours_since": 0, **fields}
    return Duty(NOW, **known)


def made(scheduled: ScheduledTask, *states: str | dict[str, Any] | None) -> list[StoredTask]:
    """The tasks of the last fires of a schedule, newest first; None is a fire that made none."""
    dues = previous_dues(times_of(scheduled), NOW + 1, scheduled.created_at) if states else iter(())
    found = []
    for state, due in zip(states, dues, strict=False):
        fields = {"state": state} if isinstance(state, str) else state
        if fields is not None:
            found.append(replace(task_for_fire(scheduled, due), **{"tries": 1, **fields}))
    return found


async def store(connection: Connection, tasks: Sequence[ScheduledTask], works: Sequence[StoredTask]) -> None:
    for each in tasks:
        await connection.client.publish(SCHEDULE_SUBJECT + each.name, encode_scheduled_task(each))
    await publish_all(connection, [task_write(each, 0) for each in works])


async def status(connection: Connection, works: Works, duty: Duty, **paused: Pause) -> BucketStatus:
    """Store schedules and their tasks, and read how they do."""
    await store(
        connection, [*works], [each for scheduled, states in works.items() for each in made(scheduled, *states)]
    )
    return await read_status(connection, [*works], paused, duty)


def by_name(found: BucketStatus) -> dict[str, ScheduleStatus]:
    return {each.task.name: each for each in found.schedules}


async def test_each_schedule_has_the_verdict_that_its_last_fires_deserve(connection: Connection) -> None:
    skips = Managed("team", overlap="skip")
    error = {"state": "retry", "tries": 3, "last_err": "boom"}
    works: Works = {
        hourly("GOOD"): ["complete", "terminated"],
        hourly("FAILS"): ["terminated", "terminated", "expired", "complete", "terminated"],
        hourly("RETRIES"): [error, "complete"],
        hourly("NO_QUEUE", queue="LOST"): [{"state": "queue_error", "last_err": NO_RESPONDERS}, "complete"],
        hourly("RUNS_AGAIN"): ["active", "terminated", "complete"],
        hourly("RUNS"): ["active", "complete"],
        hourly("SLOW"): ["active", "active", "complete"],
        hourly("WAITS"): ["new", "new", "new", "complete"],
        hourly("IN_TIME", deadline=3 * HOUR): ["new", "new", "complete"],
        hourly("SKIPS", managed=skips, deadline=3 * HOUR): [None, "active", "complete"],
        hourly("MISSED"): [None, "complete"],
        hourly("DISCARDS"): [],
        hourly("YOUNG", created_at=NOW - 60 * SECOND): [],
        hourly("BROKEN", schedule="61 * * * *"): [],
        hourly("PAUSED"): [{"state": "terminated"}],
        hourly("STRANGE"): ["elsewhere", "complete"],
    }
    found = await status(connection, works, duty(), PAUSED=Pause(NOW - 5 * 60 * SECOND, "ann", "disks"))
    verdicts = {name: each.verdict for name, each in by_name(found).items()}
    assert verdicts == {
        "BROKEN": "invalid",
        "FAILS": "failing",
        "MISSED": "failing",
        "NO_QUEUE": "failing",
        "RETRIES": "failing",
        "RUNS_AGAIN": "failing",
        "SLOW": "late",
        "WAITS": "late",
        "DISCARDS": "unknown",
        "GOOD": "fine",
        "IN_TIME": "fine",
        "PAUSED": "paused",
        "RUNS": "fine",
        "SKIPS": "fine",
        "STRANGE": "fine",
        "YOUNG": "fine",
    }
    assert [each.task.name for each in found.schedules] == [*verdicts], "the worst first, then by name"
    assert found.counts == {"invalid": 1, "failing": 5, "late": 2, "unknown": 1, "paused": 1, "fine": 6}
    assert found.needs_somebody

    fails = by_name(found)["FAILS"]
    due = NOW // HOUR * HOUR
    assert fails.outcome is not None
    assert (fails.outcome.failures, fails.outcome.failing_since) == (3, due - 2 * HOUR)
    assert (fails.outcome.last_success, fails.last_due, fails.next_due) == (due - 3 * HOUR, due, due + HOUR)
    assert fails.is_whole
    again = by_name(found)["RUNS_AGAIN"]
    assert again.ended is not None
    assert again.outcome is not None
    assert (again.outcome.last.state, again.ended.state) == ("active", "terminated")
    skipped = by_name(found)["SKIPS"].outcome
    assert skipped is not None
    assert skipped.last.state == "skipped"
    assert by_name(found)["YOUNG"].outcome is None
    assert by_name(found)["PAUSED"].next_due == 0
    assert {name: to_do(each, found.duty) for name, each in by_name(found).items() if each.needs_somebody} == {
        "BROKEN": "ajsync view BROKEN",
        "FAILS": "ajsync history FAILS",
        "MISSED": f"ajsync backfill MISSED --from {format_timestamp(due)}",
        "NO_QUEUE": f"ajc queues add LOST && ajsync backfill NO_QUEUE --from {format_timestamp(due)}",
        "RETRIES": f"ajc task view {fire_task_id('RETRIES', due)}",
        "RUNS_AGAIN": "ajsync history RUNS_AGAIN",
        "SLOW": f"ajc task view {fire_task_id('SLOW', due)}",
        "WAITS": BACKLOG,
    }
    assert check_line(found) == (
        "AJSYNC CRITICAL - 16 schedules: 1 not valid, 5 failing, 2 late, 1 unknown, 1 paused, 6 fine; BROKEN "
        "(not valid), FAILS (failing), MISSED (failing), NO_QUEUE (failing), RETRIES (failing) and 3 more | "
        "schedules=16 invalid=1 failing=5 late=2 unknown=1 paused=1 fine=6 watermark_age=1.000s"
    )


async def test_what_nobody_of_ours_can_know_is_unknown_and_no_failure(connection: Connection) -> None:
    works: Works = {hourly("A"): [None, "complete"]}
    found = await status(connection, works, duty(leader="go", is_go=True, watermark=None, ours_since=None))
    assert [each.verdict for each in found.schedules] == ["unknown"]
    assert not found.needs_somebody
    for unsure in (duty(ours_since=None), duty(ours_since=NOW - 60 * SECOND)):
        again = await read_status(connection, [*works], {}, unsure)
        assert [each.verdict for each in again.schedules] == ["unknown"], "a Go scheduler may have led"


async def test_a_fire_that_may_still_come_is_late_and_not_missed(connection: Connection) -> None:
    works: Works = {hourly("A"): [None, "complete"]}
    due = NOW // HOUR * HOUR
    mark = Watermark("one", NOW - SECOND, 7)
    for late in (
        duty(watermark=Watermark("one", due - 1, 7)),
        duty(watermark=replace(mark, open=frozenset([("A", due)]))),
        duty(watermark=replace(mark, catching_up=((due - HOUR, due + 1),))),
        duty(leader=None, watermark=Watermark("one", due - 1, 7)),
        duty(leader=None, watermark=None, ours_since=None),
    ):
        found = await status(connection, works, late)
        (only,) = found.schedules
        assert (only.verdict, only.open_since, only.last_due) == ("late", due, due)
        assert found.needs_somebody
        assert to_do(only, late) == ("ajsync scheduler" if late.leader is None else "ajsync history A")
    soon = replace(duty(watermark=Watermark("one", due - 1, 7)), now=due + 2 * SECOND)
    found = await read_status(connection, [*works], {}, soon)
    assert [each.verdict for each in found.schedules] == ["fine"], "it is being fired"


async def test_work_that_waits_for_too_long_is_late_however_many_fires_have_followed(connection: Connection) -> None:
    minute: dict[str, Any] = {"schedule": "* * * * *", "created_at": NOW - 10 * HOUR, "queue": "LOST"}
    works: Works = {
        task("WAITS", deadline=2 * HOUR, **minute): ["new"] * 130,
        task("RUNS", deadline=2 * HOUR, **minute): ["active"] * 130,
        task("SKIPS", deadline=2 * HOUR, managed=Managed("team", overlap="skip"), **minute): ["new"] * 130,
        task("IN_TIME", deadline=3 * HOUR, **minute): ["new"] * 130,
        task("SUCCEEDS", deadline=2 * HOUR, **minute): [*["new"] * 20, *["complete"] * 110],
        task("HAS_SUCCEEDED", deadline=2 * HOUR, **minute): [*["new"] * 110, *["complete"] * 20],
    }
    late = {name for name, each in by_name(await status(connection, works, duty())).items() if each.verdict == "late"}
    assert late == {"WAITS", "RUNS", "SKIPS"}


async def test_a_task_that_does_not_get_into_its_queue_is_late(connection: Connection) -> None:
    due = NOW // HOUR * HOUR
    works: Works = {hourly("A"): ["new", "new", "complete"], hourly("B"): ["new", "complete"]}
    mark = Watermark("one", NOW - SECOND, 7, open=frozenset({("A", due), ("A", due - HOUR), ("B", due - HOUR)}))
    found = by_name(await status(connection, works, duty(watermark=mark)))
    assert {name: (each.verdict, each.unqueued_since) for name, each in found.items()} == {
        "A": ("late", due - HOUR),
        "B": ("fine", 0),
    }
    assert to_do(found["A"], duty()) == BACKLOG
    assert to_do(found["A"], duty(leader=None)) == "ajsync scheduler"
    assert problem(found["A"]).endswith("the queue is full, or refuses it.")
    told = "The scheduler one leads, and everything that was due until 1.0 s ago is settled, except 3 fires."
    assert duty_told(duty(watermark=mark)) == told
    soon = replace(duty(watermark=replace(mark, open=frozenset({("B", due)}))), now=due + 2 * SECOND)
    assert "but for" not in duty_told(soon)
    (only,) = (await read_status(connection, [hourly("B")], {}, soon)).schedules
    assert only.verdict == "fine", "it is being put there"


async def test_a_schedule_that_was_changed_after_its_last_due_instant_has_not_missed_it(connection: Connection) -> None:
    before = time.time_ns() - 3 * HOUR
    scheduled = hourly("A", created_at=before - HOUR, schedule="@every 2h")
    await store(connection, [scheduled], [])
    now = time.time_ns()
    found = await read_status(connection, [scheduled], {}, replace(duty(), now=now))
    (only,) = found.schedules
    assert (only.verdict, only.outcome, only.open_since) == ("fine", None, 0)


async def test_nothing_that_leads_needs_somebody_even_if_all_schedules_are_fine(connection: Connection) -> None:
    works: Works = {hourly("A"): ["complete"]}
    for trouble, said in (
        (duty(leader=None), "No scheduler leads, so nothing fires. Everything that was due until 1.0 s ago is settled"),
        (duty(watermark=None), "The scheduler one leads, but has not said yet up to when everything is fired"),
        (
            duty(watermark=Watermark("one", NOW - 60 * SECOND, 7)),
            "The scheduler one leads, but is behind: everything that was due until 1 min ago is settled",
        ),
    ):
        found = await status(connection, works, trouble)
        assert found.needs_somebody
        assert check_line(found).startswith(f"AJSYNC CRITICAL - {said}; 1 schedule: 1 fine |")
    assert check_line(await status(connection, works, duty())).startswith(
        "AJSYNC OK - 1 schedule: 1 fine | schedules=1"
    )


async def test_failures_are_counted_back_to_a_success_or_said_not_to_be_whole(connection: Connection) -> None:
    long, longer = hourly("LONG"), hourly("LONGER")
    works: Works = {long: ["expired"] * 50 + ["complete"], longer: ["expired"] * 90 + ["complete"]}
    found = by_name(await status(connection, works, duty()))
    outcome, more = found["LONG"].outcome, found["LONGER"].outcome
    assert outcome is not None
    assert more is not None
    assert (outcome.failures, found["LONG"].is_whole) == (50, True)
    assert (more.failures, found["LONGER"].is_whole) == (64, False)


@pytest.fixture
def many(monkeypatch: pytest.MonkeyPatch) -> list[ScheduledTask]:
    """More schedules than there are further looks for all of them together."""
    monkeypatch.setattr(last_fires, "_MOST_FURTHER", 1000)
    return [hourly(f"S{number:04}", schedule=f"{number % 20} * * * *") for number in range(2000)]


async def test_many_schedules_have_the_outcomes_of_their_last_fires(
    connection: Connection, many: list[ScheduledTask]
) -> None:
    states = ["complete", "terminated", "new", "complete", "complete"]
    works = [each for number, every in enumerate(many) for each in made(every, states[number % 5])]
    await publish_all(connection, [task_write(each, 0) for each in works])
    found = await read_outcomes(connection, [(each, times_of(each)) for each in many], duty())
    assert {name: each.found[0].state for name, each in found.items()} == {
        each.name: states[number % 5] for number, each in enumerate(many)
    }


async def test_schedules_share_the_looks_at_earlier_fires_evenly(
    connection: Connection, many: list[ScheduledTask]
) -> None:
    some = many[:100]
    works = [each for every in some for each in made(every, *["expired"] * 9)]
    await publish_all(connection, [task_write(each, 0) for each in works])
    for further, each_has in ((0, 1), (99, 1), (100, 2), (450, 5), (1000, 9)):
        schedules = [(each, times_of(each)) for each in some]
        found = (await read_outcomes(connection, schedules, duty(), further=further)).values()
        known = [sum(each.state == "expired" for each in last.found) for last in found]
        assert {*known} == {each_has}
        assert all(last.has_more and not last.is_whole for last in found)


async def test_each_of_many_schedules_whose_work_waits_is_late(
    connection: Connection, many: list[ScheduledTask]
) -> None:
    works = [each for every in many for each in made(every, "new", "new")]
    await publish_all(connection, [task_write(each, 0) for each in works])
    found = await read_status(connection, many, {}, duty())
    assert found.counts["late"] == len(many)


async def test_without_any_stream_of_tasks_nothing_was_fired(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        await ConfigurationBucket.create(connection)
        scheduled = hourly("A")
        await store(connection, [scheduled], [])
        none = duty(leader=None, watermark=None, ours_since=None)
        found = await read_status(connection, [scheduled], {}, none)
        (only,) = found.schedules
        assert (only.verdict, only.outcome, only.open_since > 0) == ("late", None, True)
