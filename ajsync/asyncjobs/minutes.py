"""Count the fires in each minute: for the timeline, for the rule about herds, and for the impact of a plan."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from ajsync.asyncjobs.due import Times, times_of, timing
from ajsync.asyncjobs.model import ScheduledTask
from ajsync.errors import ScheduleError
from ajsync.timestamp import NANOSECONDS, to_datetime, to_nanoseconds

MINUTE = 60 * NANOSECONDS
_LATEST = 2**63
"""The year 2262. A search beyond it, or before 1970, has to take care of the ends of the calendar."""


@dataclass(frozen=True, slots=True)
class Grouped:
    """Schedules grouped by when they are due."""

    groups: Mapping[Times, Sequence[ScheduledTask]]
    invalid: Mapping[str, str]
    """Reasons, by the names of schedules that cannot be parsed."""


def grouped(tasks: Iterable[ScheduledTask]) -> Grouped:
    """Group the schedules that are due together."""
    groups: dict[Times, list[ScheduledTask]] = defaultdict(list)
    by_timing: dict[Hashable, list[ScheduledTask]] = {}
    invalid: dict[str, str] = {}
    for task in tasks:
        alike = by_timing.get(known := timing(task))
        if alike is None:
            try:
                alike = by_timing[known] = groups[times_of(task)]
            except ScheduleError as error:
                invalid[task.name] = str(error)
                continue
        alike.append(task)
    return Grouped(groups, invalid)


def fires_by_minute(schedules: Grouped, start: int, until: int) -> Counter[int]:
    """How many fires are due in each minute that has some, from `start` until before `until`, in nanoseconds since
    1970.

    The keys are minutes since 1970.
    """
    # Without jitter fires are at whole seconds. So they stay in their minute if jitter is rounded down to seconds,
    # which makes far fewer offsets, and so do the ends of a span of whole seconds.
    unit = NANOSECONDS if start % NANOSECONDS == until % NANOSECONDS == 0 else 1
    counts: Counter[int] = Counter()
    by_timetable: dict[Times, Counter[int]] = defaultdict(Counter)
    for times, tasks in schedules.groups.items():
        plain, offset = _without_offset(times)
        by_timetable[plain][offset // unit * unit] += len(tasks)
        kept_out = times.kept_out
        if (
            kept_out is not None
            and start <= kept_out < until
            and plain.next(kept_out - offset - 1) == kept_out - offset
        ):
            counts[kept_out // MINUTE] -= len(tasks)
    for times, offsets in by_timetable.items():
        # Jitter gives each schedule its own offset, but the timetable is searched once for all with the same text.
        # Offsets within one span share a search, too, while the centuries between extreme jitters are not searched.
        for _, group in groupby(sorted(offsets), key=lambda offset: offset // (until - start)):
            near = list(group)
            bases = _dues(times, start - 1 - near[-1], until - 1 - near[0])
            for offset in near:
                number = offsets[offset]
                for base in bases:
                    if start <= base + offset < until:
                        counts[(base + offset) // MINUTE] += number
    return +counts  # without the minutes that have no fires left


def _without_offset(times: Times) -> tuple[Times, int]:
    """Times that many schedules share, and by how much these are later, except for the instant that they keep out."""
    interval = times.timetable.interval
    if interval and times.season is None:
        return Times(times.timetable, 0, 0), (times.phase + times.offset) % interval
    return replace(times, offset=0, created=0) if times.offset else times, times.offset


def _dues(times: Times, after: int, until: int) -> Sequence[int]:
    """The instants in (`after`, `until`] of times without jitter, all at once."""
    if not 0 <= after < until < _LATEST:
        return list(times.between(after, until))
    dues = _whatever_the_season(times, after, until)
    if (season := times.season) is None:
        return dues
    closed = list(season.closed(after + 1, until + 1, times.timetable.zone_info))
    return [
        due
        for due in dues
        if season.first <= due <= season.last and not any(begin <= due < end for begin, end in closed)
    ]


def _whatever_the_season(times: Times, after: int, until: int) -> Sequence[int]:
    timetable = times.timetable
    if timetable.interval:
        first = times.phase + ((after - times.phase) // timetable.interval + 1) * timetable.interval
        return range(first, until + 1, timetable.interval)
    # Instants after a fraction of a second begin at the next whole second.
    begin, end = (to_datetime((instant // NANOSECONDS + 1) * NANOSECONDS) for instant in (after, until))
    return [to_nanoseconds(due) for due in timetable.between(begin, end)]


def due_in_minute(schedules: Grouped, minute: int) -> list[str]:
    """The names of the schedules that are due in a minute, sorted."""
    begin = minute * MINUTE
    return sorted(
        task.name
        for times, tasks in schedules.groups.items()
        if (due := times.next(begin - 1)) is not None and due < begin + MINUTE
        for task in tasks
    )
