"""See now and then whether a stream is still the same, and holds what is known of it: a purge is told to nobody."""

from __future__ import annotations

import time
from collections.abc import Sequence

from ajsync.transport.connection import Connection
from ajsync.transport.known import Known
from ajsync.transport.leader import list_all_subjects
from ajsync.transport.walk import count_messages

_CHECK_SECONDS = 5.0
"""A consumer on a stream that was deleted says nothing, for one."""
_AGAIN_SECONDS = 0.5
"""The same after a count that did not fit: what is missing may be on its way to us."""
_LISTING_SECONDS = 30.0
"""How often the keys are listed where they cannot be counted."""


class Check:
    """The checks of one pass over a stream."""

    def __init__(
        self, connection: Connection, stream: str, subjects: Sequence[str], known: Known, created: str
    ) -> None:
        self._connection = connection
        self._stream = stream
        self._subjects = subjects
        self._known = known
        self._created = created
        self._next = time.monotonic() + _CHECK_SECONDS
        self._differed = False
        self._listed = time.monotonic()

    async def is_whole(self) -> bool:
        """False where everything has to be listed again; looks only where it is time to. Raises as a request does."""
        if time.monotonic() < self._next:
            return True
        info = await self._connection.jetstream_request(f"STREAM.INFO.{self._stream}")
        self._next = time.monotonic() + _CHECK_SECONDS
        if info["created"] != self._created:
            return False
        if await self._fits():
            self._differed = False
            return True
        if not self._differed:
            self._differed, self._next = True, time.monotonic() + _AGAIN_SECONDS
            return True
        return await self.compare()

    async def compare(self) -> bool:
        """Compare by name; False where something is there that we were not told of."""
        self._listed = time.monotonic()
        return self._known.compare(await list_all_subjects(self._connection, self._stream, self._subjects))

    async def _fits(self) -> bool:
        """Whether the number of keys is the one that is known, which the server tells without naming them."""
        total = 0
        for subjects in self._subjects:
            count = await count_messages(self._connection, self._stream, subjects)
            if count is None:
                return time.monotonic() - self._listed < _LISTING_SECONDS
            total += count
        return total == len(self._known)
