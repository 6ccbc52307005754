"""Traces: what has no task is found, and whatever may have one is left alone."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ajsync.asyncjobs.past_tasks import NEVER, PastTask, PastTasks, task_kind
from ajsync.scheduler.unseen.traces import EARLY_AT_MOST, LATE_AT_MOST, Trace, UnseenFire, judge
from ajsync.timestamp import NANOSECONDS as SECOND

KIND, OTHER = task_kind("EMAIL", "email:new", b"null"), task_kind("EMAIL", "email:old", b"null")
AFTER = 1_800_000_000 * SECOND
DUE = AFTER + 10 * SECOND
MINUTE = 60 * SECOND


def fire(due: int = DUE, name: str = "A", **fields: object) -> UnseenFire:
    given_fields: dict[str, object] = {"kind": KIND, **fields}
    return UnseenFire(due, f"{name}-{due}", **given_fields)  # type: ignore[arg-type]


def go_task(created: int, kind: tuple[str, str, bytes] = KIND, *, stored_at: int | None = None) -> PastTask:
    return PastTask(created, created if stored_at is None else stored_at, f"go-{created}", kind, created)


def our_task(of: UnseenFire, *, waits: bool = False) -> PastTask:
    return PastTask(of.due, of.due, of.task_id, KIND, of.due, waits=waits)


def past(*tasks: PastTask, intact_since: int = AFTER - SECOND) -> PastTasks:
    return PastTasks(tasks, intact_since)


def trace(of: UnseenFire, *tasks: PastTask, intact_since: int = AFTER - SECOND, go_led: bool = True) -> Trace:
    """The trace of the only fire."""
    (found,) = judge([of], past(*tasks, intact_since=intact_since), after=AFTER, go_led=go_led)
    return found


def test_what_has_no_task_is_missing() -> None:
    assert trace(fire()) is Trace.MISSING
    assert trace(fire(), go_task(DUE, OTHER)) is Trace.MISSING


@pytest.mark.parametrize("late", [-EARLY_AT_MOST, 0, 1, SECOND, LATE_AT_MOST])
def test_a_task_of_a_go_scheduler_is_told_by_its_kind_and_its_creation(late: int) -> None:
    assert trace(fire(), go_task(DUE + late)) is Trace.FIRED


def test_a_task_that_is_later_may_be_its_own_and_one_that_is_earlier_is_not() -> None:
    assert trace(fire(), go_task(DUE + LATE_AT_MOST + 1)) is Trace.MISTIMED
    assert trace(fire(), go_task(DUE + MINUTE)) is Trace.MISTIMED
    assert trace(fire(), go_task(DUE - EARLY_AT_MOST - 1)) is Trace.MISSING


def test_what_was_created_before_the_time_to_look_at_does_not_count() -> None:
    assert trace(fire(AFTER), go_task(AFTER - 1)) is Trace.MISSING
    assert trace(fire(AFTER), go_task(AFTER)) is Trace.FIRED


def test_a_task_of_ajsync_is_told_by_its_id_whenever_it_was_made() -> None:
    late = replace(our_task(fire()), stored_at=DUE + MINUTE)
    assert trace(fire(), late) is Trace.FIRED
    assert trace(fire(), our_task(fire(), waits=True)) is Trace.BEGUN
    changed = fire(changed=True, peculiar=Trace.EVERY)
    assert trace(changed, our_task(changed), intact_since=NEVER) is Trace.FIRED


def test_a_task_of_ajsync_is_no_task_of_another_fire() -> None:
    first, second = fire(name="A"), fire(name="B")
    found = judge([first, second], past(our_task(first)), after=AFTER, go_led=False)
    assert found == [Trace.FIRED, Trace.MISSING]


def test_of_two_schedules_with_equal_tasks_each_needs_one() -> None:
    two = [fire(name="A"), fire(name="B")]
    assert judge(two, past(go_task(DUE)), after=AFTER, go_led=True) == [Trace.FIRED, Trace.MISSING]
    assert judge(two, past(go_task(DUE), go_task(DUE + 1)), after=AFTER, go_led=True) == [Trace.FIRED] * 2


def test_the_order_in_which_fires_are_given_does_not_matter() -> None:
    first, second = fire(), fire(DUE + 2 * SECOND)
    tasks = past(go_task(DUE + SECOND), go_task(DUE + 2 * SECOND + 1))
    assert judge([second, first], tasks, after=AFTER, go_led=True) == [Trace.FIRED] * 2


def test_a_task_goes_to_the_first_fire_that_it_may_belong_to() -> None:
    three = [fire(), fire(DUE + SECOND), fire(DUE + 2 * SECOND)]
    tasks = past(go_task(DUE + SECOND), go_task(DUE + 2 * SECOND), go_task(DUE + 4 * SECOND))
    assert judge(three, tasks, after=AFTER, go_led=True) == [Trace.FIRED] * 3


@pytest.mark.parametrize("reason", [Trace.EVERY, Trace.ZONE, Trace.JITTER, Trace.OVERLAP])
def test_what_go_fires_otherwise_is_left_if_a_go_scheduler_led(reason: Trace) -> None:
    peculiar = fire(peculiar=reason)
    assert trace(peculiar, go_led=True) is reason
    assert trace(peculiar, go_led=False) is Trace.MISSING
    assert trace(peculiar, go_task(AFTER + SECOND), go_led=False) is reason
    assert trace(peculiar, go_task(AFTER - 1), go_led=False) is Trace.MISSING
    assert trace(peculiar, go_task(AFTER + SECOND, OTHER), go_led=False) is Trace.MISSING
    assert trace(peculiar, go_task(DUE + SECOND), go_led=True) is Trace.FIRED


def test_what_has_changed_is_left_whoever_led() -> None:
    assert trace(fire(changed=True), go_led=False) is Trace.CHANGED
    assert trace(fire(changed=True, peculiar=Trace.ZONE)) is Trace.CHANGED


def test_what_fell_due_before_the_tasks_are_intact_is_left() -> None:
    assert trace(fire(), intact_since=DUE - EARLY_AT_MOST) is Trace.MISSING
    assert trace(fire(), intact_since=DUE - EARLY_AT_MOST + 1) is Trace.DELETED
    assert trace(fire(), go_task(DUE), intact_since=NEVER) is Trace.FIRED
    assert trace(fire(), go_led=False, intact_since=NEVER) is Trace.DELETED


def test_what_is_certain_comes_before_what_is_in_doubt() -> None:
    sure, doubtful = fire(name="B"), fire(name="A", changed=True)
    assert judge([doubtful, sure], past(go_task(DUE)), after=AFTER, go_led=True) == [Trace.CHANGED, Trace.FIRED]
    both = past(go_task(DUE), go_task(DUE + 1))
    assert judge([doubtful, sure], both, after=AFTER, go_led=True) == [Trace.FIRED] * 2
    late = past(go_task(DUE), go_task(DUE + MINUTE))
    assert judge([doubtful, sure], late, after=AFTER, go_led=True) == [Trace.CHANGED, Trace.FIRED]


def test_a_task_that_fits_no_fire_is_a_doubt_about_the_missing_ones_before_it() -> None:
    two = [fire(), fire(DUE + MINUTE)]
    between = past(go_task(DUE + 30 * SECOND))
    assert judge(two, between, after=AFTER, go_led=True) == [Trace.MISTIMED, Trace.MISSING]
    one_more = past(go_task(DUE + MINUTE), go_task(DUE + MINUTE + 1))
    assert judge(two, one_more, after=AFTER, go_led=True) == [Trace.MISTIMED, Trace.FIRED]
    early = past(go_task(DUE + MINUTE - SECOND))
    assert judge(two, early, after=AFTER, go_led=True) == [Trace.MISTIMED, Trace.FIRED]
    assert judge(two[1:], early, after=AFTER, go_led=True) == [Trace.FIRED]


@pytest.mark.parametrize(("ahead", "found"), [(SECOND, Trace.FIRED), (SECOND + 1, Trace.CLOCKS)])
def test_a_clock_that_is_ahead_of_the_server_is_a_doubt_about_all(ahead: int, found: Trace) -> None:
    ours = fire(DUE + MINUTE, "B")
    tasks = past(go_task(DUE, stored_at=DUE - ahead), our_task(ours))
    assert judge([fire(), ours], tasks, after=AFTER, go_led=True) == [found, Trace.FIRED]
    other = past(go_task(DUE, OTHER, stored_at=DUE - MINUTE))
    assert judge([fire()], other, after=AFTER, go_led=True) == [Trace.MISSING]


def test_only_three_traces_are_no_doubt() -> None:
    assert [each for each in Trace if not each.is_doubt] == [Trace.FIRED, Trace.BEGUN, Trace.MISSING]


@dataclass(frozen=True)
class Past:
    """What a leader did about a fire: nothing, or a task of either kind, and how late."""

    by: str
    late: int


FIRES = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.sampled_from("ABC"),
        st.builds(
            Past, st.sampled_from(["nobody", "go", "ours"]), st.one_of(st.integers(0, 2), st.sampled_from([3, 20, 59]))
        ),
        st.booleans(),
    ),
    unique_by=lambda each: each[:2],
    max_size=9,
)


@given(FIRES, st.lists(st.integers(0, 200), max_size=3), st.booleans())
def test_whatever_was_fired_nothing_of_it_counts_as_missing(
    given_fires: list[tuple[int, str, Past, bool]], others: list[int], go_led: bool
) -> None:
    """Each fire is of the same kind, at one of three minutes; others make such tasks too."""
    fires, tasks, by_go, by_nobody = [], [], [], []
    for minute, name, what, changed in given_fires:
        each = fire(DUE + minute * MINUTE, name, changed=changed)
        fires.append(each)
        if what.by == "ours":
            tasks.append(our_task(each))
        elif what.by == "go":
            created = each.due + what.late * SECOND
            tasks.append(replace(go_task(created), id=f"go-{name}-{minute}"))
            by_go.append((each, what.late))
        else:
            by_nobody.append(each)
    tasks += [replace(go_task(DUE + at * SECOND + 7), id=f"other-{at}") for at in others]
    found = dict(
        zip((each.task_id for each in fires), judge(fires, past(*tasks), after=AFTER, go_led=go_led), strict=True)
    )
    for minute in range(3):
        due = DUE + minute * MINUTE
        missing = [each for each in fires if each.due == due and found[each.task_id] is Trace.MISSING]
        unfired = [each for each in by_nobody if each.due == due]
        # Fires of one instant and kind are alike, so it does not matter which of them is made good.
        assert len(missing) <= len(unfired)
        if not others and all(late <= 2 for _, late in by_go) and not any(each.changed for each in fires):
            assert len(missing) == len(unfired)
