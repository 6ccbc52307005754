"""What the pages show of a real scheduler on a real server, also if it is gone or a queue is missing."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest

from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.asyncjobs.history import past_dues
from ajsync.asyncjobs.model import ScheduledTask
from ajsync.asyncjobs.names import TASKS_STREAM
from ajsync.asyncjobs.queue_store import make_queue
from ajsync.asyncjobs.queues import QueueSettings
from ajsync.asyncjobs.streams import make_stream
from ajsync.asyncjobs.task_store import task_write
from ajsync.asyncjobs.tasks import task_for_fire
from ajsync.scheduler import display as display_module
from ajsync.scheduler import outcome_keeper
from ajsync.scheduler.display import Display
from ajsync.scheduler.monitor import queues as queues_module
from ajsync.scheduler.monitor.page.overview import overview
from ajsync.scheduler.monitor.page.query import Query
from ajsync.scheduler.monitor.view import View
from ajsync.scheduler.scheduler import Scheduler
from ajsync.timestamp import NANOSECONDS
from ajsync.transport.connection import Connection, connect
from ajsync.transport.context import context_for_server
from ajsync.transport.publisher import publish_all
from tests.nats_server import NatsServer
from tests.scheduler.monitor.page.parsed import Document
from tests.scheduler.running import leading, put, put_data, running, wait_for_tasks
from tests.waiting import until
from tests.worker import bring

pytestmark = pytest.mark.anyio

WRONG = "What is wrong"


@pytest.fixture
async def bucket(server: NatsServer) -> AsyncIterator[ConfigurationBucket]:
    """A bucket, and a queue that holds two work items."""
    async with connect(context_for_server(server.url)) as connection:
        made, _ = await ConfigurationBucket.create(connection)
        await make_stream(connection, TASKS_STREAM)
        await make_queue(connection, QueueSettings("EMAIL", max_entries=2, discard_old=False))
        yield made


def shown_by(scheduler: Scheduler) -> Display:
    return Display(scheduler, name_of)


def name_of(task: ScheduledTask) -> str:
    return task.name


def page(view: View) -> Document:
    return Document(overview(view, Query()))


async def test_what_was_fired_is_counted_and_looked_up(bucket: ConfigurationBucket) -> None:
    await put(bucket.connection, "TICK")
    async with leading(bucket.connection.url) as scheduler:
        display = shown_by(scheduler)
        await wait_for_tasks(bucket.connection, 1)
        await until(lambda: display.view().last_day[-1].fired >= 1)
        view = display.view()
        assert [*view.tasks] == ["TICK"]
        assert {queue for queue, _ in view.lateness} == {"EMAIL"}
        past = await display.past("TICK")
        assert (past.fires[0].state, past.trouble) == ("new", "")
        assert (await display.past("NOBODY")).fires == ()


async def test_a_full_queue_and_a_missing_one_are_found_with_what_to_do(bucket: ConfigurationBucket) -> None:
    await put(bucket.connection, "TICK")
    await put(bucket.connection, "LOST", queue="NOWHERE")
    async with leading(bucket.connection.url) as scheduler:
        display = shown_by(scheduler)
        await until(lambda: {"TICK", "LOST"} <= scheduler.records.all_problems().keys())
        await display.refresh()
        view = display.view()
        email, nowhere = view.queues
        assert (email.name, email.items, email.is_full) == ("EMAIL", 2, True)
        assert email.oldest > 0
        assert nowhere.missing
        document = page(view)
        assert document.headings[0].endswith("problems")
        found = dict(zip(document.column(WRONG, "Problem"), document.column(WRONG, "To do"), strict=True))
        (lost,) = (todo for what, todo in found.items() if what.startswith("LOST"))
        assert lost.startswith("ajc queues add NOWHERE && ajsync backfill LOST --from 20")
        assert any(what.startswith("Queue EMAIL") for what in found)
        assert any(what.startswith("TICK Not stored yet") for what in found)


async def test_the_name_of_an_entry_cannot_become_a_command(bucket: ConfigurationBucket) -> None:
    await put_data(bucket.connection, "$(reboot)", b"no JSON")
    async with leading(bucket.connection.url) as scheduler:
        (found,) = scheduler.records.problems
        assert found.remedy == "ajsync view '$(reboot)'"
        assert shown_by(scheduler).view().invalid == {"$(reboot)"}


async def test_while_the_server_is_gone_the_page_says_so_and_nothing_waits_for_long(
    bucket: ConfigurationBucket, server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queues_module, "_ANSWER_SECONDS", 0.1)
    monkeypatch.setattr(display_module, "_PAST_SECONDS", 0.1)
    await put(bucket.connection, "TICK", schedule="@yearly")
    async with leading(bucket.connection.url) as scheduler:
        display = shown_by(scheduler)
        server.stop()
        await until(lambda: not scheduler.connection.is_connected)
        await display.refresh()
        (queue,) = display.view().queues
        assert queue.trouble
        assert (await display.past("TICK")).trouble
        document = page(display.view())
        assert "There is no connection" in document.column(WRONG, "Problem")[0]
        server.start()
        await until(lambda: scheduler.connection.is_connected)


async def test_who_leads_and_that_the_leadership_has_moved_is_seen_by_a_stand_by(bucket: ConfigurationBucket) -> None:
    async with AsyncExitStack() as first:
        await first.enter_async_context(leading(bucket.connection.url, "one"))
        async with running(bucket.connection.url, "two") as scheduler:
            display = shown_by(scheduler)
            await until(lambda: display.view().status.leader == "one")
            view = display.view()
            assert view.status.moves == ()
            assert "The scheduler one leads. two, which shows this page, has stood by" in page(view).text
            await first.aclose()
            await until(lambda: scheduler.leads)
            assert len(display.view().status.moves) == 1
            assert "The leadership has moved 1 time since" in page(display.view()).text


async def test_failing_and_missing_workers_are_found_by_leader_and_stand_by_and_all_is_well_once_they_have_worked(
    bucket: ConfigurationBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outcome_keeper, "_LOOK_SECONDS", 0.1)
    monkeypatch.setattr(outcome_keeper, "LEAST_WAIT", NANOSECONDS)
    connection = bucket.connection
    await hourly(connection, "FAILS", "terminated", "terminated", "complete")
    await hourly(connection, "WAITS", "new", "new", "complete")
    await hourly(connection, "SLOW", "active", "active", "complete")
    await hourly(connection, "GOOD", "complete")
    async with leading(connection.url, "one") as leader, running(connection.url, "two") as stand_by:
        for scheduler in (leader, stand_by):
            display = shown_by(scheduler)
            await until(lambda display=display: len(page(display.view()).tables.get(WRONG, [])) == 1 + 3)  # type: ignore[misc]
            document = page(display.view())
            todo = {row[0].partition(" ")[0]: row[3] for row in document.tables[WRONG][1:]}
            slow = scheduler.outcomes.of("SLOW")
            assert slow is not None
            looks = f"ajc task view {slow.last.task_id}"
            assert todo == {"FAILS": "ajsync history FAILS", "SLOW": looks, "WAITS": "ajsync info"}
            assert document.headings[0] == "3 problems"
            assert "2 \u00d7" in document.column(WRONG, "Times")
            assert (await display.past("FAILS")).fires[0].last_error == "no such host"
            assert [*display.outcomes(["GOOD", "NOBODY"])] == ["GOOD"]
        for name in ("FAILS", "WAITS", "SLOW"):
            outcome = stand_by.outcomes.of(name)
            assert outcome is not None
            await bring(connection, outcome.last.task_id, "complete", tries=1)
        for scheduler in (leader, stand_by):
            display = shown_by(scheduler)
            await until(lambda display=display: page(display.view()).headings[0] == "All is well")  # type: ignore[misc]


async def test_a_stand_by_counts_what_the_leader_makes_and_what_fails(bucket: ConfigurationBucket) -> None:
    connection = bucket.connection
    async with leading(connection.url, "one"), running(connection.url, "two") as stand_by:
        await until(lambda: stand_by.role.loaded)
        display = shown_by(stand_by)
        soon = (time.time_ns() // NANOSECONDS + 2) * NANOSECONDS
        await put(connection, "ONCE", schedule="@every 1h", created_at=soon - 3600 * NANOSECONDS)
        (made,) = await wait_for_tasks(connection, 1)
        await until(lambda: sum(span.fired for span in display.view().last_day) == 1)
        await bring(connection, made.id, "terminated", tries=1)
        await until(lambda: sum(span.failed for span in display.view().last_day) == 1)


async def hourly(connection: Connection, name: str, *states: str) -> None:
    """A schedule that is due again within the hour, and the tasks of its last fires, the newest first."""
    minute = (time.time_ns() // (60 * NANOSECONDS) + 30) % 60
    scheduled, _ = await put(
        connection, name, schedule=f"{minute} * * * *", created_at=time.time_ns() - 100 * 3600 * NANOSECONDS
    )
    dues = past_dues(scheduled, time.time_ns(), len(states))
    made = [
        replace(task_for_fire(scheduled, due), state=state, tries=1, last_err="no such host" * (state == "terminated"))
        for due, state in zip(dues, states, strict=True)
    ]
    await publish_all(connection, [task_write(each, 0) for each in made])
