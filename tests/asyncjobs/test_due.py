"""When scheduled tasks are due next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ajsync.asyncjobs.due import NextFires, Times, Upcoming, times_of
from ajsync.asyncjobs.model import Managed, ScheduledTask
from ajsync.schedule import parse
from ajsync.schedule.days import canonical_days, days_text
from ajsync.timestamp import NANOSECONDS as SECOND
from ajsync.timestamp import format_timestamp, parse_timestamp, to_datetime
from tests.tasks import task

MIDNIGHT = parse_timestamp("2027-03-01T00:00:00Z")
MINUTE = 60_000_000_000


def next_fires(tasks: list[ScheduledTask], start: int, count: int) -> list[NextFires]:
    upcoming = Upcoming(start, count)
    return [upcoming.of(each) for each in tasks]


def dues(found: NextFires) -> list[str]:
    return [format_timestamp(due) for due in found.dues]


def test_a_fire_at_the_start_itself_counts() -> None:
    (found,) = next_fires([task("A", schedule="@daily")], MIDNIGHT, 2)
    assert dues(found) == ["2027-03-01T00:00:00Z", "2027-03-02T00:00:00Z"]
    (found,) = next_fires([task("A", schedule="@daily")], MIDNIGHT + 1, 1)
    assert dues(found) == ["2027-03-02T00:00:00Z"]


def test_jitter_moves_each_fire_by_what_the_scheduler_moves_it() -> None:
    plain = task("A", schedule="@daily")
    assert plain.managed is not None
    jittered = replace(plain, managed=replace(plain.managed, jitter=30 * MINUTE))
    (found,) = next_fires([jittered], MIDNIGHT, 3)
    (first, second, third) = found.dues
    assert 0 < first - MIDNIGHT < 30 * MINUTE
    assert second - first == third - second == 24 * 60 * MINUTE


def test_an_every_has_the_phase_of_its_creation_and_none_before_it() -> None:
    stored, new = next_fires(
        [
            task("A", schedule="@every 10m", created_at=MIDNIGHT + 3 * MINUTE + 5),
            task("A", schedule="@every 10m", created_at=0),
        ],
        MIDNIGHT,
        1,
    )
    assert dues(stored) == ["2027-03-01T00:03:00Z"]
    assert (new.dues, new.reason, new.amiss) == ((), "every 10m, counted from its creation", False)


def every(interval: str, jitter: int, created_at: int, name: str = "A") -> ScheduledTask:
    """An `@every` with jitter."""
    plain = task(name, schedule=f"@every {interval}", created_at=created_at)
    assert plain.managed is not None
    return replace(plain, managed=replace(plain.managed, jitter=jitter))


@pytest.mark.parametrize("jitter", [30 * SECOND, 90 * MINUTE], ids=["short", "longer-than-the-interval"])
def test_an_every_with_jitter_is_first_due_no_earlier_than_a_whole_interval_after_its_creation(jitter: int) -> None:
    created = MIDNIGHT + 3 * MINUTE + SECOND // 2
    for name in "ABCDEFGH":
        (found,) = next_fires([every("30m", jitter, created, name)], created, 3)
        first, second, third = found.dues
        assert created - SECOND < first - 30 * MINUTE < created + 30 * MINUTE
        assert second - first == third - second == 30 * MINUTE


@given(
    created=st.integers(MIDNIGHT, MIDNIGHT + 20 * MINUTE),
    start=st.integers(MIDNIGHT, MIDNIGHT + 40 * MINUTE),
    interval=st.integers(1, 3600),
    jitter=st.integers(0, 7200),
)
def test_whoever_asks_from_wherever_gets_the_same_instants_of_an_every(
    created: int, start: int, interval: int, jitter: int
) -> None:
    times = times_of(every(f"{interval}s", jitter * SECOND, created))
    until = max(start, created) + 3 * interval * SECOND
    dues = [*times.between(MIDNIGHT - MINUTE, until)]
    assert times.next(start) == next(due for due in dues if due > start)
    assert times.count(start, until) == sum(due > start for due in dues)
    assert times.previous(until + 1) == dues[-1]
    assert [times.previous(due) for due in dues[1:]] == dues[:-1]
    whole = created // SECOND * SECOND
    kept_out = set(replace(times, created=0).between(MIDNIGHT - MINUTE, until)) - set(dues)
    assert all(whole < due < whole + interval * SECOND for due in kept_out)


def test_without_jitter_and_for_cron_schedules_nothing_depends_on_the_creation() -> None:
    created = MIDNIGHT + 3 * MINUTE + 5
    assert times_of(every("30m", 0, created)).created == 0
    plain = task("A", schedule="@hourly", created_at=created)
    assert plain.managed is not None
    assert times_of(replace(plain, managed=replace(plain.managed, jitter=MINUTE))).created == 0


def test_what_lies_beyond_the_years_of_a_calendar_is_not_due() -> None:
    far = task("A", schedule="@every 2562047h", created_at=MIDNIGHT)
    late = replace(task("B", schedule="@yearly"), managed=Managed("team", jitter=2**63 - 1))
    found = next_fires([far, late], MIDNIGHT, 1000)
    assert [len(each.dues) < 1000 for each in found] == [True, False]
    assert all(to_datetime(due, ZoneInfo("Pacific/Kiritimati")) for each in found for due in each.dues)


def test_a_schedule_that_never_fires_or_is_not_valid_says_so_and_stops_no_other() -> None:
    never, invalid, sound = next_fires(
        [task("A", schedule="0 0 30 2 *"), task("B", schedule="61 * * * *"), task("C")], MIDNIGHT, 1
    )
    assert (never.dues, never.reason, never.amiss) == ((), "never fires", True)
    assert invalid.amiss
    assert "61 is above the maximum" in invalid.reason
    assert len(sound.dues) == 1


TIMES = st.builds(
    Times,
    st.sampled_from(["* * * * *", "*/7 3 * * MON", "@daily", "CRON_TZ=Europe/Malta 30 2 * * *"]).map(parse),
    st.just(0),
    st.sampled_from([0, 250_000_000, 90 * MINUTE + 1_000_000]),
) | st.builds(
    Times,
    st.sampled_from(["@every 1s", "@every 90s", "@every 2000h"]).map(parse),
    st.integers(0, 89).map(lambda second: second * 1_000_000_000),
    st.sampled_from([0, 250_000_000]),
)
INSTANTS = st.integers(0, 400 * 24 * 60).map(lambda minute: MIDNIGHT + minute * MINUTE) | st.integers(
    MIDNIGHT, MIDNIGHT + 365 * 24 * 60 * MINUTE
)


@given(TIMES, INSTANTS)
def test_what_was_due_before_is_what_a_search_forwards_meets_last(times: Times, before: int) -> None:
    found = times.previous(before)
    assert found is not None
    assert found < before
    assert times.next(found - 1) == found
    following = times.next(found)
    assert following is not None
    assert following >= before


@given(TIMES, INSTANTS, st.integers(1, 3000))
def test_as_many_are_counted_as_are_due(times: Times, after: int, number: int) -> None:
    *_, last = islice(times.after(after), number)
    assert times.count(after, last) == number
    assert times.count(after, last - 1) == number - 1
    assert times.count(after, after - number) == 0


ORDINAL = to_datetime(MIDNIGHT).toordinal()
DAYS = st.lists(st.integers(-2, 12).flatmap(lambda day: st.tuples(st.just(day), st.integers(day, day + 4))), max_size=4)
BOUNDS = (
    st.none() | st.integers(-2, 14) | st.integers(-2 * 24 * 60, 14 * 24 * 60).map(lambda minute: minute / (24 * 60))
)
"""A number of days after MIDNIGHT: a date if it is whole, an instant otherwise."""


@st.composite
def seasonal(draw: st.DrawFn) -> tuple[Times, Times, Callable[[int], bool]]:
    """Times with a season, the same without, and which instants before jitter are in the season."""
    schedule = draw(
        st.sampled_from(
            [
                *(
                    "*/20 * * * *",
                    "0 0 * * *",
                    "CRON_TZ=Europe/Malta 30 2 * * *",
                    "CRON_TZ=America/Havana */30 0 * * *",
                ),
                *("@every 11m", "CRON_TZ=Asia/Tokyo @every 7h", "CRON_TZ=Pacific/Apia @hourly"),
            ]
        )
    )
    jitter, created = draw(st.sampled_from([0, 40 * MINUTE, 50 * 60 * MINUTE])), draw(st.sampled_from([1, MIDNIGHT]))
    days, since, until = draw(DAYS), draw(BOUNDS), draw(BOUNDS)
    excepted = canonical_days(days_text((ORDINAL + first, ORDINAL + last)) for first, last in days)
    settings = Managed("team", jitter=jitter, from_=bound(since), until=bound(until), except_=excepted)
    name = draw(st.sampled_from("ABCDEFGH"))
    with_season = task(name, schedule=schedule, created_at=created, managed=settings)
    without = replace(with_season, managed=Managed("team", jitter=jitter))
    zone = parse(schedule).zone_info

    def in_season(base: int) -> bool:
        day = to_datetime(base, zone).toordinal() - ORDINAL
        early = since is not None and (day < since if isinstance(since, int) else base < instant(since))
        late = until is not None and (day > until if isinstance(until, int) else base > instant(until))
        return not (early or late or any(first <= day <= last for first, last in days))

    return times_of(with_season), times_of(without), in_season


def instant(days: float) -> int:
    return MIDNIGHT + round(days * 24 * 60) * MINUTE


def bound(days: float | None) -> str:
    """A bound of a season as it is stored."""
    if days is None:
        return ""
    return days_text((ORDINAL + days,) * 2) if isinstance(days, int) else format_timestamp(instant(days))


@settings(max_examples=75, deadline=None)
@given(seasonal())
def test_the_fires_in_a_season_are_those_without_it_less_those_out_of_it(
    found: tuple[Times, Times, Callable[[int], bool]],
) -> None:
    with_season, without, in_season = found
    begin, end = MIDNIGHT - 3 * 24 * 60 * MINUTE, MIDNIGHT + 20 * 24 * 60 * MINUTE
    dues = [due for due in without.between(begin, end) if in_season(due - without.offset)]
    assert [*with_season.between(begin, end)] == dues
    assert with_season.count(begin, end) == len(dues)
    assert [with_season.previous(due) for due in dues[1:]] == dues[:-1]
    for middle in (MIDNIGHT, MIDNIGHT + 5 * 24 * 60 * MINUTE + 1):
        assert with_season.count(begin, middle) + with_season.count(middle, end) == len(dues)
        if before := [due for due in dues if due < middle]:
            assert with_season.previous(middle) == before[-1]


@pytest.mark.parametrize("schedule", ["@every 1h", "@hourly", "CRON_TZ=Europe/Malta @hourly"])
@pytest.mark.parametrize("jitter", [0, 90 * MINUTE])
def test_both_ends_of_a_season_belong_to_it(schedule: str, jitter: int) -> None:
    settings = Managed("team", jitter=jitter, from_="2027-03-01T01:00:00Z", until="2027-03-01T02:00:00Z")
    times = times_of(task("A", schedule=schedule, created_at=MIDNIGHT - 60 * MINUTE, managed=settings))
    first, last = (MIDNIGHT + hours * 60 * MINUTE + times.offset for hours in (1, 2))
    assert [*times.after(MIDNIGHT)] == [first, last]
    assert [times.previous(each) for each in (first, last, last + 1, last + 600 * MINUTE)] == [None, first, last, last]
    spans = ((0, first - 1), (0, first), (first, last), (last, 2**62))
    assert [times.count(*span) for span in spans] == [0, 1, 1, 0]


@pytest.mark.parametrize("schedule", ["@every 1s", "* * * * *", "CRON_TZ=Europe/Malta * * * * *", "0 0 29 2 *"])
@pytest.mark.parametrize(
    "settings",
    [
        {"except_": ("2027-01-01..9999-12-31",)},
        {"until": "2026-12-31"},
        {"until": "2026-12-31T23:59:59Z"},
        {"from_": "9999-12-31"},
    ],
)
def test_a_season_that_is_closed_for_ever_ends_the_search(schedule: str, settings: dict[str, Any]) -> None:
    times = times_of(task("A", schedule=schedule, created_at=MIDNIGHT, managed=Managed("team", **settings)))
    assert times.next(MIDNIGHT) is None
    assert times.count(MIDNIGHT, MIDNIGHT + 10**18) == 0


@pytest.mark.parametrize("schedule", ["@every 1s", "* * * * *", "CRON_TZ=Europe/Malta 0 0 * * *"])
def test_a_search_leaps_over_years_in_both_directions(schedule: str) -> None:
    closed = Managed("team", except_=("2000-01-01..4999-12-31",))
    times = times_of(task("A", schedule=schedule, created_at=MIDNIGHT, managed=closed))
    after, before = times.next(MIDNIGHT), times.previous(MIDNIGHT)
    assert after is not None
    assert before is not None
    zone = times.timetable.zone_info
    assert to_datetime(after, zone).isoformat()[:16] == "5000-01-01T00:00"
    assert to_datetime(before, zone).year == 1999
    assert times.count(before, after) == 1


def test_what_is_over_says_so_and_what_never_is_due_is_amiss() -> None:
    over = Managed("team", until="2027-02-27")
    never = Managed("team", from_="2027-05-01", until="2027-04-30")
    found = next_fires([task("A", managed=over), task("B", managed=never)], MIDNIGHT, 1)
    assert [(each.reason, each.amiss) for each in found] == [
        ("over: until is 2027-02-27", False),
        ("never fires", True),
    ]
