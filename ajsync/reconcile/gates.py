"""Safety gates: reasons not to apply a plan. A gate looks only at the plan, and names the option that opens it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

from ajsync.asyncjobs.applied import Commit
from ajsync.errors import ConflictError, GateError
from ajsync.reconcile.plan import Lineage, Plan, told_counts
from ajsync.safety import DEFAULT_SAFETY, NOTHING_OPENED, Opened, Safety
from ajsync.text import counted, listed, moment, visible
from ajsync.timestamp import to_datetime

_PERCENT_FROM = 10
"""The percentage gate ignores plans with fewer owned schedules: percentages of a handful mean nothing."""

_CONFLICTS = {
    "unmanaged": "Already in the bucket and without an owner: {}. To take them over, pass --adopt.",
    "foreign": "These names belong to other owners: {}. Choose other names, or ask their owners to remove them first.",
    "unreadable": "The bucket holds values that are not scheduled tasks: {}. ajsync does not overwrite them: look at "
    "each with 'ajsync view', and delete it if it is not needed.",
}


@dataclass(frozen=True, slots=True)
class Loosened:
    """A safety limit that the files set looser than the default, which a reader of the plan should know."""

    member: str
    """Its name in the files, such as `safety.max_delete`."""
    value: int | bool
    default: int | bool

    def __str__(self) -> str:
        return f"{self.member} is {self.value} (default {self.default})".lower()


def loosened(safety: Safety) -> tuple[Loosened, ...]:
    """The limits of the files that are looser than the defaults."""
    members = (
        Loosened(f"safety.{each.name}", getattr(safety, each.name), getattr(DEFAULT_SAFETY, each.name))
        for each in fields(Safety)
    )
    return tuple(each for each in members if each.value > each.default)


def refusals(plan: Plan, safety: Safety, opened: Opened = NOTHING_OPENED) -> tuple[ConflictError | GateError, ...]:
    """Every reason not to apply this plan, the gravest first; empty when it may be applied."""
    return (*_conflicts(plan), *_gates(plan, safety, opened))


def _gates(plan: Plan, safety: Safety, opened: Opened) -> Iterator[GateError]:
    if plan.lineage is not None and plan.changes and is_older(plan.lineage) and not opened.allow_older:
        yield GateError(_older(plan.lineage))
    deletes = told_counts(plan.changes)["delete"]  # a rename deletes nothing
    if not plan.desired and deletes and not (safety.allow_empty or opened.allow_empty):
        yield GateError(
            f"The files define no schedules, so {counted(deletes, 'schedule')} would be deleted. "
            "If that is intended, pass --allow-empty or set safety.allow_empty."
        )
    if deletes <= opened.allow_deletes:
        return
    if deletes > safety.max_delete:
        yield GateError(
            f"{counted(deletes, 'schedule')} would be deleted, more than safety.max_delete allows "
            f"({safety.max_delete}). If that is intended, pass --allow-deletes {deletes}."
        )
    elif plan.owned >= _PERCENT_FROM and deletes * 100 > safety.max_delete_percent * plan.owned:
        yield GateError(
            f"{deletes} of the {plan.owned} schedules of {plan.owner} would be deleted, more than "
            f"safety.max_delete_percent allows ({safety.max_delete_percent} %). "
            f"If that is intended, pass --allow-deletes {deletes}."
        )


def is_older(lineage: Lineage) -> bool:
    """Whether the files come from an older commit than the applied one: by git, or else by the times of both."""
    files, applied = lineage.files, lineage.applied.commit
    if applied is None or applied.id == files.id:
        return False
    if lineage.descends is not None:
        return lineage.descends
    return 0 < files.time < applied.time


def _older(lineage: Lineage) -> str:
    files, applied = lineage.files, lineage.applied.commit
    assert applied is not None
    at = moment(to_datetime(lineage.applied.at), seconds=False)
    return (
        f"The files come from the commit {files.short}{_made(files)}, which is older than {applied.short}"
        f"{_made(applied)}, applied {at} by {visible(lineage.applied.by)}. "
        "Apply the newer commit instead. If going back is intended, pass --allow-older."
    )


def _made(commit: Commit) -> str:
    return f" ({moment(to_datetime(commit.time))})" if commit.time else ""


def _conflicts(plan: Plan) -> Iterator[ConflictError]:
    for kind, told in _CONFLICTS.items():
        conflicts = [each for each in plan.conflicts if each.kind == kind]
        names = [f"{each.name} ({each.detail})" if kind == "foreign" else each.name for each in conflicts]
        if names:
            yield ConflictError(told.format(listed(names)))
