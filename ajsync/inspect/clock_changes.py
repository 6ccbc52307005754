"""Changes of the clocks, such as to daylight-saving time, and the fires that they take away or give twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Literal

from ajsync.schedule import Timetable
from ajsync.schedule.walltimes import WallTimes

_STEP = timedelta(days=1)
"""No zone changes its clocks there and back within a day."""
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class ClockChange:
    """An instant at which a zone sets its clocks."""

    at: datetime
    """In UTC."""
    before: timedelta
    """From UTC, until then."""
    after: timedelta
    """From UTC, from then on."""

    @property
    def forward(self) -> bool:
        """The clocks skip wall times; otherwise they show some twice."""
        return self.after > self.before

    @property
    def walls(self) -> tuple[datetime, datetime]:
        """The wall times that are skipped or shown twice: from the first on, up to and without the second."""
        instant = self.at.replace(tzinfo=None)
        return instant + min(self.before, self.after), instant + max(self.before, self.after)


@dataclass(frozen=True, slots=True)
class Effect:
    """What a change of the clocks does to a schedule."""

    kind: Literal["skipped", "doubled"]
    walls: tuple[datetime, ...]
    """The wall times of the schedule that do not come, or come twice; naive."""
    change: ClockChange


class ClockChanges:
    """The changes within a span of time, by zone; each zone is searched once."""

    def __init__(self, start: datetime, end: datetime) -> None:
        """Both are aware."""
        self._start = start.astimezone(UTC)
        self._end = end.astimezone(UTC)
        self._known: dict[tzinfo, tuple[ClockChange, ...]] = {}
        self._effects: dict[Timetable, tuple[Effect, ...]] = {}

    def of(self, zone: tzinfo) -> tuple[ClockChange, ...]:
        """The changes of a zone, in order."""
        found = self._known.get(zone)
        if found is None:
            found = self._known[zone] = tuple(_search(zone, self._start, self._end))
        return found

    def effects(self, timetable: Timetable) -> tuple[Effect, ...]:
        """What the changes of its zone do to a schedule.

        A schedule that fires as regularly through the change as before and after it, such as an hourly one, is not
        affected: it loses a wall time and no hour.
        """
        found = self._effects.get(timetable)
        if found is None:
            found = self._effects[timetable] = tuple(_effects(timetable, self.of(timetable.zone_info)))
        return found


def _search(zone: tzinfo, start: datetime, end: datetime) -> Iterator[ClockChange]:
    low = start
    before = _offset(zone, low)
    while low < end:
        high = min(low + _STEP, end)
        after = _offset(zone, high)
        if after != before:
            yield ClockChange(_bisect(zone, low, high, before), before, after)
        low, before = high, after


def _bisect(zone: tzinfo, low: datetime, high: datetime, before: timedelta) -> datetime:
    """The first whole second in (`low`, `high`] at which the offset is not `before`."""
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        if _offset(zone, middle) == before:
            low = middle
        else:
            high = middle
    return high.replace(microsecond=0)


def _offset(zone: tzinfo, instant: datetime) -> timedelta:
    offset = instant.astimezone(zone).utcoffset()
    assert offset is not None  # every zone of a timetable knows its offset
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
    """Whether it fires in every hour of every day: the answer that most often saves a search."""
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
