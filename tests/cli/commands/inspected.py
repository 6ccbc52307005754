"""A server with schedules of all kinds, for the commands that only look."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import nats
from nats.aio.client import Client
from nats.js.api import ConsumerConfig, RetentionPolicy, StreamConfig

from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.asyncjobs.model import ScheduledTask
from ajsync.asyncjobs.names import ELECTIONS_STREAM, TASKS_STREAM
from ajsync.asyncjobs.streams import make_stream
from ajsync.timestamp import NANOSECONDS
from ajsync.transport.connection import connect
from ajsync.transport.context import context_for_server
from tests.tasks import task
from tests.values import put, put_values

HOSTILE = "\x1b[2J\x1b]0;x\x07\u202eevil"
"""Clears the screen, sets the title and reverses the rest of the line, where a terminal gets to see it."""


def schedules() -> list[ScheduledTask]:
    """Stored two hours and a bit ago."""
    created_at = time.time_ns() - 7300 * NANOSECONDS
    return [
        task("TICK", schedule="@every 1h", created_at=created_at, payload=b'{"a": 1}'),
        task("NIGHTLY", schedule="CRON_TZ=Europe/Malta 30 2 * * *", created_at=created_at),
        task("NEVER", schedule="0 0 30 2 *", created_at=created_at),
        task("LOST", queue="EMIAL", created_at=created_at),
        task("EVIL", schedule="@daily", queue=HOSTILE, task_type=HOSTILE, created_at=created_at),
        task("BAD", schedule=f"61 {HOSTILE} * * *", created_at=created_at),
    ]


def fill(url: str) -> None:
    """Make the bucket, the stores and the queue EMAIL, and store the schedules and a value that is none."""

    async def make() -> None:
        async with connect(context_for_server(url)) as connection:
            await ConfigurationBucket.create(connection)
            for stream in (TASKS_STREAM, ELECTIONS_STREAM):
                await make_stream(connection, stream)

    asyncio.run(make())
    with_client(url, _make_queue)
    put(url, schedules())
    put_values(url, {"BROKEN": f"not JSON {HOSTILE}".encode()})


def with_client(url: str, act: Callable[[Client], Awaitable[Any]]) -> Any:
    """Do something on a connection of its own."""

    async def main() -> Any:
        client = await nats.connect(url)
        try:
            return await act(client)
        finally:
            await client.close()

    return asyncio.run(main())


async def _make_queue(client: Client) -> None:
    jetstream = client.jetstream(timeout=30)  # a machine may do other things
    await jetstream.add_stream(
        StreamConfig(name="CHORIA_AJ_Q_EMAIL", subjects=["CHORIA_AJ.Q.EMAIL.>"], retention=RetentionPolicy.WORK_QUEUE)
    )
    await jetstream.add_consumer("CHORIA_AJ_Q_EMAIL", ConsumerConfig(durable_name="WORKERS", max_deliver=5))
