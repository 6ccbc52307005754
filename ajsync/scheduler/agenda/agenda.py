"""The agenda: which schedule is due when. Pure: time is an argument. No fire is given out twice unless asked for.

Schedules with the same times share one timetable; its next instant is computed once and kept in a heap.

What is due follows from the history of the bucket alone, so every scheduler that has seen the same history gives out
the same fires. A value is due at its instants after the moment when it was stored, up to and including the moment when
it was replaced or deleted.

No call searches more than a few hundred instants, however many schedules there are and however long the gap is. Later
calls do the rest.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import chain, count, islice

from ajsync.asyncjobs.due import Times, times_of
from ajsync.asyncjobs.model import ScheduledTask
from ajsync.scheduler.agenda.runs import AgendaRuns
from ajsync.scheduler.agenda.sources import EFFORT, FOREVER, AgendaEntry, Fire, Group, Stretch
from ajsync.timestamp import NANOSECONDS

__all__ = ["FOREVER", "Agenda", "AgendaEntry", "Fire"]

CAME_BACK_WITHIN = 60 * NANOSECONDS
"""An entry that is deleted and comes back within this time, with its old creation time, goes on where it was: beside a
Go scheduler, an update is a delete and a create. An entry that comes back from a pause says so, and begins anew."""
_NEWS_TAKES = 2 * NANOSECONDS
"""A leader learns of a value some time after it was stored, so what it says of an instant right after that does not
concern the fires that the value brings late."""
_PAUSE_AFTER = 100
"""How many groups are searched between two pauses."""
_GIVEN_AT_ONCE = 2000
"""How many fires one call gives out; those of the last instant may exceed it."""


class Agenda:
    """Gives out each fire once, in the order in which fires are due, unless it is told to go back."""

    def __init__(
        self,
        position: int,
        *,
        look_back: int = FOREVER,
        on_next: Callable[[Iterable[AgendaEntry], int], None] = lambda _entries, _due: None,
    ) -> None:
        """`look_back`, in nanoseconds, is for how long the fires of a value that ended still matter.

        The catch-up window of a value, if it has one, is added to that. `on_next` is called with entries that are due
        together and their next due instant when that is found; the entries may change until it looks at them.
        """
        self.position = position
        """Everything due at or before this instant has been given out."""
        self._look_back = look_back
        self._on_next = on_next
        self._entries: dict[str, AgendaEntry] = {}
        self._deleted: dict[str, tuple[ScheduledTask, int]] = {}
        """Name → value and time of deletion of an entry that may come back."""
        self._groups: dict[Times, Group] = {}
        self._heap: list[tuple[int, int, Group]] = []
        """A heap of groups by their next due instant. If the position has passed that, the next one is still to be
        found."""
        self._kept: list[AgendaEntry] = []
        """Entries that ended, and had fires that a leader may not have made good."""
        self._open: dict[str, dict[int, Fire | None]] = {}
        """The entries of fires that the leader has not settled, by name and instant; None while the entry counts or is
        not known."""
        self._open_after: int | None = None
        """After this instant there may be more fires that the leader has not settled."""
        self._serial = count()
        self._runs = AgendaRuns(self._serial)
        """The fires that are outside the groups."""

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def entries(self) -> Iterator[AgendaEntry]:
        """The current entries."""
        return iter(self._entries.values())

    def entry(self, name: str) -> AgendaEntry | None:
        """The current entry of a name; None if there is none."""
        return self._entries.get(name)

    def task(self, name: str) -> ScheduledTask | None:
        """The current value of a name; None if there is none."""
        entry = self._entries.get(name)
        return None if entry is None else entry.task

    def names(self) -> list[str]:
        """The names of the current entries."""
        return [*self._entries]

    def next_of(self, name: str) -> int | None:
        """When a schedule is due next after the position, according to the last search; None if it is not due again."""
        entry = self._entries.get(name)
        return None if entry is None else self._groups[entry.times].due

    def tasks(self) -> dict[str, ScheduledTask]:
        """The current values by name."""
        return {name: entry.task for name, entry in self._entries.items()}

    def entries_until(self, until: int) -> list[AgendaEntry]:
        """The current entries, and the replaced or deleted ones that still have something to fire by then."""
        return [*self._entries.values(), *self._ended(until)]

    def _ended(self, until: int = FOREVER) -> Iterable[AgendaEntry]:
        """The replaced or deleted entries that still have something to fire by then."""
        return {id(entry): entry for entry in chain(self._runs.ended(until), self._kept)}.values()

    def load(self, task: ScheduledTask, stored_at: int) -> None:
        """Take in a value that existed before this agenda. Its fires up to the position are not given out.

        Raises ScheduleError.
        """
        self._add(task, stored_at)

    def put(self, task: ScheduledTask, stored_at: int) -> None:
        """Take in the value that was stored for a name at this instant, new or changed. Raises ScheduleError.

        Fires after that instant are given out even if the position has passed it, because the news may be late. After
        an error the name no longer has an entry.
        """
        came_back = self._deleted.pop(task.name, None)
        self._leave_out_pauses(task, stored_at)
        self._end(task.name, stored_at)
        since = stored_at
        if came_back is not None:
            before, deleted_at = came_back
            alike = (before.created_at, before.pauses) == (task.created_at, task.pauses)
            if alike and stored_at - deleted_at <= CAME_BACK_WITHIN:
                since = deleted_at
        entry = self._add(task, since)
        if since < self.position:
            self._runs.add(entry, since, self.position, stored_at=stored_at)
            first = entry.times.next(since) or FOREVER
            self._on_next((entry,), first)
            if first < self.position:  # of fires later than an update takes, the first is enough
                for due in entry.times.between(first, min(since + CAME_BACK_WITHIN, self.position)):
                    self._on_next((entry,), due)

    def remove(self, name: str, deleted_at: int) -> bool:
        """Take out a name that was deleted at this instant; False if there is none."""
        entry = self._end(name, deleted_at)
        if entry is None:
            return False
        self._deleted[name] = (entry.task, deleted_at)
        return True

    def between(self, after: int, until: int) -> Iterator[Fire | None]:
        """What was due in (`after`, `until`] by the current values; changes during the iteration may be left out.

        It yields None where the caller may pause, because there may be little to find in ten thousand schedules.
        """
        for number, group in enumerate(list(self._groups.values()), 1):
            if number % _PAUSE_AFTER == 0:
                yield None
            members = list(group.members.values())
            for due in group.times.between(after, until):
                yield from (Fire(due, entry) for entry in members if entry.since < due)

    def next_due(self) -> int | None:
        """An instant before which nothing is due; None if nothing ever is."""
        self._drop_empty()
        instants = [max(due, self.position + 1) for due, *_ in self._heap[:1]]
        first = self._runs.next_due()
        if first is not None:
            instants.append(first)
        return min(instants, default=None)

    def upcoming(self, count: int) -> list[Fire]:
        """The next `count` fires, without giving them out; if too many are due at one instant, any of them.

        After a long gap it takes a few calls to see all of them.
        """
        self._search_some()
        heap: list[tuple[int, int, Group | Stretch]] = [*self._runs.upcoming(count)]
        # Each of the first groups has at least one fire, so no more groups are needed.
        heap += [item for item in heapq.nsmallest(count, self._heap) if item[0] > self.position]
        heapq.heapify(heap)
        fires: list[Fire] = []
        while heap and heap[0][0] != FOREVER and len(fires) < count:
            due, serial, source = heapq.heappop(heap)
            found = list(islice(source.counting(due), count))
            fires += found
            heapq.heappush(heap, (source.next(due) if found else source.following(due), serial, source))
        fires.sort(key=lambda fire: (fire.due, fire.task.name))
        return fires[:count]

    def advance(self, until: int) -> list[Fire]:
        """The fires due up to `until` that were not given out, in order of instant and name; the position moves there.

        If there are very many, only the first part is returned, and the position moves less far. Then call it again.
        """
        fires = self._runs.take(until)
        if self._search_some():
            self._advance_groups(until, fires)
        self._forget_deleted()
        fires.sort(key=lambda fire: (fire.due, fire.task.name))
        return fires

    def overdue(self, until: int) -> Iterator[Fire]:
        """The fires due up to `until` that were not given out although the position has passed them, because news came
        late."""
        return self._runs.peek(min(until, self.position))

    def give_back(self, fires: Iterable[Fire]) -> None:
        """Take back fires that were given out and not fired. They will be given out again, whatever the position is."""
        self._runs.give_back(fires)

    def skip(self, until: int, *, after: int = -1, but_after: int | None = None, stored_by: int = FOREVER) -> None:
        """Skip the fires that are due after `after` and at or before `until`.

        Entries that ended after `but_after` are kept for `entries_until`, and fires that came late by a value that was
        stored after `stored_by` are not skipped.
        """
        if but_after is not None:
            self.keep(self._runs.entries())
        kept_after = until if but_after is None else but_after
        self._kept = [entry for entry in self._kept if entry.until > kept_after]
        self._runs.skip(after, until, stored_by=stored_by)
        self.position = max(self.position, until)
        self._search_some()
        self._forget_deleted()

    def keep(self, entries: Iterable[AgendaEntry]) -> None:
        """Keep the entries that ended for `entries_until`, until their fires are skipped."""
        kept = {id(entry): entry for entry in (*self._kept, *entries) if entry.ended}
        self._kept = list(kept.values())

    def follow(self, instant: int, unsettled: Collection[tuple[str, int]], open_after: int | None = None) -> None:
        """Take in how far another scheduler has come: of the fires due at or before `instant`, only `unsettled` are
        open.

        `unsettled` has names and due instants; `take_open` gives these fires out. After `open_after` there may be more.
        """
        before, self._open = self._open, {}
        for name, due in unsettled:
            if due <= instant:
                self._open.setdefault(name, {})[due] = before.get(name, {}).get(due)
        for entry in self._ended():
            self._keep_open(entry)
        self._open_after = open_after
        self.skip(instant, but_after=open_after, stored_by=instant - _NEWS_TAKES)

    def take_open(self) -> list[Fire]:
        """Give out the unsettled fires that `follow` took in, in order of instant and name.

        An instant for which no value is known is left out.
        """
        for name in self._open.keys() & self._entries.keys():
            self._keep_open(self._entries[name])
        fires = [fire for dues in self._open.values() for fire in dues.values() if fire is not None]
        self._open, self._open_after = {}, None
        fires.sort(key=lambda fire: (fire.due, fire.task.name))
        self._runs.leave_out(fires)
        return fires

    def rewind(self, to: int) -> None:
        """Give out again what is due after `to`."""
        for name, dues in self._open.items():
            self._open[name] = {due: fire for due, fire in dues.items() if fire is not None or due <= to}
        self._runs.rewind(to)
        self._heap = [(to, serial, group) for _, serial, group in self._heap]
        self.position = to
        self._search_some()

    def _add(self, task: ScheduledTask, since: int) -> AgendaEntry:
        times = times_of(task)
        entry = self._entries[task.name] = AgendaEntry(task, times, since)
        group = self._groups.get(times)
        if group is None:
            group = self._groups[times] = Group(times)
            group.due = group.next(self.position)
            heapq.heappush(self._heap, (group.due, next(self._serial), group))
        group.members[task.name] = entry
        self._on_next((entry,), group.due)
        return entry

    def _leave_out_pauses(self, task: ScheduledTask, stored_at: int) -> None:
        """End the old value for each pause that the new value remembers and the watch has not reported.

        A scheduler that was cut off for a while, or came when the bucket no longer held the delete, learns of pauses
        here.
        """
        entry = self._entries.get(task.name)
        if entry is None or task.pauses == entry.task.pauses:
            return
        for since, until in sorted({*task.pauses}.difference(entry.task.pauses)):
            if entry.since < until and since < stored_at:
                self._end(task.name, max(since, entry.since))
                entry = self._add(entry.task, min(until, stored_at))
                self._runs.add(entry, entry.since, self.position, stored_at=stored_at)

    def _end(self, name: str, at: int) -> AgendaEntry | None:
        """End the entry of a name. Earlier fires of it that are not given out yet stay."""
        entry = self._entries.pop(name, None)
        if entry is None:
            return None
        entry.until = at
        self._keep_open(entry)
        del self._groups[entry.times].members[name]
        asked_for = at - self._look_back - entry.task.settings.catchup_window
        self._runs.add(entry, max(self.position, entry.since, asked_for), at)
        if self._open_after is not None and at > self._open_after:
            self.keep([entry])
        return entry

    def _keep_open(self, entry: AgendaEntry) -> None:
        """Remember an entry for those of the unsettled fires that belong to it."""
        dues = self._open.get(entry.task.name, {})
        for due, fire in dues.items():
            if fire is None and entry.is_due(due):
                dues[due] = Fire(due, entry)

    def _advance_groups(self, until: int, fires: list[Fire]) -> None:
        """Add the fires of groups up to `until`, or the first part of them, and move the position there."""
        effort, last = 0, -1
        given: list[tuple[int, int, Group]] = []
        while self._heap and self._heap[0][0] <= until:
            due = self._heap[0][0]
            enough = effort >= EFFORT or len(fires) >= _GIVEN_AT_ONCE
            if enough and due != last:
                until = due - 1
                break
            last = due
            _, serial, group = heapq.heappop(self._heap)
            found = list(group.counting(due))
            fires += found
            if enough:
                given.append((due, serial, group))
            elif group.members:
                heapq.heappush(self._heap, (self._next(group, due, bool(found)), serial, group))
                effort += group.effort
            else:
                del self._groups[group.times]
        for item in given:
            heapq.heappush(self._heap, item)
        self.position = max(self.position, until)

    def _search_some(self) -> bool:
        """Find the next instants of the groups that the position has passed; False if some groups are left."""
        effort = 0
        self._drop_empty()
        while self._heap and self._heap[0][0] <= self.position:
            if effort >= EFFORT:
                return False
            _, serial, group = self._heap[0]
            effort += group.effort
            heapq.heapreplace(self._heap, (self._next(group, self.position), serial, group))
            self._drop_empty()
        return True

    def _next(self, group: Group, after: int, fires: bool = True) -> int:
        """Find when a group is due next, or if it had no `fires` at `after`, when it may have some."""
        group.due = group.next(after) if fires else group.following(after)
        self._on_next(group.members.values(), group.due)
        return group.due

    def _forget_deleted(self) -> None:
        if self._deleted:
            oldest = self.position - 2 * CAME_BACK_WITHIN  # the position of a leader is ahead of the clock
            self._deleted = {name: when for name, when in self._deleted.items() if when[1] >= oldest}

    def _drop_empty(self) -> None:
        while self._heap and not self._heap[0][2].members:
            _, _, group = heapq.heappop(self._heap)
            del self._groups[group.times]
