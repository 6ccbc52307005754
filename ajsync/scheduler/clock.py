"""The clocks of a host: how a scheduler reads them, whether they can be right, and whether the process was paused."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from ajsync.asyncjobs.ids import KSUID_END, KSUID_EPOCH
from ajsync.timestamp import NANOSECONDS


@dataclass(frozen=True, slots=True)
class Clock:
    """Both clocks of a host: fires follow the wall clock, leases and silences the monotonic one."""

    wall: Callable[[], int] = time.time_ns
    """Returns nanoseconds since 1970; people and NTP may set it."""
    monotonic: Callable[[], float] = time.monotonic
    """Returns seconds; it cannot be set, and stands still while the host is suspended."""


def unfit(now: int) -> str:
    """Why nothing can be fired at this instant, in nanoseconds since 1970; empty if something can."""
    if KSUID_EPOCH <= now // NANOSECONDS < KSUID_END:
        return ""
    when = "before May 2014" if now < KSUID_EPOCH * NANOSECONDS else "after June 2150"
    return f"the clock of this host shows a time {when}, which no task id can hold; it goes on once the clock is right"


class Standstill:
    """Adds up pauses of this process that were long enough for another scheduler to have taken over.

    A pause is the time between two looks, and counts in every later look until it is forgiven.
    """

    def __init__(self, longest: float, clock: Clock) -> None:
        """A pause of `longest` seconds or less does not count."""
        self.longest = longest
        self._clock = clock
        self._looked_at = clock.monotonic(), clock.wall()
        self._seconds = 0.0

    def look(self) -> float:
        """The seconds of pauses that are not forgiven."""
        monotonic, wall = self._looked_at
        self._looked_at = now_monotonic, now_wall = self._clock.monotonic(), self._clock.wall()
        # Only the wall clock goes on while the host is suspended.
        pause = max(now_monotonic - monotonic, (now_wall - wall) / NANOSECONDS)
        if pause > self.longest:
            self._seconds += pause
        return self._seconds

    def forgive(self, seconds: float) -> None:
        """Forget this many seconds, after which this scheduler still led. A later pause counts anew."""
        self.look()
        self._seconds -= seconds
