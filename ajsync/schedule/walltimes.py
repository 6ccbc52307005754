"""The wall-clock times that five fields match, and the instants at which a zone's clocks show them.

croniter searches on naive wall time; the two rules of a zone change are applied here: a wall time that the zone skips
does not fire, one that it shows twice fires twice.
"""

from __future__ import annotations

from datetime import MAXYEAR, UTC, datetime, timedelta, tzinfo
from threading import Lock
from typing import TYPE_CHECKING

from ajsync.schedule.fields import Field, Fields

if TYPE_CHECKING:
    from croniter import croniter

_SEARCH_YEARS = 8
"""29 February is at most eight years away (1896 to 1904, 2096 to 2104); what does not match in them never fires."""
_LAST_YEAR = MAXYEAR - _SEARCH_YEARS - 1
"""A later search could step out of the years that a datetime can hold."""
_FIRST_INSTANT = datetime(1, 1, 2, tzinfo=UTC)
"""The first that every zone can show: the first of January of the year 1 lies in the year 0 for some."""
_LONGEST_MONTH = (0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


class WallTimes:
    """The wall times that five fields match, in their order. Made in no time: the search is built when first used."""

    __slots__ = ("_fields", "_iterator", "_last", "_lock")

    def __init__(self, fields: Fields) -> None:
        self._fields = fields
        self._iterator: croniter | None = None
        self._lock = Lock()  # equal schedules share one iterator, which keeps where it stands
        self._last: tuple[datetime, datetime] | None = None
        """The last question and its answer, which is the answer to all between, too: of thousands of schedules that
        only their jitter tells apart one searches."""

    @property
    def fields(self) -> Fields:
        """What each of the five fields matches."""
        return self._fields

    def after(self, wall: datetime) -> datetime | None:
        """The first match in a minute after that of `wall`, both naive; None where the next eight years have none."""
        wall = wall.replace(second=0, microsecond=0)
        with self._lock:
            if self._last is not None and self._last[0] <= wall < self._last[1]:
                return self._last[1]
            if self._iterator is None:
                expression = croniter_expression(self._fields)
                if expression is None:
                    return None
                self._iterator = _build_iterator(expression)
            self._last = wall, self._iterator.get_next(datetime, start_time=wall)
            return self._last[1]


def _build_iterator(expression: str) -> croniter:
    from croniter import croniter  # its import takes longer than most commands; only a search needs it

    return croniter(expression, datetime(1970, 1, 1), max_years_between_matches=_SEARCH_YEARS)  # noqa: DTZ001 naive


def croniter_expression(fields: Fields) -> str | None:
    """The fields in the part of croniter's grammar that means the same to both, or None where no date ever matches.

    Each field becomes `*` or an explicit list. The rule of day of month and day of week (both must match where one has
    the star bit, else either may) becomes croniter's own (both where one is `*`, else either) by resolving here the
    cases that differ: a side with every value but no star bit, and a side that no date matches.
    """
    days, weekdays = fields.day, fields.weekday
    longest = max((_LONGEST_MONTH[month] for month in fields.month.values), default=0)
    day_exists = any(day <= longest for day in days.values)
    either = not days.star and not weekdays.star
    if either and (len(days.values) == 31 or len(weekdays.values) == 7):
        texts = ["*", "*"]
    elif either and not day_exists:
        texts = ["*", _listed(weekdays, 7)]
    elif either and not weekdays.values:
        texts = [_listed(days, 31), "*"]
    else:
        texts = [_listed(days, 31) if day_exists else "", _listed(weekdays, 7)]
    texts = [_listed(fields.minute, 60), _listed(fields.hour, 24), texts[0], _listed(fields.month, 12), texts[1]]
    return " ".join(texts) if all(texts) else None


def _listed(field: Field, size: int) -> str:
    return "*" if len(field.values) == size else ",".join(map(str, sorted(field.values)))


def next_instant(walls: WallTimes, zone: tzinfo, after: datetime) -> datetime | None:
    """The first instant strictly after `after` at which clocks of `zone` show one of `walls`, in UTC.

    None where there is none within eight years, or not before the end of the years that a datetime can hold.
    """
    after = max(after, _FIRST_INSTANT).astimezone(UTC)  # in UTC, as two times of one zone compare by wall clock alone
    local = after.astimezone(zone)
    if local.year > _LAST_YEAR:
        return None
    wall = local.replace(tzinfo=None)
    found = _first_instant(walls, zone, wall, after)
    comes_again = _offset(local) - _offset(local.replace(fold=1))
    if comes_again > timedelta(0):
        # The clock will be set back to before `wall`: what matched before it matches again, after the rest of the hour.
        repeated = _first_instant(walls, zone, wall - comes_again, after)
        return min(filter(None, (found, repeated)), default=None)
    return found


def _first_instant(walls: WallTimes, zone: tzinfo, start: datetime, after: datetime) -> datetime | None:
    """The first instant after `after` of the first wall time after `start` that has one."""
    horizon = _years_later(start)
    wall = walls.after(start)
    while wall is not None and wall <= horizon:
        for instant in _instants(wall, zone):
            if instant > after:
                return instant
        wall = walls.after(wall)
    return None


def _instants(wall: datetime, zone: tzinfo) -> list[datetime]:
    """The instants, in UTC and in order, at which `zone` shows `wall`: none in a gap, two in a fold (PEP 495)."""
    shown = wall.replace(tzinfo=zone)
    before, after = _offset(shown), _offset(shown.replace(fold=1))
    if before < after:
        return []
    offsets = [before] if before == after else [before, after]
    return [(wall - offset).replace(tzinfo=UTC) for offset in offsets]


def _offset(moment: datetime) -> timedelta:
    offset = moment.utcoffset()
    assert offset is not None  # every zone of `load_zone` knows its offset
    return offset


def _years_later(wall: datetime) -> datetime:
    try:
        return wall.replace(year=wall.year + _SEARCH_YEARS)
    except ValueError:  # from 29 February to a year without one
        return wall.replace(year=wall.year + _SEARCH_YEARS, month=3, day=1)
