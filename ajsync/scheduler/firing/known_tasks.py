"""Which tasks there were when a term began, where to ask for all of them once is cheaper than for many one by one."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable

from ajsync.asyncjobs.ids import first_id
from ajsync.asyncjobs.names import TASKS_STREAM
from ajsync.asyncjobs.tasks import task_subject
from ajsync.errors import UnreachableError
from ajsync.timestamp import NANOSECONDS
from ajsync.transport.connection import Connection

TOO_MANY = 100_000
"""Tasks: the server tells of so many in one answer."""
_SLICE = 2000
_BITS = 2**23
"""Of a filter in a million bytes: of a hundred thousand tasks one in eighty is taken for another, and looked at."""
_TIME_DIGITS = 5
"""Of an id, which some seconds have in common."""
_ID = re.compile(re.escape(task_subject("").encode()) + rb"([0-9A-Za-z]{27})\"")


class KnownTasks:
    """Tells of tasks that there were not: of all others it knows nothing."""

    def __init__(self, ids: Iterable[str] = ()) -> None:
        self._filter = bytearray(_BITS // 8)
        self._times: set[str] = set()
        for each in ids:
            self.add(each)

    @property
    def is_empty(self) -> bool:
        """Whether there was no task."""
        return not self._times

    def add(self, task_id: str) -> None:
        """There was this task."""
        self._times.add(task_id[:_TIME_DIGITS])
        bit = hash(task_id) % _BITS
        self._filter[bit >> 3] |= 1 << (bit & 7)

    def may_hold(self, task_id: str) -> bool:
        """Whether there may have been this task."""
        bit = hash(task_id) % _BITS
        return bool(self._filter[bit >> 3] >> (bit & 7) & 1)

    def may_hold_any(self, due: int) -> bool:
        """Whether there may have been a task of a fire that was due at this instant."""
        second = due // NANOSECONDS
        return any(first_id(each)[:_TIME_DIGITS] in self._times for each in (second, second + 1))


async def list_tasks(connection: Connection, worth: Callable[[], int]) -> KnownTasks | int:
    """The tasks that there are, or how many, where they are more than it is `worth`; TOO_MANY where nobody tells."""
    subject = f"STREAM.INFO.{TASKS_STREAM}"
    try:
        there = int((await connection.jetstream_request(subject))["state"]["messages"])
        if there > min(worth(), TOO_MANY - 1):
            return there
        known, found = KnownTasks(), 0
        if there:
            body = b'{"subjects_filter":"%b"}' % task_subject("*").encode()
            answer = await connection.request(connection.api_prefix + subject, body)
            for match in _ID.finditer(answer.data):
                known.add(match[1].decode())
                found += 1
                if found % _SLICE == 0:
                    await asyncio.sleep(0)
        return known if found >= min(there, 1) else TOO_MANY
    except (UnreachableError, LookupError, TypeError, ValueError):
        return TOO_MANY
