"""What a scheduler tells of itself: one value, which the status page shows and `/api/status` gives as JSON."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from ajsync.scheduler.election.role import Role
from ajsync.timestamp import format_timestamp

FireState = Literal["created", "repaired", "exists", "queue_error", "missed", "skipped"]
"""What became of a fire. `repaired`: its task was there and its work item was sent again; `exists`: both were there;
`queue_error`: its queue refused the work item; `missed`: too late for its deadline or its catch-up; `skipped`: its
previous task is not finished."""

SHOWN = 50
"""Fires that a status holds, of those ahead and of those behind each."""
LISTED = 200
"""Schedules with problems that a status holds."""


@dataclass(frozen=True, slots=True)
class FireRecord:
    """One fire, and what became of it."""

    name: str
    queue: str
    task_type: str
    task_id: str
    due: int
    """Nanoseconds since 1970."""
    lateness: float | None
    """Seconds from the due instant to the task's ack; None where no task was made."""
    state: FireState
    detail: str = ""


@dataclass(frozen=True, slots=True)
class UpcomingFire:
    """One fire ahead; `due` in nanoseconds since 1970."""

    name: str
    queue: str
    due: int


@dataclass(frozen=True, slots=True)
class ScheduleProblem:
    """A schedule that cannot be fired, or could not: why, how often, and since when (nanoseconds since 1970)."""

    name: str
    problem: str
    count: int
    since: int


@dataclass(frozen=True, slots=True)
class Status:
    """How a scheduler is at the instant `now`."""

    name: str
    role: Role
    leader: str | None
    """Who leads; None where nobody does, or it isn't known."""
    connected: bool
    server: str
    """The NATS server, without a password."""
    schedules: int
    watermark: int | None
    """The instant up to which all fires are acked, in nanoseconds since 1970."""
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
    """Why it is not ready."""
    version: str
    now: int
    """Nanoseconds since 1970."""
    more_problems: int = 0
    """How many schedules with problems there are besides those listed."""


class History:
    """The last fires, in a ring; what is older drops out."""

    __slots__ = ("_records", "size")

    def __init__(self, size: int = SHOWN) -> None:
        self.size = size
        """How many are kept: of a longer batch only its last ones are worth making."""
        self._records: deque[FireRecord] = deque(maxlen=size)

    def extend(self, records: Iterable[FireRecord]) -> None:
        """Add fires, the newest last."""
        self._records.extend(records)

    def recent(self) -> tuple[FireRecord, ...]:
        """The fires that are kept, newest first."""
        return tuple(reversed(self._records))


def status_json(status: Status) -> dict[str, Any]:
    """The status as JSON values: instants in RFC 3339, durations in seconds, None where something isn't known."""
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
