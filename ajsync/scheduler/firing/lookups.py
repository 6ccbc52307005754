"""Questions to the server that a fire has to wait for: what became of its task, and whether its queue exists."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from ajsync.asyncjobs.task_store import load_task
from ajsync.asyncjobs.tasks import NEW, work_item_subject
from ajsync.errors import AjsyncError
from ajsync.transport.connection import Connection
from ajsync.transport.messages import takes

T = TypeVar("T")

_QUEUE_SECONDS = 1.0
"""A cluster that recovers does not answer, and it is soon asked again."""


class Lookups:
    """The questions under way on one connection; each answer comes by a call, unless it is cancelled before."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._tasks: set[asyncio.Task[str]] = set()
        self._queues: dict[str, asyncio.Task[bool]] = {}

    def cancel(self) -> None:
        """Ask no more."""
        for each in (*self._tasks, *self._queues.values()):
            each.cancel()

    def task_state(self, task_id: str, then: Callable[[str, str], None]) -> None:
        """Call `then` with the state of a task, as new where it is gone, or with "" and why it could not be seen."""
        look = asyncio.create_task(self._task_state(task_id))
        self._tasks.add(look)
        look.add_done_callback(self._tasks.discard)
        look.add_done_callback(partial(_tell, then, ""))

    def queue_exists(self, queue: str, task_id: str, then: Callable[[bool, str], None]) -> None:
        """Call `then` with whether a stream takes the work items of a queue, or with False and why that is not known.

        There is one look for all who ask meanwhile.
        """
        look = self._queues.get(queue)
        if look is None:
            subject = work_item_subject(queue, task_id)
            look = asyncio.create_task(takes(self._connection, subject, timeout=_QUEUE_SECONDS))
            self._queues[queue] = look
            look.add_done_callback(lambda _done: self._queues.pop(queue))
        look.add_done_callback(partial(_tell, then, False))

    async def _task_state(self, task_id: str) -> str:
        task = await load_task(self._connection, task_id)
        return NEW if task is None else task.state


def _tell(then: Callable[[T, str], None], unknown: T, look: asyncio.Task[T]) -> None:
    if look.cancelled():
        return
    error = look.exception()
    if error is None:
        then(look.result(), "")
    else:
        then(unknown, str(error) if isinstance(error, AjsyncError) else repr(error))
