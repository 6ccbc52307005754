"""The words that the formats for people share: the summary, what to do about conflicts, refusals, places."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo

from ajsync.asyncjobs.applied import RecordedApply
from ajsync.asyncjobs.model import Pause
from ajsync.errors import AjsyncError, ConflictError, Location
from ajsync.reconcile.apply.result import Result
from ajsync.reconcile.gates import Loosened
from ajsync.reconcile.plan import UNKNOWN, Change, Delete, Destination, Plan, told_counts
from ajsync.reconcile.render.interface import RenderOptions
from ajsync.reconcile.render.times import instant_told
from ajsync.text import counted, listed, one_line, plural, span, visible
from ajsync.timestamp import to_datetime

Style = Callable[[str], str]
"""A function with which a format marks a piece of text."""

REMEDIES: Mapping[str, str] = {
    "unmanaged": "To take it over, pass --adopt; otherwise remove it from the files.",
    "foreign": "Choose another name, or ask that owner to remove it first.",
    "unreadable": "Look at it with 'ajsync view', and delete it if it is not needed.",
}
"""What to do about a conflict, by its kind."""

PAUSED = "Paused, and not resumed by an apply:"
"""The line above the paused schedules."""
REFUSED = "This plan will not be applied:"
"""The line above the refusals."""

IGNORED = "A Go scheduler watches this bucket, and fires as if these members were absent:"
"""The line above schedules and those of their members that a Go scheduler does not know."""

DONE: Mapping[str, str] = {
    "create": "created",
    "update": "updated",
    "adopt": "adopted",
    "rename": "renamed",
    "delete": "deleted",
}
"""The participles of what was done, by the verb of the change."""


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
    todo = ", ".join(f"{count} to {verb}" for verb, count in shown_counts(plan).items())
    conflicts = f", {counted(len(plan.conflicts), 'conflict')}" if plan.conflicts else ""
    queues = f", {counted(len(plan.queues.missing), 'queue')} to make" if plan.queues.missing else ""
    return f"Plan: {todo}{queues}; {plan.unchanged} unchanged{conflicts}{left}."


def queues_told(plan: Plan) -> list[str]:
    """What is wrong with the existing declared queues, in sentences."""
    return [
        f"The queue {name} is not as the files declare it: {text}. ajsync leaves it as it is; 'ajc queues configure "
        f"{name}' changes its settings."
        for name, text in plan.queues.different
    ]


def done_counts(counts: Mapping[str, int]) -> str:
    """What was done, counted by verb: `3 created, 1 deleted`; empty if nothing was."""
    return ", ".join(f"{counts[verb]} {word}" for verb, word in DONE.items() if counts.get(verb))


def result_told(plan: Plan, result: Result | None) -> str:
    """What an apply did, in a sentence or two, for a plan that was not refused."""
    if not plan.pending:
        return summary(plan)
    made = [queue.name for queue in plan.queues.missing] if result else []
    queues = f"Made {plural(len(made), 'the queue', 'the queues')} {listed(made)}. " if made else ""
    done = done_counts(told_counts([each.change for each in result.with_status("done")])) if result else ""
    return f"{queues}Applied: {done}." if done else f"{queues}Nothing was applied." if not queues else queues.strip()


def last_applied(plan: Plan, now: datetime, zone: tzinfo = UTC) -> str:
    """When the schedules of this owner were last applied, by whom and from which commit; empty if unknown."""
    last = plan.last
    if last is None:
        return ""
    ago = (now - to_datetime(last.at)).total_seconds()
    when = instant_told(last.at, zone) + (f" ({span(ago)} ago)" if ago >= 1 else "")
    elsewhere = last.environment not in ("", plan.destination.environment)
    other = f" for {visible(last.environment)}" if elsewhere else ""
    return f"Last applied {when}{other} by {visible(last.by)}{_from(last)}."


def _from(apply: RecordedApply) -> str:
    commit = apply.commit
    if commit is None:
        return ""
    return f" from {commit.short}" + (f" of {visible(commit.ref)}" if commit.ref else "")


def shown_counts(plan: Plan) -> dict[str, int]:
    """How many changes there are of each verb, including zeros, except for renames."""
    return {verb: count for verb, count in told_counts(plan.changes).items() if count or verb != "rename"}


def destination_told(destination: Destination, strong: Style = str, alarm: Style = str, plain: Style = visible) -> str:
    """Environment, context and server, as far as known; a context that the environment does not name is an alarm.

    Each value goes through `plain`, and the one that the server is reached by also through `strong`.
    """
    if destination == UNKNOWN:
        return ""
    instead = f" {alarm(f'instead of {plain(destination.configured)}')}" if destination.configured else ""
    parts = [f"environment {strong(plain(destination.environment))}"] if destination.environment else []
    if destination.context:
        parts += [f"context {strong(plain(destination.context))}{instead}", f"server {plain(destination.server)}"]
    else:
        parts += [f"server {strong(plain(destination.server))}{instead}"]
    line = ", ".join(parts)
    return line[0].upper() + line[1:]


def left_alone(plan: Plan) -> tuple[str, Sequence[tuple[str, str]]]:
    """What else the bucket holds, in a phrase that may be empty, and name and reason of each unreadable entry.

    Unreadable entries whose names are in the files are left out, because they are shown as conflicts.
    """
    claimed = {conflict.name for conflict in plan.conflicts}
    unreadable = [(name, reason) for name, reason in plan.unreadable if name not in claimed]
    counts = (
        (plan.unmanaged, "without an owner"),
        (plan.foreign, "of other owners"),
        (len(unreadable), "unreadable"),
    )
    return ", ".join(f"{count} {what}" for count, what in counts if count), unreadable


def pause_told(pause: Pause, zone: tzinfo = UTC) -> str:
    """The words after "paused": `until Sun 2026-11-29 18:00 UTC by ann@host (new disks)`."""
    until = f"until {instant_told(pause.until, zone)}" if pause.until else f"since {instant_told(pause.since, zone)}"
    by = f" by {visible(pause.by)}" if pause.by else ""
    return f"{until}{by}" + (f" ({visible(pause.reason)})" if pause.reason else "")


def paused_rows(plan: Plan, now: int, zone: tzinfo = UTC) -> list[str]:
    """The paused schedules of a plan, a sentence each."""
    over = "; the pause has ended, so a scheduler or the next apply resumes it"
    return [
        f"{visible(name)}: {pause_told(pause, zone)}{over if 0 < pause.until <= now else ''}"
        for name, pause in plan.paused
    ]


def gate_refusals(plan: Plan, refusals: Sequence[AjsyncError]) -> list[str]:
    """The refusals for a format that shows conflicts elsewhere, so all conflicts are one line here."""
    told = [one_line(str(refusal)) for refusal in refusals if not isinstance(refusal, ConflictError)]
    return [f"{counted(len(plan.conflicts), 'conflict')} to resolve.", *told] if plan.conflicts else told


def loosened_told(loosened: Sequence[Loosened]) -> str:
    """Which safety limits the files loosen, in a sentence; empty if none."""
    return f"The files loosen the safety limits: {'; '.join(map(str, loosened))}." if loosened else ""


def change_place(change: Change, options: RenderOptions) -> str:
    """Where the files define or suspend a schedule, or did before a delete; empty if unknown."""
    known = place(change.name, options.locations)
    if is_suspended(change, options):
        return f"suspended in {known}" if known else "suspended in the files"
    task = change.after or change.before
    if known or task is None or not task.settings.source:
        return known
    source = visible(task.settings.source)
    return f"was in {source}" if isinstance(change, Delete) else source


def is_suspended(change: Change, options: RenderOptions) -> bool:
    """Whether a schedule is deleted because its file says `suspend: true`."""
    return isinstance(change, Delete) and change.name in options.suspended


def place(name: str, locations: Mapping[str, Location]) -> str:
    """File and line of a name; empty if unknown."""
    location = locations.get(name)
    if location is None:
        return ""
    return visible(f"{location.file}:{location.line}" if location.line else location.file)
