"""Standstill: whether this process stood still for so long that another may lead by now."""

from __future__ import annotations

import time
from collections.abc import Callable

from ajsync.timestamp import NANOSECONDS


class Standstill:
    """Knows it by the time since the last look: whoever looks first after a pause learns of it, and all others too."""

    def __init__(self, longest: float, clock: Callable[[], int]) -> None:
        """A pause of no more than `longest` seconds is none."""
        self.longest = longest
        self._clock = clock
        self._looked_at = time.monotonic()
        self._looked_by_the_clock = clock()
        self._seconds = 0.0

    def look(self) -> float:
        """For how many seconds it stood still, as far as that is not forgiven."""
        now, clock = time.monotonic(), self._clock()
        # A host that was suspended knows it by its clock only.
        pause = max(now - self._looked_at, (clock - self._looked_by_the_clock) / NANOSECONDS)
        self._looked_at, self._looked_by_the_clock = now, clock
        if pause > self.longest:
            self._seconds += pause
        return self._seconds

    def forgive(self, seconds: float) -> None:
        """We still led after so many seconds; a pause since then is a new one."""
        self.look()
        self._seconds -= seconds
