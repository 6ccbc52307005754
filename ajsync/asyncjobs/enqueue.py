"""Enqueue a task: store it, publish its event, and put its work item into the queue.

The order is that of docs/reference/wire.md, "Enqueuing".
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace

import nats.errors

from ajsync.asyncjobs.events import task_state_event, task_state_subject
from ajsync.asyncjobs.tasks import (
    NO_RESPONDERS,
    QUEUE_ERROR,
    StoredTask,
    encode_task,
    task_subject,
    work_item,
    work_item_subject,
)
from ajsync.errors import ConflictError, EnqueueError, UnreachableError
from ajsync.timestamp import NANOSECONDS
from ajsync.transport.connection import REQUEST_SECONDS, Connection
from ajsync.transport.errors import NoRespondersError
from ajsync.transport.publisher import Write, publish_one


async def enqueue(connection: Connection, task: StoredTask, *, timeout: float = REQUEST_SECONDS) -> None:
    """Enqueue a new task; each of its writes may take `timeout` seconds.

    Raises UnreachableError if the task was not stored. Raises EnqueueError if it was stored and its queue did not take
    the work item; then the task's state is `queue_error`.
    """
    stored = await publish_one(connection, _store(task, 0), timeout=timeout)
    if stored.conflict:
        raise ConflictError(f"The task {task.id} exists already.")
    await _tell(connection, task)
    item = Write(work_item_subject(task.queue, task.id), work_item(task.id), {"Nats-Msg-Id": task.id})
    try:
        reason = (await publish_one(connection, item, timeout=timeout)).error
    except NoRespondersError:
        reason = NO_RESPONDERS
    except UnreachableError as error:
        reason = str(error)
    if reason:
        await _mark(connection, replace(task, state=QUEUE_ERROR, last_err=reason), stored.sequence, timeout)


async def _mark(connection: Connection, task: StoredTask, sequence: int, timeout: float) -> None:
    """Store the task again, in the state of one without a work item, and raise EnqueueError."""
    text = f"The task {task.id} is stored, and the queue {task.queue} did not take it: {task.last_err}"
    try:
        marked = await publish_one(connection, _store(task, sequence), timeout=timeout)
    except UnreachableError as error:
        raise EnqueueError(f"{text} The task's state could not be changed either: {error}", task.id) from None
    if marked.conflict:
        return  # a worker has started it, so the work item was stored and only its ack was lost
    await _tell(connection, task)
    raise EnqueueError(text, task.id)


def _store(task: StoredTask, sequence: int) -> Write:
    return Write(task_subject(task.id), encode_task(task), {"Nats-Expected-Last-Subject-Sequence": str(sequence)})


async def _tell(connection: Connection, task: StoredTask) -> None:
    now = time.time_ns()
    event = task_state_event(task, now // NANOSECONDS, now - task.created)
    with suppress(nats.errors.Error):  # nothing depends on an event; a lost connection shows at the next write
        await connection.client.publish(task_state_subject(task.id), event)
