"""What a schedule waits for, and whether its fires have to be looked up, by what is known of its last fires."""

from __future__ import annotations

import pytest

from ajsync.asyncjobs.outcome import MISSED, SKIPPED
from ajsync.scheduler.monitor.tracked import TrackedSchedule, Waiting
from ajsync.timestamp import NANOSECONDS as SECOND
from tests.scheduler.monitor.test_outcomes import DUE, work


@pytest.mark.parametrize(
    ("states", "waits"),
    [
        ((), None),
        (("complete",), None),
        (("complete", SKIPPED), None),
        (("new", "complete"), None),
        (("new",), (None, 0, False)),
        (("active",), (None, 0, True)),
        (("complete", "active", "new"), (0, 1, True)),
        (("new", "complete", "new"), (1, 2, False)),
        (("expired",), (None, 0, False)),
        (("complete", MISSED, "active"), (0, 1, False)),
        (("active", "expired"), (None, 0, True)),
        (("complete", "expired", "complete", "terminated"), (2, 3, False)),
    ],
)
def test_a_schedule_waits_since_the_first_fire_after_its_last_success(
    states: tuple[str, ...], waits: tuple[int | None, int, bool] | None
) -> None:
    tracked = TrackedSchedule("A", "EMAIL", [work(state, number) for number, state in enumerate(states)])
    if waits is None:
        assert tracked.waiting() is None
    else:
        success, since, active = waits
        last_success = 0 if success is None else DUE + success * SECOND
        assert tracked.waiting() == Waiting("A", last_success, DUE + since * SECOND, active)


@pytest.mark.parametrize(
    ("state", "number", "expected", "unfinished", "is_uncertain"),
    [
        ("complete", 1, (), True, False),
        ("complete", 1, (6, 4), False, True),
        ("complete", 1, (5, 6), False, False),
        ("active", 4, (), True, True),
        ("active", 4, (), False, False),
        ("active", 5, (), True, False),
    ],
)
def test_fires_are_looked_up_of_which_nothing_was_heard_or_if_asked_for_whose_work_had_not_ended(
    state: str, number: int, expected: tuple[int, ...], unfinished: bool, is_uncertain: bool
) -> None:
    dues = tuple(DUE + each * SECOND for each in expected)
    tracked = TrackedSchedule("A", "EMAIL", [work(state, number)], expected=dues, is_looked_up=True)
    assert tracked.is_uncertain(DUE + 5 * SECOND, unfinished=unfinished) == is_uncertain


def test_each_fire_has_a_state_of_its_own() -> None:
    tracked = TrackedSchedule("A", "EMAIL", [work("active", 1), work("blocked", 2), work("new", 3)])
    assert [tracked.state_of(DUE + number * SECOND) for number in range(5)] == ["", "active", "blocked", "new", ""]
    assert not TrackedSchedule("A", "EMAIL").state_of(DUE)


def test_what_was_only_heard_of_is_looked_up() -> None:
    tracked = TrackedSchedule("A", "EMAIL", [work("complete")])
    assert tracked.is_uncertain(DUE, unfinished=False)


@pytest.mark.parametrize(
    ("success", "kept"),
    [
        (6, (3, 4, 5, *range(7, 13))),
        (0, (1, *range(4, 13))),
        (2, (3, *range(4, 13))),
        (3, (*range(4, 13),)),
        (12, (0, *range(4, 13))),
    ],
)
def test_of_many_fires_whose_work_is_open_the_last_and_the_first_since_the_last_success_are_kept_once(
    success: int, kept: tuple[int, ...]
) -> None:
    fires = [work("complete" if number == success else "new", number) for number in range(13)]
    tracked = TrackedSchedule("A", "EMAIL", fires)
    dropped = tracked.fold()
    assert [(each.due - DUE) // SECOND for each in tracked.fires] == [*kept]
    assert {each.due for each in dropped} == {each.due for each in fires} - {each.due for each in tracked.fires}


@pytest.mark.parametrize(
    ("states", "number", "begins"),
    [
        (("complete",), 1, True),
        (("complete",), 0, False),
        (("complete",), -1, False),
        (("active",), 1, False),
        (("complete", "new"), 2, False),
    ],
)
def test_only_a_fire_after_one_that_has_succeeded_takes_its_place_in_the_short_way(
    states: tuple[str, ...], number: int, begins: bool
) -> None:
    fires = [work(state, number) for number, state in enumerate(states)]
    tracked, new = TrackedSchedule("A", "EMAIL", [*fires]), work("new", number)
    assert tracked.begin(new) == begins
    assert tracked.fires == ([new] if begins else fires)
    known = tracked.outcome()
    assert known is not None
    assert known.last_success == (DUE if "complete" in states else 0)
