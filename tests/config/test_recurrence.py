"""Rules of recurring all-day events, against dateutil, which searches for them in another way."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest
from dateutil import rrule
from hypothesis import given, settings
from hypothesis import strategies as st

from ajsync.config.recurrence import Budget, Frequency, Recurrence
from ajsync.errors import ScheduleError

FREQUENCIES: dict[Frequency, Any] = {
    "DAILY": rrule.DAILY,
    "WEEKLY": rrule.WEEKLY,
    "MONTHLY": rrule.MONTHLY,
    "YEARLY": rrule.YEARLY,
}
STARTS = st.dates(date(1995, 1, 1), date(2030, 12, 31))


def few(first: int, last: int, *, back: bool = True) -> st.SearchStrategy[frozenset[int]]:
    numbers = st.integers(first, last)
    return st.just(frozenset[int]()) | st.frozensets(
        numbers | numbers.map(lambda number: -number) if back else numbers, min_size=1, max_size=3
    )


@st.composite
def rules(draw: st.DrawFn) -> Recurrence:
    """Any rule, as RFC 5545 allows it."""
    frequency = draw(st.sampled_from([*FREQUENCIES]))
    numbered = frequency in ("MONTHLY", "YEARLY")
    # dateutil takes `MO,3TU` for Mondays that are the third Tuesday, so days with numbers and without are not mixed.
    number = st.integers(1, 5) if numbered and draw(st.booleans()) else st.just(0)
    weekday = st.tuples(st.integers(0, 6), number | number.map(lambda found: -found))
    return Recurrence(
        frequency,
        interval=draw(st.integers(1, 4)),
        count=draw(st.just(0) | st.integers(1, 30)),
        months=draw(few(1, 12, back=False)),
        week_numbers=draw(few(1, 53)) if frequency == "YEARLY" else frozenset(),
        year_days=draw(few(1, 366)) if frequency == "YEARLY" else frozenset(),
        month_days=draw(few(1, 31)) if frequency != "WEEKLY" else frozenset(),
        weekdays=draw(st.just(frozenset[tuple[int, int]]()) | st.frozensets(weekday, min_size=1, max_size=3)),
        positions=draw(few(1, 3)) if numbered else frozenset(),
        week_start=draw(st.integers(0, 6)),
    )


def reference(rule: Recurrence, start: date, last: date) -> list[int]:
    """The same by dateutil, up to a day."""
    weekdays = [rrule.weekday(day, number or None) for day, number in rule.weekdays]
    found = rrule.rrule(
        FREQUENCIES[rule.frequency],
        dtstart=datetime(start.year, start.month, start.day),  # noqa: DTZ001 a day
        interval=rule.interval,
        wkst=rule.week_start,
        count=rule.count or None,
        bysetpos=sorted(rule.positions) or None,
        bymonth=sorted(rule.months) or None,
        bymonthday=sorted(rule.month_days) or None,
        byyearday=sorted(rule.year_days) or None,
        byweekno=sorted(rule.week_numbers) or None,
        byweekday=weekdays or None,
    )
    days = []
    for moment in found:
        if moment.date() > last:
            break
        days.append(moment.toordinal())
    return days


@settings(deadline=None, max_examples=40)  # for rules that never match dateutil searches until the year 9999
@given(rules(), STARTS, st.integers(0, 1500), st.integers(0, 3000))
def test_a_rule_gives_the_days_that_dateutil_finds(rule: Recurrence, start: date, skipped: int, length: int) -> None:
    first = start.toordinal() + skipped
    last = date.fromordinal(first + length)
    expected = [day for day in reference(rule, start, last) if day >= first]
    assert [*rule.days(start.toordinal(), first, last.toordinal(), Budget(10**7))] == expected


def test_days_with_a_number_and_without_are_both_meant() -> None:
    rule = Recurrence("MONTHLY", weekdays=frozenset(((0, 0), (1, 3))))
    found = days(rule, date(2026, 3, 1), date(2026, 3, 1), date(2026, 3, 31))
    assert found == ["2026-03-02", "2026-03-09", "2026-03-16", "2026-03-17", "2026-03-23", "2026-03-30"]


def days(rule: Recurrence, start: date, first: date, last: date, budget: int = 10**5) -> list[str]:
    found = rule.days(start.toordinal(), first.toordinal(), last.toordinal(), Budget(budget))
    return [date.fromordinal(day).isoformat() for day in found]


def test_a_rule_ends_with_its_last_day() -> None:
    rule = Recurrence("YEARLY", until=date(2027, 12, 25).toordinal())
    christmas = date(1970, 12, 25)
    assert days(rule, christmas, date(2026, 1, 1), date(2040, 1, 1)) == ["2026-12-25", "2027-12-25"]


def test_what_recurs_for_long_is_looked_for_only_from_the_first_day_on() -> None:
    assert days(Recurrence("DAILY"), date(1, 1, 1), date(2026, 12, 25), date(2026, 12, 26), 10) == [
        "2026-12-25",
        "2026-12-26",
    ]


@pytest.mark.parametrize(
    "rule",
    [
        Recurrence("DAILY", months=frozenset((2,)), month_days=frozenset((30,))),
        Recurrence("YEARLY", months=frozenset((2,)), month_days=frozenset((30,))),
        Recurrence("WEEKLY", months=frozenset((13,))),
        Recurrence("YEARLY", year_days=frozenset((366,)), months=frozenset((1,))),
    ],
)
def test_a_rule_that_never_matches_ends_with_the_last_day(rule: Recurrence) -> None:
    assert days(rule, date(2026, 1, 1), date(2026, 1, 1), date(2036, 12, 31)) == []


def test_a_rule_that_takes_long_is_refused() -> None:
    rule = Recurrence("DAILY", count=10**9)
    with pytest.raises(ScheduleError, match="take too long to work out; list the days instead"):
        days(rule, date(1, 1, 1), date(9000, 1, 1), date(9999, 12, 31), 1000)


@pytest.mark.parametrize("frequency", FREQUENCIES)
def test_a_rule_ends_with_the_last_year(frequency: Frequency) -> None:
    found = days(Recurrence(frequency), date(9998, 12, 25), date(9998, 1, 1), date(9999, 12, 31))
    assert found[0] == "9998-12-25"
    assert found[-1][:4] == "9999"
