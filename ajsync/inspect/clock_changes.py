"""Changes of the clocks, such as to daylight-saving time, and the fires that they skip or double."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Literal

from ajsync.schedule import Timetable
from ajsync.schedule.season import Season
from ajsync.schedule.timetable import clock_changes
from ajsync.schedule.walltimes import WallTimes
from ajsync.timestamp import to_nanoseconds

_SECOND = timedelta(seconds=1)
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class ClockChange:
    """An instant at which a zone sets its clocks."""

    at: datetime
    """The instant in UTC."""
    before: datetime
    """What the clocks would show at that instant without the change; naive."""
    after: datetime
    """What they show at that instant; naive."""

    @property
    def forward(self) -> bool:
        """Whether the clocks skip the wall times between the two; otherwise those occur twice."""
        return self.after > self.before


@dataclass(frozen=True, slots=True)
class ClockEffect:
    """What a change of the clocks does to a schedule."""

    kind: Literal["skipped", "doubled"]
    walls: tuple[datetime, ...]
    """The wall times of the schedule that are skipped or occur twice; naive."""
    change: ClockChange


@lru_cache
def changes_of_clocks(zone: tzinfo, start: datetime, end: datetime) -> tuple[ClockChange, ...]:
    """The changes of a zone after `start` and up to `end`, both aware, in order."""
    return tuple(
        ClockChange(at, _wall(zone, at - _SECOND) + _SECOND, _wall(zone, at))
        for at in clock_changes(zone, start.astimezone(UTC), end.astimezone(UTC))
    )


def _wall(zone: tzinfo, instant: datetime) -> datetime:
    return instant.astimezone(zone).replace(tzinfo=None)


@lru_cache(maxsize=16_384)  # many schedules share a timetable
def effects_of_clocks(
    timetable: Timetable, start: datetime, end: datetime, season: Season | None = None
) -> tuple[ClockEffect, ...]:
    """What the clock changes of its zone do to a schedule in its season.

    A schedule that fires just as regularly across the change, such as an hourly one, is not affected: it loses a wall
    time but no hour.
    """
    walls = timetable.walls
    if walls is None or _fires_all_day(walls):
        return ()
    effects = []
    for change in changes_of_clocks(timetable.zone_info, start, end):
        if season is not None and not season.first <= to_nanoseconds(change.at) <= season.last:
            continue
        first, last = sorted((change.before, change.after))
        shift = last - first
        found = tuple(
            wall
            for wall in _matches(walls, first, last)
            if not (_is_match(walls, wall - shift) and _is_match(walls, wall + shift))
            and (season is None or season.is_open_on(wall))
        )
        if found:
            effects.append(ClockEffect("skipped" if change.forward else "doubled", found, change))
    return tuple(effects)


def _fires_all_day(walls: WallTimes) -> bool:
    """Whether it fires in every hour of every day, so that no change affects it."""
    fields = walls.fields
    every_day = fields.day.star and fields.weekday.star and len(fields.month.values) == 12
    return (
        every_day and len(fields.hour.values) == 24 and len(fields.day.values) == 31 and len(fields.weekday.values) == 7
    )


def _matches(walls: WallTimes, begin: datetime, end: datetime) -> Iterator[datetime]:
    wall = walls.after(begin - _MINUTE)
    while wall is not None and wall < end:
        yield wall
        wall = walls.after(wall)


def _is_match(walls: WallTimes, wall: datetime) -> bool:
    return walls.after(wall - _MINUTE) == wall
