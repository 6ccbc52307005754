"""Follow keys of a stream live: what is there first, then each change, without a gap, whatever happens to the server.

By an ordered consumer of its own: when a message is missing, a heartbeat fails to come, the connection was lost or the
stream was made anew, everything is listed again and compared with what is known. Where the server lets us have no
consumer, by looking again and again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

import nats.errors

from ajsync.errors import UnreachableError
from ajsync.transport.checking import Check
from ajsync.transport.connection import Connection
from ajsync.transport.following import Following, NoConsumerError
from ajsync.transport.known import KeyChange, Known
from ajsync.transport.polling import Polling
from ajsync.waiting import raise_if_cancelled

__all__ = ["KeyChange", "Watch"]

log = logging.getLogger(__name__)

_RETRY_SECONDS = 1.0
_POLLING_SECONDS = 30.0
"""So long without a consumer before asking for one again."""


class Watch:
    """Calls `on_seen` for each key that matches `subjects`, and for each change of it, once."""

    def __init__(
        self, connection: Connection, stream: str, subjects: Sequence[str], on_seen: Callable[[KeyChange], None]
    ) -> None:
        self._connection = connection
        self._stream = stream
        self._subjects = list(subjects)
        self._known = Known(on_seen)
        self._polling: Polling | None = None
        """Kept, since it need not begin from the beginning."""
        self.loaded = self._known.loaded
        """Set once everything that is there has been seen."""

    async def run(self) -> None:
        """Watch until cancelled."""
        created = trouble = ""
        without: int | None = None
        while True:
            raise_if_cancelled()
            try:
                info = await self._connection.jetstream_request(f"STREAM.INFO.{self._stream}")
                if created and info["created"] != created:
                    log.warning("The stream %s was made anew; listing it again", self._stream)
                created, trouble = info["created"], ""
                began = time.monotonic()
                check = Check(self._connection, self._stream, self._subjects, self._known, created)
                try:
                    await Following(self._connection, self._stream, self._subjects, self._known, check).run()
                    without = None
                except NoConsumerError as error:
                    if error.code != without:
                        log.warning("%s", error)
                    without = error.code
                    await self._poll(check, created)
                if time.monotonic() - began < _RETRY_SECONDS:
                    await asyncio.sleep(_RETRY_SECONDS)
            except (UnreachableError, OSError, nats.errors.Error) as error:
                if str(error) != trouble:  # once, however long it takes
                    log.warning("Cannot follow %s: %s Trying again.", self._stream, error)
                trouble = str(error)
                await asyncio.sleep(_RETRY_SECONDS)

    async def _poll(self, check: Check, created: str) -> None:
        if self._polling is None or self._polling.created != created:
            self._polling = Polling(self._connection, self._stream, self._subjects, self._known, created)
        if not await self._polling.run(check, _POLLING_SECONDS):
            self._polling = None
