"""The next fires of many schedules; those that are due together are searched once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from ajsync.asyncjobs.due import Times, times_of
from ajsync.asyncjobs.model import ScheduledTask
from ajsync.errors import ScheduleError
from ajsync.schedule import Timetable, format_duration_short, parse


@dataclass(frozen=True, slots=True)
class NextFires:
    """When one schedule is due next."""

    task: ScheduledTask
    dues: tuple[int, ...]
    """Nanoseconds since 1970, in order, with the jitter of the schedule."""
    timetable: Timetable | None
    """None where the schedule is not valid."""
    reason: str = ""
    """Why there are no dues."""
    amiss: bool = False
    """It has no dues although it should."""


def next_fires(tasks: Iterable[ScheduledTask], start: int, count: int) -> list[NextFires]:
    """For each of `tasks`, the first `count` instants at or after `start` (nanoseconds since 1970) at which it is due.

    An `@every` that was never stored has no phase yet, and so no instants.
    """
    known: dict[Times, tuple[int, ...]] = {}
    return [_next_fires(task, start, count, known) for task in tasks]


def _next_fires(task: ScheduledTask, start: int, count: int, known: dict[Times, tuple[int, ...]]) -> NextFires:
    try:
        timetable = parse(task.schedule)
    except ScheduleError as error:
        return NextFires(task, (), None, f"not valid: {error}", amiss=True)
    if timetable.is_every and not task.created_at:
        return NextFires(
            task, (), timetable, f"every {format_duration_short(timetable.interval)}, counted from its creation"
        )
    times = times_of(task)
    dues = known.get(times)
    if dues is None:
        dues = known[times] = tuple(islice(times.after(start - 1), count))
    if not dues:
        return NextFires(task, (), timetable, "never fires", amiss=True)
    return NextFires(task, dues, timetable)
