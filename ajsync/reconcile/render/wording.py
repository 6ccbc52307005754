"""The words that the formats for people share: the summary, what to do about conflicts, refusals, places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ajsync.errors import AjsyncError, ConflictError, Location
from ajsync.reconcile.gates import Loosened
from ajsync.reconcile.plan import KINDS, Change, Delete, Plan
from ajsync.text import counted, one_line, plural, visible

REMEDIES: Mapping[str, str] = {
    "unmanaged": "To take it over, pass --adopt; otherwise remove it from the files.",
    "foreign": "Choose another name, or ask that owner to remove it first.",
    "unreadable": "Look at it with 'ajsync view', and delete it if it is not needed.",
}
"""What to do about a conflict, by its kind."""

REFUSED = "This plan will not be applied:"
"""The line above the refusals."""


def summary(plan: Plan) -> str:
    """The plan in one sentence."""
    left = f"; {counted(plan.not_selected, 'change')} not selected" if plan.not_selected else ""
    if plan.empty:
        if plan.unchanged:
            are = plural(plan.unchanged, "is", "are")
            return f"No changes: {counted(plan.unchanged, 'schedule')} {are} up to date{left}."
        if plan.selection:
            return f"No changes: no schedule of {visible(plan.owner)} matches {plan.selection}{left}."
        return f"No changes: neither the files nor the bucket hold a schedule of {visible(plan.owner)}."
    todo = ", ".join(f"{plan.count(kind)} to {kind.verb}" for kind in KINDS)
    conflicts = f", {counted(len(plan.conflicts), 'conflict')}" if plan.conflicts else ""
    return f"Plan: {todo}; {plan.unchanged} unchanged{conflicts}{left}."


def left_alone(plan: Plan) -> tuple[str, Sequence[tuple[str, str]]]:
    """What else the bucket holds, in a phrase that may be empty; then name and reason of each unreadable entry.

    Unreadable entries that the files claim are left out: they are shown as conflicts.
    """
    claimed = {conflict.name for conflict in plan.conflicts}
    unreadable = [(name, reason) for name, reason in plan.unreadable if name not in claimed]
    counts = (
        (plan.unmanaged, "without an owner"),
        (plan.foreign, "of other owners"),
        (len(unreadable), "unreadable"),
    )
    return ", ".join(f"{count} {what}" for count, what in counts if count), unreadable


def gate_refusals(plan: Plan, refusals: Sequence[AjsyncError]) -> list[str]:
    """The refusals in a format that shows each conflict by itself: here all conflicts are one line."""
    told = [one_line(str(refusal)) for refusal in refusals if not isinstance(refusal, ConflictError)]
    return [f"{counted(len(plan.conflicts), 'conflict')} to resolve.", *told] if plan.conflicts else told


def loosened_told(loosened: Sequence[Loosened]) -> str:
    """Which safety limits the files loosen, in a sentence; empty if none."""
    return f"The files loosen the safety limits: {'; '.join(map(str, loosened))}." if loosened else ""


def change_place(change: Change, locations: Mapping[str, Location]) -> str:
    """Where the files define a schedule, or where they did before a delete; empty if unknown."""
    known = place(change.name, locations)
    task = change.after or change.before
    if known or task is None or not task.settings.source:
        return known
    source = visible(task.settings.source)
    return f"was in {source}" if isinstance(change, Delete) else source


def place(name: str, locations: Mapping[str, Location]) -> str:
    """File and line of a name; empty if unknown."""
    location = locations.get(name)
    if location is None:
        return ""
    return visible(f"{location.file}:{location.line}" if location.line else location.file)
