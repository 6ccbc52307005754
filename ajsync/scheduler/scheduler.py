"""The scheduler: follows the bucket, takes part in the election, and while it leads makes tasks of what is due."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from functools import partial

from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.asyncjobs.election import Election
from ajsync.asyncjobs.names import CONFIGURATION_STREAM, ELECTIONS_STREAM, TASKS_STREAM
from ajsync.asyncjobs.presence import SchedulerPresence
from ajsync.asyncjobs.streams import make_stream
from ajsync.scheduler.agenda.agenda import Agenda
from ajsync.scheduler.agenda.paused import Pauses
from ajsync.scheduler.agenda.schedules import WATCHED, Schedules
from ajsync.scheduler.clock import Clock
from ajsync.scheduler.election.leadership import REFRESH_SECONDS, Leadership, Term
from ajsync.scheduler.election.role import Role, RoleState
from ajsync.scheduler.election.watermark import AHEAD_AT_MOST, StoredWatermark, Watermark
from ajsync.scheduler.election.watermark_store import WatermarkReader
from ajsync.scheduler.firing.dispatcher import Dispatcher
from ajsync.scheduler.firing.in_flight import InFlightFire
from ajsync.scheduler.firing.ledger import Ledger
from ajsync.scheduler.firing.prepare import Preparer, Sign
from ajsync.scheduler.monitor.metrics import (
    CLOCK_SKEW,
    FAILING_SCHEDULES,
    IN_FLIGHT,
    OPEN_FIRES,
    OVERDUE_SCHEDULES,
    REPLACED,
    RETRIES,
    TAKEOVERS,
    WATERMARK_AHEAD,
    Metrics,
)
from ajsync.scheduler.monitor.outcomes import Outcomes
from ajsync.scheduler.monitor.records import Records
from ajsync.scheduler.outcome_keeper import OutcomeKeeper
from ajsync.scheduler.presence import PresenceKeeper
from ajsync.scheduler.server_clock import ServerClock
from ajsync.scheduler.settings import Settings
from ajsync.scheduler.term import TermRunner
from ajsync.scheduler.unseen.stand_in import StandIn
from ajsync.text import cut
from ajsync.timestamp import NANOSECONDS
from ajsync.transport.connection import Connection
from ajsync.transport.watch import Watch
from ajsync.version import __version__
from ajsync.waiting import first_of, unless

log = logging.getLogger(__name__)

_REFRESH_ENDS_SECONDS = 0.25
"""How long to wait at the end of a term for a refresh under way, whose revision is needed to give the key back."""


class Scheduler:
    """One scheduler on one connection."""

    def __init__(
        self,
        connection: Connection,
        settings: Settings,
        *,
        metrics: Metrics | None = None,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        """`clock` gives nanoseconds since 1970."""
        self.settings = settings
        self.metrics = metrics or Metrics(settings.name, clock=clock)
        self.outcomes = Outcomes(lambda name: name in self.agenda)
        self._outcome_keeper = OutcomeKeeper(
            connection,
            f"ajsync scheduler {settings.name}, events of tasks",
            self.outcomes,
            self.metrics,
            agenda=lambda: self.agenda,
            term=lambda: self.term,
            clock=clock,
            per_schedule=settings.metrics_per_schedule,
        )
        self.records = Records(
            self.metrics,
            clock=clock,
            knows=lambda name: name in self.agenda,
            on_missed=self._outcome_keeper.missed,
        )
        self.metrics.on_counts = self._count
        self.connection = connection
        self.clock = clock
        self.agenda = self._make_agenda(clock())
        self.pauses = Pauses()
        self.leadership: Leadership | None = None
        self.term: TermRunner | None = None
        """While we lead."""
        self.started = clock()
        """Nanoseconds since 1970."""
        self.role = Role(RoleState.STARTING, self.started)
        self.presence = PresenceKeeper(connection, self._describe, self.metrics.schedulers)
        self.server_clock = ServerClock(connection, clock, on_compared=partial(self.metrics.set, CLOCK_SKEW))
        self.watermark: Watermark | None = None
        self._stand_in = StandIn(
            connection,
            lambda: self.agenda,
            self.records,
            Preparer("", _sign(settings), ajc_payloads=settings.ajc_payloads).make_task,
            grace=settings.grace,
            clock=clock,
            skew=self.server_clock.skew_nanoseconds,
        )
        self.on_lead: Callable[[], None] = lambda: None
        """Called when a term begins."""

    @property
    def leads(self) -> bool:
        """Whether this scheduler fires now."""
        return self.role.leads

    async def run(self, stop: asyncio.Event) -> None:
        """Run until stopped; then finish the fires under way and give the leadership back."""
        settings = self.settings
        bucket = await unless(stop, self._open())
        if bucket is None:
            return
        reader = WatermarkReader(bucket, lambda: self.server_clock.skew)
        self.metrics.interval(REFRESH_SECONDS)
        self.leadership = Leadership(
            Election(self.connection, settings.name),
            reader.read,
            name=settings.name,
            takeover_after=settings.takeover_after,
            clock=Clock(self.clock),
            is_connected=lambda: self.connection.is_connected,
            make_stream=partial(self._make_stream, ELECTIONS_STREAM),
            on_campaign=self.metrics.campaigned,
            on_watermark=self._follow_watermark,
            on_go_leader=self._follow_go_leader,
            on_replaced=partial(self.metrics.count, REPLACED),
        )
        log.info("Starting leader election as %s", settings.name, extra={"scheduler": settings.name})
        stored = await unless(stop, reader.read())
        if stored is None:
            return
        if stored.watermark is not None:  # fires since then may be ours, although no ajsync scheduler ran
            self.agenda = self._make_agenda(stored.watermark.instant)
            self.agenda.follow(stored.watermark.instant, stored.watermark.unsettled, stored.watermark.open_after)
        schedules = Schedules(self.agenda, self.records)
        self.pauses = schedules.pauses
        watch = Watch(self.connection, CONFIGURATION_STREAM, WATCHED, schedules.see)
        dispatcher = Dispatcher(
            self.connection,
            Ledger(),
            self._settled,
            give_up_after=settings.catchup_window,
            longest_pause=settings.takeover_after / 2,
            on_retry=partial(self.metrics.count, RETRIES),
            on_deferred=self.records.put_off,
            clock=self.clock,
        )
        async with asyncio.TaskGroup() as group:  # if one fails, all end, and the scheduler is restarted
            work = (
                watch.run(),
                dispatcher.run(),
                self.server_clock.run(),
                self.presence.run(bucket.domain),
                self._outcome_keeper.run(bucket, watch.loaded),
                self._stand_in.run(),
            )
            helpers = [group.create_task(each) for each in work]
            await first_of(watch.loaded, stop)
            if not stop.is_set():
                schedules.all_loaded()
                self._take_role(RoleState.STAND_BY)
                await self._lead_again_and_again(bucket, dispatcher, stop)
            for each in helpers:
                each.cancel()

    def _make_agenda(self, position: int) -> Agenda:
        look_back = self.settings.grace + self.settings.catchup_window
        return Agenda(position, look_back=look_back, on_next=self._outcome_keeper.foretell)

    async def _open(self) -> ConfigurationBucket:
        """The bucket, after making the streams that are missing, as the Go tool does."""
        for stream in (CONFIGURATION_STREAM, ELECTIONS_STREAM, TASKS_STREAM):
            await self._make_stream(stream)
        return await ConfigurationBucket.open(self.connection)

    async def _make_stream(self, stream: str) -> None:
        replicas = self.settings.replicas
        if await make_stream(self.connection, stream, replicas=replicas):
            log.info("Made the stream %s with %d replica(s)", stream, replicas, extra={"stream": stream})

    async def _lead_again_and_again(
        self, bucket: ConfigurationBucket, dispatcher: Dispatcher, stop: asyncio.Event
    ) -> None:
        assert self.leadership is not None
        settings = self.settings
        # One preparer for all terms, so that no acknowledgement of an earlier term fits a fire of a later one.
        preparer = Preparer(
            dispatcher.inbox,
            _sign(settings),
            ajc_payloads=settings.ajc_payloads,
            max_payload=self.connection.max_payload,
        )
        while not stop.is_set():
            term = await self.leadership.campaign(stop)
            if term is None:
                return
            lost, ended = asyncio.Event(), asyncio.Event()
            runner = TermRunner(
                term,
                lost,
                bucket=bucket,
                leadership=self.leadership,
                agenda=self.agenda,
                pauses=self.pauses,
                dispatcher=dispatcher,
                preparer=preparer,
                records=self.records,
                grace=settings.grace,
                catchup_window=settings.catchup_window,
                clock=self.clock,
                skew=self.server_clock.skew_nanoseconds,
                on_watermark=self._watermark_written,
            )
            holding = asyncio.create_task(self.leadership.hold(lost, ended))
            try:
                if term.wait > 0:
                    self._take_role(RoleState.WAITING)
                    text = "Won the election; waiting %.1f s until a Go scheduler has certainly stopped firing"
                    log.info(text, term.wait, extra={"leader": settings.name, "seconds": term.wait})
                await first_of(lost, stop, timeout=term.wait)
                if not lost.is_set() and (not stop.is_set() or term.wait == 0):  # at least to finish what is due
                    await self._lead(runner, term, stop)
            finally:
                self._take_role(RoleState.STAND_BY)
                ended.set()
                await asyncio.wait((holding,), timeout=_REFRESH_ENDS_SECONDS)
                holding.cancel()
                await asyncio.gather(holding, return_exceptions=True)
            if not lost.is_set():
                await self.leadership.give_back()

    async def _lead(self, runner: TermRunner, term: Term, stop: asyncio.Event) -> None:
        assert self.leadership is not None
        if term.after is None:
            now = self.clock()
            self.agenda.skip(now, but_after=now - self.settings.grace)
        self.term = runner
        self._take_role(RoleState.LEADING)
        self.metrics.count(TAKEOVERS, term.kind)
        fields = {"leader": self.settings.name, "takeover": term.kind}
        log.info("Became leader, tasks will be scheduled", extra=fields)
        self.on_lead()
        try:
            await self.leadership.announce()
            await runner.run(stop)
        finally:
            self.term = None
            self._take_role(RoleState.STAND_BY)
            self.metrics.set(IN_FLIGHT, 0)
            if not stop.is_set():
                log.info("Lost leadership, tasks will not be scheduled", extra={"leader": self.settings.name})

    def _take_role(self, state: RoleState) -> None:
        if state is not self.role.state:
            self.role = Role(state, self.clock())
            self.metrics.role(state)
            self.presence.look_soon()
            self._outcome_keeper.look_soon()

    def _describe(self, id: str) -> SchedulerPresence:
        role = self.role
        return SchedulerPresence(id, self.settings.name, role.state.value, role.since, __version__, len(self.agenda))

    def _watermark_written(self, watermark: Watermark, problem: str) -> None:
        """Take in a watermark that our term has stored; `problem` says what is wrong with it, "" for nothing."""
        self.records.watermark_written(problem)
        self.metrics.set(IN_FLIGHT, len(self.term) if self.term is not None else 0)
        self._show(
            watermark, max(watermark.instant - (self.clock() - self.server_clock.skew_nanoseconds()) - AHEAD_AT_MOST, 0)
        )

    def _settled(self, fires: list[InFlightFire]) -> None:
        self.records.settled(fires)
        self._outcome_keeper.settled(fires)
        if self.term is not None:
            self.term.watermark_writer.settled()

    def _count(self) -> None:
        self._outcome_keeper.count()
        self.metrics.set(FAILING_SCHEDULES, self.outcomes.failing_count)
        self.metrics.set(OVERDUE_SCHEDULES, self.outcomes.overdue_count)

    def _follow_watermark(self, stored: StoredWatermark) -> None:
        """Take in what another leader has fired."""
        watermark = stored.watermark
        assert watermark is not None
        self.records.watermark_written()
        self._show(watermark, stored.ahead)
        self.agenda.follow(watermark.instant, watermark.unsettled, watermark.open_after)
        self._stand_in.follow(watermark)

    def _show(self, watermark: Watermark, ahead: int) -> None:
        """Show a watermark that is `ahead` nanoseconds too far ahead of the server's clock."""
        self.watermark = watermark
        self.metrics.watermark(watermark.instant)
        self.metrics.set(OPEN_FIRES, len(watermark.unsettled))
        self.metrics.set(WATERMARK_AHEAD, ahead / NANOSECONDS)
        if ahead:
            seconds = (ahead + AHEAD_AT_MOST) / NANOSECONDS
            whose = f"the watermark of {cut(watermark.leader)}"
            self.records.watermark_written(
                f"{whose} is {seconds:.0f} s ahead of the server's clock; set the clock of its host"
            )

    def _follow_go_leader(self, revision: int) -> None:
        """Leave out the fires of a Go scheduler's term from catch-up; `revision` is that of its key.

        Fires within the grace are kept, because an ajsync leader without a first watermark looks the same.
        """
        self.agenda.skip(self.clock() - self.settings.grace)
        self._stand_in.go_leads(revision)


def _sign(settings: Settings) -> Sign | None:
    return settings.signer.sign if settings.signer else None
