"""Catch-up: what becomes of the fires that were due while no scheduler led. Pure.

Fires that are late by no more than the grace are always fired, so a change of leaders loses nothing. Older ones follow
the policy of their schedule, within its window. No fire is listed before it is needed, because a gap may be years long.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ajsync.scheduler.agenda.agenda import AgendaEntry
from ajsync.scheduler.election.watermark import Span


@dataclass(frozen=True, slots=True)
class Gap:
    """A span of time in which no scheduler fired, in nanoseconds since 1970."""

    after: int
    """Up to this instant everything was fired."""
    until: int
    """After this instant everything is fired, whatever the policy: now minus the grace."""
    begun_until: int = 0
    """The previous leader has begun nothing that was due after this instant."""
    window_until: int | None = None
    """The instant from which windows reach back; None for the end of the gap."""


@dataclass(frozen=True, slots=True)
class Missed:
    """What one schedule missed in a gap. A span is the time after its first instant, up to and including its second."""

    entry: AgendaEntry
    all_of: Span
    """With the policy `all`, the span in which every fire is made good; empty otherwise."""
    latest: int | None
    """With the policy `latest`, the one instant that is made good."""
    looked_for: Span
    """The span in which all other fires are looked for, because the previous leader may have begun them."""
    made_good: int
    """How many fires are made good."""
    let_go: int
    """How many fires in the window are neither made good nor looked for. Those before it are not counted."""

    def dues(self) -> Iterator[tuple[int, bool]]:
        """The instants that are made good (True) or looked for (False), in order."""
        for due in _between(self.entry, self.looked_for):
            if due != self.latest:
                yield due, False
        for due in _between(self.entry, self.all_of):
            yield due, True
        if self.latest is not None:
            yield self.latest, True


def catch_up(entry: AgendaEntry, gap: Gap, window: int) -> Missed:
    """What `entry` missed in `gap`; `window`, in nanoseconds, is for an entry without a window of its own."""
    settings, times = entry.task.settings, entry.times
    since, until = max(gap.after, entry.since), min(gap.until, entry.until)
    window_until = gap.until if gap.window_until is None else gap.window_until
    start = max(since, window_until - (settings.catchup_window or window))
    missed = times.count(start, until)
    all_of, latest, begun_until = (start, start), None, min(gap.begun_until, until)
    if settings.catchup == "all":
        all_of, begun_until = (start, until), min(begun_until, start)
    elif settings.catchup == "latest" and missed:
        latest = times.previous(until + 1)
    made_good = missed if settings.catchup == "all" else int(latest is not None)
    looked_for = times.count(start, begun_until) - (latest is not None and latest <= begun_until)
    return Missed(entry, all_of, latest, (since, begun_until), made_good, missed - made_good - looked_for)


def _between(entry: AgendaEntry, span: Span) -> Iterator[int]:
    return entry.times.between(*span) if span[0] < span[1] else iter(())
