"""Fires that cannot be stored: the watermark moves on past them, and whoever leads next goes on with just these."""

from __future__ import annotations

import time
from contextlib import AsyncExitStack
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from ajsync.asyncjobs.due import times_of
from ajsync.asyncjobs.model import Managed
from ajsync.asyncjobs.names import CONFIGURATION_STREAM, CONFIGURATION_SUBJECT, TASKS_STREAM
from ajsync.asyncjobs.tasks import encode_task, task_for_fire, task_subject
from ajsync.scheduler.election import watermark
from ajsync.scheduler.election.watermark import WATERMARK_KEY, Watermark, decode_watermark, encode_watermark
from ajsync.scheduler.overview import status_of
from ajsync.scheduler.scheduler import Scheduler
from ajsync.timestamp import NANOSECONDS as SECOND
from ajsync.transport.connection import Connection, connect
from ajsync.transport.context import context_for_server
from ajsync.transport.messages import last_message
from tests.nats_server import NatsServer
from tests.scheduler.fires import HOUR, change_stream, counts, make_queue
from tests.scheduler.log import fields
from tests.scheduler.running import delete, doomed, leading, put, running, stored_watermark, tasks, wait_for_tasks
from tests.tasks import OWNER, task
from tests.waiting import until

pytestmark = pytest.mark.anyio

LARGE = b"x" * 4000
"""A payload that the tasks' stream refuses, while it takes others."""
QUEUE_STREAM = "CHORIA_AJ_Q_EMAIL"
QUICK: dict[str, Any] = {"takeover_after": 0.5, "grace": SECOND}


async def stuck(connection: Connection, scheduler: Scheduler, fires: int = 2) -> Watermark:
    """The watermark, once it has moved on past so many fires of STUCK that cannot be stored."""

    def has_moved_on() -> bool:
        mark = scheduler.watermark
        return mark is not None and len([due for name, due in mark.open if name == "STUCK"]) >= fires

    await until(has_moved_on)
    return await stored_watermark(connection)


async def kept_from_the_tasks(connection: Connection, kept: bool = True) -> None:
    """Whether the tasks' stream refuses large tasks."""
    await change_stream(connection, TASKS_STREAM, max_msg_size=2000 if kept else -1)


async def put_both(connection: Connection) -> None:
    """One schedule whose fires are refused and would be let go later, one whose fires are made and would be again."""
    await make_queue(connection)
    await put(connection, "STUCK", task_type="stuck", payload=LARGE, managed=Managed(OWNER, catchup="none"))
    await put(connection, "FINE", task_type="fine", managed=Managed(OWNER, catchup="all"))


async def dues(connection: Connection, task_type: str) -> list[int]:
    return [each.created for each in await tasks(connection) if each.type == task_type]


async def test_a_watermark_names_what_late_news_brought_and_was_not_given_out_yet(server: NatsServer) -> None:
    async with doomed(server.url, **QUICK) as scheduler:
        await until(lambda: scheduler.watermark is not None and scheduler.leads)
        assert scheduler.term is not None
        reached = scheduler.term.progress(10_000).instant
        late = task("LATE", schedule="@every 1s", created_at=reached - 5 * SECOND)
        scheduler.agenda.put(late, reached - 2 * SECOND)
        due = {("LATE", due) for due in times_of(late).between(reached - 2 * SECOND, reached)}
        assert len(due) == 2
        assert due <= scheduler.term.progress(10_000).open


async def test_the_next_leader_goes_on_with_just_what_the_dead_one_could_not_store(
    server: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with connect(context_for_server(server.url)) as connection:
        async with doomed(server.url, "one", **QUICK) as scheduler:
            await kept_from_the_tasks(connection)
            await put_both(connection)
            await stuck(connection, scheduler)
            assert len(await wait_for_tasks(connection, 2, "fine")) >= 2
        mark = await stored_watermark(connection)
        made = await dues(connection, "fine")
        assert [due for due in made if due <= mark.instant], "it stands still"
        for stream in (TASKS_STREAM, QUEUE_STREAM):  # by workers that discard what is finished
            await connection.jetstream_request(f"STREAM.PURGE.{stream}")
        await kept_from_the_tasks(connection, False)
    server.restart()  # and it has forgotten the ids
    await until(lambda: time.time_ns() > max(due for _, due in mark.open) + SECOND)  # the grace
    async with (
        connect(context_for_server(server.url)) as connection,
        leading(server.url, "two", **QUICK) as scheduler,
    ):
        began = scheduler.role.since
        await wait_for_tasks(connection, 3, "fine")
        await until(lambda: scheduler.watermark is not None and scheduler.watermark.leader == "two")
        await until(lambda: scheduler.watermark is not None and not scheduler.watermark.open)
        again = [due for due in await dues(connection, "fine") if due <= mark.instant]
        assert again == [], "made twice"
        finished = [due for due in await dues(connection, "stuck") if due <= mark.instant]
        assert finished == sorted(due for _, due in mark.open)
    silence = [fields(record)["seconds"] for record in caplog.records if "Nothing was fired" in record.message]
    assert all(seconds < (began - mark.instant) / SECOND + 1 for seconds in silence)


async def test_two_deaths_in_a_row_lose_nothing_of_it(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        async with doomed(server.url, "one", **QUICK) as scheduler:
            await kept_from_the_tasks(connection)
            await put_both(connection)
            first = await stuck(connection, scheduler)
        async with doomed(server.url, "two", **QUICK) as scheduler:
            await until(lambda: scheduler.watermark is not None and scheduler.watermark.leader == "two")
            assert (await stored_watermark(connection)).open >= first.open
        await kept_from_the_tasks(connection, False)
        async with leading(server.url, "three", **QUICK) as scheduler:
            await until(lambda: scheduler.watermark is not None and scheduler.watermark.leader == "three")
            await until(lambda: scheduler.watermark is not None and not scheduler.watermark.open)
        assert {due for _, due in first.open} <= {*await dues(connection, "stuck")}
        found = await dues(connection, "fine")
        assert {later - due for due, later in pairwise(found)} == {SECOND}


async def test_a_stand_by_finishes_the_fires_of_a_schedule_that_is_gone(server: NatsServer) -> None:
    async with (
        connect(context_for_server(server.url)) as connection,
        AsyncExitStack() as stack,
    ):
        async with doomed(server.url, "one", **QUICK) as scheduler:
            stand_by = await stack.enter_async_context(running(server.url, "two", **QUICK))
            await until(lambda: stand_by.role.loaded)
            await kept_from_the_tasks(connection)
            await put_both(connection)
            await stuck(connection, scheduler)
            await delete(connection, "STUCK")
            await until(lambda: "STUCK" not in stand_by.agenda and "STUCK" not in scheduler.agenda)
            mark = await stuck(connection, scheduler)
            await until(lambda: stand_by.watermark is not None and stand_by.watermark.instant >= mark.instant)
        await kept_from_the_tasks(connection, False)
        await until(lambda: stand_by.leads)
        await until(lambda: stand_by.watermark is not None and not stand_by.watermark.open)
        assert {due for _, due in mark.open} <= {*await dues(connection, "stuck")}


async def test_of_what_was_let_go_only_what_was_begun_is_finished(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        async with leading(server.url):
            await make_queue(connection)
        scheduled, stored_at = await put(connection, "A", managed=Managed(OWNER, catchup="none"))
        begun, never = ((stored_at // SECOND + seconds) * SECOND for seconds in (1, 2))
        task = task_for_fire(scheduled, begun)
        await connection.request(task_subject(task.id), encode_task(task))
        await until(lambda: time.time_ns() > never + 2 * SECOND)  # later than the grace
        found = await last_message(connection, CONFIGURATION_STREAM, CONFIGURATION_SUBJECT + WATERMARK_KEY)
        assert found is not None
        left = decode_watermark(found.data)
        mark = replace(left, instant=time.time_ns(), looked_for=frozenset((("A", begun), ("A", never))))
        await connection.request(CONFIGURATION_SUBJECT + WATERMARK_KEY, encode_watermark(mark))
        async with leading(server.url, grace=SECOND) as scheduler:
            await wait_for_tasks(connection, 3)
            await until(lambda: scheduler.watermark is not None and not scheduler.watermark.looked_for)
            await until(lambda: scheduler.watermark is not None and scheduler.watermark.leader == "one")
        made = await tasks(connection)
        assert never not in {each.created for each in made}
        assert made[0].created == begun
        assert (await counts(connection, QUEUE_STREAM))[0] == len(made)


async def test_what_was_tried_for_as_long_as_there_is_is_missed(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        async with doomed(server.url, "one", **QUICK) as scheduler:
            await kept_from_the_tasks(connection)
            await put_both(connection)
            mark = await stuck(connection, scheduler)
        await delete(connection, "FINE")
        await kept_from_the_tasks(connection, False)
        later = 3 * HOUR
        async with leading(server.url, "two", clock=lambda: time.time_ns() + later, **QUICK) as scheduler:
            await wait_for_tasks(connection, 2, "stuck")
            missed = scheduler.metrics.exposition().decode()
        assert f'missed_total{{reason="unstored"}} {len(mark.open)}' in missed
        assert all(due > mark.instant + HOUR for due in await dues(connection, "stuck"))


async def test_beyond_what_it_can_name_it_stands_still_and_says_so(
    server: NatsServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("ajsync.scheduler.election.progress.MOST_OPEN", 2)
    monkeypatch.setattr("ajsync.scheduler.election.watermark_store._HELD_BACK", SECOND)
    assert watermark.MOST_OPEN > 2
    async with connect(context_for_server(server.url)) as connection, leading(server.url) as scheduler:
        await kept_from_the_tasks(connection)
        await put_both(connection)
        await until(lambda: "stands still" in status_of(scheduler).reason)
        mark = await stored_watermark(connection)
        assert len(mark.open) == 2
        assert any("The watermark stands still at" in text for text in caplog.messages)
        assert WATERMARK_KEY in {problem.name for problem in status_of(scheduler).problems}
        await kept_from_the_tasks(connection, False)
        await until(lambda: status_of(scheduler).ready)


async def test_a_bucket_for_small_values_only_gets_a_watermark_that_names_less(
    server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ajsync.scheduler.election.watermark_store.MOST_OPEN_BYTES", 1024)
    async with connect(context_for_server(server.url)) as connection, leading(server.url) as scheduler:
        await kept_from_the_tasks(connection)
        await put_both(connection)
        await stuck(connection, scheduler)
        await change_stream(connection, CONFIGURATION_STREAM, max_msg_size=250)
        await until(lambda: not status_of(scheduler).ready)
        await until(lambda: status_of(scheduler).ready)
        assert (await counts(connection, CONFIGURATION_STREAM))[0] == 3


async def test_what_was_fired_is_behind_the_watermark_without_waiting_for_the_next_heartbeat(
    server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ajsync.scheduler.election.watermark_store._LEAST_SECONDS", 3600.0)
    monkeypatch.setattr("ajsync.scheduler.election.watermark_store._HEARTBEAT_SECONDS", 3600.0)
    async with connect(context_for_server(server.url)) as connection, leading(server.url) as scheduler:
        await make_queue(connection)
        await put(connection, "A")
        for count in (1, 2, 3):
            made = (await wait_for_tasks(connection, count))[-1].created
            await until(lambda made=made: scheduler.watermark is not None and scheduler.watermark.instant >= made)  # type: ignore[misc]
