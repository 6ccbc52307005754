"""What is kept of the outcomes of schedules is what all that was heard of them comes to, and is bounded."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ajsync.asyncjobs.ids import fire_task_id
from ajsync.asyncjobs.outcome import MISSED, SKIPPED, STATES, UNKNOWN, WorkOutcome, newer, schedule_outcome
from ajsync.scheduler.monitor.outcomes import Outcomes
from ajsync.scheduler.monitor.tracked import MOST_EXPECTED, MOST_OPEN
from ajsync.timestamp import NANOSECONDS as SECOND

DUE = 1_795_443_006 * SECOND
WITHOUT_TASK = (SKIPPED, MISSED, UNKNOWN)


def work(state: str, number: int = 0, *, name: str = "A", **fields: Any) -> WorkOutcome:
    """An outcome of the fire with this number of a schedule that is due each second."""
    due = DUE + number * SECOND
    fields.setdefault("at", due)
    return WorkOutcome(due, "" if state in WITHOUT_TASK else fire_task_id(name, due), state, **fields)


def expect(outcomes: Outcomes, number: int, name: str = "A", queue: str = "EMAIL") -> str:
    """Follow a fire; returns the id of its task."""
    due = DUE + number * SECOND
    task_id = fire_task_id(name, due)
    outcomes.expect(name, queue, due, task_id)
    return task_id


def see(outcomes: Outcomes, *seen: WorkOutcome, name: str = "A", queue: str = "EMAIL") -> list[bool]:
    """Hear of fires; returns which of them were news."""
    return [outcomes.see(name, queue, each) for each in seen]


def found(outcomes: Outcomes, fires: list[WorkOutcome], *, is_whole: bool, open_from: int = 10**6) -> None:
    """Find the last fires of the schedule; from the fire of this number on, more may still come."""
    outcomes.found("A", "EMAIL", fires, open_from=DUE + open_from * SECOND, is_whole=is_whole)


def tracked_as(outcomes: Outcomes, task_id: str) -> tuple[str, str, int, str]:
    """Which fire has made a task: its schedule and queue, its due instant, and its state."""
    fire = outcomes.fire_of(task_id)
    assert fire is not None
    schedule, due = fire
    return schedule.name, schedule.queue, due, schedule.state_of(due)


ENDED = [state for state in STATES if not work(state).is_unfinished]


@st.composite
def fires(draw: st.DrawFn) -> list[list[WorkOutcome]]:
    """The lives of fires in the order of their due instants, none of which ends before the one before it."""
    lives = []
    for number in range(draw(st.integers(1, 12))):
        life = [work("new", number, lateness=3)]
        tries = draw(st.integers(0, 2))
        for tried in range(1, tries + 1):
            life += [
                work("active", number, tries=tried - 1),
                work("retry", number, tries=tried, last_error="no such host"),
            ]
        end = draw(st.sampled_from(ENDED))
        lives.append([work(end, number)] if end in WITHOUT_TASK else [*life, work(end, number, tries=tries + 1)])
    return lives


@given(fires())
def test_what_is_kept_is_what_all_fires_come_to_that_end_in_their_order(lives: list[list[WorkOutcome]]) -> None:
    outcomes = Outcomes()
    heard: list[WorkOutcome] = []
    for life in lives:
        before = [*heard]
        for each in life:
            assert see(outcomes, each) == [True]
            heard = [*before, each._replace(lateness=None if each.state in WITHOUT_TASK else 3)]
            expected = schedule_outcome(heard)
            assert outcomes.of("A") == expected
            assert expected is not None
            assert outcomes.failing() == ([("A", expected)] if expected.failures else [])
            assert outcomes.failing_count == bool(expected.failures)
            assert outcomes.counts() == {("EMAIL", each.state): 1}
            assert [*outcomes.states()] == [("A", each.state)]


@given(fires(), st.randoms(use_true_random=False))
def test_fires_that_run_at_once_may_end_in_any_order(lives: list[list[WorkOutcome]], random: Any) -> None:
    lives = lives[:MOST_EXPECTED]
    outcomes = Outcomes()
    for number in range(len(lives)):
        expect(outcomes, number)
    left = [[*life] for life in lives]
    last: dict[int, WorkOutcome] = {}
    while any(left):
        life = random.choice([each for each in left if each])
        seen = life.pop(0)
        see(outcomes, seen)
        last[seen.due] = newer(last[seen.due], seen) if seen.due in last else seen
        kept, exact = outcomes.of("A"), schedule_outcome(last.values())
        assert kept is not None
        assert exact is not None
        assert (kept.last, kept.last_success) == (exact.last, exact.last_success)
        assert kept.last_failure == exact.last_failure
        assert bool(kept.failures) == bool(exact.failures) == bool(outcomes.failing_count)
        # A success between failures that ended before it leaves one of them.
        assert kept.failures <= exact.failures


@given(fires(), st.randoms(use_true_random=False))
def test_usual_news_comes_to_the_same_by_its_short_way(lives: list[list[WorkOutcome]], random: Any) -> None:
    short, whole = Outcomes(), Outcomes()
    left = [[*life] for life in lives]
    for number, life in enumerate(left):
        for outcomes in (short, whole):
            expect(outcomes, number)
        if random.random() < 0.9:
            first = life.pop(0)
            assert see(short, first) == see(whole, first)
    while any(left):
        life = random.choice([each for each in left if each])
        seen = life.pop(0) if random.random() < 0.9 else life[0]
        if random.random() < 0.1:
            for outcomes in (short, whole):
                outcomes.judged({"A": DUE, "B": DUE})
        is_news = see(whole, seen)[0]
        fire = short.fire_of(seen.task_id)
        usual = not seen.last_error and fire is not None
        if usual and fire is not None and short.go_on(*fire, seen.state, seen.at, seen.tries):
            assert is_news
        else:
            assert see(short, seen) == [is_news]
        assert short.of("A") == whole.of("A")
        assert (short.failing(), short.overdue()) == (whole.failing(), whole.overdue())
        assert [*short.waiting(["A"], 2**62)] == [*whole.waiting(["A"], 2**62)]


@pytest.mark.parametrize(
    ("held", "state", "tries", "goes_on"),
    [
        (work("new"), "active", 0, True),
        (work("new"), "complete", 1, True),
        (work("active"), "complete", 1, True),
        (work("active", tries=1), "complete", 1, False),
        (work("active", tries=1), "complete", 0, False),
        (work("new", tries=1), "active", 0, False),
        (work("active"), "active", 1, False),
        (work("active"), "new", 1, False),
        (work("active"), "expired", 1, False),
        (work("complete", tries=1), "active", 2, False),
        (work("blocked"), "active", 0, False),
        (work("retry", tries=1), "complete", 2, False),
        (work(UNKNOWN), "complete", 1, False),
    ],
)
def test_only_what_has_certainly_come_further_takes_the_short_way(
    held: WorkOutcome, state: str, tries: int, goes_on: bool
) -> None:
    outcomes = Outcomes()
    see(outcomes, held._replace(lateness=5))
    fire = outcomes.fire_of(fire_task_id("A", held.due))
    assert fire is not None
    assert not outcomes.go_on(fire[0], held.due + 1, state, held.due + 9, tries)
    outcomes.judged({"B": 5})
    assert outcomes.go_on(*fire, state, held.due + 9, tries) == goes_on
    assert outcomes.all_overdue() == {"B"}
    kept = outcomes.of("A")
    assert kept is not None
    now = held._replace(state=state, at=held.due + 9, tries=tries) if goes_on else held
    assert kept.last == now._replace(lateness=5)


def test_of_a_schedule_that_fails_nothing_takes_the_short_way() -> None:
    outcomes = Outcomes()
    see(outcomes, work("expired", 1), work("new", 2))
    fire = outcomes.fire_of(work("new", 2).task_id)
    assert fire is not None
    assert not outcomes.go_on(*fire, "complete", fire[1], 1)
    assert outcomes.failing_count == 1


def test_a_task_is_known_by_its_id_from_before_it_is_made_until_a_later_one_has_taken_its_place() -> None:
    outcomes = Outcomes()
    first, second = expect(outcomes, 1), expect(outcomes, 2)
    assert outcomes.of("A") is None
    assert tracked_as(outcomes, first) == ("A", "EMAIL", DUE + SECOND, "")
    see(outcomes, work("new", 1), work("new", 2))
    assert tracked_as(outcomes, first) == ("A", "EMAIL", DUE + SECOND, "new")
    see(outcomes, work("complete", 1))
    assert outcomes.fire_of(first) is None
    see(outcomes, work("complete", 2))
    assert outcomes.fire_of(second) is not None
    assert outcomes.fire_of(fire_task_id("B", DUE)) is None


def test_a_fire_that_made_no_task_is_known_by_the_id_that_a_backfill_gives_it() -> None:
    outcomes = Outcomes()
    see(outcomes, work(MISSED, 1))
    assert outcomes.failing_count == 1
    assert outcomes.fire_of(fire_task_id("A", DUE + SECOND)) is not None
    see(outcomes, work("complete", 1))
    assert outcomes.failing_count == 0


def test_what_is_old_or_known_is_no_news() -> None:
    outcomes = Outcomes()
    assert see(outcomes, work("active", 2), work("active", 2), work("new", 2)) == [True, False, False]
    assert see(outcomes, work("expired", 1)) == [False]
    expect(outcomes, 1)
    assert see(outcomes, work("expired", 1)) == [True]
    kept = outcomes.of("A")
    assert kept is not None
    assert (kept.last.state, kept.last_failure) == ("active", DUE + SECOND)


@pytest.mark.parametrize("late", [work("new", 1), work("active", 1), work("complete", 1, tries=1), work("new", 0)])
def test_what_comes_late_of_a_task_that_has_succeeded_is_no_news(late: WorkOutcome) -> None:
    outcomes = Outcomes()
    done = work("complete", 1, tries=1)
    see(outcomes, done)
    assert see(outcomes, late) == [False]
    assert outcomes.of("A") == schedule_outcome([done])


def test_what_is_kept_of_a_schedule_does_not_grow_with_its_fires() -> None:
    outcomes = Outcomes()
    for number in range(500):
        expect(outcomes, number)
    followed = [number for number in range(500) if fire_task_id("A", DUE + number * SECOND) in outcomes]
    assert followed == [*range(492, 500)]
    for number in range(500, 1000):
        expect(outcomes, number)
        see(outcomes, work("active", number))
    followed = [number for number in range(1000) if outcomes.fire_of(fire_task_id("A", DUE + number * SECOND))]
    assert len(followed) <= MOST_OPEN + 2 + MOST_EXPECTED
    assert [number for number in followed if number >= 500] == [500, *range(1000 - MOST_OPEN - 1, 1000)]
    assert outcomes.counts() == {("EMAIL", "active"): 1}


def waits_since(outcomes: Outcomes) -> int | None:
    """The number of the fire for which the schedule waits longest."""
    return next(((each.due - DUE) // SECOND for each in outcomes.waiting(["A"], DUE + 10**6 * SECOND)), None)


def test_the_first_fire_that_waits_is_kept_however_many_come_after_it() -> None:
    outcomes = Outcomes()
    see(outcomes, work("complete", 0), *(work("new", number) for number in range(1, 100)))
    assert waits_since(outcomes) == 1
    found(outcomes, [work("new", number) for number in range(40, 101)], is_whole=False)
    assert waits_since(outcomes) == 1
    see(outcomes, work("complete", 1), *(work("new", number) for number in range(101, 150)))
    assert waits_since(outcomes) == 92
    see(outcomes, work("complete", 149), work("new", 150), work("new", 151))
    assert waits_since(outcomes) == 150
    see(outcomes, *(work("new", number) for number in range(152, 200)))
    assert waits_since(outcomes) == 150
    found(outcomes, [*(work("new", number) for number in range(180, 200)), work("complete", 179)], is_whole=True)
    assert waits_since(outcomes) == 180


def test_what_is_kept_of_a_schedule_has_a_few_kilobytes_at_worst() -> None:
    names = [f"S{number}" for number in range(30)]
    tracemalloc.start()
    try:
        outcomes = Outcomes()
        for name in names:
            for number in range(40):
                outcomes.see(name, "EMAIL", work("expired", number, name=name, last_error=f"{name} {number}" * 30))
            for number in range(40, 80):
                expect(outcomes, number, name)
                outcomes.see(name, "EMAIL", work("active", number, name=name, last_error=f"{name} {number}" * 30))
            for number in range(80, 120):
                expect(outcomes, number, name)
        used = tracemalloc.get_traced_memory()[0] / len(names)
    finally:
        tracemalloc.stop()
    assert 1000 < used < 12 * 1024


def test_states_that_others_make_up_are_kept_no_longer_than_a_schedule_is_in_them() -> None:
    outcomes = Outcomes()
    tracemalloc.start()
    try:
        for round in range(10):
            for number in range(1000):
                see(outcomes, work(f"made up {round} {number}", at=DUE + round * SECOND + number))
            outcomes.judged({})
            if not round:
                before = tracemalloc.get_traced_memory()[0]
        used = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert outcomes.counts() == {("EMAIL", "made up 9 999"): 1}
    assert used < 64 * 1024


def test_fires_that_are_found_replace_what_was_known() -> None:
    outcomes = Outcomes()
    see(outcomes, *(work("expired", number) for number in range(5)))
    last = [work("expired", 9), work("complete", 8)]
    found(outcomes, last, is_whole=True)
    assert outcomes.of("A") == schedule_outcome(last)
    assert outcomes.fire_of(fire_task_id("A", DUE + 9 * SECOND)) is not None
    found(outcomes, [], is_whole=True)
    assert outcomes.of("A") == schedule_outcome(last)


def test_what_was_heard_while_fires_were_looked_for_is_not_lost() -> None:
    outcomes = Outcomes()
    see(outcomes, work("complete", 5, tries=1), work("new", 6))
    found(outcomes, [work("active", 5), work("complete", 4)], is_whole=True)
    kept = outcomes.of("A")
    assert kept is not None
    assert (kept.last, kept.last_success) == (work("new", 6), DUE + 5 * SECOND)
    assert waits_since(outcomes) == 6
    see(outcomes, *(work("new", number) for number in range(7, 30)))
    assert waits_since(outcomes) == 6


def test_a_success_of_which_the_task_is_deleted_is_not_forgotten() -> None:
    outcomes = Outcomes()
    see(outcomes, work("complete", 5), work("complete", 6))
    found(outcomes, [work(UNKNOWN, 7), work(UNKNOWN, 6), work(UNKNOWN, 5)], is_whole=False)
    kept = outcomes.of("A")
    assert kept is not None
    assert (kept.last.state, kept.last_success) == (UNKNOWN, DUE + 6 * SECOND)


def test_failures_from_before_those_that_are_found_still_count() -> None:
    outcomes = Outcomes()
    see(outcomes, *(work("expired", number) for number in range(100)))
    found(outcomes, [work("expired", number) for number in range(40, 101)], is_whole=False)
    kept = outcomes.of("A")
    assert kept is not None
    assert (kept.failures, kept.failing_since) == (100, DUE)
    found(outcomes, [work("expired", number) for number in range(100, 102)], is_whole=True)
    kept = outcomes.of("A")
    assert kept is not None
    assert (kept.failures, kept.failing_since) == (2, DUE + 100 * SECOND)


@pytest.mark.parametrize(
    ("heard", "last", "failures"),
    [
        ([work("expired", 0)], [work(UNKNOWN, 2), work(UNKNOWN, 1)], 1),
        ([work("expired", 0), work("expired", 1)], [work("expired", 2), work("expired", 1)], 3),
        ([work("expired", 0), work("expired", 1)], [work("expired", 2), work("expired", 1), work("expired", 0)], 3),
    ],
)
def test_a_failure_that_was_heard_of_counts_once_whether_it_is_found_again_or_not(
    heard: list[WorkOutcome], last: list[WorkOutcome], failures: int
) -> None:
    outcomes = Outcomes()
    see(outcomes, *heard)
    found(outcomes, last, is_whole=False)
    kept = outcomes.of("A")
    assert kept is not None
    assert (kept.failures, kept.failing_since) == (failures, DUE)


def test_failures_are_whole_once_they_are_known_back_to_a_success() -> None:
    outcomes = Outcomes()

    def is_whole() -> bool:
        kept = outcomes.of("A")
        assert kept is not None
        return kept.is_whole

    found(outcomes, [work("expired", 9)], is_whole=False)
    assert not is_whole()
    see(outcomes, work("expired", 10), work("new", 11), work("terminated", 11))
    assert not is_whole()
    found(outcomes, [work("terminated", 11), work("expired", 10)], is_whole=False)
    assert not is_whole()
    found(outcomes, [work("terminated", 11), work("expired", 10), work("complete", 9)], is_whole=True)
    assert is_whole()
    found(outcomes, [work("terminated", 11)], is_whole=False)
    assert is_whole(), "since when it fails was known already"
    found(outcomes, [work("terminated", 21), work("terminated", 20)], is_whole=False)
    see(outcomes, work("complete", 22), work("expired", 23))
    assert is_whole()


def test_a_late_success_before_the_fires_that_were_found_does_not_make_them_whole() -> None:
    outcomes = Outcomes()
    see(outcomes, work("new", 2))
    found(outcomes, [work("expired", 9), work("expired", 8)], is_whole=False)
    see(outcomes, work("complete", 2))
    kept = outcomes.of("A")
    assert kept is not None
    assert (kept.last_success, kept.is_whole) == (DUE + 2 * SECOND, False)


def test_those_that_have_failed_for_longest_come_first() -> None:
    outcomes = Outcomes()
    for number in range(10):
        see(outcomes, work("expired", 10 - number, name=f"S{number}"), name=f"S{number}")
    assert [name for name, _ in outcomes.failing(3)] == ["S9", "S8", "S7"]
    assert outcomes.failing_count == 10


def test_a_schedule_that_is_gone_does_not_fail_and_is_forgotten() -> None:
    there = {"A", "B"}
    outcomes = Outcomes(there.__contains__)
    for name in ("A", "B"):
        expect(outcomes, 2, name)
        see(outcomes, work("expired", 1, name=name), name=name)
    there.remove("A")
    assert [name for name, _ in outcomes.failing()] == ["B"]
    assert outcomes.failing_count == 1
    assert outcomes.all_failing() == {"B"}
    outcomes.forget(["A"])
    assert outcomes.names() == ["B"]
    assert outcomes.of("A") is None
    assert len(outcomes) == 1
    assert outcomes.fire_of(fire_task_id("A", DUE + 2 * SECOND)) is None
    assert outcomes.counts() == {("EMAIL", "expired"): 1}


def test_a_schedule_counts_in_the_queue_that_it_has_now() -> None:
    outcomes = Outcomes()
    for name in ("A", "B"):
        see(outcomes, work("complete", 1, name=name), name=name)
    expect(outcomes, 2, queue="REPORTS")
    assert outcomes.counts() == {("REPORTS", "complete"): 1, ("EMAIL", "complete"): 1}


def test_of_many_that_fail_the_bad_ones_are_told_before_those_that_are_tried_again() -> None:
    outcomes = Outcomes()
    for number, (name, state) in enumerate((("AGAIN", "retry"), ("LATER", "expired"), ("FIRST", "terminated"))):
        at = {"FIRST": 1, "LATER": 2, "AGAIN": 0}[name]
        outcomes.see(name, "EMAIL", work(state, at, name=name, tries=1, last_error=f"error {number}"))
    assert [name for name, _ in outcomes.failing()] == ["FIRST", "LATER", "AGAIN"]
    assert [name for name, _ in outcomes.failing(2)] == ["FIRST", "LATER"]
    assert outcomes.all_failing() == {"FIRST", "LATER", "AGAIN"}


def test_those_come_first_that_should_have_succeeded_first() -> None:
    there = {"A", "B", "C"}
    outcomes = Outcomes(there.__contains__)
    outcomes.judged({"A": 5, "B": 3, "C": 4, "GONE": 1})
    assert outcomes.overdue() == [("B", 3), ("C", 4), ("A", 5)]
    assert outcomes.overdue(2) == [("B", 3), ("C", 4)]
    assert outcomes.overdue_count == 3
    assert outcomes.all_overdue() == there


@pytest.mark.parametrize(
    ("states", "further"),
    [
        (("new",), work("complete", 0)),
        (("complete",), work("complete", 1)),
        (("expired",), work("complete", 1)),
        (("active", "active"), work("complete", 1)),
    ],
)
def test_a_success_ends_that_one_is_overdue_and_nothing_else_does(
    states: tuple[str, ...], further: WorkOutcome
) -> None:
    outcomes = Outcomes()
    see(outcomes, *(work(state, number) for number, state in enumerate(states)))
    outcomes.judged({"A": 5, "B": 6})
    see(outcomes, further._replace(state="active"))
    assert outcomes.overdue_count == 2
    see(outcomes, further)
    assert outcomes.overdue() == [("B", 6)]


def test_a_schedule_that_is_forgotten_neither_fails_nor_is_overdue() -> None:
    outcomes = Outcomes()
    for name in ("A", "B"):
        see(outcomes, work("expired", 1, name=name), name=name)
    outcomes.judged({"A": 5, "B": 6})
    outcomes.forget(["A"])
    assert outcomes.all_failing() == {"B"}
    assert outcomes.all_overdue() == {"B"}
    see(outcomes, work("complete", 1))
    outcomes.forget(["A"])  # which neither fails nor is overdue
    assert outcomes.names() == ["B"]


def test_of_fires_that_are_found_the_ids_are_known_and_of_those_that_come_no_more_they_are_forgotten() -> None:
    outcomes = Outcomes()
    ids = [expect(outcomes, number) for number in range(6)]
    see(outcomes, work("active", 0))
    found(outcomes, [work(MISSED, 2), work("complete", 1)], is_whole=True, open_from=4)
    # The first is older than what was found, of the fourth nothing was, and the last two may still come.
    assert [each in outcomes for each in ids] == [False, False, True, False, True, True]
    assert tracked_as(outcomes, ids[2]) == ("A", "EMAIL", DUE + 2 * SECOND, MISSED)
    assert outcomes.counts() == {("EMAIL", MISSED): 1}
    assert see(outcomes, work("complete", 5), work("complete", 4)) == [True, True]
    assert outcomes.counts() == {("EMAIL", "complete"): 1}


@pytest.mark.parametrize("state", ["expired", MISSED])
def test_a_fire_is_known_by_its_id_from_when_it_is_found_until_what_is_found_begins_after_it(state: str) -> None:
    outcomes = Outcomes()
    task_id = fire_task_id("A", DUE)
    found(outcomes, [work(state, 0)], is_whole=True)
    assert tracked_as(outcomes, task_id) == ("A", "EMAIL", DUE, state)
    found(outcomes, [work("complete", 5)], is_whole=True)
    assert task_id not in outcomes


def test_a_look_up_of_what_was_heard_of_meanwhile_expects_it_no_more() -> None:
    outcomes = Outcomes()
    expect(outcomes, 1)
    found(outcomes, [work("active", 1)], is_whole=True, open_from=1)
    assert outcomes.uncertain(["A"], DUE + 2 * SECOND, unfinished=False) == []


def test_what_waits_is_told_if_it_does_so_for_long_enough() -> None:
    outcomes = Outcomes()
    see(outcomes, work("new", 1))
    see(outcomes, work("complete", 1, name="B"), name="B")
    names = ["A", "B", "NONE"]
    assert [each.name for each in outcomes.waiting(names, DUE + SECOND + 1)] == ["A"]
    assert [*outcomes.waiting(names, DUE + SECOND)] == []


def test_a_schedule_is_looked_up_until_that_was_done_and_again_once_something_is_in_doubt() -> None:
    outcomes = Outcomes()
    assert outcomes.uncertain(["A", "B"], DUE, unfinished=False) == ["A", "B"]
    found(outcomes, [work("complete", 1)], is_whole=True)
    assert outcomes.uncertain(["A", "B"], DUE, unfinished=False) == ["B"]
    expect(outcomes, 2)
    see(outcomes, work("active", 3))
    assert outcomes.uncertain(["A"], DUE + 2 * SECOND, unfinished=True) == []
    assert outcomes.uncertain(["A"], DUE + 2 * SECOND + 1, unfinished=False) == ["A"]
    see(outcomes, work("complete", 2))
    assert outcomes.uncertain(["A"], DUE + 4 * SECOND, unfinished=False) == []
    assert outcomes.uncertain(["A"], DUE + 4 * SECOND, unfinished=True) == ["A"]
    outcomes.doubt("A")
    outcomes.doubt("B")
    assert outcomes.uncertain(["A"], DUE, unfinished=False) == ["A"]
    assert outcomes.names() == ["A"]


def test_a_fire_after_a_success_takes_its_place_whether_it_was_expected_or_not() -> None:
    outcomes = Outcomes()
    go = work("complete", 0)._replace(task_id="of another")
    ids = [
        go.task_id,
        *(expect(outcomes, number) for number in (1, 2)),
        *(work("new", each).task_id for each in (3, 4)),
    ]
    see(outcomes, go, work("complete", 1))
    assert [each in outcomes for each in ids] == [False, True, True, False, False]
    see(outcomes, work("complete", 2), work("complete", 3))
    assert [each in outcomes for each in ids] == [False, False, False, True, False]
    assert tracked_as(outcomes, ids[3]) == ("A", "EMAIL", DUE + 3 * SECOND, "complete")
    see(outcomes, work(SKIPPED, 4))
    assert tracked_as(outcomes, ids[4]) == ("A", "EMAIL", DUE + 4 * SECOND, SKIPPED)
    found(outcomes, [], is_whole=True, open_from=0)
    assert outcomes.uncertain(["A"], DUE + 9 * SECOND, unfinished=False) == []


def test_schedules_in_a_state_are_counted_as_they_come_to_it_one_after_the_other() -> None:
    outcomes = Outcomes()
    outcomes.judged({"C": 1})
    for state, number in (("new", 1), ("active", 1), ("complete", 1), ("complete", 2), (SKIPPED, 3)):
        for name in ("A", "B"):
            see(outcomes, work(state, number, name=name), name=name)
        assert outcomes.counts() == {("EMAIL", state): 2}
    assert outcomes.all_overdue() == {"C"}


def test_a_success_right_after_another_ends_that_one_is_overdue() -> None:
    outcomes = Outcomes()
    see(outcomes, work("complete", 0))
    outcomes.judged({"A": 5})
    see(outcomes, work("complete", 1))
    assert outcomes.all_overdue() == set()


def test_nothing_is_complete_before_all_schedules_were_looked_up() -> None:
    assert (Outcomes().is_complete, Outcomes().trouble) == (False, "")
