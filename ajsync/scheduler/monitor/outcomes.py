"""The outcomes of all schedules: what became of the last fires of each, as far as was heard or found. Pure.

Every scheduler keeps them, whether it leads or not. For each schedule they track the newest fire, the fires whose work
has not ended, and a summary of all earlier ones, so their size depends on the number of schedules alone.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from ajsync.asyncjobs.ids import fire_task_id
from ajsync.asyncjobs.outcome import ACTIVE, COMPLETE, ScheduleOutcome, WorkOutcome, newer
from ajsync.asyncjobs.tasks import NEW
from ajsync.scheduler.monitor.tracked import MOST_EXPECTED, TrackedSchedule, Waiting

_USUAL = frozenset((NEW, ACTIVE, COMPLETE))
"""The states of nearly all news; none is a failure."""


class Outcomes:
    """What became of the last fires of each schedule."""

    def __init__(self, knows: Callable[[str], bool] = lambda _name: True) -> None:
        """`knows` says whether a schedule of a name exists: one that is gone does not fail."""
        self._knows = knows
        self._schedules: dict[str, TrackedSchedule] = {}
        self._tasks: dict[str, tuple[TrackedSchedule, int]] = {}
        """Task id → the tracked fire that makes the task: its schedule and its due instant."""
        self._failing: dict[str, tuple[bool, int]] = {}
        """Name of a failing schedule → whether it is only a warning, and since when it fails."""
        self._overdue: dict[str, int] = {}
        """Name of an overdue schedule → by when it should have succeeded."""
        self.is_complete = False
        """Whether all schedules have been looked up since an event may last have gone unheard."""
        self.trouble = ""
        """Why these may be out of date, as a sentence; empty if nothing is wrong."""

    def __len__(self) -> int:
        """How many schedules are tracked."""
        return len(self._schedules)

    def __contains__(self, task_id: object) -> bool:
        """Whether the fire of a task with this id is tracked."""
        return task_id in self._tasks

    def of(self, name: str) -> ScheduleOutcome | None:
        """What became of the last fires of one schedule; None if nothing is known."""
        tracked = self._schedules.get(name)
        return None if tracked is None else tracked.outcome()

    def failing(self, most: int = 200) -> list[tuple[str, ScheduleOutcome]]:
        """Up to `most` schedules whose work fails: the bad ones before the warnings, and the longest failing first."""
        there = ((how, name) for name, how in self._failing.items() if self._knows(name))
        found = ((name, self.of(name)) for _, name in heapq.nsmallest(most, there))
        return [(name, outcome) for name, outcome in found if outcome is not None]

    @property
    def failing_count(self) -> int:
        """How many schedules fail."""
        return sum(map(self._knows, self._failing))

    def all_failing(self) -> frozenset[str]:
        """The names of all schedules that fail."""
        return frozenset(filter(self._knows, self._failing))

    def all_overdue(self) -> frozenset[str]:
        """The names of all schedules that should have succeeded by now."""
        return frozenset(filter(self._knows, self._overdue))

    def overdue(self, most: int = 200) -> list[tuple[str, int]]:
        """Up to `most` schedules that should have succeeded by an instant that has passed, with that instant.

        The earliest instant comes first, whether the schedules fail or only wait.
        """
        there = ((by, name) for name, by in self._overdue.items() if self._knows(name))
        return [(name, by) for by, name in heapq.nsmallest(most, there)]

    @property
    def overdue_count(self) -> int:
        """How many schedules should have succeeded by now."""
        return sum(map(self._knows, self._overdue))

    def counts(self) -> Mapping[tuple[str, str], int]:
        """How many schedules there are, by queue and state of the last fire."""
        return Counter([(each.queue, each.fires[-1].state) for each in self._schedules.values() if each.fires])

    def states(self) -> Iterator[tuple[str, str]]:
        """The name of each schedule, and the state of its last fire."""
        return ((each.name, each.fires[-1].state) for each in self._schedules.values() if each.fires)

    def expect(self, name: str, queue: str, due: int, task_id: str) -> None:
        """Track a fire whose task has this id, or will have it."""
        tracked = self._track(name, queue)
        if task_id in self._tasks:
            return
        if len(tracked.expected) >= MOST_EXPECTED:
            self._untrack(tracked, tracked.expected[0])
            tracked.expected = tracked.expected[1:]
        tracked.expected = (*tracked.expected, due)
        self._tasks[task_id] = tracked, due

    def fire_of(self, task_id: str) -> tuple[TrackedSchedule, int] | None:
        """The fire that made a task: its schedule and its due instant; None if it is not tracked."""
        return self._tasks.get(task_id)

    def see(self, name: str, queue: str, outcome: WorkOutcome) -> bool:
        """Take in what became of a fire; returns whether the fire has come into another state, as far as is known.

        A fire that is neither tracked nor newer than all tracked ones is ignored.
        """
        return self.hear(self._track(name, queue), outcome)

    def go_on(self, tracked: TrackedSchedule, due: int, state: str, at: int, tries: int) -> bool:
        """Take in that a task has come further, and has not failed; False if that is no usual news, but for `hear`."""
        if tracked.name in self._failing or not tracked.go_on(due, state, at, tries):
            return False
        if self._overdue and state == COMPLETE:
            self._overdue.pop(tracked.name, None)
        return True

    def hear(self, tracked: TrackedSchedule, outcome: WorkOutcome) -> bool:
        """Take in what became of a fire of a tracked schedule, as `see` does."""
        name, fires = tracked.name, tracked.fires
        newest = fires[-1] if fires else None
        if newest is not None and outcome.state in _USUAL and name not in self._failing and tracked.begin(outcome):
            self._begun(tracked, newest)
            return True
        held = next((each for each in fires if each.due == outcome.due), None)
        if held is not None:
            latest = newer(held, outcome)
            fires[fires.index(held)] = latest
            self._refresh(tracked)
            return (latest.state, latest.tries) != (held.state, held.tries)
        if outcome.due in tracked.expected:
            tracked.expected = tuple(due for due in tracked.expected if due != outcome.due)
            fires.append(outcome)
            fires.sort(key=lambda each: each.due)
        elif newest is None or newest.due < outcome.due:
            self._tasks[outcome.task_id or fire_task_id(name, outcome.due)] = tracked, outcome.due
            fires.append(outcome)
        else:
            return False
        self._refresh(tracked)
        return True

    def found(self, name: str, queue: str, fires: Sequence[WorkOutcome], *, open_from: int, is_whole: bool) -> None:
        """Take in the last fires of a schedule as they were looked up, in any order, instead of what was known of them.

        A fire due at `open_from` or later may still make its task if nothing was found of it. `is_whole` says whether
        the found fires include a success or are all there are; otherwise earlier fires may have failed, too.
        """
        tracked = self._track(name, queue)
        tracked.is_looked_up = True
        there = {each.due for each in (*fires, *tracked.fires)}
        for due in tracked.expected:
            if due < open_from and due not in there:
                self._untrack(tracked, due)
        tracked.expected = tuple(due for due in tracked.expected if due >= open_from and due not in there)
        if not fires:
            return
        for each in tracked.merge(fires, is_whole=is_whole):
            self._untrack(tracked, each.due, each.task_id)
        for each in tracked.fires:
            self._tasks[each.task_id or fire_task_id(name, each.due)] = tracked, each.due
        self._refresh(tracked)

    def uncertain(self, schedules: Iterable[str], before: int, *, unfinished: bool) -> list[str]:
        """Those of these schedules that have to be looked up: see `TrackedSchedule.is_uncertain`."""
        found = ((name, self._schedules.get(name)) for name in schedules)
        return [name for name, each in found if each is None or each.is_uncertain(before, unfinished=unfinished)]

    def waiting(self, schedules: Iterable[str], before: int) -> Iterator[Waiting]:
        """What those of these schedules wait for that have waited for a success since before an instant."""
        found = (self._schedules[name].waiting() for name in schedules if name in self._schedules)
        return (each for each in found if each is not None and each.due < before)

    def judged(self, overdue: dict[str, int]) -> None:
        """Take in which schedules should have succeeded by now, and by when."""
        self._overdue = overdue

    def doubt(self, name: str) -> None:
        """Take in that something that was heard of a schedule is not reliable."""
        tracked = self._schedules.get(name)
        if tracked is not None:
            tracked.is_looked_up = False

    def names(self) -> list[str]:
        """The schedules that are tracked."""
        return [*self._schedules]

    def forget(self, names: Iterable[str]) -> None:
        """Forget these schedules."""
        for name in names:
            tracked = self._schedules.pop(name)
            self._failing.pop(name, None)
            self._overdue.pop(name, None)
            for due in (*tracked.expected, *(each.due for each in tracked.fires)):
                self._untrack(tracked, due)

    def _begun(self, tracked: TrackedSchedule, former: WorkOutcome) -> None:
        """Take in the task of a new newest fire, which follows one that has succeeded."""
        newest = tracked.fires[-1]
        self._tasks.pop(former.task_id, None)
        if tracked.expected == (newest.due,):
            tracked.expected = ()
        elif newest.due in tracked.expected:
            tracked.expected = tuple(due for due in tracked.expected if due != newest.due)
        else:
            self._tasks[newest.task_id] = tracked, newest.due
        if self._overdue and newest.state == COMPLETE:
            self._overdue.pop(tracked.name, None)

    def _track(self, name: str, queue: str) -> TrackedSchedule:
        tracked = self._schedules.get(name)
        if tracked is None:
            tracked = self._schedules[name] = TrackedSchedule(name, queue)
        tracked.queue = queue
        return tracked

    def _untrack(self, tracked: TrackedSchedule, due: int, task_id: str = "") -> None:
        self._tasks.pop(task_id or fire_task_id(tracked.name, due), None)

    def _refresh(self, tracked: TrackedSchedule) -> None:
        """Take in whether a schedule fails after a change."""
        for each in tracked.fold():
            self._untrack(tracked, each.due, each.task_id)
        if (failing := tracked.failing()) is not None:
            self._failing[tracked.name] = failing
        elif self._failing:
            self._failing.pop(tracked.name, None)
        if self._overdue and tracked.fires[-1].state == COMPLETE:
            self._overdue.pop(tracked.name, None)
