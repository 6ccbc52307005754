"""One scheduler that runs in the test's own loop, on a connection of its own, and the tasks that it has made."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from ajsync.asyncjobs.model import ScheduledTask, encode_scheduled_task
from ajsync.asyncjobs.names import CONFIGURATION_STREAM, CONFIGURATION_SUBJECT, SCHEDULE_SUBJECT, TASKS_STREAM
from ajsync.asyncjobs.tasks import StoredTask, decode_task
from ajsync.scheduler.election.watermark import WATERMARK_KEY, Watermark, decode_watermark
from ajsync.scheduler.scheduler import Scheduler
from ajsync.scheduler.settings import Settings
from ajsync.transport.connection import Connection, connect
from ajsync.transport.context import context_for_server
from ajsync.transport.messages import last_message
from tests.tasks import task
from tests.waiting import until

EVERY_SECOND = "@every 1s"


@asynccontextmanager
async def running(
    url: str, name: str = "one", *, clock: Callable[[], int] = time.time_ns, **settings: Any
) -> AsyncIterator[Scheduler]:
    """A scheduler that runs until the block ends, and then stops as by a signal."""
    async with (
        connect(context_for_server(url), reconnect_timeout=None) as connection,
        running_on(connection, name, clock=clock, **settings) as scheduler,
    ):
        yield scheduler


@asynccontextmanager
async def running_on(
    connection: Connection, name: str, *, clock: Callable[[], int] = time.time_ns, **settings: Any
) -> AsyncIterator[Scheduler]:
    """The same on a connection that is there."""
    scheduler = Scheduler(connection, Settings(name, **settings), clock=clock)
    stop = asyncio.Event()
    job = asyncio.create_task(scheduler.run(stop))
    try:
        yield scheduler
    finally:
        stop.set()
        await asyncio.wait_for(job, 30)


@asynccontextmanager
async def doomed(
    url: str, name: str = "one", *, clock: Callable[[], int] = time.time_ns, **settings: Any
) -> AsyncIterator[Scheduler]:
    """A scheduler that leads, and dies at the end of the block as by SIGKILL: it finishes and gives back nothing."""
    async with connect(context_for_server(url), reconnect_timeout=None) as connection:
        scheduler = Scheduler(connection, Settings(name, **settings), clock=clock)
        job = asyncio.create_task(scheduler.run(asyncio.Event()))
        try:
            await until(lambda: scheduler.leads)
            yield scheduler
        finally:
            job.cancel()
            await asyncio.gather(job, return_exceptions=True)


@asynccontextmanager
async def leading(url: str, name: str = "one", **options: Any) -> AsyncIterator[Scheduler]:
    """A scheduler that leads already."""
    async with running(url, name, **options) as scheduler:
        await until(lambda: scheduler.leads)
        yield scheduler


async def put(connection: Connection, name: str, **fields: Any) -> tuple[ScheduledTask, int]:
    """Store a schedule, by default of each second; it, and when that was, by the server's clock."""
    scheduled = task(name, **{"schedule": EVERY_SECOND, **fields})
    return scheduled, await put_data(connection, name, encode_scheduled_task(scheduled))


async def put_data(connection: Connection, name: str, data: bytes) -> int:
    """Store any value under the key of a name; when that was, by the server's clock."""
    await connection.request(SCHEDULE_SUBJECT + name, data)
    return await _stored_at(connection, name)


async def delete(connection: Connection, name: str) -> int:
    """Delete a schedule; when that was, by the server's clock."""
    await connection.request(SCHEDULE_SUBJECT + name, b"", headers={"KV-Operation": "DEL"})
    return await _stored_at(connection, name)


async def _stored_at(connection: Connection, name: str) -> int:
    found = await last_message(connection, CONFIGURATION_STREAM, SCHEDULE_SUBJECT + name)
    assert found is not None
    return found.stored_at


async def stored_watermark(connection: Connection) -> Watermark:
    """The watermark that is stored."""
    found = await last_message(connection, CONFIGURATION_STREAM, CONFIGURATION_SUBJECT + WATERMARK_KEY)
    assert found is not None
    return decode_watermark(found.data)


async def tasks(connection: Connection) -> list[StoredTask]:
    """Every task, in the order in which they were created."""
    state = (await connection.jetstream_request(f"STREAM.INFO.{TASKS_STREAM}", {"subjects_filter": ">"}))["state"]
    found = [await last_message(connection, TASKS_STREAM, subject) for subject in state.get("subjects", {})]
    return sorted((decode_task(each.data) for each in found if each), key=lambda made: (made.created, made.type))


async def wait_for_tasks(connection: Connection, count: int, task_type: str = "email:new") -> list[StoredTask]:
    """All tasks of a type, once there are so many."""
    async with asyncio.timeout(30):
        while True:
            found = [each for each in await tasks(connection) if each.type == task_type]
            if len(found) >= count:
                return found
            await asyncio.sleep(0.05)
