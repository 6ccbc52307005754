"""A timetable is what a schedule means: a value that can say when it fires next.

It applies the rules 10 and 11 of docs/reference/cron.md: a wall time that the zone skips does not fire, and one that
occurs twice fires twice.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import MAXYEAR, MINYEAR, UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from itertools import pairwise

from ajsync.schedule.units import SECOND
from ajsync.schedule.walltimes import SEARCH_YEARS, WallTimes

_FIRST_YEAR = SEARCH_YEARS + 2
_LAST_YEAR = MAXYEAR - SEARCH_YEARS - 1
"""The years of a search; from an earlier or later one it could leave the years that a datetime can hold."""
_FIRST_INSTANT = datetime(1, 1, 2, tzinfo=UTC)
"""The first day that every zone can show: 1 January of the year 1 is in the year 0 in some zones."""
_HORIZON = timedelta(days=365.25 * SEARCH_YEARS)
_NONE = timedelta(0)
_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Timetable:
    """When a schedule fires. `parse` makes it, and everything with the same schedule can share one.

    Its datetimes are aware and in the zone of the schedule. Python compares two datetimes of one zone by wall clock: to
    compare them across a change of the clocks, convert them to UTC or timestamps first.
    """

    text: str
    """The schedule as it was given."""
    zone: str
    """The IANA name of the zone in which its wall-clock times are read."""
    interval: int = 0
    """For an `@every`, the nanoseconds between two fires: whole seconds, at least one. 0 for other schedules."""
    zone_info: tzinfo = field(default=UTC, repr=False, compare=False)
    walls: WallTimes | None = field(default=None, repr=False, compare=False)
    """The wall times that the five fields match; None for an `@every`."""

    @property
    def is_every(self) -> bool:
        """Whether it is an `@every`, whose fires depend on its phase and not on a zone."""
        return self.interval > 0

    def next(self, after: datetime) -> datetime | None:
        """The first fire after `after`, which must be aware; for an `@every`, one interval after its whole second.

        None if there is none within eight years, or within the years that a datetime can hold. Raises ValueError for a
        naive `after`.
        """
        if after.utcoffset() is None:
            raise ValueError(f"an instant needs a time zone: {after!r}")
        try:
            if self.walls is None:
                whole = after.astimezone(UTC).replace(microsecond=0)
                return (whole + timedelta(seconds=self.interval // SECOND)).astimezone(self.zone_info)
            after = max(after, _FIRST_INSTANT).astimezone(UTC)  # times of one zone compare by wall clock
            local = after.astimezone(self.zone_info)
            if local.year > _LAST_YEAR:
                return None
            wall = local.replace(tzinfo=None)
            found = _first_instant(self.walls, self.zone_info, wall, after)
            comes_again = _offset(local) - _offset(local.replace(fold=1))
            if comes_again > _NONE:
                # The clock will be set back to before `wall`, so what matched before it matches again.
                repeated = _first_instant(self.walls, self.zone_info, wall - comes_again, after)
                found = min(filter(None, (found, repeated)), default=None)
            return found and found.astimezone(self.zone_info)
        except OverflowError:  # beyond the years that a datetime can hold
            return None

    def previous(self, before: datetime) -> datetime | None:
        """The last fire before `before`, which must be aware; not for an `@every`, which has no past without a phase.

        None if there is none within eight years, or within the years that a datetime can hold. Raises ValueError for a
        naive `before`.
        """
        if before.utcoffset() is None:
            raise ValueError(f"an instant needs a time zone: {before!r}")
        assert self.walls is not None
        before = before.astimezone(UTC)
        if not _FIRST_YEAR <= before.year <= _LAST_YEAR:
            return None
        local = before.astimezone(self.zone_info)
        wall = local.replace(tzinfo=None)
        found = _last_instant(self.walls, self.zone_info, wall, before)
        came_before = _offset(local.replace(fold=0)) - _offset(local)
        if came_before > _NONE:
            # The clock was set back to before `wall`, so what matches after it matched once before.
            earlier = _last_instant(self.walls, self.zone_info, wall + came_before, before)
            found = max(filter(None, (found, earlier)), default=None)
        return found and found.astimezone(self.zone_info)

    def count(self, begin: datetime, end: datetime) -> int:
        """How many fires lie at or after `begin` and before `end`, both aware; not for an `@every`.

        It takes some microseconds for each month, however many fires there are.
        """
        assert self.walls is not None
        begin, end = begin.astimezone(UTC), end.astimezone(UTC)
        found = 0
        for piece, following in pairwise([begin, *clock_changes(self.zone_info, begin, end), end]):
            wall = piece.astimezone(self.zone_info).replace(tzinfo=None)
            found += self.walls.count(wall, wall + (following - piece))  # as if the clocks were not set at the end
        return found

    def between(self, begin: datetime, end: datetime) -> Iterator[datetime]:
        """The fires at or after `begin` and before `end`, both aware, in UTC and in order; not for an `@every`.

        For many fires it takes a fraction of the time that as many calls of `next` take.
        """
        assert self.walls is not None
        begin, end = begin.astimezone(UTC), end.astimezone(UTC)
        for piece, following in pairwise([begin, *clock_changes(self.zone_info, begin, end), end]):
            wall = piece.astimezone(self.zone_info).replace(tzinfo=None)
            ahead = wall.replace(tzinfo=UTC) - piece
            # As if the clocks were not set at the end, as in `count`.
            for match in self.walls.between(wall, wall + (following - piece)):
                yield match.replace(tzinfo=UTC) - ahead


def _first_instant(walls: WallTimes, zone: tzinfo, start: datetime, after: datetime) -> datetime | None:
    """The first instant after `after`, of the first wall time after `start` that has one."""
    horizon = start + _HORIZON
    wall = walls.after(start)
    while wall is not None and wall <= horizon:
        for instant in _instants(wall, zone):
            if instant > after:
                return instant
        wall = walls.after(wall)
    return None


def _last_instant(walls: WallTimes, zone: tzinfo, start: datetime, before: datetime) -> datetime | None:
    """The last instant before `before`, of the last wall time before `start` that has one."""
    horizon = start - _HORIZON
    wall = walls.before(start)
    while wall is not None and wall >= horizon:
        for instant in reversed(_instants(wall, zone)):
            if instant < before:
                return instant
        wall = walls.before(wall)
    return None


def _instants(wall: datetime, zone: tzinfo) -> list[datetime]:
    """The instants at which `zone` shows `wall`, in UTC and in order: none in a gap, two in a fold (PEP 495)."""
    shown = wall.replace(tzinfo=zone)
    before, after = _offset(shown), _offset(shown.replace(fold=1))
    if before < after:
        return []
    offsets = [before] if before == after else [before, after]
    return [(wall - offset).replace(tzinfo=UTC) for offset in offsets]


def clock_changes(zone: tzinfo, begin: datetime, end: datetime) -> Iterator[datetime]:
    """The instants after `begin` and up to `end`, both in UTC, at which the clocks of `zone` are set, in UTC.

    Those of the first and the last year that a datetime can hold are left out.
    """
    if zone is not UTC:
        for year in range(max(begin.year, MINYEAR + 1), min(end.year + 1, MAXYEAR)):
            yield from (change for change in _changes(zone, year) if begin < change <= end)


@lru_cache(maxsize=4096)
def _changes(zone: tzinfo, year: int) -> tuple[datetime, ...]:
    """The instants of a year, in UTC and in order, at which the clocks of `zone` are set."""
    found = []
    instant = datetime(year, 1, 1, tzinfo=UTC)
    offset = _offset(instant.astimezone(zone))
    while instant.year == year:
        following = instant + _DAY
        other = _offset(following.astimezone(zone))
        if other != offset:
            found.append(_change(zone, instant, offset))
        instant, offset = following, other
    return tuple(found)


def _change(zone: tzinfo, day: datetime, offset: timedelta) -> datetime:
    """The first second of a day, later than `day` itself, at which the clocks are no longer at `offset`."""
    seconds = range(1, _DAY // _SECOND + 1)
    first = bisect(seconds, False, key=lambda second: _offset((day + second * _SECOND).astimezone(zone)) != offset)
    return day + seconds[first] * _SECOND


def _offset(moment: datetime) -> timedelta:
    offset = moment.utcoffset()
    assert offset is not None  # every zone of `load_zone` has an offset
    return offset
