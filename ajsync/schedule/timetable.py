"""A timetable is what a schedule means: a value that can say when it fires next."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo

from ajsync.schedule.instants import count_instants, next_instant, previous_instant
from ajsync.schedule.units import SECOND
from ajsync.schedule.walltimes import WallTimes


@dataclass(frozen=True, slots=True)
class Timetable:
    """When a schedule fires. `parse` makes it, and everything with the same schedule can share one.

    Its datetimes are aware and in the zone of the schedule. Python compares two datetimes of one zone by wall clock: to
    compare them across a change of the clocks, convert them to UTC or timestamps first.
    """

    text: str
    """The schedule as it was given."""
    zone: str
    """The IANA name of the zone in which its wall-clock times are read."""
    interval: int = 0
    """For an `@every`, nanoseconds between two fires: whole seconds, at least one. 0 for other schedules."""
    zone_info: tzinfo = field(default=UTC, repr=False, compare=False)
    walls: WallTimes | None = field(default=None, repr=False, compare=False)
    """The wall times that the five fields match; None for an `@every`."""

    @property
    def is_every(self) -> bool:
        """Whether it is an `@every`, whose fires depend on its phase and not on a zone."""
        return self.interval > 0

    def next(self, after: datetime) -> datetime | None:
        """The first fire after `after`, which must be aware; for an `@every`, one interval after its whole second.

        None if there is none within eight years, or within the years that a datetime can hold. Raises ValueError for a
        naive `after`.
        """
        if after.utcoffset() is None:
            raise ValueError(f"an instant needs a time zone: {after!r}")
        try:
            if self.walls is None:
                whole = after.astimezone(UTC).replace(microsecond=0)
                found: datetime | None = whole + timedelta(seconds=self.interval // SECOND)
            else:
                found = next_instant(self.walls, self.zone_info, after)
            return found and found.astimezone(self.zone_info)
        except OverflowError:  # beyond the years that a datetime can hold
            return None

    def previous(self, before: datetime) -> datetime | None:
        """The last fire before `before`, which must be aware; not for an `@every`, which has no past without a phase.

        None if there is none within eight years, or within the years that a datetime can hold. Raises ValueError for a
        naive `before`.
        """
        if before.utcoffset() is None:
            raise ValueError(f"an instant needs a time zone: {before!r}")
        assert self.walls is not None
        found = previous_instant(self.walls, self.zone_info, before)
        return found and found.astimezone(self.zone_info)

    def count(self, begin: datetime, end: datetime) -> int:
        """How many fires lie at or after `begin` and before `end`, both aware; not for an `@every`."""
        assert self.walls is not None
        return count_instants(self.walls, self.zone_info, begin, end)
