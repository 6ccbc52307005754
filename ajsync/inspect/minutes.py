"""Count the fires in each minute, for the timeline and for the rule about herds."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from ajsync.asyncjobs.due import Times, times_of
from ajsync.asyncjobs.model import ScheduledTask
from ajsync.errors import ScheduleError
from ajsync.timestamp import NANOSECONDS

MINUTE = 60 * NANOSECONDS


@dataclass(frozen=True, slots=True)
class Grouped:
    """Schedules grouped by when they are due."""

    groups: Mapping[Times, Sequence[ScheduledTask]]
    invalid: Mapping[str, str]
    """Reasons, by the names of schedules that cannot be parsed."""


def grouped(tasks: Iterable[ScheduledTask]) -> Grouped:
    """Group the schedules that are due together."""
    groups: dict[Times, list[ScheduledTask]] = defaultdict(list)
    invalid: dict[str, str] = {}
    for task in tasks:
        try:
            groups[times_of(task)].append(task)
        except ScheduleError as error:
            invalid[task.name] = str(error)
    return Grouped(groups, invalid)


def fires_by_minute(schedules: Grouped, start: int, until: int) -> Counter[int]:
    """How many fires are due in each minute with any, from `start` until before `until` (nanoseconds since 1970).

    The keys are minutes since 1970.
    """
    by_timetable: dict[Times, Counter[int]] = defaultdict(Counter)
    for times, tasks in schedules.groups.items():
        # An `@every` that begins a whole interval after its creation shares its times with no other schedule.
        alone = times.created != 0
        by_timetable[times if alone else replace(times, offset=0)][0 if alone else times.offset] += len(tasks)
    counts: Counter[int] = Counter()
    for times, offsets in by_timetable.items():
        # Jitter gives each schedule its own offset, but the timetable is searched once for all with the same text.
        # Those within one span share a search too, while the centuries between extreme jitters are not searched.
        for _, group in groupby(sorted(offsets), key=lambda offset: offset // (until - start)):
            near = list(group)
            bases = list(times.between(start - 1 - near[-1], until - 1 - near[0]))
            for offset in near:
                for base in bases:
                    if start <= base + offset < until:
                        counts[(base + offset) // MINUTE] += offsets[offset]
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
