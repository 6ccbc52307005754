"""Work queues on the server: finds which declared queues are missing, and makes them."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from typing import Any

from ajsync.asyncjobs.names import CONFIGURATION_STREAM, LONGEST_NAME, QUEUE_NAME, QUEUE_STREAM_PREFIX
from ajsync.asyncjobs.queues import (
    WORKERS,
    QueueSettings,
    QueueSurvey,
    differences,
    queue_consumer,
    queue_stream,
    queue_subjects,
    settings_of,
)
from ajsync.asyncjobs.streams import taken
from ajsync.errors import ConflictError, NotPermittedError
from ajsync.text import listed, visible
from ajsync.transport.connection import Connection
from ajsync.transport.errors import ConsumerNotFoundError, StreamExistsError, StreamNotFoundError, SubjectsTakenError
from ajsync.transport.subjects import overlap

_AT_ONCE = 50
"""How many queues are looked at at once."""


async def survey_queues(connection: Connection, declared: Collection[QueueSettings]) -> QueueSurvey:
    """Look at each queue. Raises as `Connection.jetstream_request`."""
    limit = asyncio.Semaphore(_AT_ONCE)
    strange: dict[str, str] = {}

    async def look_up(queue: QueueSettings) -> QueueSettings | None:
        """The queue as it exists; None if it is missing, or has no consumer for workers."""
        async with limit:
            try:
                stream = await connection.jetstream_request(f"STREAM.INFO.{queue.stream}")
                consumer = await connection.jetstream_request(f"CONSUMER.INFO.{queue.stream}.{WORKERS}")
            except (StreamNotFoundError, ConsumerNotFoundError):
                return None
        if reason := _strange_stream(queue, stream["config"]):
            strange[queue.name] = reason
        return settings_of(queue.name, stream["config"], consumer["config"])

    queues = sorted(declared, key=lambda queue: queue.name)
    found = await asyncio.gather(*map(look_up, queues))
    different = {
        queue.name: strange.get(queue.name) or "; ".join(differences(queue, there))
        for queue, there in zip(queues, found, strict=True)
        if there is not None
    }
    return QueueSurvey(
        missing=tuple(queue for queue, there in zip(queues, found, strict=True) if there is None),
        different=tuple((name, text) for name, text in different.items() if text),
    )


async def missing_queues(connection: Connection, names: Collection[str]) -> frozenset[str]:
    """The queues among these that do not exist, of those that the user may look at.

    Raises as `Connection.jetstream_request`, but for the missing permission.
    """
    limit = asyncio.Semaphore(_AT_ONCE)

    async def is_missing(name: str) -> bool:
        async with limit:
            try:
                await connection.jetstream_request(f"STREAM.INFO.{QUEUE_STREAM_PREFIX}{name}")
            except StreamNotFoundError:
                return True
            except NotPermittedError:
                return False
        return False

    # Others cannot be part of a subject, and a schedule with such a queue is not fired.
    queues = [name for name in names if QUEUE_NAME.fullmatch(name) and len(name) <= LONGEST_NAME]
    found = await asyncio.gather(*map(is_missing, queues))
    return frozenset(name for name, missing in zip(queues, found, strict=True) if missing)


async def make_queue(connection: Connection, queue: QueueSettings) -> None:
    """Make a queue, or its missing parts, with as many replicas as the bucket of schedules has.

    Existing parts are not changed. Raises as `Connection.jetstream_request`, and ConflictError if a stream is in the
    way.
    """
    bucket = await connection.jetstream_request(f"STREAM.INFO.{CONFIGURATION_STREAM}")
    try:
        config = queue_stream(queue, bucket["config"]["num_replicas"])
        await connection.jetstream_request(f"STREAM.CREATE.{queue.stream}", config)
    except StreamExistsError:  # it has no consumer yet, another client was faster, or it is not a queue
        found = await connection.jetstream_request(f"STREAM.INFO.{queue.stream}")
        if reason := _strange_stream(queue, found["config"]):
            raise ConflictError(f"The queue {queue.name} cannot be made: {reason}.") from None
    except SubjectsTakenError:
        raise taken(f"The queue {queue.name}", config["subjects"]) from None
    try:
        await connection.jetstream_request(f"CONSUMER.INFO.{queue.stream}.{WORKERS}")
    except ConsumerNotFoundError:
        body = {"stream_name": queue.stream, "config": queue_consumer(queue), "action": "create"}
        await connection.jetstream_request(f"CONSUMER.CREATE.{queue.stream}.{WORKERS}", body)


def _strange_stream(queue: QueueSettings, stream: Mapping[str, Any]) -> str:
    """Why a stream with the name of a queue's stream takes none of its tasks, and what to do about that; "" if it takes
    them."""
    (wanted,), found = queue_subjects(queue), stream.get("subjects") or []
    if any(overlap(each, wanted) for each in found):
        return ""
    takes = listed([*map(visible, found)]) or "no subject"
    return (
        f"its stream {queue.stream} takes {takes} and not {wanted}, so no task reaches it; delete that stream if "
        "nothing needs it, or declare a queue of another name"
    )
