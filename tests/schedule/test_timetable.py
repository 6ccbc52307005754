"""A timetable answers when its schedule fires next, whoever asks, in whatever order."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ajsync.schedule import parse

NOW = datetime(2026, 5, 5, 10, 7, 30, tzinfo=UTC)
SCHEDULES = st.sampled_from(
    ["* * * * *", "*/7 2,3 * * *", "30 9 * * MON-FRI", "0 0 13 * FRI", "0 0 29 2 *", "@monthly", "@every 90s"]
)
ZONES = st.sampled_from(["UTC", "Europe/Malta", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"])
INSTANTS = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 aware by it


@pytest.fixture
def switch_often() -> Iterator[None]:
    """Let threads take turns as often as they can."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


def following(schedule: str, after: datetime, zone: str = "UTC") -> datetime:
    """The next fire, in UTC, of a schedule that has one."""
    found = parse(schedule, zone).next(after)
    assert found is not None
    return found.astimezone(UTC)


@given(SCHEDULES, ZONES, INSTANTS)
def test_the_next_fire_is_strictly_later_and_on_a_whole_second(schedule: str, zone: str, after: datetime) -> None:
    found = following(schedule, after, zone)
    assert found > after
    assert found.microsecond == 0


@given(SCHEDULES, ZONES, INSTANTS, st.timedeltas(timedelta(0), timedelta(days=3)))
def test_asking_later_never_gives_an_earlier_fire(schedule: str, zone: str, after: datetime, later: timedelta) -> None:
    assert following(schedule, after, zone) <= following(schedule, after + later, zone)


@given(SCHEDULES.filter(lambda schedule: "every" not in schedule), ZONES, INSTANTS, st.integers(0, 999))
def test_between_now_and_the_next_fire_there_is_no_other(
    schedule: str, zone: str, after: datetime, thousandths: int
) -> None:
    found = following(schedule, after, zone)
    assert following(schedule, after + (found - after) * thousandths // 1000, zone) == found


@given(SCHEDULES, ZONES, st.lists(INSTANTS, min_size=2, max_size=5))
def test_the_order_of_questions_does_not_change_the_answers(
    schedule: str, zone: str, questions: list[datetime]
) -> None:
    answers = [following(schedule, question, zone) for question in questions]
    assert [following(schedule, question, zone) for question in reversed(questions)] == answers[::-1]


def test_many_threads_may_ask_at_once(switch_often: None) -> None:
    timetable = parse("*/7 3 * * *", "Europe/Malta")
    questions = [NOW + timedelta(hours=hour) for hour in range(500)]
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(timetable.next, questions)) == [timetable.next(question) for question in questions]


def test_the_answer_is_in_the_zone_of_the_schedule() -> None:
    found = parse("0 9 * * *", "Europe/Malta").next(NOW)
    assert found is not None
    assert found.tzinfo == ZoneInfo("Europe/Malta")
    assert found.isoformat() == "2026-05-06T09:00:00+02:00"


@pytest.mark.parametrize(
    "schedule",
    ["0 0 31 2 *", "0 0 30,31 2 ?", "0 0 31 4,6,9,11 *", ", * * * *", "0 0 * , *", "0 0 , * ,", "0 0 31 2 ,"],
)
def test_a_date_that_no_calendar_has_never_comes(schedule: str) -> None:
    assert parse(schedule, "Europe/Malta").next(NOW) is None


@pytest.mark.parametrize("schedule", ["0 0 31 2 MON", "0 0 , 2 MON"])
def test_an_impossible_day_leaves_the_day_of_the_week(schedule: str) -> None:
    assert following(schedule, NOW) == datetime(2027, 2, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "day"),
    [
        ("0 0 13 * FRI", 8),  # neither has a star: either matches
        ("0 0 13 * *", 13),
        ("0 0 * * FRI", 8),
        ("0 0 1-31 * FRI", 6),  # every day, and yet no star
        ("0 0 13 * 0-6", 6),
        ("0 0 */1 * FRI", 8),  # a step of one keeps the star
        ("0 0 */2 * FRI", 7),  # a step of two loses it
        ("0 0 13,* * FRI", 8),
    ],
)
def test_both_days_must_match_where_one_has_a_star_and_either_elsewhere(schedule: str, day: int) -> None:
    assert following(schedule, NOW) == datetime(2026, 5, day, tzinfo=UTC)


def test_a_leap_day_is_found_across_a_century_without_one() -> None:
    assert following("0 0 29 2 *", datetime(2096, 2, 29, tzinfo=UTC)) == datetime(2104, 2, 29, tzinfo=UTC)


def test_a_search_that_starts_on_a_leap_day_ends_in_a_year_without_one() -> None:
    assert following("0 0 1 * *", datetime(2092, 2, 29, tzinfo=UTC)) == datetime(2092, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize("schedule", ["* * * * *", "@every 1h"])
@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Pacific/Kiritimati"])
def test_the_ends_of_the_calendar_are_no_error(schedule: str, zone: str) -> None:
    assert parse(schedule, zone).next(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)) is None
    assert parse("* * * * *", zone).next(datetime(1, 1, 1, tzinfo=UTC)) is not None


def test_a_naive_instant_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a time zone"):
        parse("@daily").next(NOW.replace(tzinfo=None))
    with pytest.raises(ValueError, match="needs a time zone"):
        parse("@every 1h").next(NOW.replace(tzinfo=None))


def test_an_interval_runs_from_the_whole_second_of_the_question() -> None:
    assert following("@every 90s", NOW.replace(microsecond=999_999)) == NOW + timedelta(seconds=90)
