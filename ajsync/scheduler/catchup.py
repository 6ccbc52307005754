"""Catch-up: what becomes of fires that nobody was there for. Pure.

What is late by no more than the grace is fired, all of it: a change of leaders loses nothing. What is older follows
each schedule's own policy, within its window.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ajsync.asyncjobs.due import Times
from ajsync.asyncjobs.ids import KSUID_EPOCH
from ajsync.asyncjobs.timestamp import NANOSECONDS
from ajsync.scheduler.agenda import Entry, Fire


@dataclass(frozen=True, slots=True)
class Gap:
    """A time in which nobody fired, in nanoseconds since 1970."""

    after: int
    """Up to this instant everything was fired."""
    until: int
    """From after this instant on everything is fired whatever the policy: now, less the grace."""


@dataclass(frozen=True, slots=True)
class Missed:
    """What one schedule missed in a gap, oldest first."""

    fire: tuple[Fire, ...]
    skipped: int
    """How many fires its policy lets go; of those before its window there is no count."""


def catch_up(entry: Entry, gap: Gap, window: int) -> Missed:
    """What `entry` missed in `gap`; `window` (nanoseconds) counts where it names none."""
    settings = entry.task.settings
    window = settings.catchup_window or window
    start = max(gap.after, entry.since, gap.until - window)
    dues = list(entry.times.between(start, min(gap.until, entry.until)))
    kept = {"none": dues[:0], "latest": dues[-1:], "all": dues}[settings.catchup]
    return Missed(tuple(Fire(due, entry) for due in kept), len(dues) - len(kept))


def previous_dues(times: Times, due: int, since: int = 0) -> Iterator[int]:
    """The instants before `due` and after `since` at which such a schedule was due and a task can be, newest first."""
    since = max(since, KSUID_EPOCH * NANOSECONDS - 1)  # no id can hold an earlier one
    earlier = times.previous(due)
    while earlier is not None and earlier > since:
        yield earlier
        earlier = times.previous(earlier)
