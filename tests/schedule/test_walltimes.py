"""The search of wall times against croniter's, which takes a hundred times as long; and backwards against forwards."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from croniter import croniter
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ajsync.schedule import Timetable, parse
from ajsync.schedule.fields import CronField, CronFields, parse_fields
from ajsync.schedule.walltimes import WallTimes
from tests.schedule.test_clock_changes import CHANGES

_LONGEST_MONTH = (0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
WALLS = st.datetimes(datetime(1985, 1, 1), datetime(2115, 1, 1))  # noqa: DTZ001 wall times
SPARSE = ["0 0 29 2 *", "0 0 31 12 *", "30 4 30 2 MON", "0 0 13 * FRI", "0 0 31 4 *", "0 12 29 2 1-6", "0 0 */30 * *"]


def field(first: int, last: int) -> st.SearchStrategy[str]:
    """One field: a star, steps, a few values or a range."""
    values = st.integers(first, last)
    few = st.lists(values, min_size=1, max_size=4).map(lambda found: ",".join(map(str, found)))
    spans = st.tuples(values, values).map(lambda found: f"{min(found)}-{max(found)}")
    steps = st.integers(2, last).map(lambda step: f"*/{step}")
    return st.just("*") | few | spans | steps


SCHEDULES = st.sampled_from(SPARSE) | st.tuples(
    field(0, 59), field(0, 23), field(1, 31), field(1, 12), field(0, 6)
).map(" ".join)


def croniter_expression(fields: CronFields) -> str | None:
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


def _listed(field: CronField, size: int) -> str:
    return "*" if len(field.values) == size else ",".join(map(str, sorted(field.values)))


def forwards(timetable: Timetable, after: datetime, until: datetime) -> list[datetime]:
    """The fires in (`after`, `until`], in UTC, one after the other."""
    found: list[datetime] = []
    while (fire := timetable.next(after)) is not None and (after := fire.astimezone(UTC)) <= until:
        found.append(after)
    return found


@given(SCHEDULES, WALLS)
def test_the_next_and_the_previous_match_are_those_of_croniter(schedule: str, wall: datetime) -> None:
    fields = parse_fields(schedule)
    walls = WallTimes(fields)
    expression = croniter_expression(fields)
    if expression is None:
        assert walls.after(wall) is walls.before(wall) is None
        return
    whole = wall.replace(second=0, microsecond=0)
    assert walls.after(wall) == croniter(expression, whole, max_years_between_matches=8).get_next(datetime)
    minute = wall if wall == whole else whole + timedelta(minutes=1)
    assert walls.before(wall) == croniter(expression, minute, max_years_between_matches=8).get_prev(datetime)


@given(SCHEDULES, WALLS, st.timedeltas(timedelta(0), timedelta(days=3)) | st.timedeltas(timedelta(0), timedelta(900)))
def test_as_many_matches_are_counted_as_are_found(schedule: str, begin: datetime, length: timedelta) -> None:
    walls = WallTimes(parse_fields(schedule))
    total = walls.count(begin, begin + length)
    assume(total < 5000)
    wall, found = begin - timedelta(microseconds=1), 0
    while (following := walls.after(wall)) is not None and following < begin + length:
        wall = following
        found += wall >= begin
    assert found == total


@given(SCHEDULES, WALLS, st.timedeltas(timedelta(0), timedelta(days=3)) | st.timedeltas(timedelta(0), timedelta(900)))
def test_all_matches_of_a_span_are_those_that_are_found_one_by_one(
    schedule: str, begin: datetime, length: timedelta
) -> None:
    walls = WallTimes(parse_fields(schedule))
    assume(walls.count(begin, begin + length) < 5000)
    wall, found = begin - timedelta(microseconds=1), []
    while (following := walls.after(wall)) is not None and following < begin + length:
        wall = following
        found += [wall] if wall >= begin else []
    assert list(walls.between(begin, begin + length)) == found


@settings(max_examples=100)
@given(st.sampled_from(CHANGES), SCHEDULES, st.integers(-40 * 3600, 40 * 3600), st.sampled_from([0, 1, 999_999]))
def test_the_previous_fire_is_the_last_that_a_search_forwards_finds(
    change: tuple[str, str], schedule: str, seconds: int, microseconds: int
) -> None:
    zone, instant = change
    before = datetime.fromisoformat(instant) + timedelta(seconds=seconds, microseconds=microseconds)
    timetable = parse(schedule, zone)
    found = timetable.previous(before.astimezone(ZoneInfo(zone)))
    if found is None:
        following = timetable.next(before - timedelta(days=7 * 365))
    else:
        assert found.tzinfo == ZoneInfo(zone)
        assert found.astimezone(UTC) < before
        assert timetable.next(found.astimezone(UTC) - timedelta(seconds=1)) == found
        following = timetable.next(found)
    assert following is None or following.astimezone(UTC) >= before


@settings(max_examples=100)
@given(st.sampled_from(CHANGES), SCHEDULES, st.integers(-40 * 3600, 40 * 3600), st.integers(0, 60 * 3600))
def test_across_a_change_of_the_clocks_as_many_fires_are_counted_as_are_found(
    change: tuple[str, str], schedule: str, seconds: int, length: int
) -> None:
    zone, instant = change
    begin = datetime.fromisoformat(instant) + timedelta(seconds=seconds)
    end = begin + timedelta(seconds=length)
    second = timedelta(seconds=1)
    timetable = parse(schedule, zone)
    found = forwards(timetable, begin - second, end - second)
    assert timetable.count(begin, end) == len(found)
    assert list(timetable.between(begin, end)) == found


def test_a_year_of_minutes_is_counted_with_the_hours_that_come_twice_and_not_at_all() -> None:
    begin, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
    assert parse("* * * * *", "Europe/Malta").count(begin, end) == 365 * 24 * 60
    assert parse("30 2 * * *", "Europe/Malta").count(begin, end) == 365
    assert parse("30 2 25 10 *", "Europe/Malta").count(begin, end) == 2
    assert parse("30 2 29 3 *", "Europe/Malta").count(begin, end) == 0


@pytest.mark.parametrize("schedule", [", * * * *", "0 , * * *", "0 0 31 2 *", "0 0 30,31 2 ?"])
def test_what_never_matches_has_neither_a_past_nor_a_future(schedule: str) -> None:
    timetable, now = parse(schedule), datetime(2026, 5, 5, tzinfo=UTC)
    assert timetable.next(now) is timetable.previous(now) is None
    assert timetable.count(now, now + timedelta(days=4000)) == 0


@pytest.mark.parametrize(
    ("zone", "schedule", "first", "second"),
    [
        ("Europe/Malta", "30 2 * * *", "2026-10-25T00:30Z", "2026-10-25T01:30Z"),
        ("America/New_York", "30 1 * * *", "2026-11-01T05:30Z", "2026-11-01T06:30Z"),
    ],
)
def test_in_the_hour_that_comes_again_the_last_fire_may_show_a_later_time(
    zone: str, schedule: str, first: str, second: str
) -> None:
    timetable, again = parse(schedule, zone), datetime.fromisoformat(second)
    for before in (again - timedelta(minutes=20), again):
        found = timetable.previous(before)
        assert found is not None
        assert found.astimezone(UTC) == datetime.fromisoformat(first)
    assert parse("0 0 31 2 *", zone).previous(again) is None


def test_the_last_match_may_be_the_first_of_the_same_day() -> None:
    walls = WallTimes(parse_fields("0 6,18 * * *"))
    assert walls.before(datetime(2026, 5, 5, 7)) == datetime(2026, 5, 5, 6)  # noqa: DTZ001 wall times


def test_the_ends_of_the_calendar_have_no_past() -> None:
    assert parse("* * * * *").previous(datetime(1, 1, 1, tzinfo=UTC)) is None
    assert parse("* * * * *").previous(datetime(9999, 12, 31, tzinfo=UTC)) is None
    with pytest.raises(ValueError, match="needs a time zone"):
        parse("@daily").previous(datetime(2026, 1, 1))  # noqa: DTZ001 that is what is refused


def test_going_back_and_forth_meets_the_same_leap_days() -> None:
    walls = WallTimes(parse_fields("0 0 29 2 *"))

    def back(wall: datetime):  # type: ignore[no-untyped-def]  # a generator of few lines
        while (found := walls.before(wall)) is not None:
            wall = found
            yield found.year

    assert list(islice(back(datetime(2026, 1, 1)), 3)) == [2024, 2020, 2016]  # noqa: DTZ001 wall time
