"""The feed of a term: takes fires from the agenda into the ledger, and hands them to the dispatcher when they are due.

It looks a few seconds ahead, so that a fire is encoded when it is due. It also catches up with what was missed, without
ever delaying what is due now. Each step takes some milliseconds, however much there is to do.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import partial
from itertools import islice

from ajsync.asyncjobs.tasks import NEW, StoredTask
from ajsync.scheduler.agenda.agenda import Agenda, Fire
from ajsync.scheduler.agenda.catch_up import Gap
from ajsync.scheduler.agenda.catching_up import CatchingUp
from ajsync.scheduler.election.progress import NOTHING_UNSEEN, Progress, UnseenProgress
from ajsync.scheduler.firing.dispatcher import Dispatcher
from ajsync.scheduler.firing.in_flight import InFlightFire
from ajsync.scheduler.firing.lifecycle import DEFERRED, IN_WINDOW, Event, State
from ajsync.scheduler.firing.overlap import Overlap
from ajsync.scheduler.firing.prepare import Preparer
from ajsync.scheduler.monitor.records import Records
from ajsync.scheduler.throttled_log import ThrottledLog
from ajsync.scheduler.unseen.unseen import Unseen
from ajsync.timestamp import NANOSECONDS
from ajsync.transport.window import WINDOW

log = logging.getLogger(__name__)

AHEAD = 3 * NANOSECONDS
"""How far a leader looks ahead; encoding ten thousand fires takes a fifth of a second."""
_SLICE = 50
"""How many fires are encoded or handed over before the next look at the clock, within some milliseconds."""
_MANY = 1000
"""How many fires the agenda gives out in some milliseconds."""
_MOST_TO_MAKE_GOOD = 250
"""How many fires to make good are held at once."""
_CATCH_UP_WINDOW = WINDOW // 4
"""How many fires are made good at once; fires that are due now have the rest of the window to themselves."""
_CATCH_UP_UNSTORED = 4 * WINDOW
"""While this many fires are tried again, no more are made good, because each is held in memory."""
_MOST_SOUGHT = 5000
"""How many fires of the previous leader are looked for at once."""
_MOST_OVERDUE = 5000
"""More fires than a watermark can name; it is held back before the first one that it cannot name."""
_BACKLOG_SLEEP = NANOSECONDS // 100
_LONGEST_SLEEP = NANOSECONDS // 2
_CORRECTED = 3600 * NANOSECONDS
"""A clock that is set back by more was wrong before. After a smaller step the feed waits until the time comes again."""


class Feed:
    """Feeds the ledger and the dispatcher for one term."""

    def __init__(
        self,
        agenda: Agenda,
        dispatcher: Dispatcher,
        preparer: Preparer,
        records: Records,
        overlap: Overlap,
        *,
        reached: int,
        begun_until: int,
        grace: int,
        catchup_window: int,
        clock: Callable[[], int],
        monotonic: Callable[[], float] = time.monotonic,
        unseen: Unseen | None = None,
    ) -> None:
        """Everything due up to `reached` was fired before this term, except what `unseen` finds missing.

        The previous leader has begun nothing that was due after `begun_until`. `grace` and `catchup_window` are in
        nanoseconds. `monotonic` gives seconds, for work that may take some milliseconds at a time.
        """
        self.reached = reached
        """Everything due up to this instant has been handed to the dispatcher."""
        self._agenda = agenda
        self._ledger = dispatcher.ledger
        self._dispatcher = dispatcher
        self._preparer = preparer
        self._records = records
        self._overlap = overlap
        self._grace = grace
        self._catchup_window = catchup_window
        self._clock = clock
        self._unseen = unseen
        self._begun_until = begun_until
        self._looked_at = reached
        """The fires of the agenda are taken up to this instant. When a term begins, the agenda may be ahead of it."""
        self._has_looked = False
        self._errors = ThrottledLog(log)
        self._to_start: list[InFlightFire] | None = None
        """The fires that are being handed over."""
        self._catching_up = CatchingUp(
            catchup_window,
            make_good=self._ledger.make_good,
            look_for=self._look_for,
            has_room=self._has_room,
            let_go=records.let_go,
            clock=monotonic,
        )
        if agenda.position > max(reached, clock() + AHEAD):
            # This scheduler looked farther ahead than a leader does, so its clock or a watermark was wrong then.
            agenda.rewind(reached)

    def inherit(self, named: frozenset[tuple[str, int]] | None, gaps: tuple[tuple[int, int], ...]) -> None:
        """Go on with the fires that the previous leader has not settled. It had not let them go, so no policy applies.

        They are those that it `named` as open (None if it left no watermark). Other fires that the agenda knows as
        unsettled it may only have looked for. `gaps` are spans in which it did not make everything good.
        """
        now = self._clock()
        self._mind_correction(now)
        for after, until in gaps:
            gap = Gap(after, until, window_until=now - self._grace)
            self._catching_up.begin(gap, self._agenda.entries_until(until))
        inherited = self._agenda.take_open()
        if not inherited:
            return
        longest = self._grace + self._catchup_window  # they were tried for that long already
        late: list[Fire] = []
        for fire in inherited:
            if named is not None and (fire.task.name, fire.due) not in named:
                self._look_for(fire)
            elif now - fire.due > longest + (fire.task.settings.catchup_window or self._catchup_window):
                late.append(fire)
            else:
                self._ledger.make_good(fire)
        self._records.missed(late, "missed", "unstored", "it could not be stored in time")
        text = "Going on with %d fires that the previous leader had not settled"
        log.info(text, len(inherited), extra={"count": len(inherited)})

    def step(self, *, catch_up: bool = True) -> None:
        """Look at the clock once: catch up, look ahead, encode some fires, hand over what is due."""
        now = self._clock()
        self._mind_correction(now)
        self._look_for_gap(now)
        if catch_up:
            self._take_unseen()
            self._catching_up.step()
        given: list[Fire] = []
        if self._ledger.to_encode(made_good=False) < _SLICE:
            given = self._agenda.advance(now + AHEAD)
            self._ledger.take(given)
        if len(given) < _MANY:  # otherwise this step took long enough
            self._encode_some(now)
        # A few at a time, so that the first of ten thousand are written without delay.
        if due := self._ledger.take_due(now, _SLICE):
            self._hand_over(due, now)
        # A fire that is due may not be encoded yet. Encoded ones are handed over in order of due instants.
        instants = [now + 1, self._ledger.first_waiting(), self._agenda.next_due()]
        self.reached = max(self.reached, min(instant for instant in instants if instant is not None) - 1)

    def wait(self) -> int:
        """For how many nanoseconds there is nothing to do; 0 if there is something."""
        backlog = self._ledger.to_encode(made_good=True) > 0
        if self._ledger.to_encode(made_good=False) or self._has_work or (backlog and self._may_make_good()):
            return 0
        now = self._clock()
        longest = _BACKLOG_SLEEP if backlog or self._catching_up.goes_on else _LONGEST_SLEEP
        instants = [now + longest]
        due, following = self._ledger.next_due(), self._agenda.next_due()
        if due is not None:
            instants.append(due)
        if following is not None:
            instants.append(following - AHEAD)
        return max(min(instants) - now, 0)

    @property
    def has_backlog(self) -> bool:
        """Whether fires that are due already are still to be handed over."""
        return self._ledger.to_encode(made_good=True) > 0 or self._ledger.count(State.SOUGHT, State.CHECKED) > 0

    def progress(self, room: int) -> Progress:
        """How far this term has come; the fires that it names take up at most `room` bytes."""
        late = islice(self._agenda.overdue(self.reached), _MOST_OVERDUE)
        unseen = NOTHING_UNSEEN
        if self._unseen is not None:
            unseen = UnseenProgress(self._unseen.spans, self._unseen.is_open)
        gaps, gap_until = self._catching_up.open_gaps(), self._catching_up.until
        return self._ledger.progress(self.reached, room, gaps, gap_until, late, unseen)

    def stop(self) -> None:
        """End the term: give everything that is not settled back to the agenda."""
        self._overlap.stop()
        self._agenda.give_back(self._ledger.hand_back())
        self._dispatcher.stop()
        self._agenda.keep(self._catching_up.ended_entries())

    @property
    def _has_work(self) -> bool:
        """Whether a step would take up something to catch up with."""
        unseen = self._unseen is not None and self._unseen.has_work and self._has_room()
        return unseen or self._catching_up.has_work

    def _take_unseen(self) -> None:
        """Take up what was found missing in unseen spans, as far as there is room."""
        while self._unseen is not None and self._unseen.has_work and self._has_room():
            fire, missing = self._unseen.take()
            if missing:
                self._ledger.make_good(fire)
            else:
                self._look_for(fire)

    def _has_room(self) -> bool:
        """Whether more may be caught up with."""
        to_make_good = self._ledger.to_encode(made_good=True)
        return to_make_good < _MOST_TO_MAKE_GOOD and self._ledger.count(State.SOUGHT) < _MOST_SOUGHT

    def _look_for(self, fire: Fire) -> None:
        """Rescue a fire that its policy lets go if the previous leader began it and did not finish it.

        That leader died between task and work item, or the queue was full for longer than the grace. No worker would
        ever handle the task without its work item.
        """
        sought = self._ledger.seek(fire)
        if sought is not None:
            self._dispatcher.looks.look(fire, fire.task_id, partial(self._looked_for, sought), self._cannot_see)

    def _looked_for(self, sought: InFlightFire, task: StoredTask | None, _readable: bool) -> None:
        begun = task is not None and task.state == NEW
        self._ledger.apply(sought, Event.BEGUN if begun else Event.NOT_BEGUN)
        if sought.state is State.LET_GO and task is None:
            self._catching_up.not_begun(sought.fire)

    def _cannot_see(self, fire: Fire, reason: str) -> None:
        self._errors.tell(f"Cannot see whether {fire.task.name} was fired: {reason}", fire, "begun", reason=reason)

    def _mind_correction(self, now: int) -> None:
        """Go back if this clock, or that of the previous leader, was far ahead and no longer is.

        Fires made in that time are found and not fired again. Without this, nothing would be fired until the clock has
        caught up.
        """
        ahead = max(self._agenda.position, self._looked_at, self.reached) - now
        if ahead <= _CORRECTED:
            return
        fields = {"seconds": round(ahead / NANOSECONDS, 3)}
        log.warning("The clock was set back by %d s; going back with it", ahead / NANOSECONDS, extra=fields)
        to = self.reached if self.reached <= now else now - self._grace
        self._catching_up.set_back(to)
        self._ledger.forget_after(to)
        self._agenda.rewind(to)
        self._looked_at = self.reached = to

    def _look_for_gap(self, now: int) -> None:
        """Apply the policies to fires that fell due long ago: after an outage, a pause, or a leap of the clock."""
        until = now - self._grace
        after = min(self._agenda.position, self._looked_at)
        # It is no gap if the agenda has not given out all that this term asked for.
        is_gap = (self._looked_at if self._has_looked else after) < until
        self._has_looked = True
        self._looked_at = max(self._looked_at, now + AHEAD)  # a clock that is set back looks at nothing twice
        if not is_gap:
            return
        nothing = (now - after) / NANOSECONDS
        log.warning("Nothing was fired for %.0f s; catching up", nothing, extra={"seconds": round(nothing, 3)})
        self._catching_up.begin(Gap(after, until, self._begun_until), self._agenda.entries_until(until))
        self._agenda.skip(until, after=after)  # late news may have added earlier fires, which are in no gap

    def _may_make_good(self) -> bool:
        busy = self._ledger.count(State.CHECKED, State.QUEUED, *IN_WINDOW)
        written = self._ledger.count(State.QUEUED, *IN_WINDOW, *DEFERRED)
        return busy < _CATCH_UP_WINDOW and written < _CATCH_UP_UNSTORED

    def _encode_some(self, now: int) -> None:
        # Fires that are due now come before those missed long ago, and do not wait for them either.
        made_good = not self._ledger.to_encode(made_good=False) and self._may_make_good()
        for _ in range(_SLICE):
            fire = self._ledger.next_to_encode(made_good=made_good)
            if fire is None:
                return
            try:
                prepared = self._preparer.prepare(fire.fire)
            except ValueError as error:
                self._ledger.apply(fire, Event.NO_TASK)
                self._records.unfit(fire.fire, str(error))
                continue
            if prepared.task.deadline and prepared.task.deadline < now:
                self._expired([fire])  # at once, or years of such fires would come before what is due now
                continue
            self._ledger.encoded(fire, prepared)
            if self._overlap.concerns(fire.fire):
                self._overlap.look_ahead(fire.fire)

    def _hand_over(self, due: list[InFlightFire], now: int) -> None:
        """Hand over the fires that are in time and not withdrawn; for `overlap: skip` look at the previous task
        first."""
        expired: list[InFlightFire] = []
        to_start = self._to_start = []
        for fire in due:
            deadline = fire.prepared.task.deadline
            if fire.fire.is_withdrawn:
                self._ledger.apply(fire, Event.CHANGED)
            elif deadline and deadline < now:
                expired.append(fire)
            elif self._overlap.concerns(fire.fire):
                self._overlap.check(fire, self._start)
            else:
                self._ledger.apply(fire, Event.DUE)
                to_start.append(fire)
        self._to_start = None
        if expired:
            self._expired(expired)
        self._dispatcher.dispatch(to_start)

    def _start(self, fire: InFlightFire) -> None:
        """Hand over a fire, at once or together with the others of this step."""
        if self._to_start is None:
            self._dispatcher.dispatch([fire])
        else:
            self._to_start.append(fire)

    def _expired(self, expired: list[InFlightFire]) -> None:
        for fire in expired:
            self._ledger.apply(fire, Event.TOO_OLD)
        fires = [fire.fire for fire in expired]
        self._records.missed(fires, "missed", "deadline", "its deadline has passed")
