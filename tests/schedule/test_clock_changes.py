"""Where clocks change, a wall time that is skipped does not fire, and one that comes twice fires twice.

Checked against stepping through every minute around a change, which asks the zone only for the wall time of an instant.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ajsync.schedule import parse
from ajsync.schedule.timetable import clock_changes

MINUTE = timedelta(minutes=1)
CHANGES = [
    ("Europe/Malta", "2026-03-29T01:00Z"),
    ("Europe/Malta", "2026-10-25T01:00Z"),
    ("America/New_York", "2026-03-08T07:00Z"),
    ("America/New_York", "2026-11-01T06:00Z"),
    ("Australia/Lord_Howe", "2026-10-03T15:30Z"),  # half an hour
    ("Australia/Lord_Howe", "2026-04-04T15:00Z"),
    ("Antarctica/Troll", "2026-03-29T01:00Z"),  # two hours
    ("Antarctica/Troll", "2026-10-25T01:00Z"),
    ("Asia/Beirut", "2026-03-28T22:00Z"),  # at midnight
    ("Africa/Cairo", "2026-10-29T21:00Z"),
    ("Asia/Baku", "2015-03-29T00:00Z"),  # at midnight in UTC
    ("Asia/Baku", "2015-10-25T00:00Z"),
    ("Africa/Casablanca", "2026-02-15T02:00Z"),
    ("Asia/Pyongyang", "2015-08-14T15:00Z"),
    ("Pacific/Apia", "2011-12-30T10:00Z"),  # a whole day is skipped
]


@cache
def minutes_around(zone: str, change: str) -> list[tuple[datetime, datetime]]:
    """Every minute from a day and a half before a change to as long after it, with the wall time that it shows."""
    first = datetime.fromisoformat(change) - timedelta(hours=36)
    instants = [first + number * MINUTE for number in range(72 * 60)]
    return [(instant, instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None)) for instant in instants]


def fires_around(zone: str, change: str, schedule: str) -> list[datetime]:
    """What the timetable says for the same minutes."""
    minutes = minutes_around(zone, change)
    found: list[datetime] = []
    after = minutes[0][0] - MINUTE
    while (fire := parse(schedule, zone).next(after)) is not None and (after := fire.astimezone(UTC)) <= minutes[-1][0]:
        found.append(after)
    return found


@pytest.mark.parametrize(("zone", "change"), CHANGES)
def test_the_clock_does_change_there(zone: str, change: str) -> None:
    instant = datetime.fromisoformat(change)
    before, after = (moment.astimezone(ZoneInfo(zone)).utcoffset() for moment in (instant - MINUTE, instant))
    assert before != after


@pytest.mark.parametrize(("zone", "change"), CHANGES)
def test_a_change_of_the_clocks_is_found_to_the_second(zone: str, change: str) -> None:
    instant = datetime.fromisoformat(change)
    day = timedelta(days=1)
    assert list(clock_changes(ZoneInfo(zone), instant - day, instant)) == [instant]
    assert list(clock_changes(ZoneInfo(zone), instant, instant + day)) == []


@settings(max_examples=250)
@given(
    st.sampled_from(CHANGES),
    st.sets(st.integers(0, 59), min_size=1, max_size=4),
    st.sets(st.integers(0, 23) | st.integers(0, 4), min_size=1, max_size=6),
    st.none() | st.sets(st.integers(0, 6), min_size=1),
)
def test_a_schedule_fires_at_each_minute_that_shows_its_time(
    change: tuple[str, str], minutes: set[int], hours: set[int], weekdays: set[int] | None
) -> None:
    schedule = " ".join(
        [_listed(minutes), _listed(hours), "*", "*", "*" if weekdays is None else _listed(weekdays)],
    )
    expected = [
        instant
        for instant, wall in minutes_around(*change)
        if wall.minute in minutes and wall.hour in hours and (weekdays is None or wall.isoweekday() % 7 in weekdays)
    ]
    assert fires_around(*change, schedule) == expected


@given(st.sampled_from(CHANGES), st.data())
def test_from_any_second_the_next_fire_is_the_next_minute_that_shows_its_time(
    change: tuple[str, str], data: st.DataObject
) -> None:
    zone, instant = change
    minute, hour = data.draw(st.integers(0, 59)), data.draw(st.integers(0, 4) | st.just(23))
    after = datetime.fromisoformat(instant) + timedelta(seconds=data.draw(st.integers(-9000, 9000)))
    expected = next(
        moment
        for moment, wall in minutes_around(*change)
        if moment > after and (wall.hour, wall.minute) == (hour, minute)
    )
    found = parse(f"{minute} {hour} * * *", zone).next(after.astimezone(ZoneInfo(zone)))
    assert found is not None
    assert found.astimezone(UTC) == expected


def _listed(values: set[int]) -> str:
    return ",".join(map(str, sorted(values)))


def test_a_skipped_time_does_not_fire_that_day() -> None:
    found = parse("30 2 * * *", "Europe/Malta").next(datetime(2026, 3, 28, 12, tzinfo=UTC))
    assert found is not None
    assert found.isoformat() == "2026-03-30T02:30:00+02:00"


def test_a_time_that_comes_twice_fires_at_both_instants() -> None:
    timetable = parse("30 2 * * *", "Europe/Malta")
    first = timetable.next(datetime(2026, 10, 24, 12, tzinfo=UTC))
    assert first is not None
    second = timetable.next(first)
    assert second is not None
    assert [first.isoformat(), second.isoformat()] == ["2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00"]


def test_every_minute_of_the_hour_that_comes_twice_fires_twice_in_order() -> None:
    fires = fires_around("Europe/Malta", "2026-10-25T01:00Z", "*/20 2 25 10 *")
    assert [fire.isoformat()[11:16] for fire in fires] == ["00:00", "00:20", "00:40", "01:00", "01:20", "01:40"]


def test_a_date_that_a_zone_never_had_does_not_fire() -> None:
    found = parse("0 9 30 12 *", "Pacific/Apia").next(datetime(2011, 12, 1, tzinfo=UTC))
    assert found is not None
    assert found.year == 2012


def test_a_date_that_is_skipped_for_more_than_eight_years_never_comes() -> None:
    # From 1999 to 2006 Syria set its clocks forward at midnight of 1 April.
    timetable = parse("30 0 1 4 *", "Asia/Damascus")
    assert timetable.next(datetime(1999, 3, 30, tzinfo=UTC)) is None
    assert timetable.next(datetime(1999, 4, 2, tzinfo=UTC)) == datetime(2007, 3, 31, 21, 30, tzinfo=UTC)


def test_an_interval_does_not_care_for_clocks() -> None:
    found = parse("@every 1h", "Europe/Malta").next(datetime(2026, 3, 29, 0, 30, tzinfo=UTC))
    assert found is not None
    assert found.isoformat() == "2026-03-29T03:30:00+02:00"
