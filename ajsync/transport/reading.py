"""Read the last message of each subject of a stream, without a consumer: every key that was there throughout, or fail.

Any replica may answer the direct gets that bring the values, also one that lags, so the leader says whether that is
all (docs/decisions/0009-reads-without-consumers.md).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ajsync.errors import UnreachableError
from ajsync.transport.connection import Connection
from ajsync.transport.leader import last_messages, list_subjects
from ajsync.transport.tail import Tail

_ATTEMPTS = 3
_ROUNDS = 3
"""How often to read what was written in the meantime, before keys that were not met are asked for by name."""


@dataclass(slots=True)
class Reading:
    """What a stream held."""

    created: str
    """When the stream was made, as the server says it."""
    messages: dict[str, tuple[int, bytes | None]] = field(default_factory=dict)
    """Subject → revision and value, None where the message says that the key is gone."""

    def take(self, subject: str, revision: int, _stored_at: int, value: bytes | None) -> None:
        """Take the last message of a subject, as far as is known yet."""
        self.messages[subject] = revision, value


async def read_stream(connection: Connection, stream: str, subjects: str) -> Reading:
    """Read a stream that keeps one message for each subject; `subjects` matches all of them.

    Raises UnreachableError where it cannot be read to the end, and as `Connection.jetstream_request`.
    """
    for _ in range(_ATTEMPTS):
        if (reading := await _read(connection, stream, subjects)) is not None:
            return reading
    raise UnreachableError(
        f"The stream {stream} was deleted and made again while it was read, {_ATTEMPTS} times in a row; nothing was "
        "changed. Find out who deletes it, and try again."
    )


async def _read(connection: Connection, stream: str, subjects: str) -> Reading | None:
    """None where it is another stream at the end than at the beginning.

    If the leader has nothing beyond the tail's position, then every key was met as the leader has it: where it was when
    the walk passed its place, or further on, to which it moved when it was written. A purged key may have been met at a
    replica that did not know yet; the number of keys tells.
    """
    info = await _info(connection, stream)
    reading = Reading(info["created"])
    tail = Tail(connection, stream, [subjects], reading.take)
    for _ in range(_ROUNDS):
        await tail.read_to(info["state"]["last_seq"])
        info = await _info(connection, stream)
        if info["created"] != reading.created:
            return None
        if await tail.is_at(info["state"]["last_seq"]):
            if info["state"]["messages"] == len(reading.messages):
                return reading
            break
    return await _settle(connection, stream, subjects, reading)


async def _settle(connection: Connection, stream: str, subjects: str, reading: Reading) -> Reading | None:
    """Compare with the keys by name: add those that were written so often that they were not met, remove the purged."""
    listing = await list_subjects(connection, stream, subjects)
    if listing.created != reading.created:
        return None
    missing = [subject for subject in listing.subjects if subject not in reading.messages]
    for message in (await last_messages(connection, stream, missing)).values():
        reading.messages[message.subject] = message.revision, message.value
    for subject in reading.messages.keys() - listing.subjects:
        del reading.messages[subject]
    return reading


async def _info(connection: Connection, stream: str) -> dict[str, Any]:
    return await connection.jetstream_request(f"STREAM.INFO.{stream}")
