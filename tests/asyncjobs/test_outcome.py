"""What became of the work of a schedule does not depend on the order in which one hears of it."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ajsync.asyncjobs.due import times_of
from ajsync.asyncjobs.outcome import (
    LEAST_WAIT,
    MISSED,
    SKIPPED,
    STATES,
    UNKNOWN,
    ScheduleOutcome,
    StateWords,
    WorkOutcome,
    is_failure,
    newer,
    schedule_outcome,
    success_due_by,
    words_of,
)
from ajsync.asyncjobs.tasks import UNFINISHED
from ajsync.timestamp import NANOSECONDS as SECOND
from ajsync.timestamp import parse_timestamp
from tests.tasks import task

DUE = 1_795_443_006 * SECOND
HOUR = 3600 * SECOND
WITHOUT_TASK = (SKIPPED, MISSED, UNKNOWN)


def work(state: str, due: int = DUE, *, at: int = 0, **fields: Any) -> WorkOutcome:
    """An outcome of a fire."""
    return WorkOutcome(due, "" if state in WITHOUT_TASK else f"ID-{due}", state, due + at, **fields)


@st.composite
def lives(draw: st.DrawFn) -> list[WorkOutcome]:
    """The states of one task in their order: every try of it, and maybe further ones by hand after its end."""
    found = [work("new", lateness=3)]
    at, tries = 0, 0
    for _ in range(draw(st.integers(1, 3))):
        for _ in range(draw(st.integers(0, 3))):
            found.append(work("active", at=(at := at + 1), tries=tries))
            tries += 1
            found.append(work("retry", at=(at := at + 1), tries=tries, last_error="no"))
        if draw(st.booleans()):
            found.append(work("active", at=(at := at + 1), tries=tries))
            tries += 1
        found.append(work(draw(st.sampled_from(("complete", "expired", "terminated"))), at=(at := at + 1), tries=tries))
        if not draw(st.booleans()):
            break
        found.append(work("new", at=(at := at + 1), tries=tries))
    return found


@given(lives(), st.randoms(use_true_random=False))
def test_whatever_is_heard_in_whatever_order_and_however_often_the_last_state_counts(
    life: list[WorkOutcome], random: Any
) -> None:
    heard = life + random.choices(life, k=3)
    random.shuffle(heard)
    held = heard[0]
    for each in heard[1:]:
        held = newer(held, each)
    assert held == life[-1]._replace(lateness=3)


@given(st.integers(0, 3), st.lists(st.integers(-10, 10), min_size=8, max_size=8))
def test_the_clocks_of_workers_may_differ_while_nobody_tries_again_by_hand(failures: int, skews: list[int]) -> None:
    states = [("active", 0)]
    for tries in range(1, failures + 1):
        states += [("retry", tries), ("active", tries)]
    held = work("new")
    for (state, tries), skew in zip([*states, ("complete", failures + 1)], skews, strict=False):
        held = newer(held, work(state, at=skew, tries=tries))
        assert (held.state, held.tries) == (state, tries)


@pytest.mark.parametrize("state", WITHOUT_TASK)
def test_a_task_counts_more_than_that_none_was_known_of(state: str) -> None:
    for one, other in permutations((work(state, at=5), work("new"))):
        assert newer(one, other).state == "new"
    for one, other in permutations((work(UNKNOWN, at=5), work(SKIPPED))):
        assert newer(one, other).state == SKIPPED


def test_of_two_that_are_equally_late_the_one_that_was_heard_first_stays() -> None:
    for state in ("retry", "complete", MISSED):
        assert newer(work(state, last_error="first"), work(state, last_error="second")).last_error == "first"


def test_a_failure_is_what_ended_badly_or_failed_and_is_tried_again() -> None:
    bad = {state for state in STATES if is_failure(work(state))}
    assert bad == {"expired", "terminated", "queue_error", "unreachable", MISSED}
    assert is_failure(work("retry", last_error="no"))
    assert not is_failure(work("complete", last_error="the one before"))
    assert not is_failure(work("made up"))


def test_what_is_unfinished_here_is_what_is_unfinished_on_the_wire() -> None:
    assert {state for state in STATES if work(state).is_unfinished} == UNFINISHED


def test_every_state_has_words_and_so_has_one_that_others_have_made_up() -> None:
    assert {words_of(state).tone for state in STATES} == {"good", "calm", "warn", "bad"}
    assert all(words.meaning.endswith(".") for words in STATES.values())
    assert words_of("\x1b[31mgood").word == "\\x1b[31mgood"
    assert words_of("odd") == StateWords("odd", "warn", "This version does not know the state.")
    assert words_of("x" * 10_000).tone == "warn"
    assert len(words_of("x" * 10_000).word) < 400


OUTCOMES = st.lists(
    st.builds(
        work,
        st.sampled_from([*STATES]),
        st.integers(1, 12).map(lambda number: DUE + number * SECOND),
        last_error=st.sampled_from(["", "no"]),
    ),
    unique_by=lambda each: each.due,
    min_size=1,
)


@given(OUTCOMES, st.randoms(use_true_random=False))
def test_failures_in_a_row_are_those_since_the_last_success(outcomes: list[WorkOutcome], random: Any) -> None:
    in_order = sorted(outcomes, key=lambda each: each.due)
    row: list[int] = []
    success = 0
    for each in in_order:
        if each.state == "complete":
            row, success = [], each.due
        elif is_failure(each):
            row.append(each.due)
    random.shuffle(outcomes)
    expected = ScheduleOutcome(in_order[-1], success, max(row, default=0), min(row, default=0), len(row))
    assert schedule_outcome(outcomes) == expected


@given(OUTCOMES, st.integers(0, 12))
def test_earlier_fires_may_be_summed_up_before_later_ones(outcomes: list[WorkOutcome], cut: int) -> None:
    outcomes.sort(key=lambda each: each.due)
    before = schedule_outcome(outcomes[:cut])
    assert schedule_outcome(outcomes[cut:], before) == schedule_outcome(outcomes)


def test_no_fire_has_no_outcome() -> None:
    assert schedule_outcome([]) is None


def test_a_success_among_fires_that_were_summed_up_leaves_the_last_failure() -> None:
    before = schedule_outcome([work("expired", DUE + number) for number in (1, 3, 5)])
    assert before is not None
    found = schedule_outcome([work("complete", DUE + 4)], before)
    assert found == ScheduleOutcome(before.last, DUE + 4, DUE + 5, DUE + 5, 1)


@pytest.mark.parametrize(
    ("states", "tone"),
    [
        (["complete"], "good"),
        (["expired", "complete"], "good"),
        (["complete", "new"], "calm"),
        (["retry"], "warn"),
        (["expired", "retry"], "bad"),
        (["expired", "new"], "bad"),
        (["complete", "skipped"], "warn"),
        (["terminated", "skipped"], "bad"),
    ],
)
def test_a_schedule_looks_as_bad_as_its_last_results(states: list[str], tone: str) -> None:
    found = schedule_outcome(work(state, DUE + number, last_error="no") for number, state in enumerate(states))
    assert found is not None
    assert found.tone == tone


AT = parse_timestamp("2026-11-24T08:15:00Z")
NINE = parse_timestamp("2026-11-24T09:00:00Z")


@pytest.mark.parametrize(
    ("schedule", "deadline", "active", "by"),
    [
        ("0 9 * * *", HOUR, False, NINE + HOUR),
        ("0 9 * * *", HOUR, True, NINE + 24 * HOUR),
        ("0 9 * * *", 0, False, NINE + 24 * HOUR),
        ("0 * * * *", 5 * HOUR, True, NINE + 5 * HOUR),
        ("0 9 * * *", SECOND, False, NINE + LEAST_WAIT),
        ("15 * * * *", 0, False, NINE + HOUR + 15 * 60 * SECOND),
    ],
)
def test_a_success_is_due_within_the_deadline_or_until_the_next_fire(
    schedule: str, deadline: int, active: bool, by: int
) -> None:
    assert success_due_by(times_of(task("A", schedule=schedule)), deadline, AT, active=active) == by


def test_a_schedule_of_each_second_has_a_minute() -> None:
    times = times_of(task("A", schedule="@every 1s", created_at=AT))
    assert success_due_by(times, 0, AT) == AT + SECOND + LEAST_WAIT


def test_a_task_is_taken_for_one_that_no_worker_has_unless_it_is_known() -> None:
    times = times_of(task("A", schedule="@every 24h"))
    assert success_due_by(times, HOUR, 0) == success_due_by(times, HOUR, 0, active=False) == 25 * HOUR


def test_what_is_never_due_again_need_not_succeed() -> None:
    assert success_due_by(times_of(task("A", schedule="0 0 30 2 *")), 0, AT) is None
