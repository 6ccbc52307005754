"""The plan: the changes that make the bucket hold what the files define. A value, computed without I/O.

The plan is the one thing that is shown, gated, saved and applied.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from ajsync.asyncjobs.applied import Commit, RecordedApply
from ajsync.asyncjobs.model import BucketIdentity, Live, Pause, ScheduledTask
from ajsync.asyncjobs.queues import ALL_THERE, QueueSurvey
from ajsync.reconcile.fields import changed_fields, content
from ajsync.selection import EVERYTHING, Selection


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a plan goes, in the words of the person who chose it; not escaped."""

    environment: str = ""
    """The environment of the files; empty if none was chosen."""
    context: str = ""
    """The NATS context that is used; empty if a server was named instead."""
    server: str = ""
    """The address that answered, without a user; empty for a plan that was made without a server."""
    configured: str = ""
    """The NATS context that the environment names, if another context or a server is used instead."""

    @property
    def reached(self) -> str:
        """The context, or else the server."""
        return self.context or self.server

    def __str__(self) -> str:
        """The short form, for questions: `prod (nats-prod)`."""
        return f"{self.environment} ({self.reached})" if self.environment else self.reached


UNKNOWN = Destination()


@dataclass(frozen=True, slots=True)
class Lineage:
    """How the commit of the files is related to the one that was applied last."""

    files: Commit
    applied: RecordedApply
    """The newest apply in the record whose commit is known."""
    descends: bool | None
    """Whether the commit of the files is an ancestor of the applied one; None unless git knows both."""


@dataclass(frozen=True, slots=True)
class Create:
    """A schedule that is in the files but not in the bucket."""

    verb: ClassVar = "create"
    name: str
    after: ScheduledTask
    revision: int
    """The revision of the delete marker that the key holds; 0 if it was never written."""
    before: None = None
    renamed_from: str = ""
    """The name of a schedule with the same content that the plan deletes; `after` has its creation time."""
    pause: Pause | None = None
    """The pause of the renamed schedule, which stays paused under its new name; None if it is not paused."""

    @property
    def paused(self) -> bool:
        """Whether it is created paused; then `revision` does not matter, because its key is not written."""
        return self.pause is not None


@dataclass(frozen=True, slots=True)
class Update:
    """A schedule of this owner that differs from the files."""

    verb: ClassVar = "update"
    name: str
    before: ScheduledTask
    after: ScheduledTask
    revision: int
    paused: bool = False
    """Whether it is paused, and stays so; `revision` is then that of its pause, where the change is made."""


@dataclass(frozen=True, slots=True)
class Adopt:
    """A schedule without an owner that the files take over, with or without other changes."""

    verb: ClassVar = "adopt"
    name: str
    before: ScheduledTask
    after: ScheduledTask
    revision: int
    paused: bool = False
    """As in Update."""


@dataclass(frozen=True, slots=True)
class Delete:
    """A schedule of this owner that is no longer in the files."""

    verb: ClassVar = "delete"
    name: str
    before: ScheduledTask
    revision: int
    after: None = None
    renamed_to: str = ""
    """The name under which the plan creates a schedule with the same content."""
    paused: bool = False
    """As in Update."""


Change = Create | Update | Adopt | Delete
KINDS: tuple[type[Change], ...] = (Create, Update, Adopt, Delete)
"""The kinds of changes, in the order in which they are counted."""
TOLD = ("create", "update", "adopt", "rename", "delete")
"""The verbs of changes as people see them, in the order in which they are counted."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """A name in the files that this owner cannot have."""

    name: str
    kind: Literal["unmanaged", "foreign", "unreadable"]
    detail: str = ""
    """The other owner, or why the value is unreadable."""

    def __str__(self) -> str:
        match self.kind:
            case "unmanaged":
                return f"{self.name} is already in the bucket and has no owner"
            case "foreign":
                return f"{self.name} belongs to the owner {self.detail}"
            case "unreadable":
                return f"the value of {self.name} in the bucket is unreadable: {self.detail}"


@dataclass(frozen=True, slots=True)
class Plan:
    """What an apply would do to one bucket for one owner."""

    target: BucketIdentity
    owner: str
    digest: str = ""
    """The digest of the configuration that the plan was made from."""
    changes: tuple[Change, ...] = ()
    """Sorted by name."""
    conflicts: tuple[Conflict, ...] = ()
    """Sorted by name; nothing is applied until they are resolved."""
    desired: int = 0
    """How many schedules the files hold, without suspended ones."""
    owned: int = 0
    """How many entries of the bucket belong to this owner."""
    unchanged: int = 0
    """How many selected schedules are in the bucket as the files say."""
    unmanaged: int = 0
    """Entries without an owner that the files do not name; they are left alone."""
    foreign: int = 0
    """Entries of other owners that the files do not name; they are left alone."""
    unreadable: tuple[tuple[str, str], ...] = ()
    """Name and reason of each entry that is not a scheduled task; they are left alone."""
    queues: QueueSurvey = ALL_THERE
    """The declared queues that an apply makes first, and those that are not as declared."""
    destination: Destination = UNKNOWN
    """Where it goes, in words; `target` decides."""
    selection: Selection = EVERYTHING
    """The schedules that the plan is about."""
    not_selected: int = 0
    """How many changes and conflicts the selection left out."""
    last: RecordedApply | None = None
    """The newest apply in the record of this owner; None if there is none."""
    lineage: Lineage | None = None
    """None if the commit of the files is not known, or no apply of a known commit is recorded."""
    ignored: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """If a Go scheduler watches the bucket, the names of the selected schedules with members that it does not know,
    sorted, with those members."""
    paused: tuple[tuple[str, Pause], ...] = ()
    """Name and pause of each paused schedule of this owner, sorted by name."""

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do and nothing in the way."""
        return not self.pending and not self.conflicts

    @property
    def pending(self) -> bool:
        """Whether there is something to do."""
        return bool(self.changes or self.queues.missing)

    def count(self, kind: type[Change]) -> int:
        """How many changes are of this kind."""
        return sum(isinstance(change, kind) for change in self.changes)


def with_verbs(changes: Sequence[Change]) -> Iterator[tuple[str, Change]]:
    """Changes as people see them, with their verbs: a rename is one change, under the new name."""
    deleted = {change.name for change in changes if isinstance(change, Delete) and change.renamed_to}
    if not deleted:  # as in most plans, and then nothing is renamed
        yield from ((change.verb, change) for change in changes)
        return
    created = {change.name for change in changes if isinstance(change, Create) and change.renamed_from}
    for change in changes:
        if isinstance(change, Create) and change.renamed_from in deleted:
            yield "rename", change
        elif not (isinstance(change, Delete) and change.renamed_to in created):
            yield change.verb, change


def told_counts(changes: Sequence[Change]) -> dict[str, int]:
    """How many changes there are of each verb of `TOLD`."""
    verbs = Counter(verb for verb, _ in with_verbs(changes))
    return {verb: verbs[verb] for verb in TOLD}


def plan(
    desired: Mapping[str, ScheduledTask],
    live: Live,
    *,
    owner: str,
    digest: str,
    adopt: bool = False,
    destination: Destination = UNKNOWN,
    selection: Selection = EVERYTHING,
) -> Plan:
    """Compare what the files define with what the bucket holds.

    Entries without an owner are left alone; if the files name them, they are adopted with `adopt`, and conflicts
    without it. Entries of other owners and unreadable ones are never changed.

    `selection` keeps the changes of schedules whose desired or live value it matches. If only one of them counted, a
    label that the files add or remove could not select its own change.
    """
    compared = [_compare(name, desired[name], live, owner, adopt) for name in sorted(desired)]
    changes = [each for each in compared if isinstance(each, Change)]
    owned = unmanaged = foreign = 0
    unreadable: list[tuple[str, str]] = []
    paused: list[tuple[str, Pause]] = []
    for name, entry in sorted(live.entries.items()):
        if entry.task is None:
            unreadable.append((name, entry.problem))
        elif entry.task.owner is None:
            unmanaged += name not in desired
        elif entry.task.owner != owner:
            foreign += name not in desired
        else:
            owned += 1
            if entry.pause is not None:
                paused.append((name, entry.pause))
            if name not in desired:
                changes.append(Delete(name, entry.task, entry.revision, paused=entry.pause is not None))
    conflicts = [each for each in compared if isinstance(each, Conflict)]
    unchanged, found = compared.count(None), len(changes) + len(conflicts)
    if selection:
        unchanged = sum(
            each is None and _selected(selection, name, desired, live)
            for name, each in zip(sorted(desired), compared, strict=True)
        )
        changes = [each for each in changes if _selected(selection, each.name, desired, live)]
        conflicts = [each for each in conflicts if _selected(selection, each.name, desired, live)]
        paused = [each for each in paused if _selected(selection, each[0], desired, live)]
    return Plan(
        target=live.target,
        owner=owner,
        digest=digest,
        changes=tuple(sorted(_with_renames(changes, dict(paused)), key=lambda change: change.name)),
        conflicts=tuple(conflicts),
        desired=len(desired),
        owned=owned,
        unchanged=unchanged,
        unmanaged=unmanaged,
        foreign=foreign,
        unreadable=tuple(unreadable),
        destination=destination,
        selection=selection,
        not_selected=found - len(changes) - len(conflicts),
        paused=tuple(paused),
    )


def _selected(selection: Selection, name: str, desired: Mapping[str, ScheduledTask], live: Live) -> bool:
    entry = live.entries.get(name)
    return selection.matches(desired.get(name)) or (entry is not None and selection.matches(entry.task))


def _with_renames(changes: Sequence[Change], pauses: Mapping[str, Pause]) -> Iterator[Change]:
    """The changes in the order of their names, with each delete and a create of equal content marked as a rename.

    `pauses` are those of the paused schedules by name.
    """
    gone: defaultdict[tuple[object, ...], list[Delete]] = defaultdict(list)
    for change in changes:
        if isinstance(change, Delete):
            gone[content(change.before)].append(change)
    renamed: dict[str, str] = {}
    for change in changes:
        if gone and isinstance(change, Create) and (alike := gone.get(content(change.after))):
            before = alike.pop(0)
            renamed[before.name] = change.name
            after = replace(change.after, created_at=before.before.created_at)
            yield replace(change, after=after, renamed_from=before.name, pause=pauses.get(before.name))
        elif not isinstance(change, Delete):
            yield change
    for change in changes:
        if isinstance(change, Delete):
            yield replace(change, renamed_to=renamed[change.name]) if change.name in renamed else change


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
        return Adopt(name, found, _kept(found, wanted), entry.revision, entry.pause is not None)
    if found.managed.owner != owner:
        return Conflict(name, "foreign", found.managed.owner)
    if not changed_fields(found, wanted):
        return None
    return Update(name, found, _kept(found, wanted), entry.revision, entry.pause is not None)


def _kept(found: ScheduledTask, wanted: ScheduledTask) -> ScheduledTask:
    """The wanted value, with what an update keeps of the found one."""
    return replace(wanted, created_at=found.created_at, pauses=found.pauses)
