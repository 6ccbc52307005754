"""Changes of the clocks: when a zone has them, and which fires they take away or give twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ajsync.inspect.clock_changes import changes_of_clocks, effects_of_clocks
from ajsync.schedule import load_zone, parse

START = datetime(2027, 1, 1, tzinfo=UTC)
YEAR = timedelta(days=365)


def effects(schedule: str, zone: str = "Europe/Malta") -> list[tuple[str, str]]:
    """Kind and wall times of each effect within 2027."""
    found = effects_of_clocks(parse(f"CRON_TZ={zone} {schedule}"), START, START + YEAR)
    return [(each.kind, " ".join(f"{wall:%m-%d %H:%M}" for wall in each.walls)) for each in found]


def test_a_zone_changes_its_clocks_at_whole_seconds_and_none_is_missed() -> None:
    spring, autumn = changes_of_clocks(load_zone("Europe/Malta"), START, START + YEAR)
    assert spring.at == datetime(2027, 3, 28, 1, tzinfo=UTC)
    assert spring.forward
    assert autumn.at == datetime(2027, 10, 31, 1, tzinfo=UTC)
    assert not autumn.forward
    assert changes_of_clocks(load_zone("UTC"), START, START + YEAR) == ()


def test_a_daily_fire_in_the_hour_of_the_change_is_skipped_and_doubled() -> None:
    assert effects("30 2 * * *") == [("skipped", "03-28 02:30"), ("doubled", "10-31 02:30")]


def test_half_an_hour_is_a_change_too() -> None:
    assert effects("15 2 * * *", "Australia/Lord_Howe") == [("skipped", "10-03 02:15")]
    assert effects("45 1 * * *", "Australia/Lord_Howe") == [("doubled", "04-04 01:45")]


@pytest.mark.parametrize("schedule", ["* * * * *", "*/5 * * * *", "0 * * * *", "@hourly", "30 0-5 * * *"])
def test_what_fires_hourly_through_the_change_loses_nothing(schedule: str) -> None:
    assert effects(schedule) == []


@pytest.mark.parametrize("schedule", ["0 12 * * *", "30 2 1 * *", "@every 1h", "0 0 30 2 *"])
def test_what_is_not_due_in_the_hour_of_the_change_is_not_affected(schedule: str) -> None:
    assert effects(schedule) == []


@given(hour=st.integers(0, 23), minute=st.integers(0, 59), zone=st.sampled_from(["Europe/Malta", "America/Santiago"]))
def test_a_year_of_a_daily_schedule_has_a_fire_less_for_each_skip_and_one_more_for_each_double(
    hour: int, minute: int, zone: str
) -> None:
    timetable = parse(f"CRON_TZ={zone} {minute} {hour} * * *")
    fires, moment = 0, timetable.next(START - timedelta(seconds=1))
    while moment is not None and moment < START + YEAR:
        fires, moment = fires + 1, timetable.next(moment)
    kinds = [kind for kind, _ in effects(f"{minute} {hour} * * *", zone)]
    assert fires == 365 - kinds.count("skipped") + kinds.count("doubled")
