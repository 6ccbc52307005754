"""Changes of the clocks, such as to daylight-saving time, and the fires that they skip or double."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Literal

from ajsync.schedule import Timetable
from ajsync.schedule.instants import clock_changes
from ajsync.schedule.walltimes import WallTimes

_SECOND = timedelta(seconds=1)
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class ClockChange:
    """An instant at which a zone sets its clocks."""

    at: datetime
    """In UTC."""
    before: timedelta
    """The offset from UTC before the change."""
    after: timedelta
    """The offset from UTC after the change."""

    @property
    def forward(self) -> bool:
        """Whether the clocks skip wall times; otherwise some occur twice."""
        return self.after > self.before

    @property
    def walls(self) -> tuple[datetime, datetime]:
        """The wall times that are skipped or occur twice: from the first, up to but not including the second."""
        instant = self.at.replace(tzinfo=None)
        return instant + min(self.before, self.after), instant + max(self.before, self.after)


@dataclass(frozen=True, slots=True)
class Effect:
    """What a change of the clocks does to a schedule."""

    kind: Literal["skipped", "doubled"]
    walls: tuple[datetime, ...]
    """The wall times of the schedule that are skipped or occur twice; naive."""
    change: ClockChange


class ClockChanges:
    """The changes within a span of time and their effects, each computed once."""

    def __init__(self, start: datetime, end: datetime) -> None:
        """Take the span, whose ends must be aware."""
        self._start = start.astimezone(UTC)
        self._end = end.astimezone(UTC)
        self._known: dict[tzinfo, tuple[ClockChange, ...]] = {}
        self._effects: dict[Timetable, tuple[Effect, ...]] = {}

    def of(self, zone: tzinfo) -> tuple[ClockChange, ...]:
        """The changes of a zone, in order."""
        found = self._known.get(zone)
        if found is None:
            found = self._known[zone] = tuple(
                ClockChange(at, _offset(zone, at - _SECOND), _offset(zone, at))
                for at in clock_changes(zone, self._start, self._end)
            )
        return found

    def effects(self, timetable: Timetable) -> tuple[Effect, ...]:
        """What the changes of its zone do to a schedule.

        A schedule that fires just as regularly during the change, such as an hourly one, is not affected: it loses a
        wall time, but no hour.
        """
        found = self._effects.get(timetable)
        if found is None:
            found = self._effects[timetable] = tuple(_effects(timetable, self.of(timetable.zone_info)))
        return found


def _offset(zone: tzinfo, instant: datetime) -> timedelta:
    offset = instant.astimezone(zone).utcoffset()
    assert offset is not None  # every zone of a timetable has an offset
    return offset


def _effects(timetable: Timetable, changes: tuple[ClockChange, ...]) -> Iterator[Effect]:
    walls = timetable.walls
    if walls is None or _fires_all_day(walls):
        return
    for change in changes:
        begin, end = change.walls
        shift = end - begin
        found = tuple(
            wall
            for wall in _matches(walls, begin, end)
            if not (_is_match(walls, wall - shift) and _is_match(walls, wall + shift))
        )
        if found:
            yield Effect("skipped" if change.forward else "doubled", found, change)


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
