"""The status of schedules: which need attention, since when, and what to do about it. Pure, except for the reading."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.asyncjobs.due import NextFires, Times, Upcoming, times_of
from ajsync.asyncjobs.model import Pause, ScheduledTask
from ajsync.asyncjobs.outcome import (
    ACTIVE,
    COMPLETE,
    UNKNOWN,
    ScheduleOutcome,
    WorkOutcome,
    schedule_outcome,
    success_due_by,
)
from ajsync.asyncjobs.presence import NOT_ASKED, Presence, read_presence
from ajsync.asyncjobs.queue_store import missing_queues
from ajsync.asyncjobs.tasks import NEW
from ajsync.errors import ScheduleError
from ajsync.scheduler.election.duty import LATE_AFTER, Duty, read_duty
from ajsync.scheduler.last_fires import NEVER_DUE, LastFires, read_outcomes
from ajsync.transport.connection import Connection

Verdict = Literal["invalid", "failing", "late", "unknown", "paused", "fine"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
"""The worst first."""
NEED_SOMEBODY: frozenset[Verdict] = frozenset(("invalid", "failing", "late"))


@dataclass(frozen=True, slots=True)
class ScheduleStatus:
    """The status of one schedule. Instants are nanoseconds since 1970; 0 means none."""

    task: ScheduledTask
    verdict: Verdict
    outcome: ScheduleOutcome | None = None
    """None if it has not been due yet."""
    ended: WorkOutcome | None = None
    """The last fire whose work has ended, or None."""
    failed: WorkOutcome | None = None
    """The last fire that failed, if none has succeeded since."""
    open_since: int = 0
    """The first due instant whose fire has made no task yet but still may."""
    unqueued_since: int = 0
    """The first due instant whose task is stored but has not reached its queue for a while; 0 if there is none."""
    is_whole: bool = True
    """Whether the failures were counted back to a success; otherwise there may be more."""
    next_due: int = 0
    reason: str = ""
    """Why it is not due again; if it is not valid, what is wrong."""
    pause: Pause | None = None

    @property
    def needs_somebody(self) -> bool:
        """Whether it needs attention."""
        return self.verdict in NEED_SOMEBODY

    @property
    def last_due(self) -> int:
        """The last instant at which it was due."""
        return max(self.open_since, self.outcome.last.due if self.outcome else 0)


@dataclass(frozen=True, slots=True)
class BucketStatus:
    """The status of the schedules of a bucket, and who fires them."""

    duty: Duty
    schedules: Sequence[ScheduleStatus]
    """Those that need attention come first, the worst before the others, then by name."""
    presence: Presence = NOT_ASKED
    """Which schedulers there are."""
    missing_queues: Mapping[str, int] = field(default_factory=dict)
    """How many schedules use each queue that does not exist, by its name; of queues that may be looked at."""

    @property
    def counts(self) -> Mapping[str, int]:
        """How many schedules there are of each verdict."""
        counted = Counter(each.verdict for each in self.schedules)
        return {verdict: counted[verdict] for verdict in VERDICTS}

    @property
    def needs_somebody(self) -> bool:
        """Whether anything needs attention: a schedule, or that nothing is fired."""
        return self.duty.is_trouble or any(each.needs_somebody for each in self.schedules)


async def status_now(
    bucket: ConfigurationBucket, tasks: Iterable[ScheduledTask], paused: Mapping[str, Pause]
) -> BucketStatus:
    """How schedules do now, some of which are paused, which schedulers there are, and which queues are missing.

    Raises as `read_status`.
    """
    tasks = [*tasks]
    asking = asyncio.create_task(read_presence(bucket.connection, bucket.domain))  # most of which is waiting
    try:
        found = await read_status(bucket.connection, tasks, paused, await read_duty(bucket))
        users = Counter(task.queue for task in tasks if task.name not in paused)
        missing = await missing_queues(bucket.connection, users)
        return replace(found, presence=await asking, missing_queues={name: users[name] for name in sorted(missing)})
    finally:
        asking.cancel()


async def read_status(
    connection: Connection, tasks: Iterable[ScheduledTask], paused: Mapping[str, Pause], duty: Duty
) -> BucketStatus:
    """The status of schedules at the moment of `duty`; `paused` has the paused ones. Raises as
    `Connection.jetstream_request`."""
    valid: list[tuple[ScheduledTask, Times]] = []
    upcoming, following = Upcoming(duty.now + 1, 1), dict[str, NextFires]()
    for task in tasks:
        following[task.name] = upcoming.of(task)
        if task.name in paused:  # it is not due in the meantime
            task = replace(task, pauses=(*task.pauses, (paused[task.name].since, duty.now)))
        with suppress(ScheduleError):  # `following` has the reason
            valid.append((task, times_of(task)))
    outcomes = await read_outcomes(connection, valid, duty)
    times = {task.name: found for task, found in valid}
    found = [
        schedule_status(fires.task, times.get(name), outcomes.get(name, NEVER_DUE), fires, paused.get(name), duty)
        for name, fires in following.items()
    ]
    found.sort(
        key=lambda each: (VERDICTS.index(each.verdict) if each.needs_somebody else len(VERDICTS), each.task.name)
    )
    return BucketStatus(duty, found)


def schedule_status(
    task: ScheduledTask,
    times: Times | None,
    outcomes: LastFires,
    following: NextFires,
    pause: Pause | None,
    duty: Duty,
) -> ScheduleStatus:
    """The status of one schedule at the moment of `duty`; without `times` its schedule is not valid."""
    outcome = schedule_outcome(outcomes.found)
    unqueued_since = _unqueued_since(task, outcomes, duty)
    ended = next((each for each in outcomes.found if not each.is_unfinished), None)
    failed_at = outcome.last_failure if outcome else 0
    failed = next((each for each in outcomes.found if each.due == failed_at), None)
    return ScheduleStatus(
        task,
        _verdict(task, times, outcome, outcomes, pause, duty.now, unqueued_since),
        outcome,
        ended,
        failed,
        outcomes.open_since,
        unqueued_since,
        outcomes.is_whole,
        following.dues[0] if following.dues and pause is None else 0,
        "" if pause else following.reason,
        pause,
    )


def _unqueued_since(task: ScheduledTask, outcomes: LastFires, duty: Duty) -> int:
    """The first fire that the leader still tries to put into its queue, which is full or refuses it."""
    open_fires = duty.watermark.open if duty.watermark else frozenset()
    late = (each.due for each in outcomes.found if each.state == NEW and duty.now - each.due > LATE_AFTER)
    return min((due for due in late if (task.name, due) in open_fires), default=0)


def _verdict(
    task: ScheduledTask,
    times: Times | None,
    outcome: ScheduleOutcome | None,
    outcomes: LastFires,
    pause: Pause | None,
    now: int,
    unqueued_since: int,
) -> Verdict:
    if pause is not None:
        return "paused"
    if times is None:
        return "invalid"
    if outcome is not None and outcome.failures:
        return "failing"
    if unqueued_since or (outcomes.open_since and now - outcomes.open_since > LATE_AFTER):
        return "late"
    if outcome is None:
        return "fine"
    if outcomes.waiting_since:
        return "late"
    waiting = _waiting(outcomes.found)
    if waiting is not None:
        active = waiting.state == ACTIVE
        by = success_due_by(times, task.deadline, max(outcome.last_success, waiting.due - 1), active=active)
        if by is not None and now > by:
            return "late"
    return "unknown" if outcome.last.state == UNKNOWN else "fine"


def _waiting(found: Sequence[WorkOutcome]) -> WorkOutcome | None:
    """The oldest fire since the last success whose work has not ended."""
    waiting = None
    for each in found:
        if each.state == COMPLETE:
            break
        if each.is_unfinished:
            waiting = each
    return waiting
