"""Read tasks from the server by their ids."""

from __future__ import annotations

import json

from ajsync.asyncjobs.names import TASKS_STREAM
from ajsync.asyncjobs.tasks import StoredTask, decode_task, task_subject
from ajsync.transport.connection import Connection
from ajsync.transport.errors import JetStreamError, MessageNotFoundError, jetstream_error
from ajsync.transport.messages import last_message, read_message


async def load_task(connection: Connection, task_id: str) -> StoredTask | None:
    """The task as it is now; None if there is none.

    Raises StoredValueError for a message that is not a task, and UnreachableError if the server does not answer.
    """
    message = await last_message(connection, TASKS_STREAM, task_subject(task_id))
    return None if message is None else decode_task(message.data)


def task_question(task_id: str) -> bytes:
    """The body of a question for a task to `TASK_QUESTIONS`, for those who ask for many tasks at once."""
    return b'{"last_by_subj":"%b"}' % task_subject(task_id).encode()


TASK_QUESTIONS = f"STREAM.MSG.GET.{TASKS_STREAM}"
"""The subject of such questions, without the prefix of the API."""


def task_answer(data: bytes) -> StoredTask | None:
    """The task in the answer to such a question; None if there is none.

    Raises StoredValueError for a message that is not a task, and JetStreamError for any other answer.
    """
    message = error = None
    try:
        answer = json.loads(data)
        if "error" in answer:
            error = jetstream_error(TASK_QUESTIONS, answer["error"])
        else:
            message = read_message(answer)
    except (ValueError, LookupError, TypeError, AttributeError):
        raise JetStreamError(TASK_QUESTIONS, 0, 0, "the answer is not one of JetStream") from None
    if error is not None and not isinstance(error, MessageNotFoundError):
        raise error
    return None if message is None else decode_task(message.data)
