"""The streams of asyncjobs: their configurations, and making a missing one.

The configurations are those of the Go tool, recorded in tests/golden/streams.json.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from ajsync.asyncjobs.names import (
    CONFIGURATION_BUCKET,
    CONFIGURATION_STREAM,
    ELECTIONS_BUCKET,
    ELECTIONS_STREAM,
    TASK_SUBJECT,
    TASKS_STREAM,
)
from ajsync.errors import ConflictError
from ajsync.timestamp import NANOSECONDS
from ajsync.transport.connection import Connection
from ajsync.transport.errors import StreamExistsError, StreamNotFoundError, SubjectsTakenError

_TWO_MINUTES = 120 * NANOSECONDS


def stream_configuration(stream: str, *, replicas: int = 1, memory: bool = False) -> dict[str, Any]:
    """The configuration of one of the three streams of asyncjobs."""
    return {
        "retention": "limits",
        "max_consumers": -1,
        "max_msgs": -1,
        "max_bytes": -1,
        "max_msgs_per_subject": 1,
        "max_msg_size": -1,
        "storage": "memory" if memory else "file",
        "num_replicas": replicas,
        **_OWN[stream],
        "name": stream,
    }


def _bucket(bucket: str, description: str, ttl: int) -> dict[str, Any]:
    return {
        "description": description,
        "subjects": [f"$KV.{bucket}.>"],
        "discard": "new",
        "max_age": ttl,
        "duplicate_window": min(ttl, _TWO_MINUTES) or _TWO_MINUTES,
        "allow_direct": True,
        "deny_delete": True,
        "allow_rollup_hdrs": True,
    }


_OWN: dict[str, dict[str, Any]] = {
    CONFIGURATION_STREAM: _bucket(CONFIGURATION_BUCKET, "Choria Async Jobs Configuration", 0),
    ELECTIONS_STREAM: _bucket(ELECTIONS_BUCKET, "Choria Async Jobs Leader Elections", 10 * NANOSECONDS),
    TASKS_STREAM: {
        "description": "Choria Async Jobs Tasks",
        "subjects": [f"{TASK_SUBJECT}*"],
        "discard": "old",
        "max_age": 0,
        "duplicate_window": _TWO_MINUTES,
    },
}


async def make_stream(connection: Connection, stream: str, *, replicas: int = 1, memory: bool = False) -> bool:
    """Make one of the three streams if it is missing; returns whether it was made now."""
    with suppress(StreamNotFoundError):
        await connection.jetstream_request(f"STREAM.INFO.{stream}")
        return False
    try:
        config = stream_configuration(stream, replicas=replicas, memory=memory)
        await connection.jetstream_request(f"STREAM.CREATE.{stream}", config)
    except StreamExistsError:  # another client was faster
        return False
    except SubjectsTakenError:
        raise taken(f"The stream {stream}", config["subjects"]) from None
    return True


def taken(what: str, subjects: Sequence[str]) -> ConflictError:
    """The error for a stream, named by `what`, that cannot be made because another one has its subjects."""
    subject = " and ".join(subjects)
    return ConflictError(
        f"{what} cannot be made, because another stream takes {subject}. 'nats stream ls --subject \"{subjects[0]}\"' "
        "shows which one: delete it, or take that subject from it."
    )
