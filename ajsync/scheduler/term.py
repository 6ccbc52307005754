"""A term: what a leader does from the moment when it may fire until it must stop.

It steps the feed, which fires what is due, and writes the watermark: up to when everything has been fired.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator

from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.scheduler.agenda.agenda import Agenda, Fire
from ajsync.scheduler.agenda.paused import Pauses
from ajsync.scheduler.clock import Clock, unfit
from ajsync.scheduler.election.leadership import Leadership, Term
from ajsync.scheduler.election.progress import Progress
from ajsync.scheduler.election.watermark import MOST_OPEN_BYTES, Watermark
from ajsync.scheduler.election.watermark_store import WatermarkWriter
from ajsync.scheduler.feed import Feed
from ajsync.scheduler.firing.dispatcher import Dispatcher
from ajsync.scheduler.firing.lifecycle import IN_WINDOW, State
from ajsync.scheduler.firing.overlap import Overlap
from ajsync.scheduler.firing.prepare import Preparer
from ajsync.scheduler.firing.recheck import Recheck
from ajsync.scheduler.monitor.records import Records
from ajsync.scheduler.resuming import Resuming
from ajsync.scheduler.unseen.look import UnseenLook
from ajsync.scheduler.unseen.unseen import Unseen, unseen_spans
from ajsync.timestamp import NANOSECONDS
from ajsync.waiting import first_of

log = logging.getLogger(__name__)

_BEGUN_AFTER_WATERMARK = 10 * NANOSECONDS
"""How long a leader may fire after the last watermark that it could store, which is until its lease ends."""
_DRAIN_STEP_SECONDS = 0.01
_DRAIN_SECONDS = 0.7
"""A stop by signal takes less than a second."""


class TermRunner:
    """Fires for one term."""

    def __init__(
        self,
        term: Term,
        lost: asyncio.Event,
        *,
        bucket: ConfigurationBucket,
        leadership: Leadership,
        agenda: Agenda,
        pauses: Pauses,
        dispatcher: Dispatcher,
        preparer: Preparer,
        records: Records,
        grace: int,
        catchup_window: int,
        clock: Callable[[], int],
        skew: Callable[[], int],
        on_watermark: Callable[[Watermark, str], None],
    ) -> None:
        """`lost` is set when the lease is. `grace` and `catchup_window` are in nanoseconds.

        `skew` gives the nanoseconds by which `clock` is ahead of the server's. `on_watermark` is called with each
        stored watermark and what is wrong with it.
        """
        self._term = term
        self._lost = lost
        self._connection = bucket.connection
        self._leadership = leadership
        self._agenda = agenda
        self._ledger = dispatcher.ledger
        self._dispatcher = dispatcher
        self._preparer = preparer
        self._records = records
        self._grace = grace
        self._catchup_window = catchup_window
        self._clock = clock
        self._skew = skew
        self._feed: Feed | None = None
        """While it runs."""
        self.watermark_writer = WatermarkWriter(
            bucket,
            leadership,
            progress=self.progress,
            under_way=lambda: len(self._ledger),
            revision=term.stored.revision,
            lost=lost,
            clock=Clock(clock),
            on_written=on_watermark,
            on_failed=records.watermark_failed,
        )
        self._resuming = Resuming(bucket, pauses, records, clock)
        self.awake_at = time.monotonic()
        dispatcher.still_ours(dispatcher.stood_still())  # pauses before this term do not count

    async def run(self, stop: asyncio.Event) -> None:
        """Fire until the lease is lost or `stop` is set; then finish or give back the fires under way."""
        now = self._clock()
        if unfit(now):
            return
        self.awake_at = time.monotonic()
        unseen = self._make_unseen(now)
        feed = self._feed = self._make_feed(now, unseen)
        left = self._term.stored.watermark
        gaps = left.catching_up if left is not None and self._term.after is not None else ()
        feed.inherit(None if left is None else left.open, gaps)
        # This comes before the first fire, so that a stand-by knows an ajsync leader even if it dies at once.
        await self.watermark_writer.write()
        recheck = Recheck(
            self._connection,
            self._settled,
            self._preparer.make_task,
            self._records,
            settled_until=lambda: feed.progress(MOST_OPEN_BYTES).instant,
            give_up_after=self._catchup_window,
            clock=self._clock,
        )
        beside = [
            asyncio.create_task(each)
            for each in (self.watermark_writer.run(), recheck.run(), self._resuming.run(), unseen.run())
        ]
        try:
            while not self._lost.is_set() and not stop.is_set():
                if not await self._may_fire():
                    break
                feed.step()
                if wait := feed.wait():
                    await first_of(stop, self._lost, timeout=wait / NANOSECONDS)
                else:
                    await asyncio.sleep(0)
        finally:
            for each in beside:
                each.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
        if stop.is_set() and not self._lost.is_set():
            await self._finish(feed)
        feed.stop()
        self._records.given_back()

    @property
    def idle(self) -> bool:
        """Whether nothing is under way, or will be within seconds."""
        return self._ledger.is_empty

    def __len__(self) -> int:
        """How many fires are under way."""
        return len(self._ledger)

    @property
    def writing(self) -> int:
        """How many fires are being written, or will be as soon as there is room."""
        return self._ledger.count(State.QUEUED, *IN_WINDOW)

    def upcoming(self, count: int) -> list[Fire]:
        """The next fires among those that this term has already taken off the agenda."""
        return self._ledger.upcoming(count)

    def progress(self, room: int) -> Progress:
        """How far this term has come; the fires that it names take up at most `room` bytes."""
        assert self._feed is not None
        return self._feed.progress(room)

    def _make_unseen(self, now: int) -> Unseen:
        until = min(now, self._agenda.position)  # later fires come from the agenda
        term, oldest = self._term, now - self._grace
        spans = unseen_spans(term.stored.watermark, until, oldest, may_be_go=term.may_follow_go)
        look = UnseenLook(self._connection, self._agenda, spans, go_led=term.go_led, skew=self._skew)
        return Unseen(spans, look, self._records)

    def _make_feed(self, now: int, unseen: Unseen) -> Feed:
        return Feed(
            self._agenda,
            self._dispatcher,
            self._preparer,
            self._records,
            Overlap(self._connection, self._ledger, self._dispatcher.looks, self._records, self._clock),
            reached=now if self._term.after is None else self._term.after,
            begun_until=self._term.stored.stored_at + _BEGUN_AFTER_WATERMARK,
            grace=self._grace,
            catchup_window=self._catchup_window,
            clock=self._clock,
            unseen=unseen,
        )

    async def _may_fire(self) -> bool:
        """Whether the clock can be right and the key is still ours."""
        return not unfit(self._clock()) and await self._still_ours()

    async def _still_ours(self) -> bool:
        """Ask whether the key is still ours if this process may have stood still for too long."""
        self.awake_at = time.monotonic()
        while stood_still := self._dispatcher.stood_still():  # repeated if it stood still before the answer was read
            fields = {"seconds": round(stood_still, 3)}
            log.warning("Stood still for %.1f s; checking the leadership", stood_still, extra=fields)
            if not await self._leadership.check():
                self._lost.set()
                return False
            self._dispatcher.still_ours(stood_still)
            self.awake_at = time.monotonic()
        return True

    def _settled(self, after: int, until: int) -> Iterator[Fire | None]:
        """The settled fires that fell due in (`after`, `until`]; None where there may be a pause."""
        unsettled = self.progress(MOST_OPEN_BYTES).unsettled
        fires = self._agenda.between(after, until)
        return (fire for fire in fires if fire is None or (fire.task.name, fire.due) not in unsettled)

    async def _finish(self, feed: Feed) -> None:
        """Finish the fires that are due or under way, and leave the watermark for the next leader.

        Fires that fell due while this process stood still are ours too: a Go scheduler that leads next would not make
        them.
        """
        until = self._clock()
        connected = self._connection.is_connected
        deadline = time.monotonic() + (_DRAIN_SECONDS if connected else 0)
        while (feed.reached < until or feed.has_backlog) and time.monotonic() < deadline and await self._may_fire():
            feed.step(catch_up=False)  # years of missed fires are left to the next leader
            await asyncio.sleep(_DRAIN_STEP_SECONDS)
        if self._lost.is_set():
            return
        drained = await self._dispatcher.drain(max(deadline - time.monotonic(), 0))
        left = len(self._ledger) + self._ledger.to_encode(made_good=True)
        if left or not drained:
            log.warning("Stopping with %d fires under way; the next leader finishes them", left, extra={"count": left})
        if connected:
            await self.watermark_writer.write()
