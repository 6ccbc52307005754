"""What is wrong with the work of a schedule, and the command to begin with. Pure."""

from __future__ import annotations

import shlex

from ajsync.asyncjobs.model import ScheduledTask
from ajsync.asyncjobs.outcome import MISSED, ScheduleOutcome, WorkOutcome, words_of
from ajsync.text import visible
from ajsync.timestamp import format_timestamp

_NEW, _QUEUE_ERROR = "new", "queue_error"
_NO_QUEUE = "no responders"
"""The text of the error if there is no such queue; otherwise the queue has refused the item because it is full."""
BACKLOG = "ajsync info"
"""The command that shows how many work items of each queue wait for a worker."""


def ajc_of(context: str | None) -> str:
    """The command that calls `ajc`, which does not read `ajsync.yaml`, for the server of a context, or of its default
    context."""
    return f"ajc --context {visible(shlex.quote(context))}" if context else "ajc"


def explained(outcome: WorkOutcome, queue: str) -> str:
    """What became of a fire, in sentences; they contain `queue` and what a worker has written as they are."""
    if _lacks_queue(outcome):
        return f"The queue {queue} does not exist, so no worker gets it."
    meaning = words_of(outcome.state).meaning
    return f"{meaning} Error: {outcome.last_error}" if outcome.last_error else meaning


def remedy(task: ScheduledTask, outcome: ScheduleOutcome, ajc: str = "ajc") -> str:
    """The command for a schedule whose work has failed or is overdue.

    It is a backfill if that makes what is missing. Otherwise it shows the task of a single failure, or the history of
    several. `ajc` is the command that calls the Go tool, with its context.
    """
    last = outcome.last
    since = f"--from {format_timestamp(outcome.failing_since or last.due)}"
    if _lacks_queue(last):
        return f"{making(task.queue, ajc)} && {about('backfill', task.name, since)}"
    if last.state in (MISSED, _QUEUE_ERROR):
        return about("backfill", task.name, since)
    if last.state == _NEW and not outcome.failures:
        return BACKLOG
    is_single = not outcome.failures or (outcome.failures == 1 and outcome.last_failure == last.due)
    return f"{ajc} task view {last.task_id}" if is_single and last.task_id else about("history", task.name)


def making(queue: str, ajc: str = "ajc") -> str:
    """The command that makes a queue, whose name others may have made up."""
    return f"{ajc} queues add {visible(shlex.quote(queue))}"


def _lacks_queue(outcome: WorkOutcome) -> bool:
    return outcome.state == _QUEUE_ERROR and _NO_QUEUE in outcome.last_error


def about(command: str, name: str, options: str = "") -> str:
    """A command of ajsync about a schedule; the name may begin like an option, and others may have chosen it."""
    word = visible(shlex.quote(name))
    words = [command, options, "--", word] if name.startswith("-") else [command, word, options]
    return " ".join(filter(None, ["ajsync", *words]))
