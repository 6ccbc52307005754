"""Tasks as the server has them: read one by its id."""

from __future__ import annotations

from ajsync.asyncjobs.connection import Connection
from ajsync.asyncjobs.names import TASKS_STREAM
from ajsync.asyncjobs.streams import last_message
from ajsync.asyncjobs.tasks import Task, decode_task, task_subject


async def load_task(connection: Connection, task_id: str) -> Task | None:
    """The task as it is now; None where there is none.

    Raises StoredValueError for a message that is no task, UnreachableError where the server does not answer.
    """
    message = await last_message(connection, TASKS_STREAM, task_subject(task_id))
    return None if message is None else decode_task(message.data)
