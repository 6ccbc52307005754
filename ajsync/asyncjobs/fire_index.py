"""Which schedule made a task, and at which due instant, by the id of the task.

The id of a task that a schedule makes is computed from the schedule's name and the due instant, and holds the second of
that instant. So it can only come from a fire in that second of a schedule with the queue and the type of the task. A Go
scheduler makes tasks with random ids, so only the schedules that may have made one can be named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from ajsync.asyncjobs.due import Times, times_of
from ajsync.asyncjobs.ids import fire_task_id, second_of
from ajsync.asyncjobs.model import ScheduledTask
from ajsync.timestamp import NANOSECONDS

_MOST_FIRES = 100_000
"""How many fires are kept after they were looked for, besides those of the last second: some 30 MB."""
_MOST_NAMES = 5
"""How many of the schedules that may have made a task are named."""
_FOREVER = 2**63 - 1

_Kind = tuple[str, str]
"""The queue and the type of a task."""


@dataclass(frozen=True, slots=True)
class IndexedFire:
    """The fire that made a task."""

    task: ScheduledTask
    """The schedule."""
    due: int
    """Nanoseconds since 1970."""


@dataclass(frozen=True, slots=True)
class Guess:
    """The schedules that may have made a task with a random id."""

    count: int = 0
    names: tuple[str, ...] = ()
    """The first of them: the wanted ones, then the others, each by name."""


@dataclass(slots=True, eq=False)
class _DueTogether:
    """The schedules of one kind that are due together."""

    times: Times
    members: dict[str, ScheduledTask] = field(default_factory=dict)
    idle_after: int = 0
    """The instant after which nothing is due before `idle_until`."""
    idle_until: int = 0

    def dues(self, begin: int, end: int) -> Iterator[int]:
        """The instants from `begin` until before `end`."""
        if self.idle_after < begin and end <= self.idle_until:
            return
        after = begin - 1
        while (due := self.times.next(after)) is not None and due < end:
            yield due
            after = due
        self.idle_after, self.idle_until = after, _FOREVER if due is None else due


@dataclass(slots=True, eq=False)
class _Looked:
    """The result of looking for the fires of one kind and second."""

    change: int = 0
    """The number of the last change of a schedule of this kind at that time."""
    ids: list[str] = field(default_factory=list)
    guess: Guess | None = None
    """The guess; None until it is asked for."""


class FireIndex:
    """The schedules of a bucket, by what can be seen of them in their tasks."""

    def __init__(
        self, wanted: Callable[[ScheduledTask], bool] = lambda _task: True, *, most: int = _MOST_FIRES
    ) -> None:
        """All schedules must be put in, not only the `wanted` ones, or tasks of others would be taken for theirs."""
        self._wanted = wanted
        self._most = most
        self._kinds: dict[_Kind, dict[Times, _DueTogether]] = {}
        self._places: dict[str, tuple[_Kind, Times]] = {}
        """The group of each schedule, by name."""
        self._change = 0
        self._changes: dict[_Kind, int] = {}
        """The number of the last change of a schedule of each kind."""
        self.wanted: set[str] = set()
        """The names of the wanted schedules."""
        self._fires: dict[str, IndexedFire] = {}
        """The fires by the ids of their tasks."""
        self._looked: dict[tuple[_Kind, int], _Looked] = {}
        """The results by kind and second, the oldest first."""

    def __len__(self) -> int:
        """How many schedules it has."""
        return len(self._places)

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def task(self, name: str) -> ScheduledTask | None:
        """The schedule with a name."""
        if name not in self._places:
            return None
        kind, times = self._places[name]
        return self._kinds[kind][times].members[name]

    def put(self, task: ScheduledTask) -> None:
        """Take in a schedule, or its new value. Raises ScheduleError if it is never due because it is not valid."""
        self.remove(task.name)
        times, kind = times_of(task), (task.queue, task.task_type)
        group = self._kinds.setdefault(kind, {}).setdefault(times, _DueTogether(times))
        group.members[task.name] = task
        self._places[task.name] = kind, times
        if self._wanted(task):
            self.wanted.add(task.name)
        self._changed(kind)

    def remove(self, name: str) -> None:
        """Forget a schedule, except for the fires that were looked for, whose tasks may go on."""
        if name not in self._places:
            return
        kind, times = self._places.pop(name)
        self.wanted.discard(name)
        groups = self._kinds[kind]
        del groups[times].members[name]
        if not groups[times].members:
            del groups[times]
        if groups:
            self._changed(kind)
        else:
            del self._kinds[kind], self._changes[kind]

    def find(self, task_id: str, queue: str, task_type: str) -> IndexedFire | None:
        """The fire that made a task; None if none of these schedules did, or if the id is random."""
        if (found := self._fires.get(task_id)) is not None:
            return found
        second = second_of(task_id)
        if second is None or (queue, task_type) not in self._kinds:
            return None
        self._look((queue, task_type), second)
        return self._fires.get(task_id)

    def guess(self, task_id: str, queue: str, task_type: str) -> Guess:
        """The schedules that may have made a task with a random id.

        They have its queue and its type, and were due in the second of its id; or they have an `@every`, which a Go
        scheduler counts from its own start.
        """
        second = second_of(task_id)
        groups = self._kinds.get((queue, task_type))
        if second is None or groups is None:
            return Guess()
        looked = self._look((queue, task_type), second)
        if looked.guess is None:
            span = _span(second)
            fits = (each for each in groups.values() if each.times.timetable.is_every or [*each.dues(*span)])
            members = (name for group in fits for name in group.members)
            names = sorted(members, key=lambda name: (name not in self.wanted, name))
            looked.guess = Guess(len(names), tuple(names[:_MOST_NAMES]))
        return looked.guess

    def _changed(self, kind: _Kind) -> None:
        self._change += 1
        self._changes[kind] = self._change

    def _look(self, kind: _Kind, second: int) -> _Looked:
        """Look for the fires of one kind and second, unless that was done since the last change."""
        looked = self._looked.setdefault((kind, second), _Looked())
        if looked.change != self._changes[kind]:
            looked.change, looked.guess = self._changes[kind], None
            for group in self._kinds[kind].values():
                for due in group.dues(*_span(second)):
                    for name, task in group.members.items():
                        task_id = fire_task_id(name, due)
                        if task_id not in self._fires:
                            looked.ids.append(task_id)
                        self._fires[task_id] = IndexedFire(task, due)
            self._forget((kind, second))
        return looked

    def _forget(self, but: tuple[_Kind, int]) -> None:
        """Forget the oldest results if there are too many."""
        while len(self._fires) + len(self._looked) > self._most and len(self._looked) > 1:
            oldest = next(iter(self._looked))
            looked = self._looked.pop(oldest)
            if oldest == but:
                self._looked[oldest] = looked
                continue
            for task_id in looked.ids:
                del self._fires[task_id]


def _span(second: int) -> tuple[int, int]:
    """The nanoseconds since 1970 at which a second and the next one begin."""
    return second * NANOSECONDS, (second + 1) * NANOSECONDS
