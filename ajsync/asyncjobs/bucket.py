"""The configuration bucket: opened, made, and read in one consistent pass.

A read that fails or ends early raises; it never looks like a bucket with fewer schedules.
"""

from __future__ import annotations

import logging
import time

from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from ajsync.asyncjobs.connection import PERMISSIONS, REQUEST_SECONDS, Connection, JetStreamError
from ajsync.asyncjobs.delivery import delivery, is_deletion
from ajsync.asyncjobs.live import Entry, Live, Target
from ajsync.asyncjobs.model import decode_scheduled_task
from ajsync.asyncjobs.names import (
    CONFIGURATION_BUCKET,
    CONFIGURATION_STREAM,
    CONFIGURATION_SUBJECT,
    CONSUMER_MARK,
    SCHEDULE_SUBJECT,
)
from ajsync.asyncjobs.streams import STREAM_NOT_FOUND, LastMessage, last_message, make_stream
from ajsync.asyncjobs.waiting import raise_if_cancelled
from ajsync.errors import BucketNotFoundError, NotPermittedError, StoredValueError, UnreachableError

_log = logging.getLogger(__name__)

_READ_ATTEMPTS = 3
_READ_SILENCE_SECONDS = 3.0
# A pull is answered as fast as the server can write, and it cuts off a client that has 64 MiB still to take.
_PULL_BYTES = 8 * 1024 * 1024
_PULL_MESSAGES = 2000


class ConfigurationBucket:
    """The bucket that holds the scheduled tasks, on one connection."""

    def __init__(self, connection: Connection, target: Target, pull_messages: int = _PULL_MESSAGES) -> None:
        self.connection = connection
        self.target = target
        self._pull_messages = pull_messages

    @classmethod
    async def open(cls, connection: Connection) -> ConfigurationBucket:
        """Bind to the bucket. Raises BucketNotFoundError where it does not exist; it is never made here."""
        try:
            info = await connection.jetstream_request(f"STREAM.INFO.{CONFIGURATION_STREAM}", {})
        except JetStreamError as error:
            if error.err_code != STREAM_NOT_FOUND:
                raise
            raise BucketNotFoundError(
                f"The bucket {CONFIGURATION_BUCKET} does not exist on this server and account. "
                "Make it with 'ajsync init --bucket' or 'ajsync apply --create-bucket'."
            ) from None
        average = info["state"]["bytes"] // max(info["state"]["messages"], 1) + 1
        pull = max(1, min(_PULL_MESSAGES, _PULL_BYTES // average))
        return cls(connection, Target(CONFIGURATION_BUCKET, info["created"]), pull)

    @classmethod
    async def create(
        cls, connection: Connection, *, replicas: int = 1, memory: bool = False
    ) -> tuple[ConfigurationBucket, bool]:
        """Open the bucket, after making it as asyncjobs does where it is missing; True if it was made now."""
        made = await make_stream(connection, CONFIGURATION_STREAM, replicas=replicas, memory=memory)
        return await cls.open(connection), made

    async def read(self) -> Live:
        """Read every scheduled task and delete marker. Raises UnreachableError when it cannot be read to the end."""
        return self._decode(await self._read_all(headers_only=False))

    async def names(self) -> tuple[str, ...]:
        """The names of all scheduled tasks, read without their values; raises as `read`."""
        messages = await self._read_all(headers_only=True)
        stored = {each.subject[len(SCHEDULE_SUBJECT) :]: not is_deletion(each.headers) for _, each in messages}
        return tuple(name for name, is_there in stored.items() if is_there)

    async def _read_all(self, *, headers_only: bool) -> list[tuple[int, Msg]]:
        """The last message of each key, with its revision."""
        start = time.perf_counter()
        for _ in range(_READ_ATTEMPTS):
            reconnects = self.connection.client.stats["reconnects"]
            try:
                messages = await self._read_once(headers_only)
            except (JetStreamError, NotPermittedError):
                raise
            except UnreachableError:
                if self.connection.client.stats["reconnects"] == reconnects:
                    raise
                messages = None  # the answer was lost with the server that restarted
            if messages is not None:
                milliseconds = (time.perf_counter() - start) * 1000
                _log.info("read %s keys of %s in %.0f ms", f"{len(messages):,}", self.target.bucket, milliseconds)
                return messages
        raise UnreachableError(
            f"The bucket {CONFIGURATION_BUCKET} could not be read to its end, "
            f"{_READ_ATTEMPTS} times in a row; nothing was changed. Try again when the server is healthy."
        )

    async def get(self, key: str, *, timeout: float = REQUEST_SECONDS) -> LastMessage | None:
        """The last message of `key`, from the stream's leader; None where it was never written."""
        return await last_message(self.connection, CONFIGURATION_STREAM, CONFIGURATION_SUBJECT + key, timeout=timeout)

    def subject(self, key: str) -> str:
        """Where a write of `key` is published."""
        return f"{self.connection.publish_prefix}{CONFIGURATION_SUBJECT}{key}"

    async def _read_once(self, headers_only: bool) -> list[tuple[int, Msg]] | None:
        name = f"ajsync-{self.connection.client.new_inbox().rpartition('.')[2]}"
        subject = f"{SCHEDULE_SUBJECT}*"
        info = await self.connection.jetstream_request(
            f"CONSUMER.CREATE.{CONFIGURATION_STREAM}.{name}.{subject}",
            {
                "stream_name": CONFIGURATION_STREAM,
                "action": "create",
                "config": {
                    "name": name,
                    "description": f"{CONSUMER_MARK} reader",
                    "deliver_policy": "last_per_subject",
                    "ack_policy": "none",
                    "filter_subject": subject,
                    "headers_only": headers_only,
                    "inactive_threshold": 30_000_000_000,
                    "num_replicas": 1,
                    "mem_storage": True,
                },
            },
        )
        try:
            return await self._pull(name, info["num_pending"])
        finally:
            await self._forget(name)

    async def _pull(self, consumer: str, expected: int) -> list[tuple[int, Msg]] | None:
        """All messages of the consumer in order, or None when some went missing."""
        if not expected:
            return []
        client = self.connection.client
        inbox = client.new_inbox()
        subject = f"{self.connection.api_prefix}CONSUMER.MSG.NEXT.{CONFIGURATION_STREAM}.{consumer}"
        subscription = await client.subscribe(inbox, pending_msgs_limit=-1, pending_bytes_limit=-1)
        messages: list[tuple[int, Msg]] = []
        asked = 0
        try:
            while True:
                raise_if_cancelled()
                if asked - len(messages) <= self._pull_messages // 2:
                    body = f'{{"batch":{self._pull_messages},"expires":{int(_READ_SILENCE_SECONDS * 1e9)}}}'.encode()
                    await client.publish(subject, body, inbox)
                    asked += self._pull_messages
                message = await self._next(subscription)
                if message is None and (reason := self.connection.permission_reason(subject)):
                    raise NotPermittedError(f"The server does not let us read the bucket: {reason}. {PERMISSIONS}")
                if message is None or not message.reply.startswith("$JS.ACK."):
                    return None
                revision, sequence, _, pending = delivery(message.reply)
                messages.append((revision, message))
                if sequence != len(messages):
                    return None
                if not pending:
                    return messages
        finally:
            if not client.is_closed:
                await subscription.unsubscribe()

    async def _next(self, subscription: Subscription) -> Msg | None:
        queue = subscription._pending_queue
        if not queue.empty():  # the fast way: next_msg makes a task and a timer for each message
            message: Msg = queue.get_nowait()
            queue.task_done()
            return message
        try:
            return await subscription.next_msg(timeout=_READ_SILENCE_SECONDS)
        except TimeoutError:
            return None

    async def _forget(self, consumer: str) -> None:
        """Delete our consumer; when that fails the server does so itself after the inactive threshold."""
        subject = f"{self.connection.api_prefix}CONSUMER.DELETE.{CONFIGURATION_STREAM}.{consumer}"
        if self.connection.is_connected:
            await self.connection.client.publish(subject, b"")

    def _decode(self, messages: list[tuple[int, Msg]]) -> Live:
        entries: dict[str, Entry] = {}
        deleted: dict[str, int] = {}
        cut = len(SCHEDULE_SUBJECT)
        for revision, message in messages:
            name = message.subject[cut:]
            entries.pop(name, None)
            deleted.pop(name, None)
            if is_deletion(message.headers):
                deleted[name] = revision
            else:
                entries[name] = decode_entry(name, revision, message.data)
        return Live(self.target, entries, deleted)


def decode_entry(name: str, revision: int, data: bytes) -> Entry:
    """The entry of a key that holds `data`, be that a scheduled task or not."""
    try:
        return Entry(name, revision, decode_scheduled_task(name, data))
    except StoredValueError as error:
        return Entry(name, revision, None, str(error))
