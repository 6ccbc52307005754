"""The words in which the renderings for people agree: symbols and verbs, counts, values, what to do about conflicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ajsync.errors import AjsyncError, ConflictError, Location
from ajsync.reconcile.fields import Field, Value
from ajsync.reconcile.gates import Loosened
from ajsync.reconcile.plan import Adopt, Change, Conflict, Create, Delete, Plan, Update
from ajsync.reconcile.render.payload import payload_summary
from ajsync.schedule import format_duration
from ajsync.text import counted, one_line, visible


@dataclass(frozen=True, slots=True)
class Action:
    """A kind of change."""

    kind: type[Change]
    verb: str
    symbol: str


ACTIONS = (
    Action(Create, "create", "+"),
    Action(Update, "update", "~"),
    Action(Adopt, "adopt", "&"),
    Action(Delete, "delete", "-"),
)
_BY_KIND = {action.kind: action for action in ACTIONS}

REMEDIES: Mapping[str, str] = {
    "unmanaged": "Pass --adopt to take it over, or take it out of the files.",
    "foreign": "Choose another name, or let that owner remove it first.",
    "unreadable": "Look at it with 'ajsync view', and delete it if it is of no use.",
}
"""What to do about a conflict, by its kind."""

REFUSED = "This plan will not be applied:"
"""What stands before the refusals."""


def action_of(change: Change) -> Action:
    """What kind of change it is."""
    return _BY_KIND[type(change)]


def summary(plan: Plan) -> str:
    """The plan in one sentence."""
    if plan.empty:
        if plan.unchanged == 1:
            return "No changes. The 1 schedule in the bucket is as the files say."
        if plan.unchanged:
            return f"No changes. {plan.unchanged} schedules in the bucket are as the files say."
        return f"No changes. Neither the files nor the bucket hold a schedule of {visible(plan.owner)}."
    todo = ", ".join(f"{plan.count(action.kind)} to {action.verb}" for action in ACTIONS)
    conflicts = f", {counted(len(plan.conflicts), 'conflict')}" if plan.conflicts else ""
    return f"Plan: {todo}; {plan.unchanged} unchanged{conflicts}."


def left_alone(plan: Plan) -> tuple[str, Sequence[tuple[str, str]]]:
    """What else the bucket holds, in a phrase ("" for nothing), and name and reason of each entry that cannot be read.

    Unreadable entries that the files claim are conflicts and are not told again.
    """
    claimed = {conflict.name for conflict in plan.conflicts}
    unreadable = [(name, reason) for name, reason in plan.unreadable if name not in claimed]
    counts = (
        (plan.unmanaged, "managed by nobody"),
        (plan.foreign, "of other owners"),
        (len(unreadable), "that cannot be read"),
    )
    return ", ".join(f"{count} {what}" for count, what in counts if count), unreadable


def gate_refusals(plan: Plan, refusals: Sequence[AjsyncError]) -> list[str]:
    """The refusals for a rendering that has shown the conflicts already: those become one line."""
    told = [one_line(str(refusal)) for refusal in refusals if not isinstance(refusal, ConflictError)]
    return [f"{counted(len(plan.conflicts), 'conflict')} in the way.", *told] if plan.conflicts else told


def loosened_told(loosened: Sequence[Loosened]) -> str:
    """Which limits of the files are looser than the defaults, in a sentence; "" for none."""
    return f"The files let more pass than by default: {'; '.join(map(str, loosened))}." if loosened else ""


def conflict_text(conflict: Conflict) -> str:
    """What is wrong with one name."""
    return one_line(str(conflict))


def worded(field: Field, value: Value) -> str:
    """The value of a field on one line, fit to be shown."""
    if value is None or value == "" or (field.kind == "duration" and not value):
        return field.absent
    match value:
        case bytes():
            return payload_summary(value)
        case int():
            return format_duration(value) if field.kind == "duration" else str(value)
        case str():
            return visible(value)


def change_place(change: Change, locations: Mapping[str, Location]) -> str:
    """Where a schedule stands in the files, or, when it does no more, in which it stood; "" where nobody knows."""
    task = change.after or change.before
    known = place(change.name, locations)
    if known or task is None or task.managed is None or not task.managed.source:
        return known
    source = visible(task.managed.source)
    return f"was in {source}" if isinstance(change, Delete) else source


def place(name: str, locations: Mapping[str, Location]) -> str:
    """File and line of a name, "" where nobody knows."""
    location = locations.get(name)
    if location is None:
        return ""
    return visible(f"{location.file}:{location.line}" if location.line else location.file)
