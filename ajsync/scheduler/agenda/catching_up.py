"""Catching up: gives out, in slices and in order, the fires of gaps that a term makes good.

Fires that are due now must not wait for it, so a slice ends after some milliseconds. Only fires that are made good soon
are held in memory, so neither years of a schedule that is due each minute nor ten thousand schedules hold up the loop
or fill the memory.
"""

from __future__ import annotations

import heapq
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import count

from ajsync.scheduler.agenda.agenda import AgendaEntry, Fire
from ajsync.scheduler.agenda.catch_up import Gap, catch_up
from ajsync.scheduler.election.watermark import Span

log = logging.getLogger(__name__)

_SLICE_SECONDS = 0.005


class _Round:
    """One gap: first each entry is looked at, then the fires that they missed follow in order of due instants."""

    def __init__(self, gap: Gap, entries: Iterable[AgendaEntry], serial: Iterator[int]) -> None:
        self.gap = gap
        self._serial = serial
        self._entries = deque(entries)
        self._heap: list[tuple[int, int, bool, AgendaEntry, Iterator[tuple[int, bool]]]] = []
        self.made_good = 0
        self.let_go = 0
        self.told = False

    @property
    def surveying(self) -> bool:
        """Whether some entries have not been looked at yet."""
        return bool(self._entries)

    @property
    def ended(self) -> bool:
        """Whether nothing is left to give out."""
        return not self._entries and not self._heap

    @property
    def reached(self) -> int:
        """The instant up to which everything was given out."""
        if self._entries:
            return self.gap.after
        return self._heap[0][0] - 1 if self._heap else self.gap.until

    def look(self, window: int) -> None:
        """Look at one entry."""
        missed = catch_up(self._entries.popleft(), self.gap, window)
        self.made_good += missed.made_good
        self.let_go += missed.let_go
        self._push(missed.entry, missed.dues())

    def take(self) -> tuple[Fire, bool]:
        """The next fire, with True if it is made good and False if it is looked for."""
        due, _, good, entry, dues = heapq.heappop(self._heap)
        self._push(entry, dues)
        return Fire(due, entry), good

    def cut(self, until: int) -> None:
        """End the gap earlier. The windows still reach back from the same instant."""
        window_until = self.gap.until if self.gap.window_until is None else self.gap.window_until
        self.gap = replace(self.gap, until=until, window_until=window_until)
        self._heap = [item for item in self._heap if item[0] <= until]
        heapq.heapify(self._heap)

    def left(self) -> Iterator[AgendaEntry]:
        """The entries that still have something to give out."""
        yield from self._entries
        yield from (item[3] for item in self._heap)

    def _push(self, entry: AgendaEntry, dues: Iterator[tuple[int, bool]]) -> None:
        following = next(dues, None)
        if following is not None and following[0] <= self.gap.until:
            heapq.heappush(self._heap, (following[0], next(self._serial), following[1], entry, dues))


class CatchingUp:
    """Catches up with the gaps of one term, one after the other."""

    def __init__(
        self,
        window: int,
        *,
        make_good: Callable[[Fire], None],
        look_for: Callable[[Fire], None],
        has_room: Callable[[], bool],
        let_go: Callable[[int], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`window`, in nanoseconds, is for schedules without a window of their own.

        `make_good` takes the next fire to make good, and `look_for` the next that the previous leader may have begun,
        while `has_room` returns True. `let_go` is called with the number of fires that the policies let go.
        """
        self._window = window
        self._make_good = make_good
        self._look_for = look_for
        self._has_room = has_room
        self._let_go = let_go
        self._clock = clock
        self._rounds: deque[_Round] = deque()
        self._serial = count()
        self._window_until = 0
        self.until = 0
        """The end of the gap from which a fire was last given out."""

    @property
    def goes_on(self) -> bool:
        """Whether there is more to give out."""
        return bool(self._rounds)

    @property
    def has_work(self) -> bool:
        """Whether a step would do something."""
        return bool(self._rounds) and self._has_room()

    def begin(self, gap: Gap, entries: Iterable[AgendaEntry]) -> None:
        """Catch up with one more gap."""
        self._rounds.append(_Round(gap, entries, self._serial))
        self._window_until = gap.until if gap.window_until is None else gap.window_until

    def step(self) -> None:
        """Give out one slice."""
        began = self._clock()
        while self.has_work:
            self._go_on(self._rounds[0])
            if self._clock() - began >= _SLICE_SECONDS:
                break

    def open_gaps(self) -> tuple[Span, ...]:
        """The spans in which some fires are not given out yet."""
        return tuple((each.reached, each.gap.until) for each in self._rounds if each.reached < each.gap.until)

    def ended_entries(self) -> list[AgendaEntry]:
        """The entries with fires left whose values the bucket no longer holds."""
        return [entry for each in self._rounds for entry in each.left() if entry.ended]

    def set_back(self, to: int) -> None:
        """Forget what is due after an instant."""
        self._rounds = deque(each for each in self._rounds if each.gap.after < to)
        for each in self._rounds:
            if each.gap.until > to:
                each.cut(to)

    def not_begun(self, fire: Fire) -> None:
        """Count a fire that was looked for, had not been begun, and is let go."""
        if fire.due > self._window_until - (fire.task.settings.catchup_window or self._window):
            self._let_go(1)

    def _go_on(self, current: _Round) -> None:
        if current.surveying:
            current.look(self._window)
        if not current.surveying and not current.told:
            current.told = True
            self._tell(current)
        elif not current.surveying and not current.ended:
            fire, good = current.take()
            self.until = current.gap.until
            if good:
                self._make_good(fire)
            else:
                self._look_for(fire)
        if current.ended:
            self._rounds.popleft()

    def _tell(self, current: _Round) -> None:
        self._let_go(current.let_go)
        fields = {"made_good": current.made_good, "let_go": current.let_go}
        text = "Of the missed fires %d are made good, and %d are let go by their policies"
        log.info(text, current.made_good, current.let_go, extra=fields)
