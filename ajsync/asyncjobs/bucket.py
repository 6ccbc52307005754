"""The configuration bucket: open it, make it, and read it as a whole.

A read that fails or ends early raises, so it never looks like a bucket with fewer schedules.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Set

from ajsync.asyncjobs.model import BucketIdentity, Live, LiveSchedule, decode_scheduled_task
from ajsync.asyncjobs.names import (
    CONFIGURATION_BUCKET,
    CONFIGURATION_STREAM,
    CONFIGURATION_SUBJECT,
    SCHEDULE_SUBJECT,
)
from ajsync.asyncjobs.pause import PAUSE_SUBJECT, decode_paused_entry
from ajsync.asyncjobs.streams import make_stream
from ajsync.errors import BucketNotFoundError, StoredValueError
from ajsync.timestamp import parse_timestamp
from ajsync.transport.connection import REQUEST_SECONDS, Connection
from ajsync.transport.errors import StreamNotFoundError
from ajsync.transport.messages import LastMessage, last_message
from ajsync.transport.reading import Reading, StreamReader

_log = logging.getLogger(__name__)

_SCHEDULE_AT, _PAUSE_AT = len(SCHEDULE_SUBJECT), len(PAUSE_SUBJECT)


class ConfigurationBucket:
    """The bucket of the scheduled tasks, on one connection."""

    def __init__(self, connection: Connection, target: BucketIdentity, domain: str = "") -> None:
        self.connection = connection
        self.target = target
        self.domain = domain
        """The JetStream domain of the bucket; empty if the server has none."""

    @classmethod
    async def open(cls, connection: Connection) -> ConfigurationBucket:
        """The bucket, if it exists. Raises BucketNotFoundError if it does not; it is never made here."""
        try:
            info = await connection.jetstream_request(f"STREAM.INFO.{CONFIGURATION_STREAM}", {})
        except StreamNotFoundError:
            raise BucketNotFoundError(
                f"The bucket {CONFIGURATION_BUCKET} does not exist on this server and account. "
                "Make it with 'ajsync init --bucket' or 'ajsync apply --create-bucket'."
            ) from None
        return cls(connection, BucketIdentity(CONFIGURATION_BUCKET, info["created"]), info.get("domain", ""))

    @classmethod
    async def create(
        cls, connection: Connection, *, replicas: int = 1, memory: bool = False
    ) -> tuple[ConfigurationBucket, bool]:
        """The bucket, made as asyncjobs makes it if it is missing, and whether it was made now."""
        made = await make_stream(connection, CONFIGURATION_STREAM, replicas=replicas, memory=memory)
        return await cls.open(connection), made

    async def read(self) -> Live:
        """Read every scheduled task and delete marker that exists throughout the read, and the paused schedules.

        Raises UnreachableError if the bucket cannot be read to the end.
        """
        live, _ = await BucketReader(self.connection).read()
        self.target = live.target  # the bucket may have been made again since `open`
        return live

    async def names(self) -> tuple[str, ...]:
        """The names of all scheduled tasks, including paused ones; raises as `read`."""
        reading = await _stream_reader(self.connection).read()
        values = (subject for subject, (_, data) in reading.messages.items() if data is not None)
        return tuple({name: None for subject in values if (name := _schedule(subject) or _paused(subject))})

    async def server_time(self) -> int:
        """Nanoseconds since 1970 by the server's clock, or by ours if the server is too old to say."""
        info = await self.connection.jetstream_request(f"STREAM.INFO.{CONFIGURATION_STREAM}")
        return parse_timestamp(info["ts"]) if "ts" in info else time.time_ns()

    async def get(self, key: str, *, timeout: float = REQUEST_SECONDS) -> LastMessage | None:
        """The last message of `key`, from the stream's leader; None if there is none."""
        return await last_message(self.connection, CONFIGURATION_STREAM, CONFIGURATION_SUBJECT + key, timeout=timeout)

    def subject(self, key: str) -> str:
        """The subject on which a write of `key` is published."""
        return f"{self.connection.publish_prefix}{CONFIGURATION_SUBJECT}{key}"


class BucketReader:
    """Reads the bucket: all of it the first time, then only what has changed."""

    def __init__(self, connection: Connection) -> None:
        self._stream = _stream_reader(connection)
        self._active: dict[str, LiveSchedule] = {}
        self._paused: dict[str, LiveSchedule] = {}
        """The paused schedules, and also active ones with a pause key: while both keys hold a value, a schedule is
        active."""
        self._entries: dict[str, LiveSchedule] = {}
        self._deleted: dict[str, int] = {}

    async def read(self) -> tuple[Live, Set[str] | None]:
        """What the bucket holds, valid until the next read, and the names that may have changed; None means all names.

        Raises as `ConfigurationBucket.read`.
        """
        start = time.perf_counter()
        reading = await self._stream.read()
        if reading.whole:
            self._active, self._paused, self._deleted = {}, {}, {}
        names = self._take(reading)
        if reading.whole:
            self._entries = {**self._paused, **self._active}
        else:
            for name in names:
                entry = self._active.get(name) or self._paused.get(name)
                if entry is None:
                    self._entries.pop(name, None)
                else:
                    self._entries[name] = entry
        milliseconds = (time.perf_counter() - start) * 1000
        what = "keys" if reading.whole else "changed keys"
        _log.info("read %s %s of %s in %.0f ms", f"{len(names):,}", what, CONFIGURATION_BUCKET, milliseconds)
        target = BucketIdentity(CONFIGURATION_BUCKET, reading.created)
        return Live(target, self._entries, self._deleted), None if reading.whole else names

    def _take(self, reading: Reading) -> Set[str]:
        names: set[str] = set()
        for subject in reading.gone:
            if name := _schedule(subject):
                self._active.pop(name, None)
                self._deleted.pop(name, None)
                names.add(name)
            elif name := _paused(subject):
                self._paused.pop(name, None)
                names.add(name)
        for subject, (revision, data) in reading.messages.items():
            if name := _schedule(subject):
                if data is None:
                    self._active.pop(name, None)
                    self._deleted[name] = revision
                else:
                    self._deleted.pop(name, None)
                    self._active[name] = decode_entry(name, revision, data)
                names.add(name)
            elif name := _paused(subject):
                if data is None:
                    self._paused.pop(name, None)
                else:
                    self._paused[name] = decode_paused_entry(name, revision, data)
                names.add(name)
        return names


def _stream_reader(connection: Connection) -> StreamReader:
    return StreamReader(connection, CONFIGURATION_STREAM, f"{CONFIGURATION_SUBJECT}>")


def _schedule(subject: str) -> str:
    """The name of the schedule whose key has this subject; "" for any other subject."""
    name = subject[_SCHEDULE_AT:] if subject.startswith(SCHEDULE_SUBJECT) else ""
    return "" if "." in name else name


def _paused(subject: str) -> str:
    """The name of the schedule whose pause has this subject; "" for any other subject."""
    name = subject[_PAUSE_AT:] if subject.startswith(PAUSE_SUBJECT) else ""
    return "" if "." in name else name


def decode_entry(name: str, revision: int, data: bytes) -> LiveSchedule:
    """The entry of a key that holds `data`, whether or not that is a scheduled task."""
    try:
        return LiveSchedule(name, revision, decode_scheduled_task(name, data))
    except StoredValueError as error:
        return LiveSchedule(name, revision, None, str(error))
