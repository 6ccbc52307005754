"""News: what happens to the work of schedules, as values. Instants are nanoseconds since 1970."""

from __future__ import annotations

from dataclasses import dataclass

from ajsync.asyncjobs.fire_index import Guess
from ajsync.asyncjobs.model import ScheduledTask
from ajsync.asyncjobs.outcome import WorkOutcome


@dataclass(frozen=True, slots=True)
class TaskNews:
    """A task of a schedule has changed its state."""

    schedule: ScheduledTask | None
    """None if the task's id is random; then `guess` has the schedules that may have made it."""
    guess: Guess
    queue: str
    task_type: str
    outcome: WorkOutcome
    """Its `due` is 0 if the task's id is random."""


@dataclass(frozen=True, slots=True)
class LeaderNews:
    """A scheduler says that it leads now."""

    leader: str
    at: int
    """When it was heard, in nanoseconds since 1970."""


@dataclass(frozen=True, slots=True)
class OpenNews:
    """A fire is not settled: its stream or its queue has not taken it, and the leader, if there is one, tries again."""

    schedule: ScheduledTask
    due: int
    """Nanoseconds since 1970."""
    at: int
    """When it was noticed, in nanoseconds since 1970."""


@dataclass(frozen=True, slots=True)
class MissedNews:
    """A fire that was open is settled without a task: it was given up, or its schedule was changed."""

    schedule: ScheduledTask
    due: int
    """Nanoseconds since 1970."""
    at: int
    """When it was noticed, in nanoseconds since 1970."""


@dataclass(frozen=True, slots=True)
class SilentNews:
    """No scheduler of ajsync has settled anything for a while: none leads, or the leader cannot write its watermark."""

    since: int
    """Up to when everything is settled, in nanoseconds since 1970; 0 if none has ever settled anything."""
    at: int
    """When it was noticed, in nanoseconds since 1970."""


@dataclass(frozen=True, slots=True)
class NotHeard:
    """A span in which unreported things may have happened. Instants are nanoseconds since 1970."""

    since: int
    until: int
    count: int | None
    """How many events came faster than they were taken; None if the connection was lost, so that it is not known."""


News = TaskNews | LeaderNews | OpenNews | MissedNews | SilentNews | NotHeard
