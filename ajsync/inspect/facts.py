"""What rules ask of a schedule's times, each found out once for all schedules with the same text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import islice, pairwise

from ajsync.inspect.clock_changes import ClockChanges, Effect
from ajsync.schedule import Timetable
from ajsync.schedule.fields import CronFields

_LOOKED_AT = 25
"""Fires between which the shortest gap is sought: a day of an hourly schedule, and one more."""
_LOOKED_AT_ONCE_A_DAY = 8
"""The same for a schedule with one time of day: a week, and one more. Each fire looked at takes a search."""
_LEAP_DAY = (2, 29)


@dataclass(frozen=True, slots=True)
class Gap:
    """Two fires in a row."""

    first: datetime
    second: datetime

    @property
    def length(self) -> timedelta:
        """How long it is from the one to the other."""
        return self.second - self.first


class Facts:
    """What a timetable is like, seen from an instant on."""

    def __init__(self, timetable: Timetable, now: datetime, changes: ClockChanges) -> None:
        """`now` is aware."""
        self.timetable = timetable
        self._now = now.astimezone(UTC)
        self._changes = changes

    @property
    def fields(self) -> CronFields | None:
        """The five fields; None for an `@every`."""
        return self.timetable.walls.fields if self.timetable.walls else None

    @property
    def effects(self) -> tuple[Effect, ...]:
        """What the coming changes of the clocks do to it."""
        return self._changes.effects(self.timetable)

    @cached_property
    def first(self) -> datetime | None:
        """The next fire, in the zone of the schedule; None where there never is one."""
        return self.timetable.next(self._now)

    @cached_property
    def shortest_gap(self) -> Gap | None:
        """The two of its next fires that are nearest to each other; None where there are no two."""
        fields = self.fields
        once_a_day = fields is not None and len(fields.hour.values) == len(fields.minute.values) == 1
        fires = islice(self._upcoming(), _LOOKED_AT_ONCE_A_DAY if once_a_day else _LOOKED_AT)
        gaps = [Gap(*pair) for pair in pairwise(fires)]
        return min(gaps, key=lambda gap: gap.length, default=None)

    @cached_property
    def leap_days_only(self) -> bool:
        """Whether it fires on 29 February and on no other day."""
        if self.first is None or (self.first.month, self.first.day) != _LEAP_DAY:
            return False
        following = self.timetable.next(self.first.replace(hour=23, minute=59, second=59))
        return following is None or (following.month, following.day) == _LEAP_DAY

    @property
    def follows_zone(self) -> bool:
        """Whether it makes a difference in which zone it is read: it has hours or days of its own."""
        fields = self.fields
        if fields is None:
            return False
        everything = ((fields.hour, 24), (fields.day, 31), (fields.month, 12), (fields.weekday, 7))
        return any(len(field.values) < size for field, size in everything)

    def _upcoming(self) -> Iterator[datetime]:
        """The next fires, in UTC, since Python subtracts two times of one zone by their wall clocks."""
        moment = self.first
        while moment is not None:
            yield moment.astimezone(UTC)
            moment = self.timetable.next(moment)
