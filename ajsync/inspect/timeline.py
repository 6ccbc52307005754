"""The timeline: how many fires are due when, which minutes are busiest, and which schedules need attention."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from ajsync.asyncjobs.minutes import MINUTE, Grouped, due_in_minute, fires_by_minute, grouped
from ajsync.asyncjobs.model import ScheduledTask
from ajsync.inspect.clock_changes import ClockEffect, effects_of_clocks
from ajsync.timestamp import NANOSECONDS, to_datetime, to_nanoseconds

_BUSIEST = 5
"""This many of the busiest minutes are listed."""
_YEAR = timedelta(days=365)
_DAY_SLOTS_FROM = 15 * 24
"""For spans of more hours than this, a slot is a day."""
_SLOT_MINUTES = ((2, 5), (6, 15), (48, 60), (_DAY_SLOTS_FROM, 360))
"""The minutes of a slot, for spans of up to a number of hours."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A part of the span, and how many fires are due in it."""

    start: datetime
    """In the zone of the timeline."""
    fires: int


@dataclass(frozen=True, slots=True)
class BusyMinute:
    """A minute in which several schedules are due."""

    start: datetime
    fires: int
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Affected:
    """A schedule with a fire that a clock change skips or doubles."""

    name: str
    schedule: str
    zone: str
    effect: ClockEffect


@dataclass(frozen=True, slots=True)
class Timeline:
    """What is due in a span of time."""

    start: datetime
    until: datetime
    """The end of the span, which is not part of it."""
    schedules: int
    """The number of valid schedules."""
    fires: int
    slots: tuple[Slot, ...]
    minutes: tuple[int, ...]
    """The number of fires in each of the 60 minutes of an hour."""
    busiest: tuple[BusyMinute, ...]
    """The minutes with the most fires, and at least two, in descending order."""
    never: Mapping[str, str]
    """The schedules that never fire, by name."""
    affected: tuple[Affected, ...]
    """What clock changes within a year from the start do."""
    invalid: Mapping[str, str]
    """Reasons, by the names of schedules that cannot be parsed."""


def timeline(tasks: Iterable[ScheduledTask], start: datetime, hours: int, zone: tzinfo) -> Timeline:
    """What is due in the `hours` after `start`, which must be aware, in slots of the wall clock of `zone`."""
    start = start.astimezone(zone)
    until = _plus(start, timedelta(hours=hours))
    schedules = grouped(tasks)
    counts = fires_by_minute(schedules, to_nanoseconds(start), to_nanoseconds(until))
    return Timeline(
        start=start,
        until=until,
        schedules=sum(map(len, schedules.groups.values())),
        fires=counts.total(),
        slots=tuple(_slots([*_bounds(start, until, hours)], counts)),
        minutes=_by_minute_of_hour(counts, zone),
        busiest=tuple(_busiest(schedules, counts, zone)),
        never={
            task.name: task.schedule
            for times, members in schedules.groups.items()
            if times.next(to_nanoseconds(start) - 1) is None and not times.is_over(to_nanoseconds(start))
            for task in members
        },
        affected=tuple(_affected(schedules, start)),
        invalid=schedules.invalid,
    )


def slot_start(moment: datetime, hours: int) -> datetime:
    """The beginning of the slot that contains an aware moment, by its own wall clock."""
    if hours > _DAY_SLOTS_FROM:
        return moment.replace(hour=0, minute=0, second=0, microsecond=0)
    minutes = _slot_minutes(hours)
    into = timedelta(
        minutes=(moment.hour * 60 + moment.minute) % minutes, seconds=moment.second, microseconds=moment.microsecond
    )
    return _plus(moment, -into)


def _bounds(start: datetime, until: datetime, hours: int) -> Iterator[datetime]:
    """The beginnings of the slots; the first may be before `start`."""
    bound = slot_start(start, hours)
    while bound.timestamp() < until.timestamp():
        yield bound
        if hours > _DAY_SLOTS_FROM:
            # By wall clock, because a day is an hour shorter or longer when the clocks change.
            bound += timedelta(days=1)
        else:
            bound = _plus(bound, timedelta(minutes=_slot_minutes(hours)))


def _slot_minutes(hours: int) -> int:
    return next(minutes for most, minutes in _SLOT_MINUTES if hours <= most)


def _slots(bounds: list[datetime], counts: Counter[int]) -> Iterator[Slot]:
    starts = [to_nanoseconds(bound) // MINUTE for bound in bounds]
    fires = [0] * len(bounds)
    for minute, count in counts.items():
        fires[bisect_right(starts, minute) - 1] += count
    yield from map(Slot, bounds, fires)


def _by_minute_of_hour(counts: Counter[int], zone: tzinfo) -> tuple[int, ...]:
    minutes = [0] * 60
    for minute, count in counts.items():
        minutes[_moment(minute, zone).minute] += count
    return tuple(minutes)


def _busiest(schedules: Grouped, counts: Counter[int], zone: tzinfo) -> Iterator[BusyMinute]:
    for minute, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:_BUSIEST]:
        if count > 1:
            yield BusyMinute(_moment(minute, zone), count, tuple(due_in_minute(schedules, minute)))


def _affected(schedules: Grouped, start: datetime) -> list[Affected]:
    begin = start.astimezone(UTC)
    found = [
        Affected(task.name, task.schedule, times.timetable.zone, effect)
        for times, members in schedules.groups.items()
        for effect in effects_of_clocks(times.timetable, begin, begin + _YEAR, times.season)
        for task in members
    ]
    return sorted(found, key=lambda each: (each.effect.change.at, each.name))


def _moment(minute: int, zone: tzinfo) -> datetime:
    return to_datetime(minute * 60 * NANOSECONDS, zone)


def _plus(moment: datetime, span: timedelta) -> datetime:
    """Add elapsed time, where Python would add to the wall clock."""
    return (moment.astimezone(UTC) + span).astimezone(moment.tzinfo)
