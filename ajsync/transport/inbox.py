"""An inbox: one subscription for the answers to many messages; each answer has a token that says what it answers.

nats-py's `request` gets one answer to one question, which takes half a millisecond.
"""

from __future__ import annotations

import asyncio
import time
from typing import Self

from nats.aio.subscription import Subscription

from ajsync.errors import UnreachableError
from ajsync.transport.connection import Connection
from ajsync.waiting import raise_if_cancelled

NO_RESPONDERS = b"503"
"""The status of an answer without data if nothing listens."""
_FAILURES = 3
"""After this many failures in a row, the server is given up."""
_SILENCE_SECONDS = 3.0
"""After this long without any answer, the open questions are asked again; reading twice does no harm."""
_TICK_SECONDS = 0.1


class Inbox:
    """Calls `_take` with each answer to a message whose reply subject comes from `reply`, while the block runs."""

    def __init__(self, connection: Connection) -> None:
        self.inbox: str = connection.client.new_inbox()
        self._connection = connection
        self._cut = len(self.inbox) + 1
        self._subscription: Subscription | None = None

    async def __aenter__(self) -> Self:
        self._subscription = await self._connection.client.subscribe_raw(f"{self.inbox}.>", self._hear)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._subscription is not None and not self._connection.client.is_closed:
            await self._subscription.unsubscribe()

    def reply(self, token: str | int) -> str:
        """The reply subject of a message whose answer should come with this token, which may be any text that a subject
        can have."""
        return f"{self.inbox}.{token}"

    def _hear(self, subject: bytes, _reply: bytes, headers: bytes, data: bytes) -> None:
        self._take(subject[self._cut :].decode(), headers, data)

    def _take(self, token: str, headers: bytes, data: bytes) -> None:
        raise NotImplementedError


class Asking(Inbox):
    """Asks one subject of the JetStream API numbered questions, and calls `_receive` with each answer and its
    number."""

    def __init__(self, connection: Connection, api_subject: str) -> None:
        super().__init__(connection)
        self._ready = asyncio.Event()
        """`_receive` sets it to end `_wait`."""
        self._is_silent = False
        """Whether the last wait ended because no answer came, and not because the connection was lost."""
        self._api_subject = api_subject
        self._subject = connection.api_prefix + api_subject
        self._heard = 0.0
        self._failures = 0

    async def _ask(self, number: int, body: bytes) -> None:
        """Send a question."""
        await self._connection.client.publish(self._subject, body, self.reply(number))

    async def _wait(self) -> bool:
        """Wait until `_ready` is set, and clear it; False if the open questions have to be asked again.

        Raises NotPermittedError when the server refuses a question, UnreachableError when the connection is given up.
        """
        self._heard, generation = time.monotonic(), self._connection.generation
        ready = asyncio.ensure_future(self._ready.wait())
        try:
            while not self._ready.is_set():
                await self._connection.wait_for(ready, self._subject, _TICK_SECONDS)
                raise_if_cancelled()
                self._is_silent = time.monotonic() - self._heard > _SILENCE_SECONDS
                if self._is_silent or self._connection.generation != generation:
                    break
            return self._ready.is_set()
        finally:
            ready.cancel()
            self._ready.clear()

    def _count_failure(self, failed: bool) -> None:
        """Count how often in a row asking has failed; raises UnreachableError if that is too often."""
        self._failures = self._failures + 1 if failed else 0
        if self._failures >= _FAILURES:
            raise UnreachableError(
                f"{self._connection.url} did not answer {self._subject} completely, {_FAILURES} times in a row. "
                "Try again when the server is healthy."
            )

    def _take(self, token: str, headers: bytes, data: bytes) -> None:
        self._heard = time.monotonic()
        self._receive(int(token), headers, data)

    def _receive(self, number: int, headers: bytes, data: bytes) -> None:
        raise NotImplementedError


def status_of(headers: bytes) -> bytes:
    """The status in the headers of an answer without data, such as `503`."""
    return headers.removeprefix(b"NATS/1.0 ")[:3]
