"""The status of a scheduler: one value, which the status page shows and `/api/status` gives as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from ajsync.asyncjobs.presence import NOT_ASKED, Presence
from ajsync.scheduler.election.role import RoleState
from ajsync.scheduler.monitor.work import WorkStatus
from ajsync.timestamp import format_timestamp

FireState = Literal["created", "repaired", "exists", "queue_error", "missed", "skipped"]
"""What became of a fire. `repaired`: its task existed and its work item was sent again; `exists`: both existed;
`queue_error`: its queue refused the work item; `missed`: it was too late for its deadline or its catch-up policy;
`skipped`: its previous task was not finished."""

SHOWN = 50
"""How many upcoming fires a status holds, and how many recent ones."""
LISTED = 200
"""How many schedules with problems a status holds."""


@dataclass(frozen=True, slots=True)
class FireRecord:
    """A fire that has an outcome."""

    name: str
    queue: str
    task_type: str
    task_id: str
    due: int
    """Nanoseconds since 1970."""
    lateness: float | None
    """Seconds from the due instant to the acknowledgement of the task; None if no task was made."""
    state: FireState
    detail: str = ""


@dataclass(frozen=True, slots=True)
class UpcomingFire:
    """A fire that is not due yet; `due` in nanoseconds since 1970."""

    name: str
    queue: str
    due: int


@dataclass(frozen=True, slots=True)
class ScheduleProblem:
    """Why a schedule cannot be fired, or could not be, how often, and since when (nanoseconds since 1970)."""

    name: str
    problem: str
    count: int
    since: int
    remedy: str = ""
    """The command to begin with."""


@dataclass(frozen=True, slots=True)
class PauseStatus:
    """A paused schedule: since when, until when (None until somebody resumes it), by whom and why."""

    name: str
    since: int
    """Nanoseconds since 1970."""
    until: int | None
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Status:
    """The state of a scheduler at the instant `now`."""

    name: str
    version: str
    now: int
    """Nanoseconds since 1970."""
    role: RoleState
    leader: str | None
    """The scheduler that leads; None if none does, or if it is not known."""
    since: int
    """When it took on its role, in nanoseconds since 1970."""
    ready: bool
    reason: str
    """Why it is not ready; empty if it is."""
    connected: bool
    server: str
    """The NATS server, without a password."""
    schedules: int
    watermark: int | None
    """The instant up to which all fires are acknowledged, in nanoseconds since 1970."""
    watermark_age: float | None
    """Seconds since the watermark."""
    clock_skew: float | None
    """Seconds by which this clock is ahead of the server's."""
    problems: tuple[ScheduleProblem, ...]
    """At most `LISTED`."""
    more_problems: int
    """How many schedules with problems are not listed."""
    upcoming: tuple[UpcomingFire, ...]
    """The next fires, soonest first; at most `SHOWN`."""
    recent: tuple[FireRecord, ...]
    """The last fires, newest first; at most `SHOWN`."""
    paused: tuple[PauseStatus, ...] = ()
    """The paused schedules, by name; at most `LISTED`."""
    more_paused: int = 0
    """How many paused schedules are not listed."""
    started: int = 0
    """When this scheduler began, in nanoseconds since 1970."""
    leader_is_go: bool = False
    """Whether a Go scheduler leads, which writes no watermark."""
    moves: tuple[int, ...] = ()
    """When the leadership moved to another scheduler since `started`, newest first, in nanoseconds since 1970; at most
    100."""
    presence: Presence = NOT_ASKED
    """The schedulers of ajsync in the account, this one among them."""
    work: WorkStatus = field(default_factory=WorkStatus)
    """What becomes of the tasks."""


_INSTANTS = ("now", "since", "until", "watermark", "due", "started", "last_success", "due_by")
_DURATIONS = ("watermark_age", "clock_skew", "lateness")


def status_json(status: Status) -> dict[str, Any]:
    """The status as JSON values: instants in RFC 3339, durations in seconds, None for what is not known."""
    return asdict(status, dict_factory=_object)


def _object(members: list[tuple[str, Any]]) -> dict[str, Any]:
    return {f"{name}_seconds" if name in _DURATIONS else name: _value(name, value) for name, value in members}


def _value(name: str, value: Any) -> Any:
    if name in _INSTANTS and value is not None:
        return format_timestamp(value)
    if name == "moves":
        return [format_timestamp(each) for each in value]
    return list(value) if isinstance(value, tuple) else value
