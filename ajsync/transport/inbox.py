"""An inbox: one subscription for the answers to many messages, each with a token that says what it answers."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from nats.aio.subscription import Subscription

from ajsync.transport.connection import Connection

NO_RESPONDERS = b"503"
"""The status of an answer without data, where nothing listens."""
_STATUS = slice(len(b"NATS/1.0 "), len(b"NATS/1.0 503"))


class Inbox:
    """While the block runs, `_take` gets each answer to a message whose reply subject is from `reply`."""

    def __init__(self, connection: Connection) -> None:
        self.inbox: str = connection.client.new_inbox()
        self._connection = connection
        self._cut = len(self.inbox) + 1
        self._subscription: Subscription | None = None

    async def __aenter__(self) -> Self:
        self._subscription = await self._connection.client.subscribe_raw(f"{self.inbox}.>", self._hear)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._subscription is not None and not self._connection.client.is_closed:
            await self._subscription.unsubscribe()

    def reply(self, token: str | int) -> str:
        """The reply subject of a message whose answer is to come with this token, which is any text of a subject."""
        return f"{self.inbox}.{token}"

    def _hear(self, subject: bytes, headers: bytes, data: bytes) -> None:
        self._take(subject[self._cut :].decode(), headers, data)

    def _take(self, token: str, headers: bytes, data: bytes) -> None:
        raise NotImplementedError


def status_of(headers: bytes) -> bytes:
    """The status in the headers of an answer that has no data, such as `503`."""
    return headers[_STATUS]
