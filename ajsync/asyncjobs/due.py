"""When a scheduled task is due: the instants of its schedule, with the phase of an `@every` and the jitter of its name.

Pure: every scheduler, and whoever shows the next fires, gets the same instants.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice, takewhile

from ajsync.asyncjobs.model import ScheduledTask
from ajsync.asyncjobs.timestamp import NANOSECONDS, to_datetime, to_nanoseconds
from ajsync.errors import ScheduleError
from ajsync.schedule import Timetable, format_duration_short, parse

_MILLISECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class Times:
    """When schedules are due; those with equal `Times` are due together."""

    timetable: Timetable
    phase: int
    """Of an `@every`: nanoseconds that its due instants have above whole intervals; 0 for all others."""
    offset: int
    """Nanoseconds that jitter adds to each instant."""

    def next(self, after: int) -> int | None:
        """The first instant strictly after `after`, or None."""
        start = after - self.offset
        if interval := self.timetable.interval:
            return self.phase + ((start - self.phase) // interval + 1) * interval + self.offset
        # Cron's instants are whole seconds, so that the one after a part of a second is the one after the whole.
        found = self.timetable.next(to_datetime(start // NANOSECONDS * NANOSECONDS))
        return None if found is None else to_nanoseconds(found) + self.offset

    def previous(self, before: int) -> int | None:
        """The last instant strictly before `before`, or None; those of an `@every` have no first one."""
        start = before - self.offset
        if interval := self.timetable.interval:
            return self.phase + (start - self.phase - 1) // interval * interval + self.offset
        # The last before a part of a second is the last before the next whole one.
        found = self.timetable.previous(to_datetime(-(-start // NANOSECONDS) * NANOSECONDS))
        return None if found is None else to_nanoseconds(found) + self.offset

    def count(self, after: int, until: int) -> int:
        """How many instants are in (`after`, `until`]; it takes no longer for many than for few."""
        if until <= after:
            return 0
        after, until = after - self.offset, until - self.offset
        if interval := self.timetable.interval:
            return (until - self.phase) // interval - (after - self.phase) // interval
        # Cron's instants are whole seconds: those above `after` and up to `until` begin at the next second.
        begin, end = ((instant // NANOSECONDS + 1) * NANOSECONDS for instant in (after, until))
        return self.timetable.count(to_datetime(begin), to_datetime(end))

    def after(self, instant: int) -> Iterator[int]:
        """The instants strictly after one, without end."""
        due = self.next(instant)
        while due is not None:
            yield due
            due = self.next(due)

    def between(self, after: int, until: int) -> Iterator[int]:
        """The instants in (`after`, `until`]."""
        return takewhile(lambda due: due <= until, self.after(after))


def times_of(task: ScheduledTask) -> Times:
    """When `task` is due. Raises ScheduleError."""
    timetable = parse(task.schedule)
    phase = task.created_at // NANOSECONDS * NANOSECONDS % timetable.interval if timetable.interval else 0
    return Times(timetable, phase, jitter_offset(task))


def jitter_offset(task: ScheduledTask) -> int:
    """How much later than its schedule says `task` is due: whole milliseconds below its jitter, by its name."""
    steps = task.settings.jitter // _MILLISECOND
    if not steps:
        return 0
    return int.from_bytes(sha256(task.name.encode()).digest()[:8]) % steps * _MILLISECOND


@dataclass(frozen=True, slots=True)
class NextFires:
    """When one schedule is due next."""

    task: ScheduledTask
    dues: tuple[int, ...]
    """Nanoseconds since 1970, in order, with the jitter of the schedule."""
    timetable: Timetable | None
    """None where the schedule is not valid."""
    reason: str = ""
    """Why there are no dues; where the schedule is not valid, what is wrong with it."""
    amiss: bool = False
    """It has no dues although it should."""


class Upcoming:
    """The first `count` fires at or after `start` (nanoseconds since 1970) of many schedules.

    Those that are due together are searched once, and get the same tuple.
    """

    def __init__(self, start: int, count: int) -> None:
        self._start = start
        self._count = count
        self._known: dict[Times, tuple[int, ...]] = {}

    def of(self, task: ScheduledTask) -> NextFires:
        """Those of one; an `@every` that was never stored has no phase yet, and so no instants."""
        try:
            timetable = parse(task.schedule)
        except ScheduleError as error:
            return NextFires(task, (), None, str(error), amiss=True)
        if timetable.is_every and not task.created_at:
            interval = format_duration_short(timetable.interval)
            return NextFires(task, (), timetable, f"every {interval}, counted from its creation")
        times = times_of(task)
        dues = self._known.get(times)
        if dues is None:
            dues = self._known[times] = tuple(islice(times.after(self._start - 1), self._count))
        if not dues:
            return NextFires(task, (), timetable, "never fires", amiss=True)
        return NextFires(task, dues, timetable)
