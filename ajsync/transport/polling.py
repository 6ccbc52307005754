"""Follow keys of a stream without a consumer, by looking twice a second at what was stored since."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from ajsync.timestamp import parse_timestamp
from ajsync.transport.checking import Check
from ajsync.transport.connection import Connection
from ajsync.transport.known import Known
from ajsync.transport.leader import last_messages, list_all_subjects
from ajsync.transport.messages import LastMessage, next_message
from ajsync.transport.subjects import covering, matches
from ajsync.transport.walk import NoWalkError, Walk
from ajsync.waiting import raise_if_cancelled

_LOOK_SECONDS = 0.5


class Polling:
    """Tells `known` of each key that matches `subjects`, and of each change, from where it was left off."""

    def __init__(
        self, connection: Connection, stream: str, subjects: Sequence[str], known: Known, created: str
    ) -> None:
        self.created = created
        """Which stream it is: one that was made anew is another."""
        self._connection = connection
        self._stream = stream
        self._subjects = subjects
        self._covering = covering(subjects)
        """The order in which keys of different kinds were written tells something: so they are looked at together."""
        self._known = known
        self._walk = Walk(connection, stream, self._covering, self._take)
        self._walks = True
        """False where the server allows no walk: then its leader is asked."""
        self._listed = False

    async def run(self, check: Check, seconds: float) -> bool:
        """Look for so long; False where everything has to be listed again. Raises as a request does."""
        until = time.monotonic() + seconds
        if self._listed:
            self._known.stop_listing()
        else:
            self._known.begin_listing()
        while True:
            raise_if_cancelled()
            await self._look()
            if not self._listed and await self._is_at_the_end():
                if not self._known.end_listing():
                    await check.compare()
                self._listed = True
            if not await check.is_whole():
                return False
            if time.monotonic() > until:
                return True
            await asyncio.sleep(_LOOK_SECONDS)

    async def _look(self) -> None:
        try:
            if self._walks:
                await self._walk.to_end()
                return
        except NoWalkError:
            self._walks = False
        if not self._walk.position:
            await self._list()
        while (message := await self._next()) is not None:
            self._take_message(message)

    async def _list(self) -> None:
        """Have the leader tell of all there is, many at a time."""
        listing = await list_all_subjects(self._connection, self._stream, self._subjects)
        found = await last_messages(self._connection, self._stream, [*listing.subjects])
        for message in sorted(found.values(), key=lambda message: message.revision):
            self._known.take(message.subject, message.revision, message.stored_at, _data(message))
        self._walk.position = listing.last_sequence

    async def _is_at_the_end(self) -> bool:
        """Whether the leader has nothing more: a replica that lags tells of its own end."""
        return await self._next() is None

    async def _next(self) -> LastMessage | None:
        return await next_message(self._connection, self._stream, self._covering, self._walk.position)

    def _take_message(self, message: LastMessage) -> None:
        if self._is_watched(message.subject):
            self._known.take(message.subject, message.revision, message.stored_at, _data(message))
        self._walk.position = message.revision

    def _take(self, subject: str, revision: int, data: bytes | None, stored_at: str) -> None:
        if self._is_watched(subject):
            self._known.take(subject, revision, parse_timestamp(stored_at), data)

    def _is_watched(self, subject: str) -> bool:
        return any(matches(pattern, subject) for pattern in self._subjects)


def _data(message: LastMessage) -> bytes | None:
    return None if message.deleted else message.data
