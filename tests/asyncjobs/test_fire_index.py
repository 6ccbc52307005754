"""By its id a task is found to be of the schedule that made it, however many there are and whatever changes."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ajsync.asyncjobs.due import times_of
from ajsync.asyncjobs.fire_index import FireIndex, Guess, IndexedFire
from ajsync.asyncjobs.ids import fire_task_id, new_id
from ajsync.asyncjobs.model import Managed, ScheduledTask
from ajsync.errors import ScheduleError
from ajsync.timestamp import NANOSECONDS as SECOND
from tests.tasks import task

NOW = time.time_ns()
HOUR = 3600 * SECOND
KIND = "EMAIL", "email:new"


def schedule(name: str, text: str = "@hourly", **fields: Any) -> ScheduledTask:
    return task(name, **{"schedule": text, "created_at": NOW - 1000 * HOUR, **fields})


def dues(scheduled: ScheduledTask, count: int, before: int = NOW) -> list[int]:
    found: list[int] = []
    for _ in range(count):
        due = times_of(scheduled).previous(found[-1] if found else before)
        assert due is not None
        found.append(due)
    return found


SCHEDULES = st.lists(
    st.builds(
        lambda text, kind, jitter: (text, kind, jitter),
        st.sampled_from(["* * * * *", "@hourly", "@every 7s", "@every 90m", "CRON_TZ=Europe/Malta 30 2 * * *"]),
        st.sampled_from([KIND, ("REPORTS", "report:new")]),
        st.sampled_from([0, 90 * SECOND]),
    ),
    min_size=1,
    max_size=8,
)


@given(SCHEDULES, st.sampled_from([3, 1000]), st.data())
def test_each_fire_is_found_by_the_id_of_its_task(
    drawn: list[tuple[str, tuple[str, str], int]], most: int, data: st.DataObject
) -> None:
    tasks = [
        schedule(f"S{number}", text, queue=kind[0], task_type=kind[1], managed=Managed("us", jitter=jitter))
        for number, (text, kind, jitter) in enumerate(drawn)
    ]
    index = FireIndex(most=most)
    for each in tasks:
        index.put(each)
    fires = [(each, due) for each in tasks for due in dues(each, 4)]
    for each, due in data.draw(st.permutations(fires)):
        of = fire_task_id(each.name, due), each.queue, each.task_type
        assert index.find(*of) == IndexedFire(each, due)


def test_an_id_that_is_random_or_of_an_instant_at_which_nothing_is_due_is_not_found() -> None:
    index, scheduled = FireIndex(), schedule("A")
    index.put(scheduled)
    (due,) = dues(scheduled, 1)
    for task_id in (new_id(due // SECOND), fire_task_id("A", due + SECOND), fire_task_id("B", due), "", "x", "z" * 27):
        assert index.find(task_id, *KIND) is None
    assert index.find(fire_task_id("A", due), *KIND) == IndexedFire(scheduled, due)


def test_a_new_value_counts_for_what_is_looked_for_from_now_on() -> None:
    index, before, after = FireIndex(), schedule("A"), schedule("A", "30 * * * *")
    index.put(before)
    (old,), (new,) = dues(before, 1), dues(after, 1)
    assert index.find(fire_task_id("A", old), *KIND) == IndexedFire(before, old)
    assert index.find(fire_task_id("A", new), *KIND) is None
    index.put(after)
    assert index.find(fire_task_id("A", new), *KIND) == IndexedFire(after, new)
    assert index.find(fire_task_id("A", old), *KIND) == IndexedFire(before, old), "its task may still be handled"
    assert index.find(fire_task_id("A", old - HOUR), *KIND) is None
    assert len(index) == 1


def test_a_schedule_that_comes_and_goes_and_comes_again_is_found_again() -> None:
    index, scheduled = FireIndex(), schedule("A")
    (due,) = dues(scheduled, 1)
    of = fire_task_id("A", due), *KIND
    assert index.find(*of) is None
    index.put(schedule("B", "@every 3s"))
    assert index.find(*of) is None
    index.put(scheduled)
    assert index.find(*of) == IndexedFire(scheduled, due)
    index.remove("A")
    index.remove("B")
    index.remove("C")
    assert "A" not in index
    earlier = due - HOUR
    assert index.find(fire_task_id("A", earlier), *KIND) is None
    index.put(scheduled)
    assert index.find(fire_task_id("A", earlier), *KIND) == IndexedFire(scheduled, earlier)


def test_what_was_looked_for_first_is_forgotten_when_there_is_too_much_and_found_again() -> None:
    index, tasks = FireIndex(most=100), [schedule(f"S{number:02}") for number in range(20)]
    for each in tasks:
        index.put(each)
    for due in [*dues(tasks[0], 50), *dues(tasks[0], 50)]:
        for each in tasks:
            assert index.find(fire_task_id(each.name, due), *KIND) == IndexedFire(each, due)
        assert len(index._fires) + len(index._looked) <= 100 + 20 + 1


def test_a_random_id_may_be_of_the_schedules_of_its_second_and_of_any_that_go_counts_from_its_own_start() -> None:
    index = FireIndex()
    hourly = [schedule(f"H{number}") for number in range(7)]
    (due,) = dues(hourly[0], 1)
    random = new_id(due // SECOND)
    assert index.guess(random, *KIND) == Guess()
    index.put(hourly[0])
    assert index.guess(random, *KIND) == Guess(1, ("H0",))
    assert index.guess(new_id(due // SECOND + 1), *KIND) == Guess()
    assert index.guess(random, "REPORTS", KIND[1]) == Guess()
    assert index.guess("no KSUID", *KIND) == Guess()
    index.put(schedule("EVERY", "@every 7h"))
    assert index.guess(random, *KIND) == Guess(2, ("EVERY", "H0"))
    assert index.guess(new_id(due // SECOND + 1), *KIND) == Guess(1, ("EVERY",))
    for each in hourly:
        index.put(each)
    assert index.guess(random, *KIND) == Guess(8, ("EVERY", "H0", "H1", "H2", "H3"))


def test_a_guess_begins_with_what_is_wanted_and_does_not_leave_out_the_others() -> None:
    index = FireIndex(lambda each: each.name == "B")
    (due,) = dues(schedule("A"), 1)
    for name in "ABC":
        index.put(schedule(name))
    assert index.guess(new_id(due // SECOND), *KIND) == Guess(3, ("B", "A", "C"))
    assert index.wanted == {"B"}
    assert index.find(fire_task_id("A", due), *KIND) == IndexedFire(schedule("A"), due)
    index.remove("B")
    assert (index.wanted, len(index)) == (set(), 2)


def test_a_schedule_that_is_not_valid_is_refused() -> None:
    index = FireIndex()
    with pytest.raises(ScheduleError):
        index.put(schedule("A", "61 * * * *"))
    assert len(index) == 0
