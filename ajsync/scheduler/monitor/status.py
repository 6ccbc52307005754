"""The status of a scheduler: one value, which the status page shows and `/api/status` gives as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from ajsync.scheduler.election.role import Role
from ajsync.timestamp import format_timestamp

FireState = Literal["created", "repaired", "exists", "queue_error", "missed", "skipped"]
"""What became of a fire. `repaired`: its task existed and its work item was sent again; `exists`: both existed;
`queue_error`: its queue refused the work item; `missed`: it was too late for its deadline or its catch-up; `skipped`:
its previous task was not finished."""

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
    """Why a schedule cannot be fired, or could not, how often, and since when (nanoseconds since 1970)."""

    name: str
    problem: str
    count: int
    since: int


@dataclass(frozen=True, slots=True)
class Status:
    """The state of a scheduler at the instant `now`."""

    name: str
    role: Role
    leader: str | None
    """The scheduler that leads; None if none does, or if it is not known."""
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
    upcoming: tuple[UpcomingFire, ...]
    """The next fires, soonest first; at most `SHOWN`."""
    recent: tuple[FireRecord, ...]
    """The last fires, newest first; at most `SHOWN`."""
    problems: tuple[ScheduleProblem, ...]
    """At most `LISTED`."""
    ready: bool
    reason: str
    """Why it is not ready; empty if it is."""
    version: str
    now: int
    """Nanoseconds since 1970."""
    more_problems: int = 0
    """How many schedules with problems are not listed."""


def status_json(status: Status) -> dict[str, Any]:
    """The status as JSON values: instants in RFC 3339, durations in seconds, None for what is not known."""
    return {
        "name": status.name,
        "version": status.version,
        "now": format_timestamp(status.now),
        "role": status.role.state.value,
        "leader": status.leader,
        "since": format_timestamp(status.role.since),
        "ready": status.ready,
        "reason": status.reason,
        "connected": status.connected,
        "server": status.server,
        "schedules": status.schedules,
        "watermark": None if status.watermark is None else format_timestamp(status.watermark),
        "watermark_age_seconds": status.watermark_age,
        "clock_skew_seconds": status.clock_skew,
        "problems": [
            {
                "name": problem.name,
                "problem": problem.problem,
                "count": problem.count,
                "since": format_timestamp(problem.since),
            }
            for problem in status.problems
        ],
        "more_problems": status.more_problems,
        "upcoming": [
            {"name": fire.name, "queue": fire.queue, "due": format_timestamp(fire.due)} for fire in status.upcoming
        ],
        "recent": [_record_json(record) for record in status.recent],
    }


def _record_json(record: FireRecord) -> dict[str, Any]:
    return {
        "name": record.name,
        "queue": record.queue,
        "task_type": record.task_type,
        "task_id": record.task_id,
        "due": format_timestamp(record.due),
        "lateness_seconds": record.lateness,
        "state": record.state,
        "detail": record.detail,
    }
