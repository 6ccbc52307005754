"""Overlap: a schedule that says `overlap: skip` makes no task while its previous one is not finished.

The previous task is found by its id, which follows from the name and the instant of the fire before.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from itertools import islice

from ajsync.asyncjobs.connection import Connection
from ajsync.asyncjobs.ids import fire_task_id
from ajsync.asyncjobs.streams import TASKS_STREAM, last_message
from ajsync.asyncjobs.tasks import UNFINISHED, decode_task, task_subject
from ajsync.errors import StoredValueError, UnreachableError
from ajsync.scheduler.agenda import Fire
from ajsync.scheduler.catchup import previous_dues
from ajsync.scheduler.prepare import Prepared
from ajsync.scheduler.records import Records

log = logging.getLogger(__name__)

_LOOK_BACK = 64
"""Fires to look back over for one that made a task, when nobody remembers it: those between were skipped themselves."""
_RETRY_SECONDS = 1.0


class Overlap:
    """Looks at previous tasks; what it looks at counts as under way."""

    def __init__(self, connection: Connection, records: Records) -> None:
        self._connection = connection
        self._records = records
        self._checks: dict[asyncio.Task[None], Prepared] = {}

    def __len__(self) -> int:
        return len(self._checks)

    def concerns(self, prepared: Prepared) -> bool:
        """Whether the fire depends on the previous one."""
        managed = prepared.fire.task.managed
        return managed is not None and managed.overlap == "skip"

    def check(self, prepared: Prepared, start: Callable[[Prepared], None]) -> None:
        """Look at the previous task, and `start` the fire unless that is not finished."""
        task = asyncio.create_task(self._check(prepared, start))
        self._checks[task] = prepared
        task.add_done_callback(lambda done: self._checks.pop(done, None))

    def unsettled(self) -> Iterator[Fire]:
        """The fires that are being looked at."""
        return (prepared.fire for prepared in self._checks.values())

    def abandon(self) -> list[Fire]:
        """Stop looking, and return what was looked at."""
        fires = list(self.unsettled())
        for task in list(self._checks):
            task.cancel()
        self._checks.clear()
        return fires

    async def _check(self, prepared: Prepared, start: Callable[[Prepared], None]) -> None:
        fire = prepared.fire
        while True:
            try:
                running = await self._unfinished(fire)
                break
            except UnreachableError as error:
                log.warning("Cannot see whether the previous task of %s is finished: %s", fire.task.name, error)
                await asyncio.sleep(_RETRY_SECONDS)
        if running is None:
            start(prepared)
        else:
            self._records.missed([fire], "skipped", "overlap", f"the task {running} is not finished")

    async def _unfinished(self, fire: Fire) -> str | None:
        """The id of the schedule's last task before `fire`, if that is not finished."""
        name = fire.task.name
        made = self._records.made.get(name)
        known = [made] if made is not None and made < fire.due else None
        for due in known or islice(previous_dues(fire.entry, fire.due), _LOOK_BACK):
            task_id = fire_task_id(name, due)
            message = await last_message(self._connection, TASKS_STREAM, task_subject(task_id))
            if message is None:
                continue
            try:
                return task_id if decode_task(message.data).state in UNFINISHED else None
            except StoredValueError:
                return None
        return None
