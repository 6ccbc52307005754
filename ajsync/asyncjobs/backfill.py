"""Backfill: make the tasks of past due instants that are missing.

The id of a fire's task follows from the schedule's name and the due instant. So a task that a scheduler has made is
found and not made again, and the next backfill finds what an interrupted one has left.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TypeVar

from ajsync.asyncjobs.due import times_of
from ajsync.asyncjobs.ids import KSUID_EPOCH, fire_task_id
from ajsync.asyncjobs.model import ScheduledTask
from ajsync.asyncjobs.names import QUEUE_NAME, QUEUE_STREAM_PREFIX, TASKS_STREAM, WORK_ITEM_SUBJECT
from ajsync.asyncjobs.task_store import item_write, task_write, tell_state
from ajsync.asyncjobs.tasks import (
    NEW,
    NO_RESPONDERS,
    QUEUE_ERROR,
    StoredTask,
    decode_task,
    encode_task,
    task_for_fire,
    task_subject,
    work_item_subject,
)
from ajsync.errors import NotFoundError, StoredValueError, UnreachableError, UsageError
from ajsync.timestamp import NANOSECONDS, format_timestamp
from ajsync.transport.connection import Connection
from ajsync.transport.errors import StreamNotFoundError
from ajsync.transport.leader import last_messages
from ajsync.transport.messages import LastMessage
from ajsync.transport.publisher import publish_all
from ajsync.transport.window import NO_STREAM, Answer

T = TypeVar("T")

MOST_DUES = 100_000
"""The most due instants of one schedule."""
AT_ONCE = 500
"""How many tasks are stored before their work items: an interruption leaves at most this many without one."""


@dataclass(frozen=True, slots=True)
class PastDue:
    """An instant at which a schedule was due."""

    task: ScheduledTask
    due: int
    """Nanoseconds since 1970."""

    @property
    def task_id(self) -> str:
        """The id of the task that belongs to it."""
        return fire_task_id(self.task.name, self.due)


@dataclass(frozen=True, slots=True)
class MissingTask:
    """A due instant whose task, or work item, is missing."""

    past: PastDue
    sequence: int = 0
    """The sequence of the task if it is stored but not in its queue; 0 if there is no task."""


@dataclass(frozen=True, slots=True)
class Backfilled:
    """What became of the missing tasks."""

    made: int
    exist: int
    """How many tasks somebody else has made in the meantime."""
    refused: Mapping[str, str]
    """Why a task was not stored or enqueued, by its id."""
    left: int
    """How many tasks were not tried, or got no answer; the next backfill looks at them again."""


def past_dues(task: ScheduledTask, first: int, last: int) -> list[PastDue]:
    """The instants from `first` to `last`, both in nanoseconds since 1970, at which a schedule was due.

    Raises ScheduleError, StoredValueError if no task can be made for it, and UsageError for more than MOST_DUES, or for
    an instant that the id of a task cannot hold.
    """
    times = times_of(task)
    if first < KSUID_EPOCH * NANOSECONDS:
        earliest = format_timestamp(KSUID_EPOCH * NANOSECONDS)
        raise UsageError(f"The id of a task cannot hold a time before {earliest}: choose a later start.")
    task_for_fire(task, last)
    if (count := times.count(first - 1, last)) > MOST_DUES:
        raise UsageError(
            f"{task.name} was due {count:,} times, but one backfill makes at most {MOST_DUES:,}: choose a shorter time."
        )
    return [PastDue(task, due) for due in times.between(first - 1, last)]


async def find_missing(connection: Connection, dues: Sequence[PastDue]) -> list[MissingTask]:
    """The `dues` whose task is missing, or is in the state `new` or `queue_error` without a work item.

    Raises NotFoundError if a queue does not exist, UnreachableError if there is no tasks stream or no answer, and
    NotPermittedError.
    """
    await _check_queues(connection, {each.task.queue for each in dues})
    missing: list[MissingTask] = []
    for some in _chunks(dues):
        subjects = [task_subject(each.task_id) for each in some]
        try:
            found = await last_messages(connection, TASKS_STREAM, subjects)
        except StreamNotFoundError:
            raise UnreachableError(
                "No stream takes tasks on this server and account. 'ajsync scheduler' makes it when it starts, and so "
                "does 'ajc tasks initialize'."
            ) from None
        items = [_item_of(found.get(subject), each.task_id) for each, subject in zip(some, subjects, strict=True)]
        enqueued = await _enqueued(connection, filter(None, items))
        for each, subject, item in zip(some, subjects, items, strict=True):
            if subject not in found:
                missing.append(MissingTask(each))
            elif item and item not in enqueued:
                missing.append(MissingTask(each, found[subject].revision))
    return missing


async def make_missing(
    connection: Connection,
    missing: Sequence[MissingTask],
    *,
    sign: Callable[[StoredTask], str] | None = None,
    ajc_payloads: bool = False,
    on_done: Callable[[int], None] = lambda _count: None,
    stop: asyncio.Event | None = None,
) -> Backfilled:
    """Make these tasks; their deadlines count from now. It ends early when a queue refuses one, or with `stop`.

    `on_done` gets how many more are done. Whenever it ends, another backfill can go on from there.
    """
    made = exist = done = 0
    refused: dict[str, str] = {}
    for some in _chunks(missing):
        if refused or (stop is not None and stop.is_set()):
            break
        batch = _Batch(connection, [(_task(each, sign, ajc_payloads), each.sequence) for each in some])
        await batch.run()
        made, exist, done = made + batch.made, exist + batch.exist, done + batch.done
        refused |= batch.refused
        on_done(batch.done)
        if batch.done < len(some):
            break
    return Backfilled(made, exist, refused, len(missing) - done)


def _task(missing: MissingTask, sign: Callable[[StoredTask], str] | None, ajc_payloads: bool) -> StoredTask:
    scheduled = missing.past.task
    task = task_for_fire(scheduled, missing.past.due, ajc_payloads=ajc_payloads)
    if scheduled.deadline > 0:
        task = replace(task, deadline=time.time_ns() + scheduled.deadline)
    return task if sign is None else replace(task, signature=sign(task))


async def make_tasks(connection: Connection, tasks: Sequence[StoredTask]) -> int:
    """Store these tasks unless they are there, and enqueue those that were stored; returns how many were.

    Unlike `make_missing`, it goes on after a queue refuses a task. Raises UnreachableError.
    """
    made = 0
    for some in _chunks(tasks):
        batch = _Batch(connection, [(task, 0) for task in some])
        await batch.run()
        made += batch.made
    return made


class _Batch:
    """Tasks that are stored together, then enqueued together."""

    def __init__(self, connection: Connection, tasks: Sequence[tuple[StoredTask, int]]) -> None:
        """Each of `tasks` comes with the sequence of the message that it replaces, or 0."""
        self._connection = connection
        self._tasks = tasks
        self.made = 0
        self.exist = 0
        self.refused: dict[str, str] = {}

    @property
    def done(self) -> int:
        """How many tasks have an outcome."""
        return self.made + self.exist + len(self.refused)

    async def run(self) -> None:
        """Store and enqueue them."""
        stored = await self._store()
        for task, _ in stored:
            await tell_state(self._connection, task)
        answers = await publish_all(self._connection, [item_write(task) for task, _ in stored])
        flagged: list[tuple[StoredTask, int]] = []
        for (task, sequence), answer in zip(stored, answers, strict=True):
            if answer.sequence:
                self.made += 1
            elif reason := _refusal(answer):
                self.refused[task.id] = reason
                flagged.append((replace(task, state=QUEUE_ERROR, last_err=reason), sequence))
        # This is what Go does. A task that a worker has started was enqueued after all, and stays as it is.
        answers = await publish_all(self._connection, [task_write(*each) for each in flagged])
        for (task, _), answer in zip(flagged, answers, strict=True):
            if answer.sequence:
                await tell_state(self._connection, task)

    async def _store(self) -> list[tuple[StoredTask, int]]:
        """Store the tasks; returns those that are ours, with the sequences of their messages."""
        answers = await publish_all(self._connection, [task_write(*each) for each in self._tasks])
        stored: list[tuple[StoredTask, int]] = []
        conflicts: dict[str, StoredTask] = {}
        for (task, _), answer in zip(self._tasks, answers, strict=True):
            if answer.sequence:
                stored.append((task, answer.sequence))
            elif answer.conflict:
                conflicts[task_subject(task.id)] = task
            elif reason := _refusal(answer):
                self.refused[task.id] = reason
        # A write that was sent twice conflicts with its own first copy.
        found = await last_messages(self._connection, TASKS_STREAM, [*conflicts]) if conflicts else {}
        for subject, task in conflicts.items():
            if subject in found and found[subject].data == encode_task(task):
                stored.append((task, found[subject].revision))
            else:
                self.exist += 1
        return stored


def _refusal(answer: Answer) -> str:
    """Why a write was refused for good; "" if it got no answer."""
    if answer is NO_STREAM:
        return NO_RESPONDERS
    return answer.error if answer.code or answer.denied or answer.too_large else ""


async def _check_queues(connection: Connection, queues: set[str]) -> None:
    for queue in sorted(queues):
        try:
            await connection.jetstream_request(f"STREAM.INFO.{QUEUE_STREAM_PREFIX}{queue}")
        except StreamNotFoundError:
            raise NotFoundError(
                f"No task was made, because the queue {queue} does not exist. Make it with 'ajc queues add {queue}'."
            ) from None


def _item_of(message: LastMessage | None, task_id: str) -> str:
    """The subject of the work item that a stored task should have; "" unless it waits for its first try."""
    try:
        task = None if message is None else decode_task(message.data)
    except StoredValueError:
        return ""
    if task is None or task.state not in (NEW, QUEUE_ERROR) or task.tries or not QUEUE_NAME.fullmatch(task.queue):
        return ""
    return work_item_subject(task.queue, task_id)


async def _enqueued(connection: Connection, items: Iterable[str]) -> set[str]:
    """The work items that are in their queue, which keeps each one until a worker has handled it."""
    by_queue: dict[str, list[str]] = {}
    for subject in items:
        queue = subject.removeprefix(WORK_ITEM_SUBJECT).split(".")[0]
        by_queue.setdefault(queue, []).append(subject)
    found: set[str] = set()
    for queue, subjects in by_queue.items():
        with suppress(StreamNotFoundError):  # the queue of the task is gone
            found.update(await last_messages(connection, QUEUE_STREAM_PREFIX + queue, subjects))
    return found


def _chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    return (values[begin : begin + AT_ONCE] for begin in range(0, len(values), AT_ONCE))
