"""A running scheduler and pauses: it fires nothing of them, resumes what has reached its end, and shows the others."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

import pytest

from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.asyncjobs.model import Pause, encode_scheduled_task
from ajsync.asyncjobs.names import CONFIGURATION_STREAM, TASKS_STREAM, schedule_key
from ajsync.asyncjobs.pause import pause_key
from ajsync.asyncjobs.pausing import Settled
from ajsync.asyncjobs.pausing import pause as pause_keys
from ajsync.asyncjobs.pausing import resume as resume_keys
from ajsync.asyncjobs.streams import make_stream
from ajsync.errors import NotPermittedError
from ajsync.reconcile.pause import Owners, pause, resume
from ajsync.scheduler import resuming
from ajsync.scheduler.display import Display
from ajsync.scheduler.monitor.page.query import Query
from ajsync.scheduler.monitor.page.schedule import schedule_page
from ajsync.scheduler.monitor.status import status_json
from ajsync.scheduler.monitor.view import Past
from ajsync.scheduler.overview import status_of
from ajsync.scheduler.scheduler import Scheduler
from ajsync.timestamp import NANOSECONDS as SECOND
from ajsync.transport.connection import Connection, connect
from ajsync.transport.context import context_for_server
from tests.go_watcher import go_watcher
from tests.nats_server import NatsServer
from tests.scheduler.fires import make_queue
from tests.scheduler.running import doomed, leading, put, running, tasks, wait_for_tasks
from tests.tasks import OWNER, task
from tests.transport.watched import put as store
from tests.waiting import until

pytestmark = pytest.mark.anyio

OURS = Owners((OWNER,))


@pytest.fixture
async def bucket(server: NatsServer) -> AsyncIterator[ConfigurationBucket]:
    """A bucket, a queue, and the schedule TICK of each second."""
    async with connect(context_for_server(server.url)) as connection:
        made, _ = await ConfigurationBucket.create(connection)
        await make_stream(connection, TASKS_STREAM)
        await make_queue(connection, "EMAIL")
        yield made


async def paused(bucket: ConfigurationBucket, *names: str, **options: Any) -> int:
    """Pause; when the schedule's key was deleted, by the server's clock."""
    (settled, *_) = await pause(bucket, names or ("TICK",), OURS, **{"by": "ann", "reason": "why", **options})
    assert settled.error is None
    return await stored_at(bucket)


async def resumed(bucket: ConfigurationBucket) -> int:
    """Resume; when the schedule was stored again, by the server's clock."""
    (settled,) = await resume(bucket, ["TICK"], OURS)
    assert settled.error is None
    return await stored_at(bucket)


async def stored_at(bucket: ConfigurationBucket, name: str = "TICK") -> int:
    found = await bucket.get(schedule_key(name))
    assert found is not None
    return found.stored_at


async def is_active(bucket: ConfigurationBucket, name: str = "TICK") -> bool:
    found = await bucket.get(schedule_key(name))
    return found is not None and not found.deleted


async def until_active(bucket: ConfigurationBucket, name: str = "TICK") -> None:
    async with asyncio.timeout(30):
        while True:
            ended = await bucket.get(pause_key(name))
            if await is_active(bucket, name) and (ended is None or ended.deleted):
                return
            await asyncio.sleep(0.05)


async def dues(connection: Connection) -> list[int]:
    """When the tasks that were made were due."""
    return [made.created for made in await tasks(connection)]


def none_between(found: Sequence[int], since: int, until: int) -> bool:
    """Whether nothing is due in the pause. A fire in the milliseconds in which its news is under way may be made."""
    return not [due for due in found if since + SECOND // 5 < due <= until]


async def test_nothing_of_a_short_pause_is_fired_by_the_leader_or_after_a_takeover(bucket: ConfigurationBucket) -> None:
    url = bucket.connection.url
    await put(bucket.connection, "TICK", created_at=time.time_ns() - 1000 * SECOND)
    async with AsyncExitStack() as first:
        await first.enter_async_context(doomed(url, "one"))
        async with running(url, "two"):
            await wait_for_tasks(bucket.connection, 2)
            since = await paused(bucket)
            await until_past(since + 3 * SECOND)
            ended = await resumed(bucket)
            before = len(await dues(bucket.connection))
            await wait_for_tasks(bucket.connection, before + 2)
            await first.aclose()
            found = await dues(bucket.connection)
            await wait_for_tasks(bucket.connection, len(found) + 2)
    found = await dues(bucket.connection)
    assert none_between(found, since, ended)
    assert [due for due in found if due <= since]
    assert [due for due in found if due > ended]


async def until_past(instant: int) -> None:
    """Wait until this clock shows an instant."""
    await until(lambda: time.time_ns() > instant)


async def test_a_scheduler_that_starts_during_or_after_a_pause_catches_up_with_nothing_of_it(
    bucket: ConfigurationBucket,
) -> None:
    url = bucket.connection.url
    fields = {"created_at": time.time_ns() - 1000 * SECOND}
    await put(bucket.connection, "TICK", **fields)
    async with leading(url, "one"):
        await wait_for_tasks(bucket.connection, 1)
        since = await paused(bucket)
    for name in ("two", "three"):  # one starts while it is paused, the other after the resume
        async with leading(url, name):
            pass
    await until_past(since + 2 * SECOND)
    ended = await resumed(bucket)
    before = len(await dues(bucket.connection))
    async with leading(url, "four"):
        await wait_for_tasks(bucket.connection, before + 2)
    assert none_between(await dues(bucket.connection), since, ended)


async def test_the_leader_resumes_what_has_reached_its_end_and_nothing_else(bucket: ConfigurationBucket) -> None:
    url = bucket.connection.url
    await put(bucket.connection, "TICK", owner=None)
    await put(bucket.connection, "LONG")
    for name, last in (("TICK", SECOND), ("LONG", 3600 * SECOND)):
        owners = Owners((OWNER, None))
        (settled,) = await pause(bucket, [name], owners, by="ann", reason="why", last=last)
        assert settled.pause is not None
    async with leading(url) as scheduler:
        await until_active(bucket)
        found = (await bucket.read()).entries["TICK"].task
        assert found is not None
        ((since, _),) = found.pauses
        assert await stored_at(bucket) >= since + SECOND
        await wait_for_tasks(bucket.connection, 1)
        assert not await is_active(bucket, "LONG")
        await until(lambda: [each.name for each in status_of(scheduler).paused] == ["LONG"])


async def test_a_pause_that_is_made_longer_at_its_end_lasts(bucket: ConfigurationBucket) -> None:
    await put(bucket.connection, "TICK")
    async with leading(bucket.connection.url) as scheduler:
        await paused(bucket, last=SECOND)
        await paused(bucket, last=3600 * SECOND)
        await until_past(time.time_ns() + 2 * SECOND)
        assert not await is_active(bucket)
        (shown,) = status_of(scheduler).paused
        assert shown.until is not None
        assert shown.until > time.time_ns() + 3000 * SECOND
        await paused(bucket, last=SECOND // 2)
        await until_active(bucket)


async def test_a_pause_whose_end_passed_while_nobody_led_ends_when_somebody_does(bucket: ConfigurationBucket) -> None:
    await put(bucket.connection, "TICK", created_at=time.time_ns() - 1000 * SECOND)
    async with leading(bucket.connection.url, "one"):
        await wait_for_tasks(bucket.connection, 1)
    since = await paused(bucket, last=SECOND)
    await until_past(since + 3 * SECOND)
    before = len(await dues(bucket.connection))
    async with leading(bucket.connection.url, "two"):
        await until_active(bucket)
        await wait_for_tasks(bucket.connection, before + 1)
    assert none_between(await dues(bucket.connection), since, await stored_at(bucket))


async def test_the_leader_waits_for_a_go_scheduler_beside_it(bucket: ConfigurationBucket) -> None:
    await put(bucket.connection, "TICK")
    async with go_watcher(bucket.connection) as watcher, leading(bucket.connection.url):
        await watcher.until("TICK", ["@every 1s"])
        await paused(bucket, last=SECOND)
        await watcher.until("TICK", [])
        await until_active(bucket)
        await watcher.until("TICK", ["@every 1s"])


async def test_an_interrupted_pause_is_cleared_up_at_its_end(bucket: ConfigurationBucket) -> None:
    """Its first write was made: the schedule goes on, and at the end of the pause its key is gone."""
    scheduled, _ = await put(bucket.connection, "TICK", created_at=time.time_ns() - 1000 * SECOND)
    await paused(bucket, last=SECOND)
    await bucket.connection.request(bucket.subject(schedule_key("TICK")), encode_scheduled_task(scheduled))
    async with leading(bucket.connection.url) as scheduler:
        await until(lambda: "TICK" in scheduler.agenda)
        assert status_of(scheduler).paused == ()
        await until_active(bucket)
        await wait_for_tasks(bucket.connection, 1)


async def test_what_cannot_be_resumed_is_a_problem_and_is_tried_again(
    bucket: ConfigurationBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = True

    async def refuse(bucket: ConfigurationBucket, names: Sequence[str], *arguments: Any, **options: Any) -> Any:
        if refused:
            return {name: Settled(name, NotPermittedError("not for you")) for name in names}
        return await resume_keys(bucket, names, *arguments, **options)

    monkeypatch.setattr(resuming, "resume", refuse)
    monkeypatch.setattr(resuming, "_RETRY_SECONDS", 0.2)
    await put(bucket.connection, "TICK")
    await paused(bucket, last=SECOND)
    async with leading(bucket.connection.url) as scheduler:
        await until(lambda: any("not for you" in each.problem for each in status_of(scheduler).problems))
        refused = False
        await until_active(bucket)
        await until(lambda: not status_of(scheduler).problems)


async def test_status_page_json_and_metrics_show_what_is_paused(bucket: ConfigurationBucket) -> None:
    await put(bucket.connection, "TICK")
    reason = "<script>\x1b[31m"
    await paused(bucket, reason=reason, until=int(datetime(2100, 1, 1, tzinfo=UTC).timestamp()) * SECOND)

    def shown(scheduler: Scheduler) -> str:
        return scheduler.metrics.exposition().decode()

    async with leading(bucket.connection.url) as scheduler:
        await until(lambda: "ajsync_scheduler_paused_schedules 1" in shown(scheduler))
        status = status_of(scheduler)
        (found,) = status_json(status)["paused"]
        assert (found["name"], found["by"], found["reason"]) == ("TICK", "ann", reason)
        assert (found["until"], status_json(status)["more_paused"]) == ("2100-01-01T00:00:00Z", 0)
        display = Display(scheduler, lambda _task: "")

        def page() -> str:
            return schedule_page(display.view(), Query(name="TICK"), None, Past(), display.yaml).decode()

        assert "until <time" in page()
        assert "<script>" not in page()
        assert "1 Jan 2100" in page()
        await resumed(bucket)
        await until(lambda: "ajsync_scheduler_paused_schedules 0" in shown(scheduler))
        assert "Paused" not in page()
        assert status_json(status_of(scheduler))["paused"] == []


async def test_a_thousand_pauses_end_at_once(bucket: ConfigurationBucket) -> None:
    names = [f"T{number}" for number in range(1000)]
    await store(bucket.connection, {name: encode_scheduled_task(task(name, schedule="@yearly")) for name in names})
    now = await bucket.server_time()
    wanted = Pause(now, "ann", "why", now + SECOND)
    assert not [each for each in (await pause_keys(bucket, names, wanted, lambda _keys: None)).values() if each.error]
    async with leading(bucket.connection.url) as scheduler:
        await until(lambda: len(scheduler.agenda) == 1000)
        await until(lambda: len(scheduler.pauses) == 0)
    info = await bucket.connection.jetstream_request(f"STREAM.INFO.{CONFIGURATION_STREAM}")
    assert info["state"]["messages"] >= 2000
