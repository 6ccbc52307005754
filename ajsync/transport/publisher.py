"""Many writes at once: pipelined through a window, each with its own answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from ajsync.errors import InvalidError
from ajsync.transport.connection import Connection
from ajsync.transport.errors import jetstream_error
from ajsync.transport.frames import header_block, store_frame
from ajsync.transport.window import NO_ANSWER, NO_STREAM, NOT_SENT, WINDOW, Answer, Window, read_answer
from ajsync.waiting import raise_if_cancelled, set_within

_RESEND_SECONDS = 3.0
"""Silence in seconds after which an open write is sent again: no write is answered, or only writes that were sent this
much later."""
_PATIENCE_SECONDS = 30.0
"""Silence in seconds after which the open writes are given up."""
LEADERLESS_SECONDS = 20.0
"""The same if the server says that no stream listens. A cluster also says so while a stream elects a leader, which
takes ten seconds after a node was killed."""
_TICK_SECONDS = 0.1
_BATCH_BYTES = 64 * 1024
"""How many writes make a batch: the server stores one batch while the next is made."""


@dataclass(frozen=True, slots=True)
class Write:
    """One message to store."""

    subject: str
    data: bytes
    headers: Mapping[str, str]


async def publish_all(
    connection: Connection,
    writes: Iterable[Write],
    *,
    on_answer: Callable[[int, Answer], None] | None = None,
) -> list[Answer]:
    """Store `writes`, each of which must be safe to send twice, and return the answers in their order.

    They are taken from the iterable as the window has room, so that writes are made while others are under way. After a
    silence and after a reconnect they are sent again; after a long silence the rest stays unanswered.
    """
    run = _Publication(connection, iter(writes), on_answer)
    async with run.window:
        await run.drive()
    raise_if_cancelled()
    return run.all_answers()


async def publish_one(connection: Connection, write: Write, *, timeout: float) -> Answer:
    """Store one message within `timeout` seconds; the answer is its sequence, or a conflict.

    Raises JetStreamError if it is refused for another reason, UnreachableError if nothing answers, NotPermittedError,
    and InvalidError if it is larger than the server takes.
    """
    size = len(header_block(write.headers)) + len(write.data)
    if excess := _excess(connection, size):
        raise InvalidError(f"A message of {size} bytes is {excess}.")
    msg = await connection.request(write.subject, write.data, timeout=timeout, headers=dict(write.headers))
    answer = read_answer((msg.headers or {}).get("Status", "").encode(), msg.data)
    if answer.error and not answer.conflict:
        raise jetstream_error(write.subject, {"err_code": answer.code, "description": answer.error})
    return answer


class _Publication:
    """One call of `publish_all`; a write's token is its index."""

    def __init__(
        self, connection: Connection, writes: Iterator[Write], on_answer: Callable[[int, Answer], None] | None
    ) -> None:
        self.window = Window(connection, self._receive)
        self._connection = connection
        self._writes = writes
        self._on_answer = on_answer
        self._answers: list[Answer | None] = []
        """The answers to the writes taken so far, in their order."""
        self._open: dict[str, Write] = {}
        self._begun = 0
        """How many writes, from the first one, were written to the server at least once."""
        self._resent_at = 0.0
        """When everything was last sent again for lack of any answer."""
        self._exhausted = False
        self._unanswered = NO_ANSWER
        """The answer for writes that got none, as things stand."""
        self._progress = asyncio.Event()
        """Set when there is room in the window again."""

    async def drive(self) -> None:
        """Send, and send again, until all writes are answered or the server is given up."""
        while not self._connection.client.is_closed:
            await self._fill(iter(self._overdue()))
            if self._exhausted and not self.window:
                return
            if await set_within(self._progress, _TICK_SECONDS):
                self._progress.clear()
                continue
            self._settle_refused()
            longest = LEADERLESS_SECONDS if self._unanswered is NO_STREAM else _PATIENCE_SECONDS
            if time.monotonic() - self.window.heard_at > longest or self._connection.lost.done():
                return

    def all_answers(self) -> list[Answer]:
        """The answers to all writes, including those that were never taken."""
        self._answers.extend(None for _ in self._writes)
        return [
            answer or (self._unanswered if index < self._begun else NOT_SENT)
            for index, answer in enumerate(self._answers)
        ]

    def _overdue(self) -> list[str]:
        """The open writes to send again now, because otherwise they would keep the window full."""
        if lost := self.window.lost():
            self._unanswered = NO_ANSWER
            return lost
        now = time.monotonic()
        if now - max(self._resent_at, self.window.heard_at) > _RESEND_SECONDS and self._connection.is_connected:
            self._resent_at = now
            return self.window.sent_before(now)
        return self.window.sent_before(self.window.answered_sent_at - _RESEND_SECONDS)

    async def _fill(self, again: Iterator[str]) -> None:
        while last := self._send_batch(again):
            if not await self.window.out.flush():  # disconnected: the window calls these lost once it is connected
                return
            self._begun = max(self._begun, int(last) + 1)
            await asyncio.sleep(0)  # nats-py writes to the socket only while nothing else runs

    def _send_batch(self, again: Iterator[str]) -> str:
        """Send a batch of the writes `again`, then of the next ones. Returns the token of the last one, "" for none."""
        last, size = "", 0
        while size < _BATCH_BYTES and (item := self._next(again)) is not None:
            token, write = item
            headers = header_block(write.headers)
            if excess := _excess(self._connection, len(headers) + len(write.data)):
                self._settle(token, Answer(error=excess, too_large=True))
                continue
            frame = store_frame(write.subject, self.window.reply(token), headers, write.data)
            self.window.send(token, frame)
            self._open[token] = write
            last = token
            size += len(frame)
        return last

    def _next(self, again: Iterator[str]) -> tuple[str, Write] | None:
        for token in again:
            if token in self._open:
                return token, self._open[token]
        if len(self.window) >= WINDOW:
            return None
        write = next(self._writes, None)
        if write is None:
            self._exhausted = True
            return None
        self._answers.append(None)
        return str(len(self._answers) - 1), write

    def _receive(self, token: str, answer: Answer) -> None:
        self._unanswered = NO_STREAM if answer is NO_STREAM else NO_ANSWER
        if answer is not NO_STREAM:
            self._settle(token, answer)

    def _settle(self, token: str, answer: Answer) -> None:
        index = int(token)
        self._answers[index] = answer
        self._open.pop(token, None)
        self.window.drop(token)
        if self._on_answer is not None:
            self._on_answer(index, answer)
        if len(self.window) <= WINDOW // 2:
            self._progress.set()

    def _settle_refused(self) -> None:
        """Settle writes without permission, which are never answered: the server reports its reason separately."""
        for token, write in list(self._open.items()):
            reason = self._connection.permission_reason(write.subject)
            if reason is not None:
                self._settle(token, Answer(error=reason, denied=True))


def _excess(connection: Connection, size: int) -> str:
    """Why a message of `size` bytes, including headers, must not be sent: the server would end the connection. "" if it
    may be."""
    limit = connection.max_payload
    return f"larger than the server takes ({limit} bytes)" if size > limit else ""
