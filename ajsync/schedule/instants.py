"""The instants at which the clocks of a zone show given wall times, and at which those clocks change.

This is where the rules 10 and 11 of docs/reference/cron.md are applied: a wall time that the zone skips does not fire,
and one that occurs twice fires twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import MAXYEAR, UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from itertools import pairwise

from ajsync.schedule.walltimes import SEARCH_YEARS, WallTimes

_FIRST_YEAR = SEARCH_YEARS + 2
_LAST_YEAR = MAXYEAR - SEARCH_YEARS - 1
"""A search from an earlier or later year could leave the years that a datetime can hold."""
_FIRST_INSTANT = datetime(1, 1, 2, tzinfo=UTC)
"""The first day that every zone can show: 1 January of the year 1 is in the year 0 in some zones."""
_NONE = timedelta(0)
_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)


def next_instant(walls: WallTimes, zone: tzinfo, after: datetime) -> datetime | None:
    """The first instant after `after` at which the clocks of `zone` show one of `walls`, in UTC.

    None if there is none within eight years, or within the years that a datetime can hold.
    """
    after = max(after, _FIRST_INSTANT).astimezone(UTC)  # in UTC, because two times of one zone compare by wall clock
    local = after.astimezone(zone)
    if local.year > _LAST_YEAR:
        return None
    wall = local.replace(tzinfo=None)
    found = _first_instant(walls, zone, wall, after)
    comes_again = _offset(local) - _offset(local.replace(fold=1))
    if comes_again > _NONE:
        # The clock will be set back to before `wall`, so what matched before it matches again.
        repeated = _first_instant(walls, zone, wall - comes_again, after)
        return min(filter(None, (found, repeated)), default=None)
    return found


def previous_instant(walls: WallTimes, zone: tzinfo, before: datetime) -> datetime | None:
    """The last instant before `before` at which the clocks of `zone` show one of `walls`, in UTC.

    None if there is none within eight years, or within the years that a datetime can hold.
    """
    before = before.astimezone(UTC)
    if not _FIRST_YEAR <= before.year <= _LAST_YEAR:
        return None
    local = before.astimezone(zone)
    wall = local.replace(tzinfo=None)
    found = _last_instant(walls, zone, wall, before)
    came_before = _offset(local.replace(fold=0)) - _offset(local)
    if came_before > _NONE:
        # The clock was set back to before `wall`, so what matches after it matched once before.
        earlier = _last_instant(walls, zone, wall + came_before, before)
        return max(filter(None, (found, earlier)), default=None)
    return found


def count_instants(walls: WallTimes, zone: tzinfo, begin: datetime, end: datetime) -> int:
    """How many instants at or after `begin` and before `end` the clocks of `zone` show one of `walls`.

    It takes some microseconds for each month, however many instants there are.
    """
    begin, end = begin.astimezone(UTC), end.astimezone(UTC)
    if begin >= end:
        return 0
    edges = [begin, *clock_changes(zone, begin, end), end]
    return sum(walls.count(*_walls_of(zone, piece, following)) for piece, following in pairwise(edges))


def _walls_of(zone: tzinfo, begin: datetime, end: datetime) -> tuple[datetime, datetime]:
    """What the clocks show at `begin`, and what they would show at `end` if they were not changed."""
    wall = begin.astimezone(zone).replace(tzinfo=None, fold=0)
    return wall, wall + (end - begin)


def _first_instant(walls: WallTimes, zone: tzinfo, start: datetime, after: datetime) -> datetime | None:
    """The first instant after `after`, of the first wall time after `start` that has one."""
    horizon = _years_later(start, SEARCH_YEARS)
    wall = walls.after(start)
    while wall is not None and wall <= horizon:
        for instant in _instants(wall, zone):
            if instant > after:
                return instant
        wall = walls.after(wall)
    return None


def _last_instant(walls: WallTimes, zone: tzinfo, start: datetime, before: datetime) -> datetime | None:
    """The last instant before `before`, of the last wall time before `start` that has one."""
    horizon = _years_later(start, -SEARCH_YEARS)
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
    """The instants after `begin` and up to `end`, both in UTC, at which the clocks of `zone` are set, in UTC."""
    if zone is not UTC:
        for year in range(begin.year, end.year + 1):
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
            found.append(_change(zone, instant, following, offset))
        instant, offset = following, other
    return tuple(found)


def _change(zone: tzinfo, before: datetime, after: datetime, offset: timedelta) -> datetime:
    """The first second of a day, later than `before`, at which the clocks are not at `offset` any more."""
    while after - before > _SECOND:
        middle = before + (after - before) // 2
        middle = middle.replace(microsecond=0)
        if _offset(middle.astimezone(zone)) == offset:
            before = middle
        else:
            after = middle
    return after


def _offset(moment: datetime) -> timedelta:
    offset = moment.utcoffset()
    assert offset is not None  # every zone of `load_zone` has an offset
    return offset


def _years_later(wall: datetime, years: int) -> datetime:
    try:
        return wall.replace(year=wall.year + years)
    except ValueError:  # from 29 February to a year without one
        return wall.replace(year=wall.year + years, month=3, day=1)
