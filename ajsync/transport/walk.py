"""Walk through a stream with direct gets, from a sequence to the end: like a consumer, but without making one.

If a stream keeps one message for each subject, a message that is replaced during the walk comes again further on. So no
key can slip through, as one can with a consumer (docs/decisions/0009-reads-without-consumers.md).
"""

from __future__ import annotations

import json
import re

from ajsync.errors import NotPermittedError, UnreachableError
from ajsync.timestamp import parse_timestamp
from ajsync.transport.connection import Connection
from ajsync.transport.errors import NoRespondersError
from ajsync.transport.inbox import Asking, status_of
from ajsync.transport.messages import Take, is_deletion, parse_headers

_BATCH_MESSAGES = 2000
_BATCH_BYTES = 4 * 1024 * 1024
"""The size of a batch: the server writes as fast as it can, and disconnects a client that is 64 MiB behind."""
_ADDED = re.compile(
    rb"\r\nNats-Subject: ([^\r]+)\r\nNats-Sequence: (\d+)\r\nNats-Time-Stamp: ([^\r]+)"
    rb"\r\nNats-Num-Pending: (\d+)\r\nNats-Last-Sequence: (\d+)\r\n"
)
"""The headers that the server adds to each message, after the stored ones, which may look the same."""
_END = re.compile(rb"NATS/1\.0 204 EOB\r\nNats-Num-Pending: (\d+)\r\nNats-Last-Sequence: (\d+)\r\n")
_STATUS = b"NATS/1.0 "


class NoWalkError(UnreachableError):
    """A stream cannot be walked through, because direct gets are disabled or not permitted, or the server is too
    old."""


class Walk(Asking):
    """A walk through the messages of a stream that match `subjects`. `take` gets each one, in the stream's order."""

    def __init__(self, connection: Connection, stream: str, subjects: str, take: Take) -> None:
        super().__init__(connection, f"DIRECT.GET.{stream}")
        self.position = 0
        """All messages up to this sequence were taken, or were replaced by later ones."""
        self._subjects = subjects
        self._on_message = take
        self._batch = 0
        self._last = 0
        """The sequence of the last message of this batch; 0 before the first."""
        self._messages = 0
        """How many messages of this batch have come."""
        self._at_end = False
        """Whether nothing lies beyond the position."""
        self._trouble = ""

    async def to_end(self) -> None:
        """Take the messages beyond the position, until the answering server knows no more.

        That may be a lagging replica, whose end is earlier. Raises NoWalkError, and UnreachableError if there is no
        answer.
        """
        self._at_end = False
        async with self:
            while not self._at_end:
                before = self.position
                await self._take_batch()
                self._count_failure(self.position == before and not self._at_end)

    async def _take_batch(self) -> None:
        self._batch += 1
        self._last = self._messages = 0
        body = {
            "seq": self.position + 1,
            "next_by_subj": self._subjects,
            "batch": _BATCH_MESSAGES,
            "max_bytes": _BATCH_BYTES,
        }
        await self._ask(self._batch, json.dumps(body).encode())
        try:
            ended = await self._wait()
        except NotPermittedError as error:
            raise NoWalkError(str(error)) from None
        if self._messages == 1 and not ended and self._is_silent:
            # An account that exports the API without `response: stream` lets one answer through for each question.
            self._trouble = "only the first answer of a batch of direct gets comes"
        if self._trouble:
            raise NoWalkError(self._trouble)

    def _receive(self, batch: int, headers: bytes, data: bytes) -> None:
        if batch != self._batch or self._ready.is_set():
            return  # it was asked for again in the meantime
        # Look for a message first: headers that are stored with it can look like a status.
        begin = headers.rfind(b"\r\nNats-Subject: ")
        found = _ADDED.match(headers, begin) if begin >= 0 else None
        if found is None:
            self._end(headers)
        elif int(found[5]) != self._last:  # a message was lost on its way to us
            self._ready.set()
        else:
            # Any client may have stored a key that is not UTF-8.
            subject, stored_at = found[1].decode("utf-8", "backslashreplace"), parse_timestamp(found[3].decode())
            self._last = self.position = int(found[2])
            self._messages += 1
            # Before that are the message's own headers, and the server's first line, with the stream's name.
            stored = headers[:begin]
            gone = stored.count(b"\r\n") > 1 and is_deletion(parse_headers(stored))
            self._on_message(subject, self.position, stored_at, None if gone else data)

    def _end(self, headers: bytes) -> None:
        """End the batch with an answer that is not a message."""
        self._ready.set()
        found = _END.match(headers)
        if found is not None:
            self._at_end = int(found[1]) == 0 and int(found[2]) == self._last
        elif status_of(headers) == b"404":
            self._at_end = True
        elif headers.startswith(_STATUS):
            status, _, _ = headers.removeprefix(_STATUS).partition(b"\r")
            self._trouble = f"direct gets end with {status.decode('utf-8', 'replace')}"
        else:
            self._trouble = "the server is older than 2.11 and has no batches of direct gets"


async def count_messages(connection: Connection, stream: str, subjects: str) -> int | None:
    """How many messages match, according to some replica; None if it does not say. Raises UnreachableError."""
    body = {"seq": 1, "next_by_subj": subjects, "batch": 1}
    subject = f"{connection.api_prefix}DIRECT.GET.{stream}"
    try:
        answer = await connection.request(subject, json.dumps(body).encode())
    except (NoRespondersError, NotPermittedError):
        return None
    headers = answer.headers or {}
    if headers.get("Status") == "404":
        return 0
    pending = headers.get("Nats-Num-Pending", "")
    return int(pending) + 1 if pending.isdecimal() else None
