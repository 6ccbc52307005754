"""What the status of a scheduler says of the work behind the fires: which schedules fail, and which are overdue."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

from ajsync.asyncjobs.model import ScheduledTask
from ajsync.asyncjobs.outcome import ScheduleOutcome
from ajsync.asyncjobs.remedy import remedy
from ajsync.scheduler.monitor.outcomes import Outcomes
from ajsync.text import cut

_LISTED = 200
"""How many failing and how many overdue schedules a status lists."""


@dataclass(frozen=True, slots=True)
class StateCount:
    """How many schedules of a queue have a last fire in a state."""

    queue: str
    state: str
    schedules: int


@dataclass(frozen=True, slots=True)
class FailingSchedule:
    """A schedule whose work has failed since its last success. Instants are nanoseconds since 1970."""

    name: str
    queue: str
    state: str
    """The state of the last fire that was due."""
    due: int
    """When that fire was due."""
    since: int
    """When the first of the fires that failed in a row was due."""
    failures: int
    """How many have failed in a row, as far as is known."""
    failures_is_whole: bool
    """Whether these were counted back to a success; otherwise there may be more, from before `since`."""
    last_success: int | None
    """When the last fire that succeeded was due; None if none is known."""
    tries: int
    last_error: str
    task_id: str
    """Empty if the last fire made no task."""
    remedy: str
    """The command to begin with."""


@dataclass(frozen=True, slots=True)
class OverdueSchedule:
    """A schedule that should have succeeded by an instant that has passed, in nanoseconds since 1970."""

    name: str
    queue: str
    state: str
    """The state of the last fire that was due."""
    due_by: int
    last_success: int | None
    remedy: str


@dataclass(frozen=True, slots=True)
class WorkStatus:
    """What is known of the work behind the fires."""

    complete: bool = False
    """Whether all schedules were looked up since something may have gone unheard."""
    trouble: str = ""
    """Why this may be out of date; empty if nothing is wrong."""
    counts: tuple[StateCount, ...] = ()
    """Those with the most schedules first; at most `_LISTED`."""
    failing: tuple[FailingSchedule, ...] = ()
    """Those that have failed for longest come first; at most `_LISTED`."""
    more_failing: int = 0
    overdue: tuple[OverdueSchedule, ...] = ()
    """Those that should have succeeded earliest come first; at most `_LISTED`."""
    more_overdue: int = 0


def work_status(outcomes: Outcomes, task: Callable[[str], ScheduledTask | None], ajc: str = "ajc") -> WorkStatus:
    """What is known now; `task` gives the value of a schedule, or None. `ajc` is how to call the Go tool."""
    failing = [
        _failing(found, outcome, ajc)
        for name, outcome in outcomes.failing(_LISTED)
        if (found := task(name)) is not None
    ]
    overdue = [
        _overdue(found, outcome, by, ajc)
        for name, by in outcomes.overdue(_LISTED)
        if (found := task(name)) is not None and (outcome := outcomes.of(name)) is not None
    ]
    counts = sorted(outcomes.counts().items(), key=lambda item: (-item[1], item[0]))
    return WorkStatus(
        outcomes.is_complete,
        cut(outcomes.trouble),
        tuple(StateCount(cut(queue), state, number) for (queue, state), number in islice(counts, _LISTED)),
        tuple(failing),
        outcomes.failing_count - len(failing),
        tuple(overdue),
        outcomes.overdue_count - len(overdue),
    )


def _failing(task: ScheduledTask, outcome: ScheduleOutcome, ajc: str) -> FailingSchedule:
    last = outcome.last
    return FailingSchedule(
        cut(task.name),
        cut(task.queue),
        last.state,
        last.due,
        outcome.failing_since,
        outcome.failures,
        outcome.is_whole,
        outcome.last_success or None,
        last.tries,
        last.last_error,
        last.task_id,
        remedy(task, outcome, ajc),
    )


def _overdue(task: ScheduledTask, outcome: ScheduleOutcome, due_by: int, ajc: str) -> OverdueSchedule:
    success = outcome.last_success or None
    return OverdueSchedule(
        cut(task.name), cut(task.queue), outcome.last.state, due_by, success, remedy(task, outcome, ajc)
    )
