"""The configuration bucket: open it, make it, and read it as a whole.

A read that fails or ends early raises, so it never looks like a bucket with fewer schedules.
"""

from __future__ import annotations

import logging
import time

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
from ajsync.transport.tail import read_stream

_log = logging.getLogger(__name__)


class ConfigurationBucket:
    """The bucket of the scheduled tasks, on one connection."""

    def __init__(self, connection: Connection, target: BucketIdentity, domain: str = "") -> None:
        self.connection = connection
        self.target = target
        self.domain = domain
        """The JetStream domain that it is in; empty if the server has none."""

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
        """The bucket, made as asyncjobs makes it if it is missing; and whether it was made now."""
        made = await make_stream(connection, CONFIGURATION_STREAM, replicas=replicas, memory=memory)
        return await cls.open(connection), made

    async def read(self) -> Live:
        """Read every scheduled task and delete marker that is there throughout the read, and the paused schedules.

        Raises UnreachableError if the bucket cannot be read to the end.
        """
        entries: dict[str, LiveSchedule] = {}
        deleted: dict[str, int] = {}
        found, pauses = await self._read_all()
        for name, (revision, data) in found.items():
            if data is None:
                deleted[name] = revision
            else:
                entries[name] = decode_entry(name, revision, data)
        for name, (revision, data) in pauses.items():
            if name not in entries:  # while both keys hold a value, the schedule is active
                entries[name] = decode_paused_entry(name, revision, data)
        return Live(self.target, entries, deleted)

    async def names(self) -> tuple[str, ...]:
        """The names of all scheduled tasks, also of paused ones; raises as `read`."""
        found, pauses = await self._read_all()
        return tuple({name: None for name, (_, data) in found.items() if data is not None} | dict.fromkeys(pauses))

    async def server_time(self) -> int:
        """Nanoseconds since 1970 by the server's clock, or by ours if the server is too old to say."""
        info = await self.connection.jetstream_request(f"STREAM.INFO.{CONFIGURATION_STREAM}")
        return parse_timestamp(info["ts"]) if "ts" in info else time.time_ns()

    async def _read_all(self) -> tuple[dict[str, tuple[int, bytes | None]], dict[str, tuple[int, bytes]]]:
        """The last message of each schedule's key: its revision and its data, None for a delete marker.

        Then the same of each pause that there is.
        """
        start = time.perf_counter()
        reading = await read_stream(self.connection, CONFIGURATION_STREAM, f"{CONFIGURATION_SUBJECT}>")
        self.target = BucketIdentity(CONFIGURATION_BUCKET, reading.created)  # it may have been made again since `open`
        found = {
            name: message
            for subject, message in reading.messages.items()
            if subject.startswith(SCHEDULE_SUBJECT) and "." not in (name := subject[len(SCHEDULE_SUBJECT) :])
        }
        pauses = {
            name: (revision, data)
            for subject, (revision, data) in reading.messages.items()
            if subject.startswith(PAUSE_SUBJECT) and data is not None
            if "." not in (name := subject[len(PAUSE_SUBJECT) :])
        }
        milliseconds = (time.perf_counter() - start) * 1000
        _log.info("read %s keys of %s in %.0f ms", f"{len(found):,}", self.target.bucket, milliseconds)
        return found, pauses

    async def get(self, key: str, *, timeout: float = REQUEST_SECONDS) -> LastMessage | None:
        """The last message of `key`, from the stream's leader; None if there is none."""
        return await last_message(self.connection, CONFIGURATION_STREAM, CONFIGURATION_SUBJECT + key, timeout=timeout)

    def subject(self, key: str) -> str:
        """The subject on which a write of `key` is published."""
        return f"{self.connection.publish_prefix}{CONFIGURATION_SUBJECT}{key}"


def decode_entry(name: str, revision: int, data: bytes) -> LiveSchedule:
    """The entry of a key that holds `data`, whether or not that is a scheduled task."""
    try:
        return LiveSchedule(name, revision, decode_scheduled_task(name, data))
    except StoredValueError as error:
        return LiveSchedule(name, revision, None, str(error))
