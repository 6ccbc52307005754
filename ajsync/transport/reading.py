"""Read the last message of each subject of a stream, without a consumer: all that were there throughout, or an error.

The values come by direct gets, which any replica answers, also one that lags; whether that is all the leader says.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import Any

from ajsync.errors import UnreachableError
from ajsync.transport.connection import Connection
from ajsync.transport.leader import last_messages, list_subjects
from ajsync.transport.messages import LastMessage, next_message
from ajsync.transport.walk import NoWalkError, Walk

_log = logging.getLogger(__name__)

_ATTEMPTS = 3
_ROUNDS = 3
"""So often the walk runs after what is written meanwhile; then what it has not met is asked for by name."""
_LAG_SECONDS = 3.0
"""Longer than a replica in health lags; then the leader is asked for all of it."""
_LAG_PAUSE_SECONDS = 0.01


@dataclass(slots=True)
class Reading:
    """What a stream held."""

    created: str
    """When the stream was made, as the server says it."""
    messages: dict[str, tuple[int, bytes | None]] = field(default_factory=dict)
    """Subject → revision and data, None where it says that the key is gone."""

    def take(self, subject: str, revision: int, data: bytes | None, _stored_at: str) -> None:
        """Take the last message of a subject, as it looks so far."""
        self.messages[subject] = revision, data

    def take_message(self, message: LastMessage) -> None:
        """Take what the leader says."""
        self.messages[message.subject] = message.revision, None if message.deleted else message.data


async def read_stream(connection: Connection, stream: str, subjects: str) -> Reading:
    """Read a stream that keeps one message of each subject; `subjects` matches all of them.

    Raises UnreachableError where it cannot be read to the end, and as `Connection.jetstream_request`.
    """
    for _ in range(_ATTEMPTS):
        try:
            reading = await _walk_through(connection, stream, subjects)
        except NoWalkError as error:
            _log.info("reading %s key by key: %s", stream, error)
            reading = await _read_by_name(connection, stream, subjects)
        if reading is not None:
            return reading
    raise UnreachableError(
        f"The stream {stream} was made anew while it was read, {_ATTEMPTS} times in a row; nothing was changed. "
        "Find out who deletes it, and try again."
    )


async def _walk_through(connection: Connection, stream: str, subjects: str) -> Reading | None:
    """None where it is another stream at the end than at the beginning.

    Where the leader has nothing beyond the walk, the walk has met every key as the leader has it: it passed by the
    place of each in a state in which the key was there, or further on, where it was then met. A key that was purged may
    have been met at a replica that did not know yet, which the count tells.
    """
    start = await _info(connection, stream)
    reading = Reading(start["created"])
    walk = Walk(connection, stream, subjects, reading.take)
    loop, rounds = asyncio.get_running_loop(), 0
    deadline = loop.time() + _LAG_SECONDS
    while rounds < _ROUNDS:
        await walk.to_end()
        info = await _info(connection, stream)
        if info["created"] != start["created"]:
            return None
        last = info["state"]["last_seq"]
        if last == walk.position or (
            last > walk.position and await next_message(connection, stream, subjects, walk.position) is None
        ):
            if info["state"]["messages"] == len(reading.messages):
                return reading
            break
        if last > walk.position >= start["state"]["last_seq"]:
            rounds += 1
        elif loop.time() < deadline:
            await asyncio.sleep(_LAG_PAUSE_SECONDS)
        else:
            raise NoWalkError("a replica lags behind the leader")
    return await _settle(connection, stream, subjects, reading)


async def _settle(connection: Connection, stream: str, subjects: str, reading: Reading) -> Reading | None:
    """Compare with the keys by name: add those that were written so often that the walk met them nowhere."""
    listing = await list_subjects(connection, stream, subjects)
    if listing.created != reading.created:
        return None
    missing = [subject for subject in listing.subjects if subject not in reading.messages]
    for message in (await last_messages(connection, stream, missing)).values():
        reading.take_message(message)
    for subject in reading.messages.keys() - listing.subjects:
        del reading.messages[subject]
    return reading


async def _read_by_name(connection: Connection, stream: str, subjects: str) -> Reading | None:
    """Read by the word of the leader alone; None where it is another stream at the end than at the beginning."""
    listing = await list_subjects(connection, stream, subjects)
    reading = Reading(listing.created)
    for message in (await last_messages(connection, stream, [*listing.subjects])).values():
        reading.take_message(message)
    return reading if (await _info(connection, stream))["created"] == listing.created else None


async def _info(connection: Connection, stream: str) -> dict[str, Any]:
    return await connection.jetstream_request(f"STREAM.INFO.{stream}")
