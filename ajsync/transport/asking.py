"""Ask one subject of the JetStream API many questions, or one question that has many answers, over one inbox.

nats-py's `request` takes one answer to one question, and half a millisecond for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ajsync.errors import UnreachableError
from ajsync.transport.connection import Connection
from ajsync.transport.inbox import Inbox
from ajsync.waiting import raise_if_cancelled

SILENCE_SECONDS = 3.0
"""After this time without any answer, the open questions are asked again: reading twice does no harm."""
SILENCES = 3
"""After this many silences in a row, the server is given up."""
_TICK_SECONDS = 0.1


class Asking(Inbox):
    """While the block runs, `receive` gets each answer: the question's number, the headers and the data."""

    def __init__(self, connection: Connection, api_subject: str, receive: Callable[[int, bytes, bytes], None]) -> None:
        self.ready = asyncio.Event()
        """For `receive` to set, which ends `wait`."""
        self.is_silent = False
        """Whether the last wait ended because no answer came, and not because the connection was lost."""
        super().__init__(connection)
        self._subject = connection.api_prefix + api_subject
        self._receive = receive
        self._heard = 0.0

    async def ask(self, number: int, body: bytes) -> None:
        """Send a question; its answers come with its number."""
        await self._connection.client.publish(self._subject, body, self.reply(number))

    async def wait(self) -> bool:
        """Wait until `ready` is set, and clear it; False if the open questions have to be asked again.

        Raises NotPermittedError once the server refuses a question, UnreachableError once the connection is given up.
        """
        loop, lost = asyncio.get_running_loop(), self._connection.lost
        self._heard, generation = loop.time(), self._connection.generation
        ready = asyncio.ensure_future(self.ready.wait())
        try:
            with self._connection.refusal_of(self._subject) as refused:
                while not self.ready.is_set():
                    await asyncio.wait(
                        (ready, refused, lost), timeout=_TICK_SECONDS, return_when=asyncio.FIRST_COMPLETED
                    )
                    raise_if_cancelled()
                    if refused.done():
                        raise self._connection.not_permitted(self._subject, refused.result())
                    if lost.done():
                        raise UnreachableError(str(lost.result()))
                    self.is_silent = loop.time() - self._heard > SILENCE_SECONDS
                    if self.is_silent or self._connection.generation != generation:
                        return self.ready.is_set()
            return True
        finally:
            ready.cancel()
            self.ready.clear()

    def silent(self) -> UnreachableError:
        """The error for a server that does not answer."""
        return UnreachableError(
            f"{self._connection.url} did not answer {self._subject} completely, {SILENCES} times in a row. "
            "Try again when the server is healthy."
        )

    def _take(self, token: str, headers: bytes, data: bytes) -> None:
        self._heard = asyncio.get_running_loop().time()
        self._receive(int(token), headers, data)
