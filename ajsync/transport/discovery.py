"""Discovery: one question to all instances of a service, and all answers that come in time."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from ajsync.errors import UnreachableError
from ajsync.transport.connection import Connection
from ajsync.transport.frames import publish_frame
from ajsync.transport.inbox import NO_RESPONDERS, Inbox, status_of

FIRST_SECONDS = 1.0
"""How long to wait for the first answer, and for all answers together."""
_QUIET_SECONDS = 0.3
"""After this time without another answer, there are no more."""
_MOST_ANSWERS = 200
_LONGEST_BYTES = 4096
"""The most answers, because any client of the account may answer as often as it likes."""
_MOST_HEARD_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers to one question."""

    data: tuple[bytes, ...]
    """The answers in the order in which they came, without too long ones."""
    more: int
    """How many more came while we listened."""


async def ask_all(connection: Connection, subject: str) -> Answers:
    """Ask `subject` and return all answers that come within at most a second.

    Raises NotPermittedError if the server refuses the question, UnreachableError if there is no connection.
    """
    async with _Listening(connection) as listening:
        await listening.ask(subject)
        return Answers(tuple(listening.data), listening.more)


class _Listening(Inbox):
    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self.data: list[bytes] = []
        self.more = 0
        self._bytes = 0
        self._news = asyncio.Event()
        self._ended = False

    async def ask(self, subject: str) -> None:
        """Ask, and wait until no more answers are expected."""
        generation = self._connection.generation
        if not await self._connection.client.write(publish_frame(subject, b"", self.reply(0))):
            raise self._no_connection()
        deadline = time.monotonic() + FIRST_SECONDS
        seconds = FIRST_SECONDS
        while not self._ended and seconds > 0:
            self._news.clear()
            news = asyncio.ensure_future(self._news.wait())
            try:
                await self._connection.wait_for(news, subject, seconds)
            finally:
                news.cancel()
            if not self._connection.is_connected or self._connection.generation != generation:
                raise self._no_connection()
            seconds = min(_QUIET_SECONDS, deadline - time.monotonic()) if self._news.is_set() else 0.0

    def _no_connection(self) -> UnreachableError:
        return UnreachableError(f"There is no connection to {self._connection.url}.")

    def _take(self, _token: str, headers: bytes, data: bytes) -> None:
        if status_of(headers) == NO_RESPONDERS:
            self._ended = True
        elif len(data) <= _LONGEST_BYTES and len(self.data) < _MOST_ANSWERS:
            self.data.append(data)
        else:
            self.more += 1
        self._bytes += len(data)
        self._ended = self._ended or self._bytes > _MOST_HEARD_BYTES
        self._news.set()
