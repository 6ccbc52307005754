"""The timetable: what a schedule means, as a value with one question to ask: when does it fire next?"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo

from ajsync.schedule.duration import SECOND
from ajsync.schedule.instants import count_instants, next_instant, previous_instant
from ajsync.schedule.walltimes import WallTimes


@dataclass(frozen=True, slots=True)
class Timetable:
    """When a schedule fires. Made by `parse`; does not change, so that all who have the same schedule can share one.

    What it gives is aware and in the zone of the schedule. Python compares two datetimes of one zone by their wall
    clocks: to sort or compare them across a change of the clocks, turn them into UTC or timestamps first.
    """

    text: str
    """The schedule as given."""
    zone: str
    """The IANA name of the zone in which its wall-clock times are read."""
    interval: int = 0
    """Nanoseconds from one fire of an `@every` to the next, whole seconds, at least one; 0 for all others."""
    zone_info: tzinfo = field(default=UTC, repr=False, compare=False)
    walls: WallTimes | None = field(default=None, repr=False, compare=False)
    """What the five fields match; None for an `@every`."""

    @property
    def is_every(self) -> bool:
        """Whether it is an `@every`, whose fires depend on where its phase begins and not on any clock or zone."""
        return self.interval > 0

    def next(self, after: datetime) -> datetime | None:
        """The first fire strictly after `after`, which is aware; an `@every` fires one interval after its whole second.

        None where it does not fire in the eight years from `after`, or not in the years that a datetime can hold.
        Raises ValueError for a naive `after`.
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
        """The last fire strictly before `before`, which is aware, of five fields; those of an `@every` have no past.

        None where it did not fire in the eight years before, or in the first years that a datetime can hold.
        Raises ValueError for a naive `before`.
        """
        if before.utcoffset() is None:
            raise ValueError(f"an instant needs a time zone: {before!r}")
        assert self.walls is not None
        found = previous_instant(self.walls, self.zone_info, before)
        return found and found.astimezone(self.zone_info)

    def count(self, begin: datetime, end: datetime) -> int:
        """How many fires of five fields are at or after `begin` and before `end`, both aware; those of an `@every`
        are not counted from anywhere."""
        assert self.walls is not None
        return count_instants(self.walls, self.zone_info, begin, end)
