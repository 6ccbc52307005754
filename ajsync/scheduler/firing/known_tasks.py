"""The tasks that existed when a term began, if listing all of them is cheaper than many single looks."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

from ajsync.asyncjobs.ids import first_id
from ajsync.asyncjobs.names import TASKS_STREAM
from ajsync.asyncjobs.tasks import task_subject
from ajsync.errors import UnreachableError
from ajsync.timestamp import NANOSECONDS
from ajsync.transport.connection import Connection

TOO_MANY = 100_000
"""The server lists fewer tasks than this in one answer."""
_SLICE = 2000
_TIME_DIGITS = 5
"""How many leading digits the ids of a few seconds have in common."""
_ID = re.compile(re.escape(task_subject("").encode()) + rb"([0-9A-Za-z]{27})\"")


class KnownTasks:
    """The ids of the tasks that existed at the time of the list. It does not know later ones."""

    def __init__(self) -> None:
        self._ids: set[str] = set()
        self._times: set[str] = set()

    def __len__(self) -> int:
        """How many tasks existed."""
        return len(self._ids)

    def __contains__(self, task_id: object) -> bool:
        """Whether this task existed."""
        return task_id in self._ids

    def add(self, task_id: str) -> None:
        """Add a task that existed."""
        self._ids.add(task_id)
        self._times.add(task_id[:_TIME_DIGITS])

    def may_hold_any(self, due: int) -> bool:
        """Whether a task may have existed of any fire that was due at this instant."""
        second = due // NANOSECONDS
        return any(first_id(each)[:_TIME_DIGITS] in self._times for each in (second, second + 1))


async def list_tasks(connection: Connection, worth: Callable[[], int]) -> KnownTasks | int:
    """The existing tasks, or their number if that is more than `worth`; TOO_MANY if the server does not say."""
    subject = f"STREAM.INFO.{TASKS_STREAM}"
    try:
        there = int((await connection.jetstream_request(subject))["state"]["messages"])
        if there > min(worth(), TOO_MANY - 1):
            return there
        known = KnownTasks()
        if there:
            body = b'{"subjects_filter":"%b"}' % task_subject("*").encode()
            answer = await connection.request(connection.api_prefix + subject, body)
            for match in _ID.finditer(answer.data):
                known.add(match[1].decode())
                if len(known) % _SLICE == 0:
                    await asyncio.sleep(0)
        return known if known or not there else TOO_MANY
    except (UnreachableError, LookupError, TypeError, ValueError):
        return TOO_MANY
