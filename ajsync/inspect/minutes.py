"""How many fires are due in each minute: what a timeline shows and a herd is known by."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ajsync.asyncjobs.due import Times, times_of
from ajsync.asyncjobs.model import ScheduledTask
from ajsync.asyncjobs.timestamp import NANOSECONDS
from ajsync.errors import ScheduleError
from ajsync.schedule import Timetable

MINUTE = 60 * NANOSECONDS


@dataclass(frozen=True, slots=True)
class Grouped:
    """Schedules by when they are due."""

    groups: Mapping[Times, Sequence[ScheduledTask]]
    invalid: Mapping[str, str]
    """Name → reason, of those whose schedule cannot be read."""

    def __len__(self) -> int:
        """How many schedules are due at all."""
        return sum(map(len, self.groups.values()))


def grouped(tasks: Iterable[ScheduledTask]) -> Grouped:
    """Put together what is due together."""
    groups: dict[Times, list[ScheduledTask]] = defaultdict(list)
    invalid: dict[str, str] = {}
    for task in tasks:
        try:
            groups[times_of(task)].append(task)
        except ScheduleError as error:
            invalid[task.name] = str(error)
    return Grouped(groups, invalid)


def fires_by_minute(schedules: Grouped, start: int, until: int) -> Counter[int]:
    """How many fires are due in each minute that has any, from `start` on and before `until` (nanoseconds since 1970).

    A minute is given as its number since 1970.
    """
    counts: Counter[int] = Counter()
    for (timetable, phase), offsets in _by_timetable(schedules).items():
        # Jitter gives each schedule an offset of its own; the timetable is searched once for all of them.
        bases = list(Times(timetable, phase, 0).between(start - 1 - max(offsets), until - 1))
        for offset, members in offsets.items():
            for base in bases:
                if start <= base + offset < until:
                    counts[(base + offset) // MINUTE] += members
    return counts


def due_in_minute(schedules: Grouped, minute: int) -> list[str]:
    """The names of the schedules that are due in a minute, sorted."""
    begin = minute * MINUTE
    return sorted(
        task.name
        for times, tasks in schedules.groups.items()
        if (due := times.next(begin - 1)) is not None and due < begin + MINUTE
        for task in tasks
    )


def _by_timetable(schedules: Grouped) -> dict[tuple[Timetable, int], Counter[int]]:
    found: dict[tuple[Timetable, int], Counter[int]] = defaultdict(Counter)
    for times, tasks in schedules.groups.items():
        found[times.timetable, times.phase][times.offset] += len(tasks)
    return found
