"""What fires come from: entries of schedules, groups of entries that are due together, and runs of one entry."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ajsync.asyncjobs.due import Times
from ajsync.asyncjobs.ids import fire_task_id
from ajsync.asyncjobs.model import ScheduledTask

FOREVER = 2**63 - 1
EFFORT = 1000
"""The effort of one call, which takes some milliseconds: 1 for the next instant of an interval, 5 for that of
others."""
_TURNS = 10
"""A search rarely crosses more than one boundary of a season; at worst it crosses half of them."""


@dataclass(slots=True, eq=False)
class AgendaEntry:
    """One value of one schedule, and the time in which it counts."""

    task: ScheduledTask
    times: Times
    since: int
    """It has no fires at or before this instant."""
    until: int = FOREVER
    """It has no fires after this instant, when the entry was replaced or deleted."""
    _due: int = field(default=-1, init=False, repr=False)
    _task_id: str = field(default="", init=False, repr=False)
    """The id of the task of its fire at `_due`."""

    @property
    def ended(self) -> bool:
        """Whether the value was replaced or deleted."""
        return self.until != FOREVER

    def task_id(self, due: int) -> str:
        """The id of the task that it makes at an instant. Raises ValueError if no id can hold the instant.

        The last one is kept: a scheduler foretells it when the previous fire is given out, and needs it for the fire.
        """
        if due != self._due:
            self._due, self._task_id = due, fire_task_id(self.task.name, due)
        return self._task_id

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
    def task_id(self) -> str:
        """The id of the task that it makes. Raises ValueError if no id can hold the instant."""
        return self.entry.task_id(self.due)

    @property
    def is_withdrawn(self) -> bool:
        """Whether a change to the schedule, made before the fire was due, has withdrawn it."""
        return self.due > self.entry.until


def _effort(times: Times) -> int:
    """The cost of a search for the next instant: fields and seasons with many days cost more than an interval."""
    turns = 0 if times.season is None else len(times.season.turns)
    return (1 if times.timetable.is_every else 5) + turns // _TURNS


@dataclass(slots=True, eq=False)
class Group:
    """The entries that are due together."""

    times: Times
    members: dict[str, AgendaEntry] = field(default_factory=dict)
    due: int = FOREVER
    """When it is due next, according to the last search."""

    @property
    def effort(self) -> int:
        """The cost of a search, in searches of an interval."""
        return _effort(self.times)

    def counting(self, due: int) -> Iterator[Fire]:
        """The fires at this instant of the members that count by then."""
        return (Fire(due, entry) for entry in self.members.values() if entry.since < due)

    def next(self, after: int) -> int:
        """The first instant after one; FOREVER if there is none."""
        due = self.times.next(after)
        return FOREVER if due is None else due

    def following(self, due: int) -> int:
        """The next instant at which it may have fires if it has none at `due`; its members may begin to count years
        later."""
        return self.next(max(due, min((entry.since for entry in self.members.values()), default=due)))


@dataclass(slots=True, eq=False)
class Stretch:
    """The fires of one entry up to an instant, apart from its group."""

    entry: AgendaEntry
    until: int
    """Its last instant."""
    single: bool = False
    """Whether it has only the fire at its last instant."""
    stored_at: int = 0
    """When the value was stored by which its fires came late; 0 if they did not."""

    @property
    def effort(self) -> int:
        """The cost of giving out a fire, in searches of an interval."""
        return 1 if self.single else 2 * _effort(self.entry.times)

    def counting(self, due: int) -> Iterator[Fire]:
        """The fire of its entry at this instant."""
        yield Fire(due, self.entry)

    def next(self, after: int) -> int:
        """The first instant after one; FOREVER if there is none."""
        if after >= self.until:
            return FOREVER
        due = self.until if self.single else self.entry.times.next(after)
        return FOREVER if due is None or due > self.until else due

    def following(self, due: int) -> int:
        """The next instant, because it has a fire at each of them."""
        return self.next(due)
