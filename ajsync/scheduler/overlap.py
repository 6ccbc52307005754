"""Overlap: a schedule that says `overlap: skip` makes no task while its previous one is not finished.

The previous task is found by its id, which follows from the name and the instant of the fire before. Fires of one
schedule take turns, since what the next one may do depends on what becomes of this one.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice

from ajsync.asyncjobs.connection import Connection
from ajsync.asyncjobs.ids import fire_task_id
from ajsync.asyncjobs.task_store import load_task
from ajsync.asyncjobs.tasks import UNFINISHED
from ajsync.asyncjobs.timestamp import NANOSECONDS
from ajsync.errors import StoredValueError, UnreachableError
from ajsync.schedule.quoting import told
from ajsync.scheduler.agenda import Fire
from ajsync.scheduler.catchup import previous_dues
from ajsync.scheduler.complaints import Complaints
from ajsync.scheduler.log_fields import fire_fields
from ajsync.scheduler.prepare import Prepared
from ajsync.scheduler.records import Records

log = logging.getLogger(__name__)

_LOOK_BACK = 64
"""Fires to look back over for one that made a task, when nobody remembers it: those between were skipped themselves."""
_RETRY_SECONDS = 1.0
_GIVE_UP_AFTER = 3600 * NANOSECONDS


class Overlap:
    """Looks at previous tasks; what it looks at counts as under way. One for each term: others fire in between."""

    def __init__(self, connection: Connection, records: Records, clock: Callable[[], int] = time.time_ns) -> None:
        self._connection = connection
        self._records = records
        self._clock = clock
        self._checks: dict[asyncio.Task[None], Prepared] = {}
        self._last: dict[str, asyncio.Future[str]] = {}
        """Name → what becomes of the fire that had its turn last."""
        self._made: dict[str, int] = {}
        """Name → when the last fire that has a task was due."""
        self._complaints = Complaints(log)

    def __len__(self) -> int:
        return len(self._checks)

    def concerns(self, prepared: Prepared) -> bool:
        """Whether the fire depends on the previous one."""
        return prepared.fire.task.settings.overlap == "skip"

    def check(self, prepared: Prepared, start: Callable[[Prepared], None]) -> None:
        """Look at the previous task, and `start` the fire unless that is not finished."""
        name = prepared.fire.task.name
        before = self._last.get(name)
        prepared.settled = self._last[name] = asyncio.get_running_loop().create_future()
        prepared.settled.add_done_callback(partial(self._remember, prepared.fire))
        task = asyncio.create_task(self._check(prepared, prepared.settled, before, start))
        self._checks[task] = prepared
        task.add_done_callback(partial(self._end, prepared))

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

    def _end(self, prepared: Prepared, check: asyncio.Task[None]) -> None:
        """A check is over; of a mistake of ours the fires after this one must not have to wait for ever."""
        self._checks.pop(check, None)
        if check.cancelled() or (error := check.exception()) is None:
            return
        name, fields = told(prepared.fire.task.name), fire_fields(prepared.fire)
        log.error("Cannot see whether the previous task of %s is finished", name, exc_info=error, extra=fields)
        if prepared.settled is not None and not prepared.settled.done():
            self._records.missed([prepared.fire], "missed", "unstored", repr(error))
            prepared.settled.set_result("missed")

    def _remember(self, fire: Fire, settled: asyncio.Future[str]) -> None:
        if settled.result() not in ("skipped", "missed"):
            self._made[fire.task.name] = max(fire.due, self._made.get(fire.task.name, 0))

    async def _check(
        self,
        prepared: Prepared,
        settled: asyncio.Future[str],
        before: asyncio.Future[str] | None,
        start: Callable[[Prepared], None],
    ) -> None:
        fire = prepared.fire
        if before is not None:
            await asyncio.wait([before])  # not the future itself, which would be cancelled with us
        give_up_at = self._clock() + _GIVE_UP_AFTER
        until = min(prepared.task.deadline or give_up_at, give_up_at)
        while True:
            try:
                running = await self._unfinished(fire)
                break
            except UnreachableError as error:
                text = f"Cannot see whether the previous task of {fire.task.name} is finished: {error}"
                self._complaints.tell(text, fire, "previous task", reason=str(error))
            if self._clock() > until:
                detail = "it could not be seen in time whether its previous task is finished"
                self._records.missed([fire], "missed", "unstored", detail)
                settled.set_result("missed")
                return
            await asyncio.sleep(_RETRY_SECONDS)
        if running is None:
            start(prepared)
        else:
            self._records.missed([fire], "skipped", "overlap", f"the task {running} is not finished")
            settled.set_result("skipped")

    async def _unfinished(self, fire: Fire) -> str | None:
        """The id of the schedule's last task before `fire`, if that is not finished."""
        name = fire.task.name
        made = self._made.get(name)
        # What catch-up makes good may come after a newer fire: then that one is what must not overlap.
        for due in [made] if made is not None else islice(previous_dues(fire.entry.times, fire.due), _LOOK_BACK):
            task_id = fire_task_id(name, due)
            try:
                task = await load_task(self._connection, task_id)
            except StoredValueError:
                return None
            if task is None:
                continue
            expired = task.deadline and task.deadline < self._clock()  # which no worker starts any more
            return task_id if task.state in UNFINISHED and not expired else None
        return None
