"""The timeline: every fire in one slot, crowded minutes by name, and what needs a look."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ajsync.asyncjobs.model import Managed, ScheduledTask
from ajsync.inspect.timeline import slot_start, timeline
from ajsync.schedule import load_zone
from tests.tasks import OWNER, task

START = datetime(2027, 3, 27, tzinfo=UTC)
MALTA = load_zone("Europe/Malta")


def jittered(name: str, schedule: str, seconds: int) -> ScheduledTask:
    return task(name, schedule=schedule, owner=None, managed=Managed(OWNER, jitter=seconds * 1_000_000_000))


SCHEDULES = st.sampled_from(["@hourly", "@daily", "*/7 * * * *", "@every 90s", "CRON_TZ=Europe/Malta 30 2 * * *"])


@given(
    schedules=st.lists(st.tuples(SCHEDULES, st.integers(0, 400)), max_size=5),
    hours=st.sampled_from([1, 3, 24, 50, 24 * 16]),
    minutes=st.integers(0, 3000),
    zone=st.sampled_from([UTC, MALTA, load_zone("Asia/Kathmandu")]),
)
def test_every_fire_is_in_exactly_one_slot_and_one_minute_of_the_hour(
    schedules: list[tuple[str, int]], hours: int, minutes: int, zone: tzinfo
) -> None:
    start = START + timedelta(minutes=minutes)
    tasks = [jittered(f"T{index}", text, jitter) for index, (text, jitter) in enumerate(schedules)]
    found = timeline(tasks, start, hours, zone)
    assert sum(slot.fires for slot in found.slots) == found.fires == sum(found.minutes)
    assert found.slots[0].start <= start < found.until == start + timedelta(hours=hours)
    assert [slot.start.timestamp() for slot in found.slots] == sorted({slot.start.timestamp() for slot in found.slots})


def test_the_herd_at_midnight_is_named() -> None:
    tasks = [*(task(f"D{index}", schedule="@daily") for index in range(7)), task("H", schedule="30 * * * *")]
    found = timeline(tasks, START, 24, UTC)
    assert found.fires == 31
    assert (found.minutes[0], found.minutes[30]) == (7, 24)
    (busy,) = found.busiest
    assert (busy.start, busy.fires, busy.names) == (START, 7, tuple(f"D{index}" for index in range(7)))
    assert [slot.fires for slot in found.slots] == [8] + [1] * 23


def test_what_fires_several_times_a_minute_is_named_once() -> None:
    (busy, *_) = timeline([task("FAST", schedule="@every 10s")], START, 1, UTC).busiest
    assert (busy.fires, busy.names) == (6, ("FAST",))


def test_schedules_that_never_fire_and_invalid_ones_are_told_apart() -> None:
    tasks = [
        task("NEVER", schedule="0 0 30 2 *"),
        task("BAD", schedule="61 * * * *"),
        task("YEARLY", schedule="@yearly"),
    ]
    found = timeline(tasks, START, 24, UTC)
    assert found.never == {"NEVER": "0 0 30 2 *"}
    assert [*found.invalid] == ["BAD"]
    assert (found.schedules, found.fires, found.busiest) == (2, 0, ())


def test_changes_of_the_clocks_within_a_year_are_told_in_their_order() -> None:
    tasks = [task(name, schedule="CRON_TZ=Europe/Malta 30 2 * * *") for name in ("B", "A")]
    found = timeline(tasks, START, 24, UTC).affected
    assert [(each.name, each.effect.kind) for each in found] == [
        ("A", "skipped"),
        ("B", "skipped"),
        ("A", "doubled"),
        ("B", "doubled"),
    ]
    assert (found[0].zone, found[0].schedule) == ("Europe/Malta", "CRON_TZ=Europe/Malta 30 2 * * *")


def test_a_day_of_23_hours_is_one_slot_of_a_long_timeline() -> None:
    start = datetime(2027, 3, 20, tzinfo=MALTA)
    found = timeline([task("H", schedule="@hourly")], start, 24 * 16, MALTA)
    by_day = {slot.start.day: slot.fires for slot in found.slots if slot.start.month == 3}
    assert (by_day[27], by_day[28], by_day[29]) == (24, 23, 24)
    assert {slot.start.hour for slot in found.slots} == {0}


@pytest.mark.parametrize(
    ("hours", "expected"), [(1, "10:50"), (6, "10:45"), (24, "10:00"), (200, "06:00"), (24 * 100, "00:00")]
)
def test_a_slot_begins_at_a_round_time_of_the_wall_clock(hours: int, expected: str) -> None:
    moment = datetime(2027, 3, 1, 10, 53, 7, 8, tzinfo=MALTA)
    assert f"{slot_start(moment, hours):%H:%M:%S.%f}" == f"{expected}:00.000000"


def test_many_schedules_with_jitter_are_spread_and_none_is_lost() -> None:
    plain = jittered("X", "@daily", 1800)
    tasks = [replace(plain, name=f"N{index}") for index in range(200)]
    found = timeline(tasks, START, 24, UTC)
    assert found.fires == 200
    assert max(found.minutes) < 30
