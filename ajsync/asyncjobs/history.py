"""History: what became of the fires of one schedule.

The id of a fire's task is computed from the schedule's name and the due instant, so its tasks are found without any
record of them. A Go scheduler uses random ids, so its fires cannot be found.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from ajsync.asyncjobs.due import Times, times_of
from ajsync.asyncjobs.foreign import MOST_INT, decode_object, instant_member
from ajsync.asyncjobs.ids import KSUID_EPOCH, fire_task_id
from ajsync.asyncjobs.model import ScheduledTask
from ajsync.asyncjobs.names import TASKS_STREAM
from ajsync.asyncjobs.tasks import NEW, UNFINISHED, StoredTask, decode_task, task_of, task_subject
from ajsync.errors import StoredValueError
from ajsync.timestamp import NANOSECONDS
from ajsync.transport.connection import Connection
from ajsync.transport.errors import StreamNotFoundError
from ajsync.transport.messages import LastMessage, last_message

LOOK_BACK = 64
"""How many fires before the first shown one are looked at, to find the task that made it skip, as the scheduler
does."""
_AT_ONCE = 100
"""How many requests are under way at once."""


@dataclass(frozen=True, slots=True)
class PastFire:
    """A due instant and the task that was made for it."""

    due: int
    """Nanoseconds since 1970."""
    task_id: str
    state: str = ""
    """The state of the task; empty if there is no task with this id."""
    tries: int = 0
    last_error: str = ""
    lateness: int | None = None
    """Nanoseconds from the due instant until the task was stored; None if there is no task."""
    at_most: bool = False
    """Whether the lateness is an upper bound, because a worker has written the task since and only the last time is
    kept."""
    skipped_for: str = ""
    """The id of the unfinished task that made `overlap: skip` skip this fire."""
    earlier_value: bool = False
    """Whether it was due before the entry got its current value, so that another schedule may have applied."""


def previous_dues(
    times: Times,
    due: int,
    since: int = 0,
    pauses: Sequence[tuple[int, int]] = (),
    previous: Callable[[Times, int], int | None] = Times.previous,
) -> Iterator[int]:
    """The instants before `due` and after `since` at which a schedule was due, newest first, if ids can hold them.

    Nothing was due in `pauses`. `previous` finds an instant, for callers that remember the results.
    """
    since = max(since, KSUID_EPOCH * NANOSECONDS - 1)  # no id can hold an earlier instant
    earlier = previous(times, due)
    while earlier is not None and earlier > since:
        paused = min((began for began, ended in pauses if began < earlier <= ended), default=None)
        if paused is None:
            yield earlier
        earlier = previous(times, earlier if paused is None else paused + 1)


def past_dues(task: ScheduledTask, now: int, last: int) -> list[int]:
    """At most `last` of the instants up to `now` at which `task` was due since its creation, newest first.

    While it was paused it was not due. Raises ScheduleError.
    """
    return list(islice(previous_dues(times_of(task), now + 1, task.created_at, task.pauses), last))


def past_fire(task_id: str, due: int, message: LastMessage | None, stored_at: int) -> PastFire:
    """A fire from the id and the message of its task; `stored_at` is when the entry got its current value."""
    earlier = due <= stored_at
    if message is None:
        return PastFire(due, task_id, earlier_value=earlier)
    try:
        value = decode_object(message.data)
        task = task_of(value)
    except StoredValueError as error:
        return PastFire(due, task_id, state="unreadable", last_error=str(error), earlier_value=earlier)
    return PastFire(
        due=due,
        task_id=task_id,
        state=task.state,
        tries=task.tries,
        last_error=task.last_err,
        lateness=max(_known_since(message.stored_at, task, value) - due, 0),
        at_most=task.state != NEW,
        earlier_value=earlier,
    )


async def read_history(
    connection: Connection, task: ScheduledTask, *, stored_at: int, now: int, last: int
) -> list[PastFire]:
    """The last fires of `task` up to `now`, newest first, with their tasks in the stream.

    Raises ScheduleError, and the errors of `Connection.jetstream_request`.
    """
    limit = asyncio.Semaphore(_AT_ONCE)

    async def look_up(due: int) -> LastMessage | None:
        async with limit:
            try:
                return await last_message(connection, TASKS_STREAM, task_subject(fire_task_id(task.name, due)))
            except StreamNotFoundError:  # no scheduler has ever made a task
                return None

    skips = task.settings.overlap == "skip"
    dues = past_dues(task, now, last + LOOK_BACK if skips else last)
    # The schedule was not due before it was stored, but a backfill may have made tasks of that time.
    before = islice(previous_dues(times_of(task), task.created_at + 1), max(last - len(dues), 0))
    looked_at = [*dues, *before]
    async with asyncio.TaskGroup() as group:
        looks = [group.create_task(look_up(due)) for due in looked_at]
    messages = dict(zip(looked_at, (look.result() for look in looks), strict=True))
    shown = [due for due in looked_at if due > task.created_at or messages[due] is not None]
    fires = [past_fire(fire_task_id(task.name, due), due, messages[due], stored_at) for due in shown]
    return (with_skipped(fires, messages) if skips else fires)[:last]


def with_skipped(fires: Sequence[PastFire], messages: Mapping[int, LastMessage | None]) -> list[PastFire]:
    """The fires of a schedule with `overlap: skip`, newest first, with the skipped ones marked.

    The last write of a finished task is the one that finished it. If that is later than the next due instant, the task
    was not finished at that instant.
    """
    found: list[PastFire] = []
    before: PastFire | None = None
    ends = 0
    for fire in reversed(fires):
        message = messages[fire.due]
        if message is not None:
            before, ends = fire, _ends(message)
        elif before is not None and fire.due < ends:
            fire = replace(fire, skipped_for=before.task_id)
        found.append(fire)
    return found[::-1]


def _ends(message: LastMessage) -> int:
    """The instant until which a task prevented the next one, in nanoseconds since 1970."""
    try:
        task = decode_task(message.data)
    except StoredValueError:
        return 0
    ends = MOST_INT if task.state in UNFINISHED else message.stored_at
    return min(ends, task.deadline or ends)  # no worker starts a task after its deadline


def _known_since(stored_at: int, task: StoredTask, value: dict[str, Any]) -> int:
    """The first instant at which the task is known to have existed: it was tried, or what it says now was stored."""
    if task.tries == 1 and value.get("tried") is not None:  # only the time of the last try is kept
        with suppress(StoredValueError):
            return min(stored_at, instant_member(value, "tried"))
    return stored_at
