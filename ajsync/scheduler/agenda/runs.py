"""Runs: fires of single entries, apart from their groups and in order of their due instants. Pure, like the agenda.

An entry has a run if it ended, if the news of it came late, or if one of its fires was given back.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import replace

from ajsync.scheduler.agenda.sources import EFFORT, FOREVER, AgendaEntry, Fire, Stretch


class AgendaRuns:
    """Stretches of fires in the order in which they are due."""

    def __init__(self, serial: Iterator[int]) -> None:
        """`serial` distinguishes what is due at one instant, here and among the groups of the same agenda."""
        self._heap: list[tuple[int, int, Stretch]] = []
        """A heap of runs, each by an instant before which it has no fire."""
        self._serial = serial

    def entries(self) -> Iterator[AgendaEntry]:
        """The entry of each run; an entry with several runs comes several times."""
        return (run.entry for _, _, run in self._heap)

    def ended(self, until: int) -> Iterator[AgendaEntry]:
        """The replaced or deleted entries that still have something to fire by `until`."""
        return (run.entry for due, _, run in self._heap if due <= until and run.entry.ended)

    def add(self, entry: AgendaEntry, after: int, until: int, *, stored_at: int = 0) -> None:
        """Add the fires of an entry after one instant, up to and including another.

        `stored_at` is when the value was stored by which they came late; 0 if they did not.
        """
        if after < until:
            heapq.heappush(self._heap, (after + 1, next(self._serial), Stretch(entry, until, stored_at=stored_at)))

    def give_back(self, fires: Iterable[Fire]) -> None:
        """Add single fires."""
        for fire in fires:
            heapq.heappush(self._heap, (fire.due, next(self._serial), Stretch(fire.entry, fire.due, single=True)))

    def next_due(self) -> int | None:
        """An instant before which no run has a fire; None if there is no run."""
        effort = 0
        while self._heap and effort < EFFORT:
            effort += self._heap[0][2].effort
            if self._find_next(0) == 0:
                break
        return self._heap[0][0] if self._heap else None

    def upcoming(self, count: int) -> Iterator[tuple[int, int, Stretch]]:
        """The first `count` runs, each by its next fire and its serial number."""
        return ((run.next(first - 1), serial, run) for first, serial, run in heapq.nsmallest(count, self._heap))

    def take(self, until: int) -> list[Fire]:
        """Give out the fires up to `until`, or the first part of them."""
        fires: list[Fire] = []
        effort = 0
        while self._heap and self._heap[0][0] <= until and effort < EFFORT:
            first, _, run = self._heap[0]
            effort += run.effort
            if not self._find_next(0):
                fires.append(Fire(first, run.entry))
                self._find_next(1)
        return fires

    def peek(self, until: int) -> Iterator[Fire]:
        """The fires up to `until`, without giving them out."""
        if self._heap and self._heap[0][0] <= until:
            for first, _, run in self._heap:
                due = run.next(first - 1)
                while due <= until:
                    yield Fire(due, run.entry)
                    due = run.next(due)

    def skip(self, after: int, until: int, *, stored_by: int = FOREVER) -> None:
        """Drop what is due after one instant, up to and including another, but for news stored after `stored_by`."""
        runs, self._heap = self._heap, []
        for first, serial, run in runs:
            if run.stored_at > stored_by or (first <= after and run.until <= after):
                self._heap.append((first, serial, run))
                continue
            if first <= after and not run.single:
                self._heap.append((first, next(self._serial), replace(run, until=after)))
            if run.until > until:
                self._heap.append((max(first, until + 1), serial, run))
        heapq.heapify(self._heap)

    def rewind(self, to: int) -> None:
        """Drop the fires of current entries after `to`, because their groups give them out again."""
        for _, _, run in self._heap:
            if not run.entry.ended:
                run.until = min(run.until, to)
        self._heap = [item for item in self._heap if item[0] <= item[2].until]
        heapq.heapify(self._heap)

    def leave_out(self, fires: Iterable[Fire]) -> None:
        """Drop these fires, which may have been added again by late news of their values."""
        names = {entry.task.name for entry in self.entries()}
        for fire in fires:
            if fire.task.name in names:
                self._leave_out(fire)

    def _leave_out(self, fire: Fire) -> None:
        for item in [item for item in self._heap if item[2].entry.task.name == fire.task.name]:
            first, _, run = item
            if first <= fire.due <= run.until:
                self._heap.remove(item)
                heapq.heapify(self._heap)
                self.add(run.entry, first - 1, fire.due - 1, stored_at=run.stored_at)
                self.add(run.entry, fire.due, run.until, stored_at=run.stored_at)

    def _find_next(self, beyond: int) -> int:
        """Move the first run to its next instant, or drop it if there is none; returns how far it was moved."""
        first, serial, run = self._heap[0]
        due = run.next(first - 1 + beyond)
        if due <= run.until:
            heapq.heapreplace(self._heap, (due, serial, run))
        else:
            heapq.heappop(self._heap)
        return due - first
