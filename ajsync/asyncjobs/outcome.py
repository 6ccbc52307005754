"""What became of the work behind the fires of a schedule: of one fire, and of the last ones in a row. Pure.

The states are those of a task (docs/reference/wire.md, "A task"), and three for fires without a task.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from ajsync.asyncjobs.due import Times
from ajsync.text import excerpt
from ajsync.timestamp import NANOSECONDS

Tone = Literal["good", "calm", "warn", "bad"]

COMPLETE = "complete"
RETRY = "retry"
ACTIVE = "active"
SKIPPED = "skipped"
"""No task was made, because the previous one was not finished."""
MISSED = "missed"
"""No task was made, and none will be."""
UNKNOWN = "unknown"
"""No task is found, and it is not known why."""

LEAST_WAIT = 60 * NANOSECONDS
"""A success may come this many nanoseconds after its fire, however often a schedule is due."""


@dataclass(frozen=True, slots=True)
class StateWords:
    """A state as people see it."""

    word: str
    tone: Tone
    meaning: str
    """A sentence."""


STATES: Mapping[str, StateWords] = {
    "new": StateWords("new", "calm", "No worker has taken it yet."),
    ACTIVE: StateWords("active", "calm", "A worker has it."),
    RETRY: StateWords("retry", "warn", "It has failed, and is tried again."),
    COMPLETE: StateWords("complete", "good", "It has succeeded."),
    "expired": StateWords("expired", "bad", "It has used up its tries, or its deadline has passed."),
    "terminated": StateWords("terminated", "bad", "Its handler has given it up for good."),
    "blocked": StateWords("blocked", "calm", "It waits for other tasks."),
    "unreachable": StateWords("unreachable", "bad", "A task that it waits for has failed."),
    "queue_error": StateWords("queue error", "bad", "Its queue did not take it, so no worker gets it."),
    SKIPPED: StateWords("skipped", "warn", "Its previous task was not finished, so none was made."),
    MISSED: StateWords("missed", "bad", "No task was made."),
    UNKNOWN: StateWords(
        "unknown", "calm", "No task is found: it is gone, or was made by a Go scheduler, whose ids are random."
    ),
}
"""Every state of the work behind a fire."""
_BAD = frozenset(state for state, words in STATES.items() if words.tone == "bad")
_UNFINISHED = {"new": 0, "blocked": 0, RETRY: 0, ACTIVE: 1}
"""How far a task has come within one try."""
_ENDED = 2
"""How far it has come in every other state."""
_RANKS = 3
WITHOUT_TASK = {UNKNOWN: -2, SKIPPED: -1, MISSED: -1}
"""The states of a fire without a task, and how they rank below those of a fire with one."""
_RANK = _UNFINISHED | WITHOUT_TASK


def words_of(state: str) -> StateWords:
    """How to show a state, which others may have invented."""
    return STATES.get(state) or StateWords(excerpt(state), "warn", "This version does not know the state.")


class WorkOutcome(NamedTuple):
    """What is known of the work behind one fire.

    It is a tuple because a scheduler makes thousands a second, and a frozen dataclass takes three times as long.
    """

    due: int
    """Nanoseconds since 1970; together with the schedule's name it identifies the fire."""
    task_id: str
    """The id of its task; empty if it made none."""
    state: str
    """One of `STATES`, or a state that others invented."""
    at: int
    """When it changed to that state, as far as is known, in nanoseconds since 1970."""
    tries: int = 0
    """Never negative."""
    last_error: str = ""
    lateness: int | None = None
    """Nanoseconds from the due instant until the task was stored; None if that is not known."""

    @property
    def is_unfinished(self) -> bool:
        """Whether a worker may still handle it."""
        return self.state in _UNFINISHED


def is_failure(outcome: WorkOutcome) -> bool:
    """Whether it ended badly, or has failed and is tried again."""
    return outcome.state in _BAD or (outcome.state == RETRY and bool(outcome.last_error))


def newer(held: WorkOutcome, seen: WorkOutcome) -> WorkOutcome:
    """The later of two outcomes of one fire, whatever the order in which they arrived.

    A task goes through its states in one direction, so the one that has come further is later, even if the clocks of
    two workers differ. Only a task that is retried by hand goes back after its end, with the same number of tries; then
    the clocks decide.
    """
    of_held, of_seen = _progress(held), _progress(seen)
    ahead, behind = (seen, held) if of_seen > of_held else (held, seen)
    if of_seen == of_held or (behind.tries == ahead.tries and behind.task_id and _has_ended(ahead)):
        last = behind if behind.at > ahead.at else ahead
    else:
        last = ahead
    lateness = held.lateness
    if seen.lateness is not None and (lateness is None or seen.lateness < lateness):
        lateness = seen.lateness
    if last.lateness == lateness:
        return last
    # `_replace` takes four times as long.
    return WorkOutcome(last.due, last.task_id, last.state, last.at, last.tries, last.last_error, lateness)


def _progress(outcome: WorkOutcome) -> int:
    """How far a fire has come: what is more is later."""
    rank = _RANK.get(outcome.state, _ENDED)
    return rank if rank < 0 else outcome.tries * _RANKS + rank


def _has_ended(outcome: WorkOutcome) -> bool:
    return outcome.state not in _UNFINISHED and outcome.state not in WITHOUT_TASK


class ScheduleOutcome(NamedTuple):
    """What became of the last fires of one schedule. Instants are due instants, in nanoseconds since 1970."""

    last: WorkOutcome
    """The outcome of the last fire that was due."""
    last_success: int = 0
    """The last fire whose work succeeded; 0 if none is known."""
    last_failure: int = 0
    """The last fire whose work failed; 0 if none is known, or if it was before the last success."""
    failing_since: int = 0
    """The first of the fires that failed in a row; 0 if none has failed since the last success."""
    failures: int = 0
    """How many failed in a row. Fires that have no result yet, were skipped or are unknown are not counted."""
    is_whole: bool = True
    """Whether these were counted back to the last success, or are all; otherwise there may be earlier ones."""

    @property
    def tone(self) -> Tone:
        """The tone of the last outcome: a single failure that is tried again is only a warning."""
        if not self.failures:
            return words_of(self.last.state).tone
        return "warn" if self.failures == 1 and self.last.state == RETRY else "bad"


def schedule_outcome(outcomes: Iterable[WorkOutcome], before: ScheduleOutcome | None = None) -> ScheduleOutcome | None:
    """The outcome of a schedule from some of its fires, in any order; `before` is that of earlier fires. None without
    fires."""
    found = [*outcomes]
    success = max((each.due for each in found if each.state == COMPLETE), default=0)
    last = max(found, key=lambda each: each.due, default=None)
    since, latest, count, is_whole = 0, 0, 0, True
    if before is not None:
        is_whole = before.is_whole or success > max(before.last_success, before.failing_since)
        success = max(success, before.last_success)
        if last is None or before.last.due > last.due:
            last = before.last
        if before.last_failure > success:
            latest = before.last_failure
            # If a success lies between the earlier failures, only the last one is certainly after it.
            since, count = (before.failing_since, before.failures) if before.failing_since > success else (latest, 1)
    for each in found:
        if each.due > success and is_failure(each):
            since, latest, count = min(since or each.due, each.due), max(latest, each.due), count + 1
    return None if last is None else ScheduleOutcome(last, success, latest, since, count, is_whole)


def success_due_by(times: Times, deadline: int, after: int, *, active: bool = False) -> int | None:
    """The instant by which the first fire after `after` must have succeeded; None if nothing is due after it.

    A task that no worker has taken must begin within its deadline (nanoseconds; 0 for none). A task that a worker has
    (`active`), or without a deadline, must be complete when the schedule is due again. It always has at least
    `LEAST_WAIT`. A schedule that is not due again and has no deadline may take for ever.
    """
    due = times.next(after)
    if due is None:
        return None
    if deadline > 0 and not active:
        return due + max(deadline, LEAST_WAIT)
    following = times.next(due)
    return None if following is None else max(following, due + max(deadline, LEAST_WAIT))
