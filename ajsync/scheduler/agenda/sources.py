"""What fires come from: entries of schedules, groups of entries that are due together, and runs of one entry."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ajsync.asyncjobs.due import Times
from ajsync.asyncjobs.model import ScheduledTask

FOREVER = 2**63 - 1
EFFORT = 1000
"""Searches in one call, which take some milliseconds: one for each next instant of an interval, five for others."""
_TURNS = 10
"""A search rarely meets more than one of the turns of a season; at worst it meets half of them."""


@dataclass(slots=True, eq=False)
class AgendaEntry:
    """One value of one schedule, and the time in which it counts."""

    task: ScheduledTask
    times: Times
    since: int
    """Nothing is due at or before this instant."""
    until: int = FOREVER
    """Nothing is due after this instant: the entry was replaced or deleted then."""

    @property
    def ended(self) -> bool:
        """Whether the value was replaced or deleted."""
        return self.until != FOREVER

    def is_due(self, instant: int) -> bool:
        """Whether it is due at an instant."""
        return self.since < instant <= self.until and self.times.next(instant - 1) == instant


@dataclass(frozen=True, slots=True)
class Fire:
    """A schedule that is due at an instant, in nanoseconds since 1970."""

    due: int
    entry: AgendaEntry

    @property
    def task(self) -> ScheduledTask:
        """The schedule's value."""
        return self.entry.task

    @property
    def is_withdrawn(self) -> bool:
        """Whether a change to the schedule, made before the fire was due, has withdrawn it."""
        return self.due > self.entry.until


def _effort(times: Times) -> int:
    """The cost of a search for the next instant: fields take more than an interval, and a season with many days too."""
    turns = 0 if times.season is None else len(times.season.turns)
    return (1 if times.timetable.is_every else 5) + turns // _TURNS


@dataclass(slots=True, eq=False)
class Group:
    """The entries that are due together."""

    times: Times
    members: dict[str, AgendaEntry] = field(default_factory=dict)
    due: int = FOREVER
    """When it is due next, as it was searched last."""

    @property
    def effort(self) -> int:
        """The cost of a search, in searches of an interval."""
        return _effort(self.times)

    def counting(self, due: int) -> Iterator[Fire]:
        """The fires of those members that count by then."""
        return (Fire(due, entry) for entry in self.members.values() if entry.since < due)

    def next(self, after: int) -> int:
        """The first instant after one; FOREVER if there is none."""
        due = self.times.next(after)
        return FOREVER if due is None else due

    def following(self, due: int) -> int:
        """The next instant at which it may have fires if it has none at `due`: members may count only years later."""
        return self.next(max(due, min((entry.since for entry in self.members.values()), default=due)))


@dataclass(slots=True, eq=False)
class Stretch:
    """The fires of one entry up to an instant, apart from its group."""

    entry: AgendaEntry
    until: int
    """It ends with this instant."""
    single: bool = False
    """Whether it is only the fire at its end."""

    @property
    def effort(self) -> int:
        """The cost of giving out a fire, in searches of an interval."""
        return 1 if self.single else 2 * _effort(self.entry.times)

    def counting(self, due: int) -> Iterator[Fire]:
        """The fire of its entry."""
        yield Fire(due, self.entry)

    def next(self, after: int) -> int:
        """The first instant after one; FOREVER if there is none."""
        if after >= self.until:
            return FOREVER
        due = self.until if self.single else self.entry.times.next(after)
        return FOREVER if due is None or due > self.until else due

    def following(self, due: int) -> int:
        """The same: it has a fire at each of its instants."""
        return self.next(due)
