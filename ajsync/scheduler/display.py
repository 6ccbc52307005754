"""Gathers what the pages of the monitor show of a scheduler, and asks the server for the rest."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

from ajsync.asyncjobs.history import PastFire, read_history
from ajsync.asyncjobs.model import ScheduledTask
from ajsync.asyncjobs.outcome import ScheduleOutcome
from ajsync.asyncjobs.remedy import ajc_of
from ajsync.errors import ScheduleError, UnreachableError
from ajsync.scheduler.monitor.day import LastDay
from ajsync.scheduler.monitor.queues import MOST_QUEUES, Queues
from ajsync.scheduler.monitor.view import Past, View, Work
from ajsync.scheduler.overview import status_of
from ajsync.scheduler.scheduler import Scheduler
from ajsync.text import cut

_PAST = 20
"""How many past fires of one schedule are looked up."""
_PAST_SECONDS = 3.0
_SAMPLE_SECONDS = 10.0
"""How often the counters are read for the last day."""


class Display:
    """The `ViewSource` of the pages."""

    def __init__(self, scheduler: Scheduler, yaml: Callable[[ScheduledTask], str]) -> None:
        """`yaml` writes a schedule as a file has it, without its payload."""
        self.yaml = yaml
        self._scheduler = scheduler
        self._queues = Queues(scheduler.connection)
        self._day = LastDay(scheduler.clock())
        self._heard = 0
        self._made_by_others = 0

    @asynccontextmanager
    async def sampling(self) -> AsyncIterator[None]:
        """Sample the counters while the block runs."""
        job = asyncio.create_task(self._sample())
        try:
            yield
        finally:
            job.cancel()

    def view(self) -> View:
        """What is shown now."""
        scheduler = self._scheduler
        self._count()
        return View(
            status=status_of(scheduler),
            tasks=scheduler.agenda.tasks(),
            paused=scheduler.pauses.schedules(),
            problems=scheduler.records.all_problems(),
            invalid=scheduler.records.invalid_names(),
            work=self._work(),
            queues=self._queues.known,
            last_day=self._day.spans(scheduler.clock()),
            ajc=ajc_of(scheduler.connection.context.name),
            lateness=scheduler.records.lately(),
        )

    def outcomes(self, names: Sequence[str]) -> Mapping[str, ScheduleOutcome]:
        """What became of the last fires of some schedules."""
        of = self._scheduler.outcomes.of
        return {name: outcome for name in names if (outcome := of(name)) is not None}

    async def refresh(self) -> None:
        """Ask for the queues."""
        await self._queues.refresh(self._most_used)

    async def past(self, name: str) -> Past:
        """Look up the last fires of one schedule."""
        entry = self._scheduler.agenda.entry(name)
        if entry is None:
            return Past()
        now, found, trouble = self._scheduler.clock(), list[PastFire](), ""
        try:
            async with asyncio.timeout(_PAST_SECONDS):
                found = await read_history(
                    self._scheduler.connection, entry.task, stored_at=entry.since, now=now, last=_PAST
                )
        except* TimeoutError:
            trouble = "the server has not answered in time"
        except* (UnreachableError, ScheduleError) as errors:
            trouble = cut(str(errors.exceptions[0]))
        return Past(found, trouble)

    def _work(self) -> Work:
        outcomes = self._scheduler.outcomes
        return Work(
            failing=dict(outcomes.failing()),
            all_failing=outcomes.all_failing(),
            overdue={
                name: (by, outcome) for name, by in outcomes.overdue() if (outcome := outcomes.of(name)) is not None
            },
            all_overdue=outcomes.all_overdue(),
            states=dict(outcomes.states()),
            counts=outcomes.counts(),
            complete=outcomes.is_complete,
            trouble=outcomes.trouble,
        )

    def _most_used(self) -> list[str]:
        counts = Counter(task.queue for task in self._scheduler.agenda.tasks().values())
        return [name for name, _ in counts.most_common(MOST_QUEUES)]

    async def _sample(self) -> None:
        while True:
            self._count()
            await asyncio.sleep(_SAMPLE_SECONDS)

    def _count(self) -> None:
        """Take in the counters. The leader counts the tasks that it makes; all others hear of them."""
        made, missed = self._scheduler.metrics.fires()
        heard, failed = self._scheduler.metrics.heard()
        if not self._scheduler.leads:
            self._made_by_others += max(heard - self._heard, 0)
        self._heard = heard
        self._day.see(self._scheduler.clock(), made + self._made_by_others, missed, failed)
