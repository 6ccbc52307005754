"""Work queues on the server: which of those that the files declare are missing, and how a missing one is made."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import suppress

from ajsync.asyncjobs.names import CONFIGURATION_STREAM
from ajsync.asyncjobs.queues import (
    WORKERS,
    QueueSettings,
    QueueSurvey,
    differences,
    queue_consumer,
    queue_stream,
    settings_of,
)
from ajsync.transport.connection import Connection
from ajsync.transport.errors import ConsumerNotFoundError, StreamExistsError, StreamNotFoundError

_AT_ONCE = 50
"""Queues that are looked at at once."""


async def survey_queues(connection: Connection, declared: Collection[QueueSettings]) -> QueueSurvey:
    """Look at each queue. Raises as `Connection.jetstream_request`."""
    limit = asyncio.Semaphore(_AT_ONCE)

    async def look_up(queue: QueueSettings) -> QueueSettings | None:
        """The queue as it is; None if it is missing, or has no consumer for workers."""
        async with limit:
            try:
                stream = await connection.jetstream_request(f"STREAM.INFO.{queue.stream}")
                consumer = await connection.jetstream_request(f"CONSUMER.INFO.{queue.stream}.{WORKERS}")
            except (StreamNotFoundError, ConsumerNotFoundError):
                return None
        return settings_of(queue.name, stream["config"], consumer["config"])

    queues = sorted(declared, key=lambda queue: queue.name)
    found = await asyncio.gather(*map(look_up, queues))
    different = {
        queue.name: "; ".join(differences(queue, there))
        for queue, there in zip(queues, found, strict=True)
        if there is not None
    }
    return QueueSurvey(
        missing=tuple(queue for queue, there in zip(queues, found, strict=True) if there is None),
        different=tuple((name, text) for name, text in different.items() if text),
    )


async def make_queue(connection: Connection, queue: QueueSettings) -> None:
    """Make a queue, or what is missing of it, with as many replicas as the bucket of schedules has.

    What exists is not changed. Raises as `Connection.jetstream_request`.
    """
    bucket = await connection.jetstream_request(f"STREAM.INFO.{CONFIGURATION_STREAM}")
    with suppress(StreamExistsError):  # it has no consumer yet, or another client was faster
        config = queue_stream(queue, bucket["config"]["num_replicas"])
        await connection.jetstream_request(f"STREAM.CREATE.{queue.stream}", config)
    try:
        await connection.jetstream_request(f"CONSUMER.INFO.{queue.stream}.{WORKERS}")
    except ConsumerNotFoundError:
        body = {"stream_name": queue.stream, "config": queue_consumer(queue), "action": "create"}
        await connection.jetstream_request(f"CONSUMER.CREATE.{queue.stream}.{WORKERS}", body)
