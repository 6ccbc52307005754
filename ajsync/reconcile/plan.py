"""The plan: what has to change in the bucket so that it holds what the files say. A value; nothing here does I/O.

The plan is the one thing that is shown, gated, saved and applied.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from operator import attrgetter
from typing import Any, Literal

from ajsync.asyncjobs.live import BucketIdentity, Live, LiveSchedule
from ajsync.asyncjobs.model import Managed, ScheduledTask
from ajsync.reconcile.destination import UNKNOWN, Destination


@dataclass(frozen=True, slots=True)
class Create:
    """A schedule that the files have and the bucket has not."""

    name: str
    after: ScheduledTask
    revision: int
    """Of the delete marker that the key holds; 0 where it was never written."""
    before: None = None


@dataclass(frozen=True, slots=True)
class Update:
    """A schedule of this owner that differs from the files."""

    name: str
    before: ScheduledTask
    after: ScheduledTask
    revision: int


@dataclass(frozen=True, slots=True)
class Adopt:
    """A schedule of nobody that the files take over, with or without other changes."""

    name: str
    before: ScheduledTask
    after: ScheduledTask
    revision: int


@dataclass(frozen=True, slots=True)
class Delete:
    """A schedule of this owner that the files have no more."""

    name: str
    before: ScheduledTask
    revision: int
    after: None = None


Change = Create | Update | Adopt | Delete


@dataclass(frozen=True, slots=True)
class Conflict:
    """A name that the files claim and that cannot be had."""

    name: str
    kind: Literal["unmanaged", "foreign", "unreadable"]
    detail: str = ""
    """The other owner, or why the value cannot be read."""

    def __str__(self) -> str:
        match self.kind:
            case "unmanaged":
                return f"{self.name} is in the bucket and belongs to nobody"
            case "foreign":
                return f"{self.name} belongs to the owner {self.detail}"
            case "unreadable":
                return f"the bucket's value of {self.name} cannot be read: {self.detail}"


@dataclass(frozen=True, slots=True)
class Plan:
    """What an apply would do to one bucket for one owner."""

    target: BucketIdentity
    owner: str
    digest: str = ""
    """Of the configuration that it was made from."""
    changes: tuple[Change, ...] = ()
    """In the order of their names."""
    conflicts: tuple[Conflict, ...] = ()
    """In the order of their names; while there is one, nothing is applied."""
    desired: int = 0
    """How many schedules the files hold, suspended ones left out."""
    owned: int = 0
    """How many entries of the bucket belong to this owner."""
    unchanged: int = 0
    unmanaged: int = 0
    """Entries of nobody that the files do not name, and that are left alone."""
    foreign: int = 0
    """Entries of other owners that the files do not name, and that are left alone."""
    unreadable: tuple[tuple[str, str], ...] = ()
    """Name and reason of each entry that is not a scheduled task; they are left alone."""
    destination: Destination = UNKNOWN
    """Where it goes, in the words of those who chose it; `target` is what counts."""

    @property
    def empty(self) -> bool:
        """True if there is nothing to do and nothing in the way."""
        return not self.changes and not self.conflicts

    def count(self, kind: type[Change]) -> int:
        """How many changes are of this kind."""
        return sum(isinstance(change, kind) for change in self.changes)


def plan(
    desired: Mapping[str, ScheduledTask],
    live: Live,
    *,
    owner: str,
    digest: str,
    adopt: bool = False,
    destination: Destination = UNKNOWN,
) -> Plan:
    """Compare what the files want with what the bucket holds.

    Entries of nobody are left alone, or, where the files name them, adopted with `adopt` and otherwise a conflict;
    entries of other owners and unreadable ones are never changed.
    """
    changes: list[Change] = []
    conflicts: list[Conflict] = []
    unchanged = 0
    for name in sorted(desired):
        match _compare(name, desired[name], live, owner, adopt):
            case Conflict() as conflict:
                conflicts.append(conflict)
            case None:
                unchanged += 1
            case change:
                changes.append(change)
    owned = unmanaged = foreign = 0
    for name, entry in live.entries.items():
        match entry_owner(entry):
            case None:
                unmanaged += entry.task is not None and name not in desired
            case found if found != owner:
                foreign += name not in desired
            case _:
                owned += 1
                if name not in desired and entry.task is not None:
                    changes.append(Delete(name, entry.task, entry.revision))
    return Plan(
        target=live.target,
        owner=owner,
        digest=digest,
        changes=tuple(sorted(changes, key=lambda change: change.name)),
        conflicts=tuple(conflicts),
        desired=len(desired),
        owned=owned,
        unchanged=unchanged,
        unmanaged=unmanaged,
        foreign=foreign,
        unreadable=tuple(_unreadable(live)),
        destination=destination,
    )


def entry_owner(entry: LiveSchedule) -> str | None:
    """Whom the entry belongs to; None for nobody, and for a value that cannot be read."""
    return entry.task.owner if entry.task else None


def _unreadable(live: Live) -> Iterator[tuple[str, str]]:
    return ((name, entry.problem) for name, entry in sorted(live.entries.items()) if entry.task is None)


def _compare(name: str, wanted: ScheduledTask, live: Live, owner: str, adopt: bool) -> Change | Conflict | None:
    entry = live.entries.get(name)
    if entry is None:
        return Create(name, wanted, live.deleted.get(name, 0))
    found = entry.task
    if found is None:
        return Conflict(name, "unreadable", entry.problem)
    if found.managed is None:
        if not adopt:
            return Conflict(name, "unmanaged")
        return Adopt(name, found, replace(wanted, created_at=found.created_at), entry.revision)
    if found.managed.owner != owner:
        return Conflict(name, "foreign", found.managed.owner)
    if same(found, wanted):
        return None
    return Update(name, found, replace(wanted, created_at=found.created_at), entry.revision)


def same(one: ScheduledTask, other: ScheduledTask) -> bool:
    """True if nothing differs that is compared: all but `created_at` and the source file."""
    return _compared(one) == _compared(other)


def _compared(task: ScheduledTask) -> tuple[object, ...]:
    return _of_task(task), task.managed and _of_managed(task.managed)


def _members(kind: type[Any], *but: str) -> Callable[[Any], object]:
    return attrgetter(*(field.name for field in fields(kind) if field.name not in but))


_of_task = _members(ScheduledTask, "created_at", "managed")
_of_managed = _members(Managed, "source")
