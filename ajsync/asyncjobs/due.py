"""When a scheduled task is due: the instants of its schedule in its season, with the phase of an `@every` and jitter.

Pure, so every scheduler and every command that shows the next fires gets the same instants.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from itertools import islice, takewhile

from ajsync.asyncjobs.model import ScheduledTask
from ajsync.errors import ScheduleError
from ajsync.schedule import Timetable, format_duration_short, parse
from ajsync.schedule.season import Season, season
from ajsync.timestamp import NANOSECONDS, to_datetime, to_nanoseconds

_MILLISECOND = 1_000_000
_FIRST, _LAST = (to_nanoseconds(datetime(*day, tzinfo=UTC)) for day in ((1, 1, 2), (9999, 12, 30)))
"""The first and the last day that a datetime can represent in every zone."""


@dataclass(frozen=True, slots=True)
class Times:
    """When a schedule is due. Two schedules with equal `Times` are due at the same instants."""

    timetable: Timetable
    phase: int
    """The offset of an `@every` from its interval grid, in nanoseconds; 0 for all others."""
    offset: int
    """Nanoseconds that jitter adds to each instant."""
    created: int = 0
    """For an `@every` with jitter, nothing is due within one interval after this instant. 0 for all others."""

    season: Season | None = None
    """When it may be due at all; None for always. It applies to the instant before jitter."""

    def next(self, after: int) -> int | None:
        """The first instant strictly after `after`, or None."""
        season = self.season
        if season is None:
            return self._next(after)
        due = self._next(max(after, season.first - 1 + self.offset))
        while due is not None and due - self.offset <= season.last:
            opens = season.reopens(due - self.offset, self.timetable.zone_info) + self.offset
            if opens <= due:
                return due
            due = self._next(opens - 1) if opens <= _LAST else None
        return None

    def previous(self, before: int) -> int | None:
        """The last instant strictly before `before`, or None. An `@every` without a season always has one."""
        season = self.season
        if season is None:
            return self._previous(before)
        due = self._previous(min(before, season.last + 1 + self.offset))
        while due is not None and due - self.offset >= max(season.first, _FIRST):
            closed = season.was_open(due - self.offset, self.timetable.zone_info) + self.offset
            if closed >= due:
                return due
            due = self._previous(closed + 1)
        return None

    def count(self, after: int, until: int) -> int:
        """How many instants are in (`after`, `until`]. The time for this does not grow with their number."""
        season = self.season
        if season is None:
            return self._count(after, until)
        after, until = max(after, season.first - 1 + self.offset), min(until, season.last + self.offset)
        spans = season.closed(after + 1 - self.offset, until + 1 - self.offset, self.timetable.zone_info)
        left_out = sum(self._count(begin - 1 + self.offset, end - 1 + self.offset) for begin, end in spans)
        return self._count(after, until) - left_out

    def is_over(self, instant: int) -> bool:
        """Whether its season has ended by an instant, so that it will not be due again."""
        return self.season is not None and self.next(instant - 1) is None and self.previous(instant) is not None

    def _next(self, after: int) -> int | None:
        """The same as `next`, without the season."""
        start = after - self.offset
        if interval := self.timetable.interval:
            due = self.phase + ((start - self.phase) // interval + 1) * interval + self.offset
            if due == self.kept_out:
                due += interval
        else:
            # Cron's instants are whole seconds, so rounding down to one does not change which comes next.
            found = self.timetable.next(to_datetime(max(start // NANOSECONDS * NANOSECONDS, _FIRST)))
            if found is None:
                return None
            due = to_nanoseconds(found) + self.offset
        return due if due <= _LAST else None

    def _previous(self, before: int) -> int | None:
        start = before - self.offset
        if interval := self.timetable.interval:
            due = self.phase + (start - self.phase - 1) // interval * interval + self.offset
            return due - interval if due == self.kept_out else due
        # For the same reason rounding up does not change which comes before.
        found = self.timetable.previous(to_datetime(max(-(-start // NANOSECONDS) * NANOSECONDS, _FIRST)))
        return None if found is None else to_nanoseconds(found) + self.offset

    def _count(self, after: int, until: int) -> int:
        if until <= after:
            return 0
        kept_out = self.kept_out is not None and after < self.kept_out <= until
        after, until = after - self.offset, until - self.offset
        if interval := self.timetable.interval:
            return (until - self.phase) // interval - (after - self.phase) // interval - kept_out
        # Instants after a fraction of a second begin at the next whole second.
        begin, end = (
            max(instant // NANOSECONDS + 1, _FIRST // NANOSECONDS) * NANOSECONDS for instant in (after, until)
        )
        return self.timetable.count(to_datetime(begin), to_datetime(end))

    @property
    def kept_out(self) -> int | None:
        """The instant of an `@every` with jitter that is less than one interval after its creation."""
        interval = self.timetable.interval
        return self.created + (self.phase + self.offset - self.created) % interval if self.created else None

    def after(self, instant: int) -> Iterator[int]:
        """The instants strictly after one, as an endless iterator."""
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
    offset, settings = jitter_offset(task), task.settings
    found = season(settings.from_, settings.until, settings.except_)
    if not timetable.interval:
        return Times(timetable, 0, offset, season=found)
    created = task.created_at // NANOSECONDS * NANOSECONDS
    phase = created % timetable.interval
    # Jitter would move the instant of the creation, at which nothing is due, to a later one.
    return Times(timetable, phase, offset, created if offset % timetable.interval else 0, found)


def timing(task: ScheduledTask) -> Hashable:
    """Everything that `times_of` looks at. Tasks with equal timing have equal `Times`, which take longer to compute."""
    settings = task.settings
    name = task.name if settings.jitter else ""
    return task.schedule, task.created_at, settings.jitter, name, settings.from_, settings.until, settings.except_


def jitter_offset(task: ScheduledTask) -> int:
    """The nanoseconds by which jitter delays `task`: whole milliseconds below its jitter, computed from its name."""
    steps = task.settings.jitter // _MILLISECOND
    if not steps:
        return 0
    return int.from_bytes(sha256(task.name.encode()).digest()[:8]) % steps * _MILLISECOND


@dataclass(frozen=True, slots=True)
class NextFires:
    """When one schedule is due next."""

    task: ScheduledTask
    dues: tuple[int, ...]
    """Nanoseconds since 1970, in order, with jitter."""
    timetable: Timetable | None
    """None if the schedule is not valid."""
    reason: str = ""
    """Why there are no due instants; if the schedule is not valid, what is wrong with it."""
    amiss: bool = False
    """Whether it should have due instants but has none."""


class Upcoming:
    """The first `count` fires at or after `start` (nanoseconds since 1970) of many schedules.

    Schedules that are due together are computed once, and share a tuple.
    """

    def __init__(self, start: int, count: int) -> None:
        self._start = start
        self._count = count
        self._known: dict[Times, tuple[int, ...]] = {}

    def of(self, task: ScheduledTask) -> NextFires:
        """The fires of one schedule. An `@every` that was never stored has no phase yet, so it has none."""
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
            if times.is_over(self._start):
                until = task.settings.until
                why = f"until is {until}" if until else "except leaves out all later days"
                return NextFires(task, (), timetable, f"over: {why}")
            return NextFires(task, (), timetable, "never fires", amiss=True)
        return NextFires(task, dues, timetable)
