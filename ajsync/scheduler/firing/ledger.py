"""The ledger: every fire that is not settled, and what is derived from them. Pure.

A fire is in it from when it is taken off the agenda until it has an outcome. The watermark, the next fires and what is
handed back at the end of a term are derived from it, so none of them can forget a fire: whatever waits elsewhere for a
connection, an answer or its turn only refers to a fire of the ledger.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain, islice

from ajsync.scheduler.agenda.agenda import Fire
from ajsync.scheduler.election.progress import NOTHING_UNSEEN, Progress, UnseenProgress, Unsettled, progress
from ajsync.scheduler.election.watermark import Span
from ajsync.scheduler.firing.in_flight import InFlightFire
from ajsync.scheduler.firing.lifecycle import TABLE, WAITING, Effect, Event, State
from ajsync.scheduler.firing.prepare import Prepared

_TAKEN, _PREPARED, _CREATED, _ENCODED = State.TAKEN, State.PREPARED, State.CREATED, Event.ENCODED
"""Aliases, because looking up a member takes Python 3.11 as long as the rest of a transition."""


class Ledger:
    """The fires of one scheduler that are not settled; no two of them have the same name and instant."""

    def __init__(self) -> None:
        self._fires: dict[tuple[str, int], InFlightFire] = {}
        self._counts = [0] * len(State)
        """How many fires are in each state."""
        self._to_encode: deque[InFlightFire] = deque()
        self._to_make_good: deque[InFlightFire] = deque()
        self._prepared: list[tuple[int, int, InFlightFire]] = []
        """A heap by due instant and serial. As in the queues above, fires that have left the state are skipped."""

    def __len__(self) -> int:
        """How many fires are under way: due, and not settled."""
        return len(self._fires) - self.count(*WAITING)

    def __iter__(self) -> Iterator[InFlightFire]:
        return iter(self._fires.values())

    @property
    def is_empty(self) -> bool:
        """Whether nothing is under way, or will be within seconds."""
        return not self._fires

    def count(self, *states: State) -> int:
        """How many fires are in one of these states."""
        return sum(self._counts[state] for state in states)

    def take(self, fires: Iterable[Fire]) -> None:
        """Take in fires that the agenda gave out."""
        for fire in fires:
            self._enter(InFlightFire(fire))

    def make_good(self, fire: Fire) -> None:
        """Take in a fire that was missed and is fired late."""
        self._enter(InFlightFire(fire, made_good=True))

    def seek(self, fire: Fire) -> InFlightFire | None:
        """Take in a fire that counts only if the previous leader began it; None if the ledger has it already."""
        sought = InFlightFire(fire, made_good=True)
        sought.state = State.SOUGHT
        return sought if self._enter(sought) else None

    def apply(self, fire: InFlightFire, event: Event) -> tuple[Effect, ...]:
        """Let an event happen to a fire; returns the effects that the dispatcher has to bring about.

        An event that means nothing in the fire's state changes nothing.
        """
        row = TABLE.get((fire.state, event))
        if row is None:
            return ()
        to = row.if_made if row.if_made is not None and fire.made else row.to
        self._counts[fire.state] -= 1
        fire.state = to
        if to >= _CREATED:
            del self._fires[fire.name, fire.due]
        else:
            self._counts[to] += 1
            if to is _TAKEN:
                self._line_up(fire)
        return row.effects

    def encoded(self, fire: InFlightFire, prepared: Prepared) -> None:
        """Take in that a fire is encoded, and waits for its instant."""
        fire.prepared = prepared
        self.apply(fire, _ENCODED)
        heapq.heappush(self._prepared, (fire.due, prepared.serial, fire))

    def next_to_encode(self, *, made_good: bool) -> InFlightFire | None:
        """The next fire to encode, among those that are due or those that are made good; each is returned only once."""
        source = self._to_make_good if made_good else self._to_encode
        while source:
            fire = source.popleft()
            if fire.state is _TAKEN:
                return fire
        return None

    def to_encode(self, *, made_good: bool) -> int:
        """How many fires `next_to_encode` has left, at most."""
        return len(self._to_make_good if made_good else self._to_encode)

    def take_due(self, now: int, most: int) -> list[InFlightFire]:
        """At most `most` fires that are encoded and due by now, by due instant; each is returned only once."""
        due: list[InFlightFire] = []
        while self._prepared and self._prepared[0][0] <= now and len(due) < most:
            fire = heapq.heappop(self._prepared)[2]
            if fire.state is _PREPARED:
                due.append(fire)
        return due

    def next_due(self) -> int | None:
        """When the first encoded fire is due."""
        while self._prepared and self._prepared[0][2].state is not _PREPARED:
            heapq.heappop(self._prepared)
        return self._prepared[0][0] if self._prepared else None

    def first_waiting(self) -> int | None:
        """When the first fire that was not handed over is due; fires to make good count once they are encoded."""
        following = self.next_due()
        dues = [fire.due for fire in self._to_encode]
        if following is not None:
            dues.append(following)
        return min(dues, default=None)

    def upcoming(self, count: int) -> list[Fire]:
        """The next fires that were taken off the agenda already."""
        held = [item[2] for item in heapq.nsmallest(count, self._prepared)]
        fires = [fire.fire for fire in chain(held, islice(self._to_encode, count)) if fire.state in WAITING]
        return sorted(fires, key=lambda fire: fire.due)[:count]

    def forget_after(self, instant: int) -> None:
        """Forget the fires that are due later and were not handed over; the agenda gives them out again."""
        for fire in [fire for fire in self._fires.values() if fire.state in WAITING and fire.due > instant]:
            self.apply(fire, Event.CHANGED)

    def hand_back(self) -> list[Fire]:
        """End all fires, and return those for the agenda; those that were sought are named by the watermark."""
        fires = []
        for fire in [*self._fires.values()]:
            self.apply(fire, Event.TERM_ENDED)
            if fire.state is State.HANDED_BACK:
                fires.append(fire.fire)
        self._to_encode.clear()
        self._to_make_good.clear()
        self._prepared.clear()
        return fires

    def progress(
        self,
        reached: int,
        room: int,
        gaps: tuple[Span, ...] = (),
        gap_until: int = 0,
        late: Iterable[Fire] = (),
        unseen: UnseenProgress = NOTHING_UNSEEN,
    ) -> Progress:
        """How far a term has come, in `room` bytes; it has taken in everything due up to `reached`.

        `gaps` are the spans that catching up has not given out yet; its last fire came from a gap that ended with
        `gap_until`. `late` are fires that the agenda did not give out in time. `unseen` is the progress of the unseen
        spans; the fires of them that are made good are added here.
        """
        made_good: list[Unsettled] = []
        unsettled: list[Unsettled] = []
        of_unseen: list[Unsettled] = []
        unseen_until = unseen.until  # there may be a hundred thousand fires, none of them that old
        for fire in () if self._all_wait_beyond(reached) else self._fires.values():
            if fire.due <= unseen_until and unseen.holds(fire.due):
                of_unseen.append((fire.due, fire.name, fire.state is State.SOUGHT))
            elif fire.state is State.SOUGHT:
                unsettled.append((fire.due, fire.name, True))
            elif fire.due <= reached:
                again = fire.due <= gap_until and fire.fire.task.settings.catchup == "all"
                (made_good if again else unsettled).append((fire.due, fire.name, False))
        unsettled += [(fire.due, fire.task.name, False) for fire in late]
        unseen = replace(unseen, made_good=of_unseen) if of_unseen else unseen
        return progress(reached, unsettled, room, gaps, made_good, gap_until, unseen)

    def _all_wait_beyond(self, instant: int) -> bool:
        """Whether every fire waits to be handed over, and is due after an instant, as mostly between two bursts."""
        first = self.first_waiting()
        return len(self) == 0 and not self._to_make_good and (first is None or first > instant)

    def _enter(self, fire: InFlightFire) -> bool:
        there = self._fires.get((fire.name, fire.due))
        if there is not None:
            if not there.fire.is_withdrawn or there.state not in WAITING:
                return False  # both would make the same task
            self.apply(there, Event.CHANGED)
        self._fires[fire.name, fire.due] = fire
        self._counts[fire.state] += 1
        if fire.state is _TAKEN:
            self._line_up(fire)
        return True

    def _line_up(self, fire: InFlightFire) -> None:
        (self._to_make_good if fire.made_good else self._to_encode).append(fire)
