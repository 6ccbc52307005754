"""The agenda: which schedule is due when. Pure: time enters as an argument, and nothing is given out twice unless it is
told to go back.

Schedules with the same times share one timetable, whose next instant is computed once and waits in a heap.

What is due follows from the history of the bucket alone, so that every scheduler that has seen the same history gives
out the same fires: under a value is due what lies after the moment in which that value was stored, up to and with the
moment in which it was replaced or deleted.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import count, islice
from typing import Any, TypeVar

from ajsync.asyncjobs.due import Times, times_of
from ajsync.asyncjobs.model import ScheduledTask
from ajsync.asyncjobs.timestamp import NANOSECONDS

Queued = TypeVar("Queued", bound=tuple[Any, ...])
"""What waits in a heap: tuples that differ before they come to what has no order."""

FOREVER = 2**63 - 1
CAME_BACK_WITHIN = 60 * NANOSECONDS
"""An entry that is deleted and comes back within this, with its old time of creation, goes on where it was: beside a Go
scheduler an update is a delete and a create."""


class Entry:
    """One value of one schedule, and the time in which it counts."""

    __slots__ = ("since", "task", "times", "until")

    def __init__(self, task: ScheduledTask, times: Times, since: int) -> None:
        self.task = task
        self.times = times
        self.since = since
        """Nothing is due at or before this instant."""
        self.until = FOREVER
        """Nothing is due after this instant: the entry was replaced or deleted then."""


@dataclass(frozen=True, slots=True)
class Fire:
    """A schedule that is due at an instant, in nanoseconds since 1970."""

    due: int
    entry: Entry

    @property
    def task(self) -> ScheduledTask:
        """The schedule's value."""
        return self.entry.task

    @property
    def stands(self) -> bool:
        """False once a change to the schedule, made before the fire was due, has taken it back."""
        return self.due <= self.entry.until


class _Group:
    """The entries that are due together."""

    __slots__ = ("members", "times")

    def __init__(self, times: Times) -> None:
        self.times = times
        self.members: dict[str, Entry] = {}

    def fires(self, due: int) -> list[Fire]:
        """Those of the members that count by then."""
        return list(self.counting(due))

    def counting(self, due: int) -> Iterator[Fire]:
        """The same, one by one."""
        return (Fire(due, entry) for entry in self.members.values() if entry.since < due)

    def counts_from(self, instant: int) -> int:
        """This instant, or the first later one after which a member counts; it may be years later."""
        return max(instant, min((entry.since for entry in self.members.values()), default=instant))


class Agenda:
    """Gives out each fire once, in the order in which they are due, unless it is told to go back."""

    def __init__(self, position: int, *, look_back: int = FOREVER) -> None:
        """`look_back`: of a value that ends, nobody asks for what was due longer before that, in nanoseconds.

        Where the value has a catch-up window of its own, it is so much more.
        """
        self.position = position
        """Everything due at or before this instant has been given out."""
        self._look_back = look_back
        self._entries: dict[str, Entry] = {}
        self._deleted: dict[str, tuple[int, int]] = {}
        """Name → time of creation and of deletion, of what may come back."""
        self._groups: dict[Times, _Group] = {}
        self._heap: list[tuple[int, int, _Group]] = []
        self._extra: list[tuple[int, int, Entry]] = []
        """Fires that belong to no group any more, or not yet."""
        self._open: set[tuple[str, int]] = set()
        """Names and instants of fires that the leader has not settled, of entries that count now or are not known."""
        self._open_known: dict[tuple[str, int], Fire] = {}
        """The same, of entries that ended since, or that were given back."""
        self._serial = count()

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def entries(self) -> Iterator[Entry]:
        """The entries that count now."""
        return iter(self._entries.values())

    def task(self, name: str) -> ScheduledTask | None:
        """The value that counts now for a name; None where there is none."""
        entry = self._entries.get(name)
        return None if entry is None else entry.task

    def entries_until(self, until: int) -> list[Entry]:
        """The entries that count now, and those that were replaced or deleted with something still to fire by then."""
        ended = {id(entry): entry for due, _, entry in self._extra if due <= until and entry.until != FOREVER}
        return [*self._entries.values(), *ended.values()]

    def load(self, task: ScheduledTask, stored_at: int) -> None:
        """Take in a value that was there before this agenda was: what it was due up to the position is not its matter.

        Raises ScheduleError.
        """
        self._add(task, stored_at)

    def put(self, task: ScheduledTask, stored_at: int) -> None:
        """Take in the value that was stored for a name at this instant, new or changed. Raises ScheduleError.

        What is due after that instant is given out even where the position has passed it: the change may be news late.
        On an error the name has no entry any more.
        """
        came_back = self._deleted.pop(task.name, None)
        self._end(task.name, stored_at)
        since = stored_at
        if came_back is not None:
            created_at, deleted_at = came_back
            if created_at == task.created_at and stored_at - deleted_at <= CAME_BACK_WITHIN:
                since = deleted_at
        entry = self._add(task, since)
        self._add_extra(entry, since, self.position)

    def remove(self, name: str, deleted_at: int) -> bool:
        """Take out a name that was deleted at this instant; False if there is none."""
        entry = self._end(name, deleted_at)
        if entry is None:
            return False
        self._deleted[name] = (entry.task.created_at, deleted_at)
        return True

    def between(self, after: int, until: int) -> Iterator[Fire]:
        """What was due in (`after`, `until`] by the values that count now; changes meanwhile may be left out."""
        for group in list(self._groups.values()):
            members = list(group.members.values())
            for due in group.times.between(after, until):
                yield from (Fire(due, entry) for entry in members if entry.since < due)

    def next_due(self) -> int | None:
        """When something may be due next; None if nothing ever is."""
        self._drop_empty()
        instants = [heap[0][0] for heap in (self._heap, self._extra) if heap]
        return min(instants, default=None)

    def upcoming(self, count: int) -> list[Fire]:
        """The next so many fires, without giving them out; of those at one instant any.

        It is cheap, however many there are.
        """
        self._drop_empty()
        fires = [Fire(due, entry) for due, _, entry in soonest(self._extra, count)]
        # Each group that is among the first has at least one fire, so that no more of them are needed.
        heap, wanted = soonest(self._heap, count), count + len(fires)
        while heap and len(fires) < wanted:
            due, serial, group = heapq.heappop(heap)
            if due == FOREVER:
                break
            found = list(islice(group.counting(due), count))
            fires += found
            following = group.times.next(due if found else group.counts_from(due))
            if following is not None:
                heapq.heappush(heap, (following, serial, group))
        fires.sort(key=lambda fire: (fire.due, fire.task.name))
        return fires[:count]

    def advance(self, until: int) -> list[Fire]:
        """Everything due up to `until` and not given out, in order of instant and name; the position moves there."""
        fires: list[Fire] = []
        while self._extra and self._extra[0][0] <= until:
            due, _, entry = heapq.heappop(self._extra)
            fires.append(Fire(due, entry))
        self._drop_empty()
        while self._heap and self._heap[0][0] <= until:
            due, _, group = heapq.heappop(self._heap)
            found = group.fires(due)
            fires += found
            self._schedule(group, due if found else group.counts_from(due))
            self._drop_empty()
        self.position = max(self.position, until)
        self._forget_deleted()
        fires.sort(key=lambda fire: (fire.due, fire.task.name))
        return fires

    def give_back(self, fires: Iterable[Fire]) -> None:
        """Take back fires that were given out and not fired: they are due again, whatever the position."""
        for fire in fires:
            heapq.heappush(self._extra, (fire.due, next(self._serial), fire.entry))

    def skip(self, until: int) -> None:
        """Give out nothing any more of what is due at or before `until`."""
        self._extra = [item for item in self._extra if item[0] > until]
        heapq.heapify(self._extra)
        self._drop_empty()
        while self._heap and self._heap[0][0] <= until:
            _, _, group = heapq.heappop(self._heap)
            self._schedule(group, until)
            self._drop_empty()
        self.position = max(self.position, until)
        self._forget_deleted()

    def follow(self, instant: int, unsettled: Collection[tuple[str, int]]) -> None:
        """Take in how far another has come: of what is due at or before `instant` no more than these are not settled.

        They are names and due instants, and wait for `take_open`.
        """
        unsettled = {each for each in unsettled if each[1] <= instant}
        known = {key: fire for key, fire in self._open_known.items() if key in unsettled}
        if unsettled:
            for due, _, entry in self._extra:
                if (key := (entry.task.name, due)) in unsettled:
                    known[key] = Fire(due, entry)
        self._open_known = known
        self._open = unsettled - known.keys()
        self.skip(instant)

    def take_open(self) -> list[Fire]:
        """Give out what is not settled of what was followed, in order of instant and name.

        That of which no value is known can be no fire.
        """
        fires = [*self._open_known.values()]
        for name, due in self._open:
            entry = self._entries.get(name)
            if entry is not None and _is_due(entry, due):
                fires.append(Fire(due, entry))
        self._open, self._open_known = set(), {}
        given = {(fire.task.name, fire.due) for fire in fires}
        if given:  # late news of their values may have brought them once more
            self._extra = [item for item in self._extra if (item[2].task.name, item[0]) not in given]
            heapq.heapify(self._extra)
        return sorted(fires, key=lambda fire: (fire.due, fire.task.name))

    def rewind(self, to: int) -> None:
        """Give out once more what is due after `to`."""
        self._open = {each for each in self._open if each[1] <= to}
        self._extra = [item for item in self._extra if item[0] <= to or item[2].until != FOREVER]
        heapq.heapify(self._extra)
        self._heap.clear()
        for group in self._groups.values():
            self._schedule(group, to)
        self.position = to

    def _add(self, task: ScheduledTask, since: int) -> Entry:
        times = times_of(task)
        entry = self._entries[task.name] = Entry(task, times, since)
        group = self._groups.get(times)
        if group is None:
            group = self._groups[times] = _Group(times)
            self._schedule(group, self.position)
        group.members[task.name] = entry
        return entry

    def _end(self, name: str, at: int) -> Entry | None:
        """End the entry of a name; what it was due before that and is not given out yet stays."""
        entry = self._entries.pop(name, None)
        if entry is None:
            return None
        entry.until = at
        self._keep_open(entry)
        del self._groups[entry.times].members[name]
        asked_for = at - self._look_back - entry.task.settings.catchup_window
        self._add_extra(entry, max(self.position, entry.since, asked_for), at)
        return entry

    def _keep_open(self, entry: Entry) -> None:
        """Hold on to an entry that ends, for what it was due and is not settled."""
        for key in [each for each in self._open if each[0] == entry.task.name and _is_due(entry, each[1])]:
            self._open.remove(key)
            self._open_known[key] = Fire(key[1], entry)

    def _add_extra(self, entry: Entry, after: int, until: int) -> None:
        for due in entry.times.between(after, until):
            heapq.heappush(self._extra, (due, next(self._serial), entry))

    def _schedule(self, group: _Group, after: int) -> None:
        due = group.times.next(after)
        if due is None:
            due = FOREVER
        heapq.heappush(self._heap, (due, next(self._serial), group))

    def _forget_deleted(self) -> None:
        if self._deleted:
            oldest = self.position - 2 * CAME_BACK_WITHIN  # the position of a leader is ahead of the clock
            self._deleted = {name: when for name, when in self._deleted.items() if when[1] >= oldest}

    def _drop_empty(self) -> None:
        while self._heap and not self._heap[0][2].members:
            _, _, group = heapq.heappop(self._heap)
            del self._groups[group.times]


def _is_due(entry: Entry, due: int) -> bool:
    return entry.since < due <= entry.until and entry.times.next(due - 1) == due


def soonest(heap: list[Queued], count: int) -> list[Queued]:
    """The first of a heap in their order, as a heap; what is not among them is hardly looked at."""
    found: list[Queued] = []
    frontier = [(heap[0], 0)] if heap else []
    while frontier and len(found) < count:
        first, at = heapq.heappop(frontier)
        found.append(first)
        for below in (2 * at + 1, 2 * at + 2):
            if below < len(heap):
                heapq.heappush(frontier, (heap[below], below))
    return found
