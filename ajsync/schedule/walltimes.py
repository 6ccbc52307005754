"""The wall-clock times that five fields match: the next one, the previous one, and how many lie between two times.

The search goes month by month, with a bit for every day that matches. So it takes some microseconds however far it
goes, and neither a plan of many schedules nor the catch-up of a year blocks the event loop.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from calendar import monthrange
from collections.abc import Iterator
from datetime import date, datetime
from functools import lru_cache

from ajsync.schedule.fields import CronField, CronFields

SEARCH_YEARS = 8
"""29 February is at most eight years away (1896 to 1904, 2096 to 2104), so a schedule without a match never fires."""
_SEARCH_MONTHS = 12 * SEARCH_YEARS + 1


class WallTimes:
    """The wall times that five fields match."""

    __slots__ = ("_dates", "_times", "fields")

    def __init__(self, fields: CronFields) -> None:
        self.fields = fields
        """What each of the five fields matches."""
        self._times = _times_of_day(fields.hour.values, fields.minute.values)
        self._dates: tuple[int, ...] = ()

    def after(self, wall: datetime) -> datetime | None:
        """The first match after the minute of `wall`, both naive; None if there is none within eight years."""
        if not self._times:
            return None
        if self._matches(wall):
            number = bisect_right(self._times, 60 * wall.hour + wall.minute)
            if number < len(self._times):
                return self._at(wall.year, wall.month, wall.day, number)
        days = self._month(wall.year, wall.month) >> wall.day + 1 << wall.day + 1
        index = wall.year * 12 + wall.month - 1
        for later in range(index, index + _SEARCH_MONTHS):
            if later != index:
                days = self._month(later // 12, later % 12 + 1)
            if days:
                return self._at(later // 12, later % 12 + 1, (days & -days).bit_length() - 1, 0)
        return None

    def before(self, wall: datetime) -> datetime | None:
        """The last match before `wall`, both naive; None if there is none within eight years."""
        if not self._times:
            return None
        if self._matches(wall):
            number = self._so_far(wall) - 1
            if number >= 0:
                return self._at(wall.year, wall.month, wall.day, number)
        days = self._month(wall.year, wall.month) & (1 << wall.day) - 1
        index = wall.year * 12 + wall.month - 1
        for earlier in range(index, max(index - _SEARCH_MONTHS, 11), -1):
            if earlier != index:
                days = self._month(earlier // 12, earlier % 12 + 1)
            if days:
                return self._at(earlier // 12, earlier % 12 + 1, days.bit_length() - 1, -1)
        return None

    def count(self, begin: datetime, end: datetime) -> int:
        """How many matches lie at or after `begin` and before `end`, both naive."""
        if begin >= end:
            return 0
        days = 0
        first, last = begin.year * 12 + begin.month - 1, end.year * 12 + end.month - 1
        for index in range(first, last + 1):
            month = self._month(index // 12, index % 12 + 1)
            if index == first:
                month = month >> begin.day << begin.day
            if index == last:
                month &= (1 << end.day) - 1
            days += month.bit_count()
        whole = days * len(self._times)
        return whole - self._so_far(begin) * self._matches(begin) + self._so_far(end) * self._matches(end)

    def between(self, begin: datetime, end: datetime) -> Iterator[datetime]:
        """The matches at or after `begin` and before `end`, both naive, in order."""
        first, last = begin.year * 12 + begin.month - 1, end.year * 12 + end.month - 1
        for index in range(first, last + 1):
            days = self._month(index // 12, index % 12 + 1)
            if index == first:
                days = days >> begin.day << begin.day
            if index == last:
                days &= (2 << end.day) - 1
            while days:
                day = (days & -days).bit_length() - 1
                days &= days - 1
                earliest = self._so_far(begin) if index == first and day == begin.day else 0
                latest = self._so_far(end) if index == last and day == end.day else len(self._times)
                for number in range(earliest, latest):
                    yield self._at(index // 12, index % 12 + 1, day, number)

    def _matches(self, day: date) -> bool:
        return bool(self._month(day.year, day.month) >> day.day & 1)

    def _so_far(self, wall: datetime) -> int:
        """How many times of a day lie before the time of `wall`."""
        return bisect_left(self._times, 60 * wall.hour + wall.minute + bool(wall.second or wall.microsecond))

    def _at(self, year: int, month: int, day: int, number: int) -> datetime:
        return datetime(year, month, day, *divmod(self._times[number], 60))  # noqa: DTZ001 wall time

    def _month(self, year: int, month: int) -> int:
        """A bit for each day of a month that matches; the 1st is bit 1."""
        if month not in self.fields.month.values:
            return 0
        dates = self._dates = self._dates or _dates(self.fields.day, self.fields.weekday)
        monday_based, days = monthrange(year, month)
        return dates[(monday_based + 1) % 7] & (2 << days) - 1


@lru_cache(maxsize=1024)  # the longest of them, of schedules that fire often, are shared by many
def _times_of_day(hours: frozenset[int], minutes: frozenset[int]) -> tuple[int, ...]:
    """The times of a day that match, in minutes since midnight."""
    return tuple(sorted(60 * hour + minute for hour in hours for minute in minutes))


@lru_cache(maxsize=1024)  # most schedules restrict neither
def _dates(day: CronField, weekday: CronField) -> tuple[int, ...]:
    """A bit for each day that matches in a month of 31 days, for each weekday of its first day, from Sunday on.

    If the day of month or the day of week has the star bit, both must match; otherwise one is enough (rule 7).
    """
    days = sum(1 << each for each in day.values)
    first_week = (
        sum(1 << each for each in range(1, 32) if (first + each - 1) % 7 in weekday.values) for first in range(7)
    )
    return tuple(days & week if day.star or weekday.star else days | week for week in first_week)
