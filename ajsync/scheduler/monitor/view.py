"""A view: what the pages show of a scheduler at one moment, as values that do not change while a thread reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, get_args

from ajsync.asyncjobs.history import PastFire
from ajsync.asyncjobs.model import Pause, ScheduledTask
from ajsync.asyncjobs.outcome import ScheduleOutcome
from ajsync.scheduler.monitor.day import Span
from ajsync.scheduler.monitor.queues import QueueStatus
from ajsync.scheduler.monitor.status import ScheduleProblem, Status

Verdict = Literal["invalid", "failing", "late", "unknown", "paused", "fine"]
"""The verdict on a schedule, as in `ajsync status`, the worst first. `failing`: its work fails, or its fire made no
task or is not stored yet; `late`: it should have succeeded by now; `unknown`: nothing is known of its work."""
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
NEED_SOMEBODY: frozenset[Verdict] = frozenset(("invalid", "failing", "late"))


@dataclass(frozen=True, slots=True)
class Work:
    """What is known of the work behind the fires. Instants are nanoseconds since 1970."""

    failing: Mapping[str, ScheduleOutcome] = field(default_factory=dict)
    """Schedules whose work fails, those that have failed for longest first; if there are very many, only some of
    them."""
    all_failing: frozenset[str] = frozenset()
    """The names of all of them."""
    overdue: Mapping[str, tuple[int, ScheduleOutcome]] = field(default_factory=dict)
    """Schedules that have not succeeded by the instant when they should have; if there are very many, only some of
    them."""
    all_overdue: frozenset[str] = frozenset()
    """The names of all of them."""
    states: Mapping[str, str] = field(default_factory=dict)
    """The state of the last fire of each schedule, as far as it is known."""
    counts: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """How many schedules have a last fire in a state, by queue and state."""
    complete: bool = True
    """Whether everything from before this scheduler listened was looked up."""
    trouble: str = ""
    """Why this may be out of date; empty if nothing is wrong."""


@dataclass(frozen=True, slots=True)
class View:
    """What the pages show of a scheduler at one moment."""

    status: Status
    tasks: Mapping[str, ScheduledTask] = field(default_factory=dict)
    """The schedules that count, by name."""
    paused: Mapping[str, tuple[Pause, ScheduledTask | None]] = field(default_factory=dict)
    """The paused ones; None for one whose value cannot be read."""
    problems: Mapping[str, ScheduleProblem] = field(default_factory=dict)
    """All problems: why schedules cannot be fired, or could not be, by name."""
    invalid: frozenset[str] = frozenset()
    """The names of entries that are not valid schedules; the reasons are in `problems`."""
    work: Work | None = None
    """None if the work is not followed."""
    queues: tuple[QueueStatus, ...] = ()
    """By name; empty until the server was asked for them."""
    last_day: tuple[Span, ...] = ()
    """What was fired, missed and failed in the 24 hours up to now, the oldest first."""
    ajc: str = "ajc"
    """The command that calls the Go tool, with the context of this scheduler."""
    lateness: tuple[tuple[str, float], ...] = ()
    """Queue and lateness in seconds of each of the last tasks that this scheduler made."""


@dataclass(frozen=True, slots=True)
class Past:
    """The last fires of one schedule."""

    fires: Sequence[PastFire] = ()
    """Newest first."""
    trouble: str = ""
    """Why the fires are not known; empty if they are."""


class ViewSource(Protocol):
    """What the pages need from a scheduler. All methods but `yaml` are called in its loop."""

    def view(self) -> View:
        """What is shown now."""

    def outcomes(self, names: Sequence[str]) -> Mapping[str, ScheduleOutcome]:
        """What became of the last fires of some schedules; unknown ones are left out."""

    async def refresh(self) -> None:
        """Ask the server for what the next view should have, unless that was done a moment ago. Raises nothing."""

    async def past(self, name: str) -> Past:
        """Look up the last fires of one schedule. Raises nothing."""

    def yaml(self, task: ScheduledTask) -> str:
        """The schedule as a file would have it, without its payload; called in a thread."""
