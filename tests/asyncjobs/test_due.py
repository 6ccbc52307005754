"""When scheduled tasks are due next."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ajsync.asyncjobs.due import NextFires, Times, Upcoming, times_of
from ajsync.asyncjobs.model import Managed, ScheduledTask
from ajsync.schedule import parse
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
