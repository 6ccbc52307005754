"""The server's clock beside ours: tasks are late or early by the difference."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress

from ajsync.asyncjobs.names import CONFIGURATION_STREAM
from ajsync.errors import UnreachableError
from ajsync.timestamp import NANOSECONDS, parse_timestamp
from ajsync.transport.connection import Connection

log = logging.getLogger(__name__)

_EVERY_SECONDS = 10.0
"""How often the clocks are compared."""
_MUCH_SECONDS = 1.0


class ServerClock:
    """Compares the clock of the server with that of this host."""

    def __init__(self, connection: Connection, clock: Callable[[], int], on_compared: Callable[[float], None]) -> None:
        """`clock` gives nanoseconds since 1970. `on_compared` gets `skew` each time the clocks were compared."""
        self._connection = connection
        self._clock = clock
        self._on_compared = on_compared
        self._ahead: int | None = None
        """Nanoseconds by which the server's clock is ahead of our monotonic one, which cannot be set."""
        self._has_told = False

    @property
    def skew(self) -> float | None:
        """Seconds by which this clock is ahead of the server's; None while that is not known."""
        if self._ahead is None:
            return None
        return (self._clock() - time.monotonic_ns() - self._ahead) / NANOSECONDS

    def skew_nanoseconds(self) -> int:
        """The skew in nanoseconds; 0 while it is not known."""
        return int((self.skew or 0) * NANOSECONDS)

    async def run(self) -> None:
        """Compare repeatedly until cancelled; a large difference is logged the first time."""
        while True:
            with suppress(UnreachableError):
                await self._compare()
            await asyncio.sleep(_EVERY_SECONDS)

    async def _compare(self) -> None:
        asked = time.monotonic_ns()
        info = await self._connection.jetstream_request(f"STREAM.INFO.{CONFIGURATION_STREAM}")
        answered = time.monotonic_ns()
        if "ts" not in info:  # since server 2.10
            return
        self._ahead = parse_timestamp(info["ts"]) - (asked + answered) // 2
        skew = self.skew or 0.0
        self._on_compared(skew)
        if abs(skew) > _MUCH_SECONDS and not self._has_told:
            self._has_told = True
            where, when = ("ahead of", "early") if skew > 0 else ("behind", "late")
            text = "This clock is %.1f s %s the server's: tasks will fire that much %s"
            log.warning(text, abs(skew), where, when, extra={"seconds": round(skew, 3)})
