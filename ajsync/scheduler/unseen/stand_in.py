"""Stand-in: a stand-by that sees a Go scheduler take over makes good what fell due before that began to fire.

The next term of ajsync may be days away, and a Go scheduler fires nothing that was due before it led. All stand-bys may
do this at the same time, because they make the same tasks with the same ids.

A Go scheduler that stood still fires what fell due in the meantime as soon as it goes on. So a stand-by waits until it
has refreshed its key: whatever it had to fire before that is then on its way.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from ajsync.asyncjobs.backfill import make_tasks
from ajsync.asyncjobs.election import TTL_SECONDS
from ajsync.asyncjobs.tasks import StoredTask
from ajsync.errors import UnreachableError
from ajsync.scheduler.agenda.agenda import Agenda, Fire
from ajsync.scheduler.election.watermark import Span, Watermark
from ajsync.scheduler.monitor.records import Records
from ajsync.scheduler.unseen.look import UnseenLook
from ajsync.scheduler.unseen.unseen import unseen_spans
from ajsync.timestamp import NANOSECONDS
from ajsync.transport.connection import Connection

log = logging.getLogger(__name__)

_SETTLES_SECONDS = 4.0
"""The wait after a refresh of the key until earlier fires of the Go scheduler are stored: twice as long as that may
take."""
_REFRESHED_WITHIN = int(TTL_SECONDS * NANOSECONDS)
"""A living Go scheduler refreshes its key within this time, in nanoseconds; otherwise the key expires."""


class StandIn:
    """Stands in for the leader between the last watermark of ajsync and the first fire of a Go scheduler."""

    def __init__(
        self,
        connection: Connection,
        agenda: Callable[[], Agenda],
        records: Records,
        make_task: Callable[[Fire], StoredTask],
        *,
        grace: int,
        clock: Callable[[], int],
        skew: Callable[[], int],
    ) -> None:
        """`make_task` may raise ValueError. `grace` is in nanoseconds: fires that are later are not made good. `skew`
        gives the nanoseconds by which `clock` is ahead of the server's."""
        self._connection = connection
        self._agenda = agenda
        self._records = records
        self._make_task = make_task
        self._grace = grace
        self._clock = clock
        self._skew = skew
        self._left: Watermark | None = None
        """The last watermark; None if a Go scheduler has led since."""
        self._spans: tuple[Span, ...] = ()
        self._seen = (0, 0)
        """The revision of the key with which a Go scheduler was first seen to lead, and when that was."""
        self._may_look = asyncio.Event()

    def follow(self, left: Watermark) -> None:
        """A leader of ajsync has written this watermark."""
        self._left = left

    def go_leads(self, revision: int) -> None:
        """A Go scheduler leads and has begun to fire; its key has this revision now."""
        left, self._left = self._left, None
        now = self._clock()
        if left is not None and left.instant > now - self._grace:  # otherwise it may have led for longer than that
            self._spans = unseen_spans(left, now, now - self._grace, may_be_go=True)
            self._seen = revision, now
        elif self._spans and revision != self._seen[0]:
            if now - self._seen[1] > _REFRESHED_WITHIN:  # another scheduler has led in between
                self._spans = ()
            else:
                self._may_look.set()

    async def run(self) -> None:
        """Make good what is missing each time that a Go scheduler takes over, until cancelled."""
        while True:
            await self._may_look.wait()
            self._may_look.clear()
            spans, self._spans = self._spans, ()
            await asyncio.sleep(_SETTLES_SECONDS)
            await self._stand_in(spans)

    async def _stand_in(self, spans: tuple[Span, ...]) -> None:
        seen = await UnseenLook(self._connection, self._agenda(), spans, go_led=True, skew=self._skew).run()
        tasks: list[StoredTask] = []
        late: list[Fire] = []
        for fire in seen.missing:
            try:
                task = self._make_task(fire)
            except ValueError as error:
                self._records.unfit(fire, str(error))
                continue
            if task.deadline and task.deadline < self._clock():
                late.append(fire)
            else:
                tasks.append(task)
        self._records.missed(late, "missed", "deadline", "its deadline has passed")
        try:
            made = await make_tasks(self._connection, tasks)
        except UnreachableError as error:
            log.error("What fell due before a Go scheduler led could not be made good: %s", error)
            return
        if tasks:
            self._records.unseen(0, made, {})  # every stand-by and the next leader would count those in doubt
            log.info("Created %d tasks of the time before a Go scheduler led", made, extra={"count": made})
