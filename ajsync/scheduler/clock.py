"""The host's clock: whether a scheduler can fire by it. Pure."""

from __future__ import annotations

from ajsync.asyncjobs.ids import KSUID_END, KSUID_EPOCH
from ajsync.timestamp import NANOSECONDS


def unfit(now: int) -> str:
    """Why nothing can be fired at this instant, in nanoseconds since 1970; empty where it can."""
    when = "before May 2014" if now < KSUID_EPOCH * NANOSECONDS else "after June 2150"
    if KSUID_EPOCH <= now // NANOSECONDS < KSUID_END:
        return ""
    return f"the clock of this host says a time {when}, which no task's id can hold; it goes on once the clock is right"
