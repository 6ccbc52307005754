"""Many writes at once: pipelined in a window, each with an answer of its own, through one shared reply inbox.

nats-py's `js.publish` waits for one answer at a time, and its `publish_async` never resolves a refused one. Here
item i asks for its reply on `INBOX.i`, so that one subscription takes all answers and each finds its item.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from nats.aio.msg import Msg

from ajsync.errors import InvalidError
from ajsync.transport.connection import Connection, JetStreamError
from ajsync.transport.frames import header_block, store_frame, write_frames
from ajsync.waiting import raise_if_cancelled, set_within

WINDOW = 1000
"""Writes under way at once: more gains nothing on one connection, and a lost connection leaves this many open."""
RESEND_SECONDS = 3.0
"""Silence after which a write under way is sent again: of everybody, or of this one while one that was sent so much
later is answered. Every write must be safe to send twice."""
PATIENCE_SECONDS = 30.0
"""Silence after which the writes still open are given up."""
_LEADERLESS_SECONDS = 20.0
"""The same where the server says that no stream listens. In a cluster that is so too while a stream elects a leader,
which takes ten seconds when a node is killed."""
_TICK_SECONDS = 0.1
_BATCH_BYTES = 64 * 1024
"""Written at a time: the server stores one batch while the next is made."""

WRONG_SEQUENCE = frozenset({10071, 10164})
"""JetStream's error codes for "the last sequence of this subject is not what you expected"."""
_NO_RESPONDERS = "503"
STORED_AT = re.compile(rb'"seq": ?(\d+)')
"""In the answer to what was stored: json.loads takes five times as long."""


@dataclass(frozen=True, slots=True)
class Write:
    """One message to store."""

    subject: str
    data: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a write: stored at `sequence`, or refused with `error`, which `NO_ANSWER` has too."""

    sequence: int = 0
    error: str = ""
    code: int = 0
    """JetStream's own error code, 0 where the error is not JetStream's."""
    denied: bool = False
    """The server does not permit the user to publish there."""
    too_large: bool = False
    sent: bool = True
    """False where there was no server to write it to."""
    duplicate: bool = False
    """The stream has stored the message id before, and nothing now."""

    @property
    def conflict(self) -> bool:
        """The subject was written by somebody else meanwhile, or by this write's first sending."""
        return self.code in WRONG_SEQUENCE


NO_ANSWER = Answer(error="the server did not answer")
NO_STREAM = Answer(error="no stream takes this subject")
NOT_SENT = Answer(error="the server was away", sent=False)


async def publish_all(
    connection: Connection,
    writes: Iterable[Write],
    *,
    on_answer: Callable[[int, Answer], None] | None = None,
    patience: float = PATIENCE_SECONDS,
) -> list[Answer]:
    """Store `writes` and return the answers in their order.

    They are taken from the iterable as the window has room, so that making one goes on while others are under way.
    Silence is met by sending again, through reconnects too; after `patience` seconds of it the rest stays unanswered.
    """
    run = _Run(connection, iter(writes), on_answer)
    inbox = connection.client.new_inbox()
    subscription = await connection.client.subscribe(f"{inbox}.*", cb=run.receive)
    try:
        await run.drive(inbox, patience)
    finally:
        if not connection.client.is_closed:
            await subscription.unsubscribe()
    raise_if_cancelled()
    run.take_rest()
    return [answer or (run.unanswered if index < run.begun else NOT_SENT) for index, answer in enumerate(run.answers)]


async def publish_one(connection: Connection, write: Write, *, timeout: float) -> Answer:
    """Store one message within `timeout` seconds; the answer is its sequence, or a conflict.

    Raises JetStreamError where it is refused otherwise, UnreachableError where nobody answers, NotPermittedError, and
    InvalidError where it is larger than the server takes.
    """
    size = len(header_block(write.headers)) + len(write.data)
    if excess := _excess(connection, size):
        raise InvalidError(f"A message of {size} bytes is {excess}.")
    msg = await connection.request(write.subject, write.data, timeout=timeout, headers=dict(write.headers))
    answer = _read_answer(msg)
    if answer.error and not answer.conflict:
        raise JetStreamError(write.subject, 0, answer.code, answer.error)
    return answer


class _Run:
    def __init__(
        self, connection: Connection, writes: Iterator[Write], on_answer: Callable[[int, Answer], None] | None
    ) -> None:
        self.connection = connection
        self.writes = writes
        self.on_answer = on_answer
        self.answers: list[Answer | None] = []
        self.again: deque[tuple[int, Write]] = deque()
        self.under_way: dict[int, tuple[float, Write]] = {}
        """With the time at which they were last sent, which rises."""
        self.begun = 0
        """So many of the first writes were sent at least once."""
        self.exhausted = False
        self.heard_at = 0.0
        """When the last answer came, by the monotonic clock as all times here."""
        self.unanswered = NO_ANSWER
        """What becomes of the writes that have no answer, as it looks now."""
        self.answered_sent_at = 0.0
        """When the latest write that has an answer was sent."""
        self.progress = asyncio.Event()
        """There is room in the window again."""

    async def drive(self, inbox: str, patience: float) -> None:
        client = self.connection.client
        reconnects = client.stats["reconnects"]
        sent_at = self.heard_at = time.monotonic()
        while not client.is_closed:
            if client.stats["reconnects"] != reconnects:
                reconnects = client.stats["reconnects"]
                self.unanswered = NO_ANSWER
                self._send_again(math.inf)  # what went to the last connection is answered on no other
            self._send_again(self.answered_sent_at - RESEND_SECONDS)
            await self._fill_window(inbox)
            if self.exhausted and not self.again and not self.under_way:
                return
            if await set_within(self.progress, _TICK_SECONDS):
                self.progress.clear()
                continue
            now = time.monotonic()
            self._settle_refused()
            longest = min(patience, _LEADERLESS_SECONDS) if self.unanswered is NO_STREAM else patience
            if now - self.heard_at > longest or self.connection.lost.done():
                return
            if now - max(sent_at, self.heard_at) > RESEND_SECONDS and self.connection.is_connected:
                self._send_again(math.inf)
                sent_at = now

    def take_rest(self) -> None:
        """Count the writes that were not begun: they have no answer either."""
        self.answers.extend(None for _ in self.writes)

    def _send_again(self, sent_until: float) -> None:
        """Have the writes under way that were sent by then sent once more: else they would keep the window full."""
        while self.under_way:
            index, (sent_at, write) = next(iter(self.under_way.items()))
            if sent_at > sent_until:
                return
            del self.under_way[index]
            self.again.append((index, write))

    def _next(self) -> tuple[int, Write] | None:
        if self.again:
            return self.again.popleft()
        write = next(self.writes, None)
        if write is None:
            self.exhausted = True
            return None
        self.answers.append(None)
        return len(self.answers) - 1, write

    async def _fill_window(self, inbox: str) -> None:
        while batch := self._begin_batch(inbox):
            if not await write_frames(self.connection, [*batch.values()]):  # disconnected
                self.again.extendleft((index, self.under_way.pop(index)[1]) for index in reversed(batch))
                return
            self.begun = max(self.begun, max(batch) + 1)
            await asyncio.sleep(0)  # nats-py writes to the socket only while nobody else runs

    def _begin_batch(self, inbox: str) -> dict[int, bytes]:
        """The frames of some of the next writes, which are under way from now on, by their index."""
        batch: dict[int, bytes] = {}
        size, now = 0, time.monotonic()
        while size < _BATCH_BYTES and len(self.under_way) < WINDOW and (item := self._next()) is not None:
            index, write = item
            if self.answers[index] is not None:
                continue
            headers = header_block(write.headers)
            if excess := _excess(self.connection, len(headers) + len(write.data)):
                self._settle(index, Answer(error=excess, too_large=True))
                continue
            self.under_way[index] = now, write
            batch[index] = store_frame(write.subject, f"{inbox}.{index}", headers, write.data)
            size += len(batch[index])
        return batch

    async def receive(self, msg: Msg) -> None:
        answer = _read_answer(msg)
        self.unanswered = NO_STREAM if answer is NO_STREAM else NO_ANSWER
        if answer is not NO_STREAM:
            self.heard_at = time.monotonic()
            self._settle(int(msg.subject.rpartition(".")[2]), answer)

    def _settle(self, index: int, answer: Answer) -> None:
        if self.answers[index] is not None:
            return
        self.answers[index] = answer
        if (sent := self.under_way.pop(index, None)) is not None:
            self.answered_sent_at = max(self.answered_sent_at, sent[0])
        if self.on_answer is not None:
            self.on_answer(index, answer)
        if len(self.under_way) <= WINDOW // 2:
            self.progress.set()

    def _settle_refused(self) -> None:
        """A publish without permission is never answered: the server's reason arrives apart from it."""
        for index, (_, write) in list(self.under_way.items()):
            reason = self.connection.permission_reason(write.subject)
            if reason is not None:
                self._settle(index, Answer(error=reason, denied=True))


def _excess(connection: Connection, size: int) -> str:
    """What is wrong with a message of so many bytes, headers included: the server throws out who sends too many."""
    limit = connection.max_payload
    return f"larger than the server takes ({limit} bytes)" if size > limit else ""


def _read_answer(msg: Msg) -> Answer:
    if not msg.data:
        status = (msg.headers or {}).get("Status", "")
        return NO_STREAM if status == _NO_RESPONDERS else Answer(error=f"unexpected status {status}")
    stored = STORED_AT.search(msg.data)
    if stored is not None and b'"error"' not in msg.data:
        return Answer(sequence=int(stored[1]), duplicate=b'"duplicate"' in msg.data)
    reply = json.loads(msg.data)
    error = reply.get("error", {})
    return Answer(error=error.get("description", "unknown error"), code=error.get("err_code", 0))
