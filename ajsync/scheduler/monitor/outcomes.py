"""The outcomes of all schedules: what became of the last fires of each, from whatever one hears of their tasks. Pure.

Every scheduler keeps them, whether it leads or not. Of a schedule they hold the newest fire, those whose work has not
ended, and what all earlier ones come to, so their size depends on the number of schedules alone.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ajsync.asyncjobs.ids import fire_task_id
from ajsync.asyncjobs.outcome import ScheduleOutcome, WorkOutcome, is_failure, newer, schedule_outcome

MOST_OPEN = 8
"""Fires of one schedule whose work has not ended, besides the newest; older ones count as they are then."""
MOST_EXPECTED = 8
"""Fires of one schedule of which nothing is known yet."""
_NOT_KEPT = WorkOutcome(0, "", "", 0)


@dataclass(slots=True, eq=False)
class _Tracked:
    """What is kept of one schedule."""

    name: str
    queue: str
    fires: list[WorkOutcome] = field(default_factory=list)
    """By due instant: those whose work has not ended, and the newest."""
    expected: tuple[int, ...] = ()
    """The due instants of fires of which nothing is known yet."""
    before: ScheduleOutcome | None = None
    """What all earlier fires come to; the last of them is `_NOT_KEPT`."""

    def outcome(self) -> ScheduleOutcome | None:
        return schedule_outcome(self.fires, self.before)


class Outcomes:
    """What became of the last fires of each schedule."""

    def __init__(self, knows: Callable[[str], bool] = lambda _name: True) -> None:
        """`knows` says whether a schedule of a name exists: one that is gone does not fail."""
        self._knows = knows
        self._schedules: dict[str, _Tracked] = {}
        self._tasks: dict[str, tuple[_Tracked, int]] = {}
        """By the ids of their tasks, the fires that are followed: the schedule, and the due instant."""
        self._failing: dict[str, int] = {}
        """Name → since when it fails."""
        self._counts: Counter[tuple[str, str]] = Counter()

    def __len__(self) -> int:
        """How many schedules are followed."""
        return len(self._schedules)

    def of(self, name: str) -> ScheduleOutcome | None:
        """What became of the last fires of one schedule; None if nothing is known."""
        followed = self._schedules.get(name)
        return None if followed is None else followed.outcome()

    def failing(self, most: int = 200) -> list[tuple[str, ScheduleOutcome]]:
        """The schedules whose work fails, `most` of them: those first that have failed for longest."""
        there = ((since, name) for name, since in self._failing.items() if self._knows(name))
        found = ((name, self.of(name)) for _, name in heapq.nsmallest(most, there))
        return [(name, outcome) for name, outcome in found if outcome is not None]

    @property
    def failing_count(self) -> int:
        """How many schedules fail."""
        return sum(map(self._knows, self._failing))

    def counts(self) -> Mapping[tuple[str, str], int]:
        """How many schedules there are of each queue and state of the last fire."""
        return +self._counts

    def states(self) -> Iterator[tuple[str, str]]:
        """The name of each schedule, and the state of its last fire."""
        return ((each.name, each.fires[-1].state) for each in self._schedules.values() if each.fires)

    def expect(self, name: str, queue: str, due: int, task_id: str) -> None:
        """Follow a fire, whose task has or will have this id."""
        followed = self._follow(name, queue)
        if task_id in self._tasks:
            return
        expected = (*followed.expected, due)
        for dropped in expected[:-MOST_EXPECTED]:
            self._unfollow(followed, dropped)
        followed.expected = expected[-MOST_EXPECTED:]
        self._tasks[task_id] = followed, due

    def fire_of(self, task_id: str) -> tuple[str, str, int] | None:
        """The schedule, the queue and the due instant of a task; None if that is not followed."""
        found = self._tasks.get(task_id)
        return None if found is None else (found[0].name, found[0].queue, found[1])

    def see(self, name: str, queue: str, outcome: WorkOutcome) -> bool:
        """Take in what became of a fire; False if that is no news.

        No news is what is older than what is known of the fire, and of a fire that is neither followed nor the newest.
        """
        followed = self._follow(name, queue)
        fires = followed.fires
        index = next((index for index, each in enumerate(fires) if each.due == outcome.due), None)
        if index is not None:
            held = fires[index]
            latest = newer(held, outcome)
            if latest == held:
                return False
            fires[index] = latest
            self._refresh(followed, held if index == len(fires) - 1 else fires[-1])
            return True
        newest = fires[-1] if fires else None
        if outcome.due in followed.expected:
            followed.expected = tuple(due for due in followed.expected if due != outcome.due)
        elif newest is not None and outcome.due < newest.due:
            return False
        else:
            self._tasks[outcome.task_id or fire_task_id(name, outcome.due)] = followed, outcome.due
        fires.append(outcome)
        if newest is not None and outcome.due < newest.due:
            fires.sort(key=lambda each: each.due)
        self._refresh(followed, newest)
        return True

    def found(self, name: str, queue: str, fires: Sequence[WorkOutcome], *, is_whole: bool) -> None:
        """Take in the last fires of a schedule as they were found, in any order, in place of what was known of them.

        `is_whole` says whether a success is among them or nothing is before them; otherwise more may have failed.
        """
        if not fires:
            return
        followed = self._follow(name, queue)
        known, newest = followed.outcome(), followed.fires[-1] if followed.fires else None
        latest = {each.due: each for each in fires}
        oldest = min(latest)
        for each in followed.fires:
            if each.due in latest:
                latest[each.due] = newer(latest[each.due], each)
            elif each.due > oldest:  # it came while the others were looked for
                latest[each.due] = each
            else:
                self._unfollow(followed, each.due)
        followed.fires = [latest[due] for due in sorted(latest)]
        followed.before = None if known is None else _earlier(known, followed.fires, is_whole)
        followed.expected = tuple(due for due in followed.expected if due not in latest)
        for each in followed.fires:
            self._tasks[each.task_id or fire_task_id(name, each.due)] = followed, each.due
        self._refresh(followed, newest)

    def keep(self, names: Iterable[str]) -> None:
        """Forget all schedules but these."""
        for name in [*self._schedules.keys() - {*names}]:
            followed = self._schedules.pop(name)
            self._failing.pop(name, None)
            if followed.fires:
                self._counts[followed.queue, followed.fires[-1].state] -= 1
            for due in (*followed.expected, *(each.due for each in followed.fires)):
                self._unfollow(followed, due)

    def _follow(self, name: str, queue: str) -> _Tracked:
        followed = self._schedules.get(name)
        if followed is None:
            followed = self._schedules[name] = _Tracked(name, queue)
        elif followed.queue != queue:
            if followed.fires:
                self._counts[followed.queue, followed.fires[-1].state] -= 1
                self._counts[queue, followed.fires[-1].state] += 1
            followed.queue = queue
        return followed

    def _unfollow(self, followed: _Tracked, due: int) -> None:
        self._tasks.pop(fire_task_id(followed.name, due), None)

    def _refresh(self, followed: _Tracked, newest: WorkOutcome | None) -> None:
        """Fold what need not be followed any more, and count; `newest` was the newest fire before."""
        fires = followed.fires
        if newest is not None:
            self._counts[followed.queue, newest.state] -= 1
        self._counts[followed.queue, fires[-1].state] += 1
        if len(fires) > 1:
            self._fold(followed)
        outcome = followed.outcome() if followed.before is not None or any(map(is_failure, fires)) else None
        if outcome is not None and outcome.failures:
            self._failing[followed.name] = outcome.failing_since
        elif self._failing:
            self._failing.pop(followed.name, None)

    def _fold(self, followed: _Tracked) -> None:
        *earlier, newest = followed.fires
        still_open = [each for each in earlier if each.is_unfinished][-MOST_OPEN:]
        if len(still_open) == len(earlier):
            return
        followed.fires = [*still_open, newest]
        kept = {each.due for each in still_open}
        folded = [each for each in earlier if each.due not in kept]
        before = schedule_outcome(folded, followed.before)
        followed.before = None if before is None else replace(before, last=_NOT_KEPT)
        for each in folded:
            self._unfollow(followed, each.due)


def _earlier(known: ScheduleOutcome, found: Sequence[WorkOutcome], is_whole: bool) -> ScheduleOutcome:
    """What the fires before those that were found come to, if all together came to what is known.

    Some workers delete a task that has succeeded, so a success that was heard of counts although it is not found.
    """
    since, success = known.failing_since, known.last_success
    if is_whole or not 0 < since < found[0].due:
        return ScheduleOutcome(_NOT_KEPT, success)
    more = known.failures - sum(is_failure(each) for each in found)
    return ScheduleOutcome(_NOT_KEPT, success, since, since, max(more, 1))
