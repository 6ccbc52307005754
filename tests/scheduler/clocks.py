"""The clock of a host, as a scheduler reads it, which a test sets."""

from __future__ import annotations

import time


class HostClock:
    """Goes as fast as time does, and is ahead of the real time by what it was set to."""

    def __init__(self) -> None:
        self.ahead = 0
        """Nanoseconds."""

    def __call__(self) -> int:
        return time.time_ns() + self.ahead

    def leap_to(self, instant: int) -> None:
        """Be at this instant now."""
        self.ahead = instant - time.time_ns()
