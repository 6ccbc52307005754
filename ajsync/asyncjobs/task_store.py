"""Tasks on the server: enqueues one, and reads them by their ids."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace

import nats.errors

from ajsync.asyncjobs.events import task_state_event, task_state_subject
from ajsync.asyncjobs.names import TASKS_STREAM
from ajsync.asyncjobs.tasks import (
    NO_RESPONDERS,
    QUEUE_ERROR,
    StoredTask,
    decode_task,
    encode_task,
    task_subject,
    work_item,
    work_item_subject,
)
from ajsync.errors import ConflictError, EnqueueError, UnreachableError
from ajsync.timestamp import NANOSECONDS
from ajsync.transport.connection import REQUEST_SECONDS, Connection
from ajsync.transport.errors import NoRespondersError
from ajsync.transport.messages import last_message, read_message
from ajsync.transport.publisher import Write, publish_one

TASK_QUESTIONS = f"STREAM.MSG.GET.{TASKS_STREAM}"
"""The subject of questions for tasks, without the prefix of the API, for callers that ask for many at once."""


async def load_task(connection: Connection, task_id: str) -> StoredTask | None:
    """The task as it is now; None if there is none.

    Raises StoredValueError for a message that is not a task, and UnreachableError if the server does not answer.
    """
    message = await last_message(connection, TASKS_STREAM, task_subject(task_id))
    return None if message is None else decode_task(message.data)


def task_question(task_id: str) -> bytes:
    """The body of a question for a task to `TASK_QUESTIONS`."""
    return b'{"last_by_subj":"%b"}' % task_subject(task_id).encode()


def task_answer(data: bytes) -> StoredTask | None:
    """The task in the answer to such a question; None if there is none.

    Raises StoredValueError for a message that is not a task, and JetStreamError for any other answer.
    """
    message = read_message(TASK_QUESTIONS, data)
    return None if message is None else decode_task(message.data)


async def enqueue(connection: Connection, task: StoredTask, *, timeout: float = REQUEST_SECONDS) -> None:
    """Enqueue a new task: store it, publish its event, and put its work item into the queue.

    The order is that of docs/reference/wire.md, "Enqueuing". Each write may take `timeout` seconds. Raises
    UnreachableError if the task was not stored. Raises EnqueueError if it was stored but its queue did not take the
    work item; then the task's state is `queue_error`.
    """
    stored = await publish_one(connection, task_write(task, 0), timeout=timeout)
    if stored.conflict:
        raise ConflictError(f"The task {task.id} exists already.")
    await tell_state(connection, task)
    try:
        reason = (await publish_one(connection, item_write(task), timeout=timeout)).error
    except NoRespondersError:
        reason = NO_RESPONDERS
    except UnreachableError as error:
        reason = str(error)
    if not reason:
        return
    text = f"The task {task.id} is stored, but the queue {task.queue} did not take it: {reason}"
    failed = replace(task, state=QUEUE_ERROR, last_err=reason)
    try:
        marked = await publish_one(connection, task_write(failed, stored.sequence), timeout=timeout)
    except UnreachableError as error:
        raise EnqueueError(f"{text} The task's state could not be changed either: {error}", task.id) from None
    if not marked.conflict:  # otherwise a worker has started it, so the work item was stored and only its ack was lost
        await tell_state(connection, failed)
        raise EnqueueError(text, task.id)


def task_write(task: StoredTask, sequence: int) -> Write:
    """The write that stores a task over the message of this sequence, or as a new one if it is 0."""
    return Write(task_subject(task.id), encode_task(task), {"Nats-Expected-Last-Subject-Sequence": str(sequence)})


def item_write(task: StoredTask) -> Write:
    """The write that puts the work item of a task into its queue, once."""
    return Write(work_item_subject(task.queue, task.id), work_item(task.id), {"Nats-Msg-Id": task.id})


async def tell_state(connection: Connection, task: StoredTask) -> None:
    """Publish the event that a task has entered its state."""
    now = time.time_ns()
    event = task_state_event(task, now // NANOSECONDS, now - task.created)
    with suppress(nats.errors.Error):  # nothing depends on an event; a lost connection shows at the next write
        await connection.client.publish(task_state_subject(task.id), event)
