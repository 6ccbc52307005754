"""Past tasks: a deletion is never overlooked, and without one nothing is suspected that need not be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ajsync.asyncjobs.past_tasks import NEVER, PastTask, PastTasks, past_tasks, replaced_messages, task_kind
from tests.scheduler.unseen.task_stream import TaskStream

KIND = task_kind("EMAIL", "email:new", b"{}")
STATES = ("new", "active", "retry", "complete", "terminated", "expired", "queue_error")


def stored(sequence: int, at: int, created: int, replaced: int = 0, task_id: str = "") -> PastTask:
    return PastTask(sequence, at, task_id or f"T{sequence}", KIND, created, replaced)


def walk(*tasks: PastTask, begin: int = 10, begin_at: int = 100, last: int, last_at: int | None = None) -> PastTasks:
    return past_tasks(tasks, begin=begin, begin_at=begin_at, last=last, last_at=last_at)


def test_where_each_number_has_its_message_nothing_was_deleted() -> None:
    assert walk(stored(11, 110, 109), stored(12, 120, 119), last=12).intact_since == 100


def test_a_stream_in_which_nothing_was_written_is_intact() -> None:
    assert walk(last=10).intact_since == 100
    assert walk(begin=0, begin_at=7, last=0).intact_since == 7


def test_holes_that_a_task_has_left_behind_are_explained() -> None:
    assert walk(stored(13, 120, 109, replaced=2), last=13).intact_since == 100


@pytest.mark.parametrize("replaced", [0, 1])
def test_a_hole_more_than_explained_makes_everything_before_it_doubtful(replaced: int) -> None:
    found = walk(stored(11, 110, 109), stored(14, 140, 139, replaced=replaced), stored(15, 150, 149), last=15)
    assert found.intact_since == 140


def test_a_task_explains_no_hole_of_the_time_before_it_was_created() -> None:
    assert walk(stored(12, 120, 119), stored(14, 140, 121, replaced=1), last=14).intact_since == 120
    assert walk(stored(12, 120, 119), stored(14, 140, 120, replaced=1), last=14).intact_since == 140


def test_a_task_explains_no_hole_behind_its_own_message() -> None:
    found = walk(stored(11, 110, 105), stored(12, 120, 106, replaced=1), stored(14, 140, 139), last=14)
    assert found.intact_since == 140


def test_a_task_that_says_to_have_left_more_holes_than_there_are_proves_nothing() -> None:
    assert walk(stored(11, 110, 109), stored(12, 120, 115, replaced=1), last=12).intact_since == 120


def test_a_task_whose_creation_is_claimed_to_be_later_than_its_message_explains_nothing_behind_that() -> None:
    assert walk(stored(11, 110, 999, replaced=1), last=12).intact_since == NEVER


def test_behind_the_last_message_nothing_is_missing_if_it_is_known_when_that_was() -> None:
    deleted_last = [stored(11, 110, 109)]
    assert walk(*deleted_last, last=12).intact_since == NEVER
    assert walk(*deleted_last, last=12, last_at=130).intact_since == 130
    assert walk(last=12, last_at=130).intact_since == 130
    assert walk(*deleted_last, last=11, last_at=110).intact_since == 100


def test_of_a_task_that_changes_during_the_walk_the_last_message_counts() -> None:
    found = walk(stored(11, 110, 109, 0, "A"), stored(12, 120, 119), stored(13, 130, 109, 2, "A"), last=13)
    assert [task.sequence for task in found.tasks] == [12, 13]
    assert found.intact_since == 120  # of two messages that it has replaced, one was not seen to be there
    found = walk(stored(11, 110, 109, 0, "A"), stored(13, 130, 109, 2, "A"), last=13)
    assert found.intact_since == 100


@pytest.mark.parametrize(
    ("state", "tries", "replaced"),
    [
        *[("new", tries, 0) for tries in (0, 1)],
        *[("active", 0, 1), ("active", 2, 5), ("active", -3, 1)],
        *[(state, 1, 2) for state in ("retry", "complete", "terminated")],
        *[(state, 3, 6) for state in ("retry", "complete", "terminated", "expired")],
        *[("expired", 0, 1), ("queue_error", 0, 1), ("blocked", 2, 0), ("anything", 2, 0), ("retry", 0, 0)],
    ],
)
def test_what_a_task_has_replaced_follows_from_its_state_and_tries(state: str, tries: int, replaced: int) -> None:
    assert replaced_messages(state, tries) == replaced


def test_tasks_are_of_one_kind_if_queue_type_and_payload_are_equal() -> None:
    assert task_kind("A", "b", b"x") == task_kind("A", "b", b"x")
    others = [("B", "b", b"x"), ("A", "c", b"x"), ("A", "b", b"y"), ("A", "b", b""), ("A", "b", None)]
    kinds = {task_kind(*each) for each in others}
    assert len(kinds) == len(others)
    assert task_kind("A", "b", b"x") not in kinds


HANDLED = st.sampled_from([("active",), ("active", "complete"), ("active", "retry", "active", "complete")])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), st.integers(1, 5), st.just(())),
        st.tuples(st.just("create"), st.just(0), st.just(())),
        st.tuples(st.just("handle"), st.integers(0, 9), HANDLED),
        st.tuples(st.just("delete"), st.integers(0, 9), st.just(())),
    ),
    max_size=30,
)


@given(STEPS, st.integers(0, 20), st.booleans())
def test_no_deletion_is_overlooked(steps: list[tuple[str, int, tuple[str, ...]]], since: int, says_last: bool) -> None:
    now, new, untouched = 0, 0, set[str]()
    stream = TaskStream(lambda: now)
    for what, number, states in steps:
        now += 1
        task_id = f"T{number}"
        if what == "wait":
            now += number
        elif what == "create":
            stream.create(f"T{new}", KIND, now)
            untouched.add(f"T{new}")
            new += 1
        elif what == "handle" and task_id in untouched & stream.tasks.keys():
            untouched.remove(task_id)
            for state in states:
                now += 1
                stream.handle(task_id, [state])
        elif what == "delete" and task_id in stream.tasks:
            stream.delete(task_id)
    found = stream.read(since, says_last=says_last)
    assert not [each for each in stream.deleted if stream.made[each] > found.intact_since]
    begin_at = max((task.stored_at for task in stream.tasks.values() if task.stored_at < since), default=0)
    if not stream.deleted and all(task.created > begin_at for task in found.tasks):
        assert found.intact_since == begin_at
