"""A term: what a leader does from the moment in which it may fire until it may not.

It looks a few seconds ahead on the agenda, prepares what it finds, writes each fire at its instant, and once a second
the watermark: up to when everything has been fired.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
import time
from collections import deque
from collections.abc import Iterator
from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING

from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.scheduler.agenda.agenda import Fire, soonest
from ajsync.scheduler.agenda.catch_up import Gap
from ajsync.scheduler.agenda.catching_up import CatchingUp
from ajsync.scheduler.clock import Clock, unfit
from ajsync.scheduler.election.leadership import Leadership, Term
from ajsync.scheduler.election.progress import Progress, Unsettled, due_by, progress
from ajsync.scheduler.election.watermark import MOST_OPEN_BYTES
from ajsync.scheduler.election.watermark_store import WatermarkWriter
from ajsync.scheduler.firing.firing import WINDOW, Firing
from ajsync.scheduler.firing.overlap import Overlap
from ajsync.scheduler.firing.prepare import Prepared, Preparer
from ajsync.scheduler.firing.recheck import Recheck
from ajsync.scheduler.firing.rescue import Rescue
from ajsync.timestamp import NANOSECONDS
from ajsync.waiting import first_of

if TYPE_CHECKING:
    from ajsync.scheduler.scheduler import Scheduler

log = logging.getLogger(__name__)

AHEAD = 3 * NANOSECONDS
"""How far a leader looks ahead: ten thousand fires take a fifth of a second to prepare."""
_SLICE = 50
"""Fires that are prepared or handed over before the next look at the clock: some milliseconds."""
_MANY = 1000
"""Fires that take the agenda some milliseconds to give out."""
_CATCH_UP_WINDOW = WINDOW // 4
"""Fires that are made good at once: what is due now has the rest to itself."""
_CATCH_UP_UNSTORED = 4 * WINDOW
"""With so many fires that are tried again nothing more is made good: each is held in memory."""
_MOST_LOOKED_FOR = 5000
"""Fires of the leader before that are looked for."""
_MOST_OVERDUE = 5000
"""More than a watermark can name; beyond what it can it stands still before the first of them."""
_BACKLOG_SLEEP_SECONDS = 0.01
_LONGEST_SLEEP_SECONDS = 0.5
_BEGUN_AFTER_MARK = 10 * NANOSECONDS
"""So long a leader may fire after the last watermark that it could store: until its lease ends."""
_CORRECTED = 3600 * NANOSECONDS
"""A clock that is set back by more was wrong before. Less is waited out."""
_DRAIN_STEP_SECONDS = 0.01
_DRAIN_SECONDS = 0.7
"""A stop by signal takes less than a second."""


class TermRunner:
    """Fires for one term."""

    def __init__(
        self,
        scheduler: Scheduler,
        leadership: Leadership,
        bucket: ConfigurationBucket,
        firing: Firing,
        preparer: Preparer,
        term: Term,
        lost: asyncio.Event,
    ) -> None:
        """`lost` is set when the lease is."""
        self._scheduler = scheduler
        self._leadership = leadership
        self._firing = firing
        self._preparer = preparer
        self._lost = lost
        self.watermark_writer = WatermarkWriter(
            bucket,
            leadership,
            progress=self.progress,
            under_way=lambda: len(self),
            revision=term.stored.revision,
            lost=lost,
            clock=Clock(scheduler.clock),
            on_written=scheduler.watermark_written,
            on_failed=scheduler.records.watermark_failed,
        )
        self._overlap = Overlap(scheduler.connection, scheduler.records, scheduler.clock)
        self._catching_up = CatchingUp(
            scheduler.settings.catchup_window,
            look_for=lambda fire: self._repair.look_for([fire]),
            may_look=lambda: len(self._repair) < _MOST_LOOKED_FOR,
            let_go=partial(scheduler.metrics.missed, "catchup"),
        )
        self._repair = Rescue(scheduler.connection, self._catching_up.ready.append, self._catching_up.not_begun)
        self._recheck = Recheck(
            scheduler.connection,
            self._settled,
            preparer.make_task,
            scheduler.records,
            settled_until=lambda: self.progress(MOST_OPEN_BYTES).instant,
            give_up_after=scheduler.settings.catchup_window,
            clock=scheduler.clock,
        )
        self._unprepared: deque[Fire] = deque()
        self._prepared: list[tuple[int, int, Prepared]] = []
        """A heap by due instant and serial."""
        self._dispatched = 0
        """Everything due up to this instant has been handed to the firing."""
        self._looked_at = 0
        """The agenda's fires up to this instant are taken; at the start of a term it may be ahead of that."""
        self._ready: list[Prepared] | None = None
        """What is being handed over."""
        self._has_looked = False
        self._after = term.after
        self._mark = term.stored.watermark
        self.awake_at = time.monotonic()
        firing.still_ours(firing.stood_still())  # a pause while another led is of no account
        self._begun_until = term.stored.stored_at + _BEGUN_AFTER_MARK
        """What was due after this instant the leader before us has not begun."""

    async def run(self, stop: asyncio.Event) -> None:
        """Fire until the lease is lost or `stop` is set; then finish, or give back, what is under way."""
        now = self._scheduler.clock()
        if unfit(now):
            return
        self._dispatched = self._looked_at = now if self._after is None else self._after
        self.awake_at = time.monotonic()
        self._go_back()
        self._mind_correction(now)
        self._inherit(now)
        # Before the first fire: a stand-by has to know a leader of ours when that dies at once.
        await self.watermark_writer.write()
        beside = [asyncio.create_task(each) for each in (self.watermark_writer.run(), self._recheck.run())]
        try:
            while not self._lost.is_set() and not stop.is_set():
                if unfit(self._scheduler.clock()) or not await self._still_ours():
                    break
                self._step()
                await self._sleep(stop)
        finally:
            for each in beside:
                each.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
        if stop.is_set() and not self._lost.is_set():
            await self._finish()
        self._repair.abandon()
        prepared = (item[2].fire for item in self._prepared)
        held = [*self._unprepared, *self._catching_up.ready, *prepared, *self._overlap.abandon()]
        self._scheduler.agenda.give_back([*self._firing.abandon(), *held])
        self._scheduler.agenda.keep(self._catching_up.ended_entries())
        self._scheduler.records.given_back()

    def upcoming(self, count: int) -> list[Fire]:
        """The next fires that this term has taken off the agenda already."""
        held = [item[2].fire for item in soonest(self._prepared, count)]
        return sorted([*held, *islice(self._unprepared, count)], key=lambda fire: fire.due)[:count]

    @property
    def idle(self) -> bool:
        """Whether nothing is under way, or will be within seconds."""
        return not (len(self) or self._unprepared or self._prepared or self._catching_up.ready)

    def __len__(self) -> int:
        """How many fires are under way."""
        return len(self._firing) + len(self._overlap) + len(self._repair)

    def _go_back(self) -> None:
        """Where this scheduler has looked farther ahead than a leader does, its clock or a watermark was wrong then."""
        agenda, now = self._scheduler.agenda, self._scheduler.clock()
        if agenda.position > max(self._dispatched, now + AHEAD):
            agenda.rewind(self._dispatched)

    def _inherit(self, now: int) -> None:
        """Go on with what the leader before us has not settled, whatever the policies: it was not let go."""
        settings, mark = self._scheduler.settings, self._mark
        if mark is not None and self._after is not None:
            for after, until in mark.catching_up:
                gap = Gap(after, until, window_until=now - settings.grace)
                self._catching_up.begin(gap, self._scheduler.agenda.entries_until(until))
        inherited = self._scheduler.agenda.take_open()
        if not inherited:
            return
        longest = settings.grace + settings.catchup_window  # it was tried for that long already
        late: list[Fire] = []
        for fire in inherited:
            if mark is not None and (fire.task.name, fire.due) not in mark.open:
                self._repair.look_for([fire])
            elif now - fire.due > longest + (fire.task.settings.catchup_window or settings.catchup_window):
                late.append(fire)
            else:
                self._catching_up.ready.append(fire)
        self._scheduler.records.missed(late, "missed", "unstored", "it could not be stored in time")
        text = "Going on with %d fires that were not settled by the leader before"
        log.info(text, len(inherited), extra={"count": len(inherited)})

    async def _still_ours(self) -> bool:
        """Ask whether the key is still ours, where this process may have stood still for long."""
        self.awake_at = time.monotonic()
        while stood_still := self._firing.stood_still():  # again where it does so before the answer is read
            fields = {"seconds": round(stood_still, 3)}
            log.warning("Stood still for %.1f s; checking the leadership", stood_still, extra=fields)
            if not await self._leadership.check():
                self._lost.set()
                return False
            self._firing.still_ours(stood_still)
            self.awake_at = time.monotonic()
        return True

    def _step(self, *, catch_up: bool = True) -> None:
        """One look at the clock: catch up, look ahead, prepare some, fire what is due."""
        now = self._scheduler.clock()
        self._mind_correction(now)
        self._look_for_gap(now)
        if catch_up:
            self._catching_up.step()
        given = self._scheduler.agenda.advance(now + AHEAD) if len(self._unprepared) < _SLICE else []
        self._unprepared.extend(given)
        if len(given) < _MANY:  # it took long enough
            self._prepare_some(now)
        due: list[Prepared] = []
        # Some at a time, so that of ten thousand the first are written without delay.
        while self._prepared and self._prepared[0][0] <= now and len(due) < _SLICE:
            due.append(heapq.heappop(self._prepared)[2])
        if due:
            self._dispatch(due, now)
        # Something due may not be prepared yet; what is prepared is dispatched in order of due instants.
        late = [*(fire.due for fire in self._unprepared), *(item[0] for item in self._prepared[:1])]
        following = self._scheduler.agenda.next_due()
        if following is not None and following <= now:
            late.append(following)
        self._dispatched = max(self._dispatched, min(now, *(instant - 1 for instant in late)) if late else now)

    def _mind_correction(self, now: int) -> None:
        """Go back where this clock, or that of the leader before us, was far ahead and is not any more.

        What was fired then is found, and not fired again; all else would be silent until the clock is there once more.
        """
        agenda = self._scheduler.agenda
        ahead = max(agenda.position, self._looked_at, self._dispatched) - now
        if ahead <= _CORRECTED:
            return
        fields = {"seconds": round(ahead / NANOSECONDS, 3)}
        log.warning("The clock was set back by %d s; going back with it", ahead / NANOSECONDS, extra=fields)
        to = self._dispatched if self._dispatched <= now else now - self._scheduler.settings.grace
        self._catching_up.set_back(to)
        self._unprepared = deque(fire for fire in self._unprepared if fire.due <= to)
        self._prepared = [item for item in self._prepared if item[0] <= to]
        heapq.heapify(self._prepared)
        agenda.rewind(to)
        self._looked_at = self._dispatched = to

    def _look_for_gap(self, now: int) -> None:
        """What fell due long ago follows the policies: after an outage, a pause, or a leap of the clock."""
        agenda, until = self._scheduler.agenda, now - self._scheduler.settings.grace
        after = min(agenda.position, self._looked_at)
        # That the agenda has not given out all that this term asked it for is no gap.
        is_gap = (self._looked_at if self._has_looked else after) < until
        self._has_looked = True
        self._looked_at = max(self._looked_at, now + AHEAD)  # a clock that is set back looks at nothing twice
        if not is_gap:
            return
        nothing = (now - after) / NANOSECONDS
        log.warning("Nothing was fired for %.0f s; catching up", nothing, extra={"seconds": round(nothing, 3)})
        self._catching_up.begin(Gap(after, until, self._begun_until), agenda.entries_until(until))
        agenda.skip(until, after=after)  # late news may have brought fires before it, which no gap holds

    def _may_make_good(self) -> bool:
        busy = self._firing.busy + len(self._overlap)
        return busy < _CATCH_UP_WINDOW and len(self._firing) < _CATCH_UP_UNSTORED

    def _prepare_some(self, now: int) -> None:
        # What is due now comes before what was missed long ago, and is not to wait behind it either.
        source = self._unprepared
        if not source and self._may_make_good():
            source = self._catching_up.ready
        for _ in range(min(_SLICE, len(source))):
            fire = source.popleft()
            try:
                prepared = self._preparer.prepare(fire)
            except ValueError as error:
                self._scheduler.records.unfit(fire, str(error))
                continue
            if prepared.task.deadline and prepared.task.deadline < now:
                self._expired([prepared])  # at once: years of such would be ahead of what is due now
                continue
            heapq.heappush(self._prepared, (fire.due, prepared.serial, prepared))
            if self._overlap.concerns(prepared):
                self._overlap.look_ahead(prepared)

    def _dispatch(self, due: list[Prepared], now: int) -> None:
        """Hand over what stands and is in time; what must not overlap is looked at first."""
        standing = [prepared for prepared in due if prepared.fire.stands]
        expired = [each for each in standing if each.task.deadline and each.task.deadline < now]
        if expired:
            self._expired(expired)
            standing = [each for each in standing if not each.task.deadline or each.task.deadline >= now]
        ready = self._ready = []
        for each in standing:
            if self._overlap.concerns(each):
                self._overlap.check(each, self._start)
            else:
                ready.append(each)
        self._ready = None
        self._firing.start(ready)

    def _expired(self, expired: list[Prepared]) -> None:
        fires = [each.fire for each in expired]
        self._scheduler.records.missed(fires, "missed", "deadline", "its deadline has passed")

    def _start(self, prepared: Prepared) -> None:
        """Hand over what may be fired: at once, or with what is handed over together."""
        if self._ready is None:
            self._firing.start([prepared])
        else:
            self._ready.append(prepared)

    async def _sleep(self, stop: asyncio.Event) -> None:
        """Until the next thing to do."""
        backlog = bool(self._catching_up.ready)
        if self._unprepared or self._catching_up.has_work or (backlog and self._may_make_good()):
            await asyncio.sleep(0)
            return
        now = self._scheduler.clock()
        longest = _BACKLOG_SLEEP_SECONDS if backlog or self._catching_up.goes_on else _LONGEST_SLEEP_SECONDS
        instants = [now + int(longest * NANOSECONDS)]
        if self._prepared:
            instants.append(self._prepared[0][0])
        following = self._scheduler.agenda.next_due()
        if following is not None:
            instants.append(following - AHEAD)
        wait = (min(instants) - now) / NANOSECONDS
        if wait > 0:
            await first_of(stop, self._lost, timeout=wait)
        else:
            await asyncio.sleep(0)

    def progress(self, room: int) -> Progress:
        """How far this term has come; what it names takes up no more than `room` bytes."""
        reached = self._dispatched
        prepared = (each.fire for each in due_by(self._prepared, reached))
        held = chain(
            self._firing.unsettled(), self._overlap.unsettled(), self._unprepared, self._catching_up.ready, prepared
        )
        catching_up = self._catching_up
        made_good: list[Unsettled] = []
        unsettled: list[Unsettled] = []
        for fire in held:
            if fire.due <= reached:
                again = fire.due <= catching_up.until and fire.task.settings.catchup == "all"
                (made_good if again else unsettled).append((fire.due, fire.task.name, False))
        unsettled += [(fire.due, fire.task.name, True) for fire in self._repair.unsettled()]
        late = islice(self._scheduler.agenda.overdue(reached), _MOST_OVERDUE)
        unsettled += [(fire.due, fire.task.name, False) for fire in late]
        return progress(reached, unsettled, room, catching_up.open_gaps(), made_good, catching_up.until)

    def _settled(self, after: int, until: int) -> Iterator[Fire | None]:
        """What fell due after one instant and up to another, and is settled; None for a pause."""
        unsettled = self.progress(MOST_OPEN_BYTES).unsettled
        fires = self._scheduler.agenda.between(after, until)
        return (fire for fire in fires if fire is None or (fire.task.name, fire.due) not in unsettled)

    async def _finish(self) -> None:
        """Finish what is under way, and leave the watermark for whoever comes next."""
        connected = self._scheduler.connection.is_connected
        deadline = time.monotonic() + (_DRAIN_SECONDS if connected else 0)
        ready = self._catching_up.ready
        while (ready or len(self._repair) or len(self._overlap)) and time.monotonic() < deadline:
            self._step(catch_up=False)  # the rest of a year is the next leader's
            await asyncio.sleep(_DRAIN_STEP_SECONDS)
        drained = await self._firing.drain(max(deadline - time.monotonic(), 0))
        left = len(self) + len(ready)
        if left or not drained:
            log.warning("Stopping with %d fires under way; the next leader finishes them", left, extra={"count": left})
        if connected:
            await self.watermark_writer.write()
