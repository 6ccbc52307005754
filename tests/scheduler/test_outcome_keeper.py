"""Every scheduler knows what becomes of the work of its schedules: by events, and by looking where it heard nothing."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ajsync.asyncjobs.due import times_of
from ajsync.asyncjobs.events import TASK_STATE_SUBJECT, task_state_event
from ajsync.asyncjobs.history import past_dues
from ajsync.asyncjobs.model import Managed, ScheduledTask
from ajsync.asyncjobs.names import TASKS_STREAM
from ajsync.asyncjobs.outcome import ScheduleOutcome
from ajsync.asyncjobs.streams import make_stream
from ajsync.asyncjobs.task_store import task_write
from ajsync.asyncjobs.tasks import StoredTask, task_for_fire
from ajsync.scheduler import outcome_keeper
from ajsync.scheduler.monitor import per_schedule, task_events
from ajsync.scheduler.scheduler import Scheduler
from ajsync.scheduler.term import TermRunner
from ajsync.timestamp import NANOSECONDS as SECOND
from ajsync.transport.connection import Connection, connect
from ajsync.transport.context import context_for_server
from ajsync.transport.publisher import publish_all
from tests.nats_server import NatsServer
from tests.scheduler.fires import make_queue
from tests.scheduler.monitor.test_metrics import values
from tests.scheduler.running import delete, doomed, leading, put, running
from tests.waiting import until
from tests.worker import bring

pytestmark = pytest.mark.anyio

HOUR = 3600 * SECOND
FAILED: dict[str, Any] = {"tries": 1, "last_err": "no such host"}


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look for what went unheard often, and soon after it was due."""
    monkeypatch.setattr(outcome_keeper, "_LOOK_SECONDS", 0.1)
    monkeypatch.setattr(outcome_keeper, "_UNHEARD", SECOND)


@pytest.fixture
async def connection(server: NatsServer) -> AsyncIterator[Connection]:
    """A connection to a server with a bucket, a stream of tasks and a queue."""
    async with connect(context_for_server(server.url), reconnect_timeout=None) as connection:
        for stream in ("KV_CHORIA_AJ_CONFIGURATION", TASKS_STREAM):
            await make_stream(connection, stream)
        await make_queue(connection)
        yield connection


async def hourly(connection: Connection, name: str, *states: str | dict[str, Any], **fields: Any) -> ScheduledTask:
    """A schedule that is due again within the hour, and the tasks of its last fires, the newest first."""
    created = time.time_ns() - 100 * HOUR
    minute = (time.time_ns() // (60 * SECOND) + 30) % 60
    scheduled, _ = await put(connection, name, **{"schedule": f"{minute} * * * *", "created_at": created, **fields})
    dues = past_dues(scheduled, time.time_ns(), len(states))
    made = [
        replace(task_for_fire(scheduled, due), **({"state": state} if isinstance(state, str) else state))
        for due, state in zip(dues, states, strict=True)
    ]
    await publish_all(connection, [task_write(each, 0) for each in made])
    return scheduled


def task_id(scheduler: Scheduler, name: str) -> str:
    """The task of the last fire of a schedule that has one; empty if none is known."""
    known = scheduler.outcomes.of(name)
    return known.last.task_id if known is not None else ""


def state(scheduler: Scheduler, name: str) -> str:
    known = scheduler.outcomes.of(name)
    return known.last.state if known is not None else ""


async def made(scheduler: Scheduler, name: str) -> str:
    """The id of the task of a schedule's last fire, once it is made."""
    await until(lambda: task_id(scheduler, name))
    return task_id(scheduler, name)


def soon(within: int = 2) -> dict[str, Any]:
    """A schedule that is due once in the next seconds, and then not for a long time."""
    now = time.time_ns()
    return {"schedule": "@every 1h", "created_at": (now // SECOND + within) * SECOND - HOUR}


async def test_the_leader_hears_what_becomes_of_the_tasks_that_it_makes(
    server: NatsServer, connection: Connection
) -> None:
    async with leading(server.url) as scheduler:
        await put(connection, "A", **soon())
        made_id = await made(scheduler, "A")
        known = scheduler.outcomes.of("A")
        assert known is not None
        assert known.last.lateness is not None
        await bring(connection, made_id, "active")
        await until(lambda: state(scheduler, "A") == "active")
        await bring(connection, made_id, "retry", **FAILED)
        await until(lambda: scheduler.outcomes.failing_count == 1)
        ((name, failing),) = scheduler.outcomes.failing()
        assert (name, failing.last.tries, failing.last.last_error) == ("A", 1, "no such host")
        await bring(connection, made_id, "complete", tries=2)
        await until(lambda: not scheduler.outcomes.failing_count)
        counted = {labels: value for labels, value in values(scheduler.metrics, "ajsync_tasks_total").items() if value}
        assert counted == {("EMAIL", each): 1 for each in ("new", "active", "retry", "complete")}
        assert values(scheduler.metrics, "ajsync_schedules_failing") == {(): 0}


async def test_a_follower_knows_what_the_leader_knows(server: NatsServer, connection: Connection) -> None:
    skips = Managed("team", overlap="skip")
    async with leading(server.url) as leader, running(server.url, "two") as follower:
        await until(lambda: follower.role.loaded)
        await put(connection, "RUNS", managed=skips)
        await put(connection, "GOOD", **soon())
        await put(connection, "FAILS", **soon())
        await put(connection, "LOST", **soon(), queue="LOST")
        await put(connection, "LATE", **soon(), deadline=-1)
        await bring(connection, await made(leader, "RUNS"), "active")
        await bring(connection, await made(leader, "GOOD"), "complete", tries=1)
        await bring(connection, await made(leader, "FAILS"), "terminated", **FAILED)
        expected = {"RUNS": "skipped", "GOOD": "complete", "FAILS": "terminated", "LOST": "queue_error"}
        for each in (leader, follower):
            await until(
                lambda each=each: {name: state(each, name) for name in expected} == expected,  # type: ignore[misc]
                lambda each=each: {name: each.outcomes.of(name) for name in expected},  # type: ignore[misc]
            )
        known = [
            [scheduler.outcomes.of(name) for name in ("GOOD", "FAILS", "LOST")] for scheduler in (leader, follower)
        ]
        assert [told(each) for each in known[0]] == [told(each) for each in known[1]]
        assert [name for name, _ in follower.outcomes.failing()] == [name for name, _ in leader.outcomes.failing()]


def told(known: ScheduleOutcome | None) -> tuple[object, ...]:
    """What is the same whoever has heard it, and when."""
    assert known is not None
    last = known.last
    return last.due, last.state, last.task_id, last.tries, last.last_error, known.failures, known.failing_since


async def test_while_nothing_is_due_soon_looks_do_not_wait_long_for_one_another(
    server: NatsServer, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outcome_keeper, "_PAUSE_SECONDS", 3600.0)
    await hourly(connection, "A", "complete")
    async with running(server.url) as scheduler:
        await until(lambda: scheduler.outcomes.is_complete)
        assert state(scheduler, "A") == "complete"


async def test_looks_are_made_at_the_slower_pace_while_something_is_due_soon(
    server: NatsServer, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outcome_keeper, "_IDLE_PAUSE_SECONDS", 3600.0)
    monkeypatch.setattr(TermRunner, "idle", False)
    async with leading(server.url) as scheduler:
        await hourly(connection, "A", "complete")
        await until(lambda: state(scheduler, "A"))


async def test_after_a_restart_it_knows_what_was_before(server: NatsServer, connection: Connection) -> None:
    await hourly(connection, "GOOD", "complete")
    await hourly(connection, "FAILS", {"state": "expired", **FAILED}, {"state": "terminated", **FAILED}, "complete")
    await hourly(connection, "RUNS", "active", "complete")
    await hourly(connection, "NEVER", schedule="0 0 30 2 *")
    async with leading(server.url) as scheduler:
        await until(lambda: scheduler.outcomes.is_complete)
        assert {name: state(scheduler, name) for name in ("GOOD", "FAILS", "RUNS", "NEVER")} == {
            "GOOD": "complete",
            "FAILS": "expired",
            "RUNS": "active",
            "NEVER": "",
        }
        ((name, failing),) = scheduler.outcomes.failing()
        assert (name, failing.failures, failing.last.last_error) == ("FAILS", 2, "no such host")
        assert scheduler.outcomes.counts() == {("EMAIL", each): 1 for each in ("complete", "expired", "active")}
        # Old tasks that are found were not heard of, so they are not counted.
        assert not any(values(scheduler.metrics, "ajsync_tasks_total").values())
        # What was found is heard of from now on.
        await bring(connection, task_id(scheduler, "FAILS"), "complete", tries=2)
        await until(lambda: not scheduler.outcomes.failing_count)


async def test_after_a_takeover_it_goes_on_with_what_the_leader_knew(
    server: NatsServer, connection: Connection
) -> None:
    async with AsyncExitStack() as stack:
        async with doomed(server.url) as leader:
            heir = await stack.enter_async_context(running(server.url, "two"))
            await until(lambda: heir.role.loaded)
            await put(connection, "A", **soon())
            made_id = await made(leader, "A")
            await bring(connection, made_id, "retry", **FAILED)
            await until(lambda: heir.outcomes.failing_count)
        await until(lambda: heir.leads)
        assert [name for name, _ in heir.outcomes.failing()] == ["A"]
        await bring(connection, made_id, "complete", tries=2)
        await until(lambda: state(heir, "A") == "complete")


async def test_a_new_leader_counts_what_the_former_one_made_although_it_reads_of_it_later(
    server: NatsServer, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outcome_keeper, "_UNHEARD", HOUR)  # what is looked up is not counted
    may_read, names = asyncio.Event(), [f"A{number}" for number in range(5)]
    async with AsyncExitStack() as stack:
        async with leading(server.url) as leader:
            monkeypatch.setattr(task_events.TaskEvents, "_collect", lambda _self: may_read.wait())
            heir = await stack.enter_async_context(running(server.url, "two"))
            stack.callback(may_read.set)
            may_read.set()
            await until(lambda: heir.outcomes.is_complete)
            may_read.clear()
            await connection.client.publish(f"{TASK_STATE_SUBJECT}foreign", b"")  # after which it waits
            for name in names:
                await put(connection, name, **soon())
            await until(lambda: not heir.outcomes.uncertain(names, 0, unfinished=False))
            await until(lambda: len(leader.records.recent()) == len(names))
        await until(lambda: heir.leads)
        assert not any(state(heir, name) for name in names)
        may_read.set()
        await until(lambda: all(state(heir, name) == "new" for name in names))
        counted = {labels: value for labels, value in values(heir.metrics, "ajsync_tasks_total").items() if value}
        assert counted == {("EMAIL", "new"): len(names)}


async def test_a_leader_hears_that_a_backfill_makes_a_task_anew(server: NatsServer, connection: Connection) -> None:
    async with leading(server.url) as scheduler:
        await put(connection, "A", **soon(), queue="LATER")
        await until(lambda: state(scheduler, "A") == "queue_error")
        assert scheduler.outcomes.failing_count == 1
        await bring(connection, task_id(scheduler, "A"), "new", last_err="")  # as a backfill does once there is a queue
        await until(lambda: state(scheduler, "A") == "new")
        assert not scheduler.outcomes.failing_count


async def test_what_was_lost_with_a_connection_is_looked_up(server: NatsServer, connection: Connection) -> None:
    async with leading(server.url) as scheduler:
        await put(connection, "A", **soon())
        await put(connection, "B", **soon())
        for name, ended in (("A", "complete"), ("B", "expired")):
            await bring(connection, await made(scheduler, name), "active")
            await until(lambda name=name: state(scheduler, name) == "active")  # type: ignore[misc]
            await bring(connection, task_id(scheduler, name), ended, tries=1, told=False)
        assert (state(scheduler, "A"), state(scheduler, "B")) == ("active", "active")
        server.restart()
        await until(lambda: (state(scheduler, "A"), state(scheduler, "B")) == ("complete", "expired"))
        await until(lambda: scheduler.outcomes.is_complete)
        assert scheduler.outcomes.failing_count == 1


async def test_a_fire_of_which_nothing_was_heard_is_looked_up(
    server: NatsServer, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outcome_keeper.OutcomeKeeper, "_hear", lambda _self, _task_id, _data: None)
    async with leading(server.url), running(server.url, "two") as follower:
        await put(connection, "A", **soon())
        await until(lambda: state(follower, "A") == "new")


HOSTILE = [
    b"",
    b"\xff\xfe",
    b"{",
    b"null",
    b"[1]",
    b"{}",
    b"[" * 60_000,
    b"x" * 900_000,
    json.dumps({"type": "io.choria.asyncjobs.v1.task_state", "task_id": 7, "state": "complete"}).encode(),
    json.dumps({"type": "io.choria.asyncjobs.v1.task_state", "task_id": "other", "state": "complete"}).encode(),
    json.dumps({"type": "io.choria.asyncjobs.v1.leader_elected", "name": "A", "component": "x"}).encode(),
]


async def test_hostile_events_change_nothing(
    server: NatsServer, connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    async with leading(server.url) as scheduler:
        await put(connection, "A", **soon())
        made_id = await made(scheduler, "A")
        size = len(scheduler.outcomes)
        for data in HOSTILE:
            for token in (made_id, "foreign", "\u20ac", "x" * 1000):
                await connection.client.publish(f"{TASK_STATE_SUBJECT}{token}", data)
        scheduled = scheduler.agenda.task("A")
        assert scheduled is not None
        ours = replace(task_for_fire(scheduled, scheduler.outcomes.of("A").last.due), state="odd" * 999, tries=-5)  # type: ignore[union-attr]
        for _ in range(3):
            event = task_state_event(replace(ours, last_err="e" * 30_000, queue="Q" * 9999), 2**33, 2**62)
            await connection.client.publish(f"{TASK_STATE_SUBJECT}{made_id}", event)
        await connection.client.flush()
        await until(lambda: state(scheduler, "A").startswith("odd"))
        known = scheduler.outcomes.of("A")
        assert known is not None
        assert (len(known.last.state) < 400, len(known.last.last_error) < 400, known.last.tries) == (True, True, 0)
        assert known.last.at >= known.last.due
        assert len(scheduler.outcomes) == size
        assert {queue for queue, _ in values(scheduler.metrics, "ajsync_tasks_total")} == {"EMAIL"}
        assert values(scheduler.metrics, "ajsync_tasks_total")["EMAIL", "(other)"] == 1
        await put(connection, "B", **soon())
        await made(scheduler, "B")
    assert not [record for record in caplog.records if record.exc_info]


async def test_what_a_worker_whose_clock_is_ahead_tells_was_no_later_than_now(
    server: NatsServer, connection: Connection
) -> None:
    async with leading(server.url) as scheduler:
        await put(connection, "A", **soon())
        await made(scheduler, "A")
        scheduled, known = scheduler.agenda.task("A"), scheduler.outcomes.of("A")
        assert scheduled is not None
        assert known is not None
        active = replace(task_for_fire(scheduled, known.last.due), state="active")
        event = task_state_event(active, active.created // SECOND, 10 * HOUR)
        await connection.client.publish(f"{TASK_STATE_SUBJECT}{active.id}", event)
        await until(lambda: state(scheduler, "A") == "active")
        known = scheduler.outcomes.of("A")
        assert known is not None
        assert known.last.due <= known.last.at <= time.time_ns()


@pytest.mark.parametrize("length", [0, 64 * 1024 + 1])
async def test_an_event_that_is_not_read_makes_the_scheduler_look_up_its_task(
    server: NatsServer, connection: Connection, length: int
) -> None:
    async with leading(server.url) as scheduler:
        await put(connection, "A", **soon())
        made_id = await made(scheduler, "A")
        await until(lambda: not scheduler.outcomes.uncertain(["A"], 0, unfinished=False))
        await bring(connection, made_id, "complete", tries=1, told=False)
        told = StoredTask(made_id, "email:new", "EMAIL", 0, state="expired", last_err="x" * length)
        event = task_state_event(told, 0, 1)
        await connection.client.publish(TASK_STATE_SUBJECT + made_id, event if length else event[:-1])
        await until(lambda: state(scheduler, "A") == "complete")
        assert values(scheduler.metrics, "ajsync_tasks_total")["EMAIL", "expired"] == 0


async def test_too_many_events_are_not_listened_to_for_a_while_and_then_looked_up(
    server: NatsServer, connection: Connection, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(task_events, "MOST_A_SECOND", 100)
    monkeypatch.setattr(task_events, "_WINDOW_SECONDS", 0.5)
    monkeypatch.setattr(task_events, "DEAF_SECONDS", 0.5)
    async with leading(server.url) as scheduler:
        await put(connection, "A", **soon())
        made_id = await made(scheduler, "A")
        deaf = "Not listening to the events of tasks"

        async def flood() -> None:
            async with connect(context_for_server(server.url)) as other:
                while True:
                    for number in range(100):
                        await other.client.publish(f"{TASK_STATE_SUBJECT}{number}", b"{}")
                    await asyncio.sleep(0.05)

        flooding = asyncio.create_task(flood())
        await until(lambda: deaf in caplog.text)
        flooding.cancel()
        await asyncio.gather(flooding, return_exceptions=True)
        await bring(connection, made_id, "expired", told=False, **FAILED)
        await until(lambda: scheduler.outcomes.failing_count)
        await until(lambda: not scheduler.outcomes.trouble)


async def test_a_scheduler_that_gets_no_second_connection_fires_and_looks_up_and_hears_once_it_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(task_events, "_AGAIN_SECONDS", 0.1)
    server = NatsServer(tmp_path, extra="max_connections: 2")
    server.start()
    try:
        async with connect(context_for_server(server.url), reconnect_timeout=None) as connection:
            for stream in ("KV_CHORIA_AJ_CONFIGURATION", TASKS_STREAM):
                await make_stream(connection, stream)
            await make_queue(connection)
            async with leading(server.url) as scheduler:
                await put(connection, "A", **soon())
                await until(lambda: state(scheduler, "A") == "new")
                await until(lambda: "The events of tasks are not heard" in caplog.text)
                assert caplog.text.count("The events of tasks are not heard") == 1
                await until(lambda: "Cannot connect" in scheduler.outcomes.trouble)
                await bring(connection, task_id(scheduler, "A"), "complete", tries=1, told=False)
                await connection.close()
                await until(lambda: state(scheduler, "A") == "complete")
                await until(lambda: not scheduler.outcomes.trouble)
    finally:
        server.stop()


async def test_a_mistake_in_what_is_kept_costs_no_fire(
    server: NatsServer, connection: Connection, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(outcome_keeper, "_AGAIN_SECONDS", 0.5)
    async with leading(server.url) as scheduler:
        with monkeypatch.context() as mistaken:
            mistaken.setattr(outcome_keeper, "usual_change", lambda *_: 1 // 0)
            await put(connection, "A", **soon())
            await bring(connection, await made(scheduler, "A"), "active")
            await until(lambda: "What becomes of tasks is not followed" in caplog.text)
        before = len(scheduler.records.recent())
        await put(connection, "B", **soon())
        await until(lambda: len(scheduler.records.recent()) > before)
        assert scheduler.leads
        await until(lambda: (state(scheduler, "A"), state(scheduler, "B")) == ("active", "new"))


async def test_news_of_our_own_comes_before_events(
    server: NatsServer, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outcome_keeper, "_TICK_SECONDS", 3600)  # so that it is taken in only before events
    async with leading(server.url) as scheduler:
        await put(connection, "A", **soon())
        await bring(connection, await made(scheduler, "A"), "active")
        await until(lambda: state(scheduler, "A") == "active")
        counted = values(scheduler.metrics, "ajsync_tasks_total")
        assert {labels: value for labels, value in counted.items() if value} == {
            ("EMAIL", "new"): 1,
            ("EMAIL", "active"): 1,
        }


async def test_news_of_our_own_waits_while_many_fires_are_written_but_does_not_pile_up(
    server: NatsServer, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(*_: object, **_options: object) -> None: ...

    monkeypatch.setattr(outcome_keeper, "_LONGEST_WAIT_SECONDS", 3600)
    monkeypatch.setattr(outcome_keeper.OutcomeKeeper, "_look_up", nothing)
    monkeypatch.setattr(TermRunner, "writing", 1000)
    async with leading(server.url) as scheduler:
        await put(connection, "A", **soon())
        await until(lambda: scheduler.records.recent())
        assert not state(scheduler, "A")
        for _ in range(outcome_keeper._MOST_NEWS):
            scheduler._outcome_keeper.settled([])
        await until(lambda: state(scheduler, "A") == "new")


async def test_a_mistake_in_news_of_our_own_costs_no_fire(
    server: NatsServer, connection: Connection, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(outcome_keeper, "_AGAIN_SECONDS", 0.5)
    monkeypatch.setattr(outcome_keeper, "_TICK_SECONDS", 1)  # so that mostly it is made before events are read
    async with leading(server.url) as scheduler:
        with monkeypatch.context() as mistaken:
            mistaken.setattr(scheduler.outcomes, "expect", lambda *_: 1 // 0)
            await put(connection, "A", **soon())
            await until(lambda: "What becomes of tasks is not followed" in caplog.text)
        assert scheduler.leads
        await bring(connection, await made(scheduler, "A"), "active")
        await until(lambda: state(scheduler, "A") == "active")


async def test_a_schedule_that_is_deleted_is_forgotten(server: NatsServer, connection: Connection) -> None:
    async with leading(server.url) as scheduler:
        await put(connection, "A", **soon())
        await bring(connection, await made(scheduler, "A"), "expired", **FAILED)
        await until(lambda: scheduler.outcomes.failing_count)
        await delete(connection, "A")
        await until(lambda: not scheduler.outcomes.failing_count)
        await until(lambda: not len(scheduler.outcomes))


async def test_what_a_schedule_did_at_other_times_is_forgotten(server: NatsServer, connection: Connection) -> None:
    async with leading(server.url) as scheduler:
        scheduled = await hourly(connection, "A", {"state": "terminated", **FAILED}, "complete")
        await until(lambda: scheduler.outcomes.failing_count == 1)
        await put(connection, "A", schedule=scheduled.schedule, created_at=scheduled.created_at, queue="OTHER")
        await until(lambda: scheduler.outcomes.counts() == {("OTHER", "terminated"): 1})
        assert scheduler.outcomes.failing_count == 1
        await put(connection, "A", schedule="@yearly", created_at=scheduled.created_at)
        await until(lambda: not scheduler.outcomes.failing_count and scheduler.outcomes.of("A") is None)
        await put(connection, "A", **soon())
        await made(scheduler, "A")


async def test_a_schedule_is_overdue_once_it_should_have_succeeded(
    server: NatsServer, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outcome_keeper, "LEAST_WAIT", SECOND)
    await hourly(connection, "WAITS", "new", "new", "complete")
    await hourly(connection, "FAILS", {"state": "expired", **FAILED}, {"state": "expired", **FAILED}, "complete")
    await hourly(connection, "IN_TIME", "active", "complete")
    await hourly(connection, "GOOD", "complete")
    async with leading(server.url) as scheduler:
        await until(lambda: scheduler.outcomes.overdue_count == 2)
        overdue = scheduler.outcomes.overdue()
        assert {name for name, _ in overdue} == {"WAITS", "FAILS"}
        assert values(scheduler.metrics, "ajsync_schedules_overdue") == {(): 2}
        task = scheduler.agenda.task("WAITS")
        assert task is not None
        by = times_of(task).previous(time.time_ns())
        assert dict(overdue)["WAITS"] == by
        await bring(connection, task_id(scheduler, "WAITS"), "complete", tries=1)
        await until(lambda: [name for name, _ in scheduler.outcomes.overdue()] == ["FAILS"])


async def test_metrics_of_each_schedule_are_there_if_they_are_wanted(
    server: NatsServer, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(per_schedule, "_LEAST_SECONDS", 0.1)
    good = await hourly(connection, "GOOD", "complete")
    await hourly(connection, "FAILS", {"state": "expired", **FAILED}, "complete")
    await hourly(connection, "NEVER", schedule="0 0 30 2 *")
    async with running(server.url, metrics_per_schedule=True) as scheduler, running(server.url, "two") as other:
        await until(lambda: scheduler.outcomes.is_complete and other.outcomes.is_complete)
        shown = "ajsync_schedule_last_outcome"
        await until(lambda: set(values(scheduler.metrics, shown)) == {("GOOD", "complete"), ("FAILS", "expired")})
        last, now = past_dues(good, time.time_ns(), 1)[0], time.time_ns()
        success = values(scheduler.metrics, "ajsync_schedule_last_success_timestamp_seconds")
        assert (success["GOOD",], success["FAILS",]) == (last / SECOND, (last - HOUR) / SECOND)
        following = values(scheduler.metrics, "ajsync_schedule_next_fire_timestamp_seconds")
        due = times_of(good).next(now)
        assert due is not None
        assert following == {("GOOD",): due / SECOND, ("FAILS",): due / SECOND}
        await delete(connection, "GOOD")
        await until(lambda: set(values(scheduler.metrics, shown)) == {("FAILS", "expired")})
        assert "ajsync_schedule_" not in other.metrics.exposition().decode()
