"""Walk through a stream by direct gets, from a sequence to the end: what a consumer would do, without making one.

If a stream keeps one message for each subject, a message that is replaced during the walk comes again further on. So no
key can slip through. A consumer that delivers the last message of each subject can miss one: it reports its end too
early if a message is replaced in the meantime.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Literal

from ajsync.errors import NotPermittedError, UnreachableError
from ajsync.transport.asking import SILENCES, Asking
from ajsync.transport.connection import Connection
from ajsync.transport.errors import NoRespondersError
from ajsync.transport.messages import is_deletion, parse_headers

Take = Callable[[str, int, bytes | None, str], None]
"""Takes the subject, the sequence, the value, None if the key is gone, and the RFC 3339 time at which it was stored."""

Outcome = Literal["", "more", "end", "broken"]
"""How a batch ended; empty while it is under way."""

_BATCH_MESSAGES = 2000
_BATCH_BYTES = 4 * 1024 * 1024
"""The server writes as fast as it can, and disconnects a client that is 64 MiB behind."""
_ADDED = re.compile(
    rb"\r\nNats-Subject: ([^\r]+)\r\nNats-Sequence: (\d+)\r\nNats-Time-Stamp: ([^\r]+)"
    rb"\r\nNats-Num-Pending: (\d+)\r\nNats-Last-Sequence: (\d+)\r\n"
)
"""What the server adds to each message, after the headers that are stored with it. Those may look the same."""
_END = re.compile(rb"NATS/1\.0 204 EOB\r\nNats-Num-Pending: (\d+)\r\nNats-Last-Sequence: (\d+)\r\n")
_STATUS = b"NATS/1.0 "
_NO_MORE = b"NATS/1.0 404"


class NoWalkError(UnreachableError):
    """The stream cannot be walked through: direct gets are disabled or not permitted, or the server is too old."""


class Walk:
    """A walk through the messages of a stream that match `subjects`. `take` gets each one, in the stream's order."""

    def __init__(self, connection: Connection, stream: str, subjects: str, take: Take) -> None:
        self.position = 0
        """Everything up to this sequence was taken, or was replaced by something beyond it."""
        self._subjects = subjects
        self._take = take
        self._asking = Asking(connection, f"DIRECT.GET.{stream}", self._receive)
        self._batch = 0
        self._last = 0
        """The sequence of the last message of this batch; 0 before the first."""
        self._messages = 0
        """How many messages of this batch came."""
        self._outcome: Outcome = ""
        self._trouble = ""

    async def to_end(self) -> None:
        """Take what lies beyond the position, until the server that answers knows of no more.

        That may be a replica that lags, whose end is an earlier one. Raises NoWalkError, and UnreachableError if there
        is no answer.
        """
        failures = 0
        async with self._asking:
            while True:
                before = self.position
                outcome = await self._ask()
                if self._trouble:
                    raise NoWalkError(self._trouble)
                if outcome == "end":
                    return
                failures = 0 if self.position > before else failures + 1
                if failures >= SILENCES:
                    raise self._asking.silent()

    async def _ask(self) -> Outcome:
        self._batch += 1
        self._last, self._messages, self._outcome = 0, 0, ""
        body = {
            "seq": self.position + 1,
            "next_by_subj": self._subjects,
            "batch": _BATCH_MESSAGES,
            "max_bytes": _BATCH_BYTES,
        }
        await self._asking.ask(self._batch, json.dumps(body).encode())
        try:
            await self._asking.wait()
        except NotPermittedError as error:
            raise NoWalkError(str(error)) from None
        if self._messages == 1 and not self._outcome and self._asking.is_silent:
            # An account that exports the API without `response: stream` lets one answer through for each question.
            raise NoWalkError("of a batch of direct gets only the first answer comes")
        return self._outcome

    def _receive(self, batch: int, headers: bytes, data: bytes) -> None:
        if batch != self._batch or self._outcome:
            return  # it was asked for again in the meantime
        # Look for a message first: headers that are stored with it can look like a status.
        begin = headers.rfind(b"\r\nNats-Subject: ")
        found = _ADDED.match(headers, begin) if begin >= 0 else None
        if found is not None:
            self._message(found, headers[:begin], data)
        elif headers.startswith(_STATUS):
            self._outcome = self._status(headers)
        else:
            self._trouble = "the server is older than 2.11 and has no batches of direct gets"
            self._outcome = "broken"
        if self._outcome:
            self._asking.ready.set()

    def _status(self, headers: bytes) -> Outcome:
        if headers.startswith(_NO_MORE):
            return "end"
        found = _END.match(headers)
        if found is None:
            status, _, _ = headers.removeprefix(_STATUS).partition(b"\r")
            self._trouble = f"direct gets end with {status.decode('utf-8', 'replace')}"
            return "broken"
        pending, last = map(int, found.groups())
        if last != self._last:
            return "broken"
        return "more" if pending else "end"

    def _message(self, found: re.Match[bytes], stored: bytes, data: bytes) -> None:
        """`stored` has the message's own headers, and the first line that the server adds, with the stream's name."""
        if int(found[5]) != self._last:  # a message was lost on its way to us
            self._outcome = "broken"
            return
        # Any client may have stored a key that is not UTF-8.
        subject, sequence, stored_at = found[1].decode("utf-8", "backslashreplace"), int(found[2]), found[3].decode()
        self._last = self.position = sequence
        self._messages += 1
        gone = stored.count(b"\r\n") > 1 and is_deletion(parse_headers(stored))
        self._take(subject, sequence, None if gone else data, stored_at)


async def count_messages(connection: Connection, stream: str, subjects: str) -> int | None:
    """How many messages match, as some replica has it; None if the server cannot tell without listing them.

    Raises UnreachableError if there is no answer.
    """
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
