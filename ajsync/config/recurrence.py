"""Recurring all-day events: the days that a rule of iCalendar gives (RFC 5545, section 3.3.10). Pure.

A rule can be endless, and may even never match. So only days up to a given one are looked for, and a file has a budget
of days to look at. The libraries for this search until the year 9999.
"""

from __future__ import annotations

from calendar import isleap, monthrange
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from itertools import count
from typing import Literal, TypeAlias

from ajsync.errors import ScheduleError

Frequency: TypeAlias = Literal["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]
_LAST_DAY = date.max.toordinal()


@dataclass(slots=True)
class Budget:
    """How many days may still be looked at."""

    days: int

    def spend(self, days: int) -> None:
        """Take days from the budget. Raises ScheduleError if there are too few left."""
        self.days -= days
        if self.days < 0:
            raise ScheduleError("its recurring events take too long to work out; list the days instead")


@dataclass(frozen=True, slots=True)
class Recurrence:
    """A rule. Empty parts restrict nothing; negative numbers count from the end of a month or year."""

    frequency: Frequency
    interval: int = 1
    count: int = 0
    """How often it occurs; 0 for no limit."""
    until: int = _LAST_DAY
    """The last day, as `date.toordinal` counts."""
    months: frozenset[int] = frozenset()
    week_numbers: frozenset[int] = frozenset()
    year_days: frozenset[int] = frozenset()
    month_days: frozenset[int] = frozenset()
    weekdays: frozenset[tuple[int, int]] = frozenset()
    """Days of the week, 0 for Monday, each with its number in the month or year; 0 means every one."""
    positions: frozenset[int] = frozenset()
    """Which of the days of each period, from 1."""
    week_start: int = 0

    def days(self, start: int, first: int, last: int, budget: Budget) -> Iterator[int]:
        """The days from `start` on, in order, that lie between `first` and `last`. Raises ScheduleError."""
        last = min(last, self.until)
        rule, seen = self._with_defaults(date.fromordinal(start)), 0
        begin = 0 if self.count else max(rule._period_of(start, first), 0)
        for index in count(begin):
            period = rule._period(start, index)
            if not period or period[0] > last:
                return
            for day in rule._chosen([*rule._matching(period, budget)]):
                if day < start:
                    continue
                seen += 1
                if day > last or (self.count and seen > self.count):
                    return
                if day >= first:
                    yield day

    def _with_defaults(self, start: date) -> Recurrence:
        """The rule, completed from the first day with what it does not say."""
        if self.week_numbers or self.year_days or self.month_days or self.weekdays:
            return self
        match self.frequency:
            case "YEARLY":
                months = self.months or frozenset((start.month,))
                return replace(self, months=months, month_days=frozenset((start.day,)))
            case "MONTHLY":
                return replace(self, month_days=frozenset((start.day,)))
            case "WEEKLY":
                return replace(self, weekdays=frozenset(((start.weekday(), 0),)))
        return self

    def _period_of(self, start: int, day: int) -> int:
        """The number of the period with a day, counted from that of the first day; perhaps the one before."""
        begins, at = date.fromordinal(start), date.fromordinal(day)
        match self.frequency:
            case "YEARLY":
                passed = at.year - begins.year
            case "MONTHLY":
                passed = (at.year - begins.year) * 12 + at.month - begins.month
            case "WEEKLY":
                passed = (day - self._week_begin(start)) // 7
            case "DAILY":
                passed = day - start
        return passed // self.interval

    def _period(self, start: int, index: int) -> range:
        """The days of a period; none after the last year."""
        begins, steps = date.fromordinal(start), index * self.interval
        match self.frequency:
            case "YEARLY":
                year = begins.year + steps
                return _days_of_year(year) if year <= date.max.year else range(0)
            case "MONTHLY":
                year, month = divmod(begins.year * 12 + begins.month - 1 + steps, 12)
                return _days_of_month(year, month + 1) if year <= date.max.year else range(0)
            case "WEEKLY":
                begin = self._week_begin(start) + 7 * steps
                return range(max(begin, 1), min(begin + 7, _LAST_DAY + 1))
            case "DAILY":
                return range(start + steps, min(start + steps, _LAST_DAY) + 1)

    def _week_begin(self, day: int) -> int:
        return day - (date.fromordinal(day).weekday() - self.week_start) % 7

    def _matching(self, period: range, budget: Budget) -> Iterator[int]:
        """The days of a period that all parts of the rule allow."""
        parts: Iterable[range] = [period]
        if self.frequency == "YEARLY" and self.months:
            year = date.fromordinal(period[0]).year
            parts = [_days_of_month(year, month) for month in sorted(self.months)]
        for part in parts:
            budget.spend(len(part))
            yield from (day for day in part if self._allows(date.fromordinal(day)))
        budget.spend(1)

    def _chosen(self, days: list[int]) -> list[int]:
        """The days of a period that have one of the positions."""
        if not self.positions:
            return days
        indexes = {position - 1 if position > 0 else len(days) + position for position in self.positions}
        return [day for index, day in enumerate(days) if index in indexes]

    def _allows(self, day: date) -> bool:
        return (
            (not self.months or day.month in self.months)
            and (not self.month_days or _in(self.month_days, day.day, monthrange(day.year, day.month)[1]))
            and (not self.weekdays or self._is_weekday(day))
            and (not self.year_days or _in(self.year_days, day.timetuple().tm_yday, 365 + isleap(day.year)))
            and (not self.week_numbers or _in(self.week_numbers, *self._week(day)))
        )

    def _is_weekday(self, day: date) -> bool:
        weekday = day.weekday()
        if (weekday, 0) in self.weekdays:
            return True
        if self.frequency == "YEARLY" and not self.months:
            index, size = day.timetuple().tm_yday - 1, 365 + isleap(day.year)
        else:
            index, size = day.day - 1, monthrange(day.year, day.month)[1]
        if self.frequency in ("DAILY", "WEEKLY"):  # a number has no meaning there
            return any(weekday == each for each, _ in self.weekdays)
        return (weekday, index // 7 + 1) in self.weekdays or (weekday, -((size - 1 - index) // 7 + 1)) in self.weekdays

    def _week(self, day: date) -> tuple[int, int]:
        """The number of the week of a day, and how many weeks its year has; the first one has four days of the year."""
        middle = date.fromordinal(self._week_begin(day.toordinal()) + 3)
        last = date.fromordinal(self._week_begin(date(middle.year, 12, 28).toordinal()) + 3)
        return (middle.timetuple().tm_yday - 1) // 7 + 1, (last.timetuple().tm_yday - 1) // 7 + 1


def _in(numbers: frozenset[int], number: int, size: int) -> bool:
    """Whether a number from 1 to `size` is among some, which may count from the end."""
    return number in numbers or number - size - 1 in numbers


def _days_of_year(year: int) -> range:
    begin = date(year, 1, 1).toordinal()
    return range(begin, begin + 365 + isleap(year))


def _days_of_month(year: int, month: int) -> range:
    begin = date(year, month, 1).toordinal()
    return range(begin, begin + monthrange(year, month)[1])
