"""A plan as a comment on a pull request: the most important part first, and never longer than a comment may be."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ajsync.asyncjobs.queues import stated
from ajsync.errors import AjsyncError
from ajsync.reconcile.plan import TOLD, Plan
from ajsync.reconcile.render.impact import IMPACT, impact_rows, payload_hint
from ajsync.reconcile.render.interface import RenderOptions
from ajsync.reconcile.render.markdown_changes import blocks
from ajsync.reconcile.render.markdown_text import code, prose, some, units
from ajsync.reconcile.render.rows import PlanRow
from ajsync.reconcile.render.wording import (
    IGNORED,
    PAUSED,
    REFUSED,
    REMEDIES,
    destination_told,
    gate_refusals,
    last_applied,
    left_alone,
    loosened_told,
    paused_rows,
    place,
    queues_told,
    shown_counts,
    summary,
)
from ajsync.text import one_line, visible
from ajsync.timestamp import to_nanoseconds

LIMIT = 65_536 - 512
"""The most UTF-16 units of a plan. A comment on GitHub may have 65,536 characters and 262,144 bytes: this satisfies
both, and leaves room for the line that `ajsync comment` adds."""
_TITLES = {verb: f"to {verb}" for verb in TOLD}


def render_markdown(plan: Plan, refusals: Sequence[AjsyncError], options: RenderOptions) -> str:
    """Show a plan as a comment; a marker in its first line identifies the comment, so that it can be replaced."""
    return f"{marker(plan.owner, plan.destination.environment)}\n{render_body(plan, refusals, options, 'plan')}"


def render_body(plan: Plan, refusals: Sequence[AjsyncError], options: RenderOptions, command: str) -> str:
    """Show a plan below the heading of the command that made it."""
    head = "\n".join([heading(command, plan), *_head(plan, refusals, options)]) + "\n"
    tail = "\n".join(_tail(plan, options))
    room = LIMIT - units(head) - units(tail)
    frames, left_out = blocks(plan.changes, room, options, titles=_TITLES)
    return "\n".join([head, *frames, *([tail] if tail else []), *left_out]).rstrip("\n")


def marker(owner: str, environment: str = "") -> str:
    """The line that identifies the comment of an owner for an environment."""
    names = [re.sub("[^A-Za-z0-9_-]", "_", name)[:200] for name in (owner, environment) if name]
    return f"<!-- ajsync plan {' '.join(names)} -->"


def heading(command: str, plan: Plan) -> str:
    """The heading of what a command says about a plan, with an empty line below it."""
    environment = plan.destination.environment
    where = f", environment {code(visible(environment))}" if environment else ""
    return f"### ajsync {command} for {code(visible(plan.owner))}{where}\n"


def destination_line(plan: Plan) -> list[str]:
    """Where a plan goes, with an empty line below it; nothing if that is not known."""
    where = destination_told(plan.destination, plain=lambda text: code(visible(text)))
    return [f"{where}\n"] if where else []


def _head(plan: Plan, refusals: Sequence[AjsyncError], options: RenderOptions) -> Iterator[str]:
    yield from destination_line(plan)
    yield f"Bucket {code(visible(plan.target.bucket))}. {prose(summary(plan))}\n"
    if applied := last_applied(plan, options.now, options.zone):
        yield f"{prose(applied)}\n"
    if plan.selection:
        yield f"Selected by {code(str(plan.selection))}\n"
    if not plan.empty:
        counts = [*shown_counts(plan).items()]
        counts += [("unchanged", plan.unchanged), ("conflicts", len(plan.conflicts))]
        yield f"| {' | '.join(name for name, _ in counts)} |"
        yield f"|{' ---: |' * len(counts)}"
        yield f"| {' | '.join(str(count) for _, count in counts)} |\n"
    if options.loosened:
        yield f"> [!WARNING]\n> {prose(loosened_told(options.loosened))}\n"
    if plan.queues.missing:
        yield "Queues to make:\n"
        yield from some(f"- {code(each.name)} {prose(stated(each))}".rstrip() for each in plan.queues.missing)
        yield ""
    if told := queues_told(plan):
        yield "> [!WARNING]"
        yield from some(f"> - {prose(each)}" for each in told)
        yield ""
    if refusals:
        yield f"> [!CAUTION]\n> {REFUSED}\n>"
        yield from some(f"> - {prose(refusal)}" for refusal in gate_refusals(plan, refusals))
        yield ""
    if plan.conflicts:
        yield "**Conflicts.** Nothing is applied until they are resolved.\n"
        yield from some(_conflicts(plan, options))
        yield ""
    if plan.ignored:
        yield f"> [!WARNING]\n> {IGNORED}\n>"
        yield from some(f"> - {code(visible(name))}: {', '.join(map(code, members))}" for name, members in plan.ignored)
        yield ""
    if plan.paused:
        yield f"{PAUSED}\n"
        yield from some(f"- {prose(row)}" for row in paused_rows(plan, to_nanoseconds(options.now), options.zone))
        yield ""
    phrase, unreadable = left_alone(plan)
    if phrase:
        yield f"Left alone: {phrase}.\n"
        yield from some(f"- {code(visible(name))}: {prose(visible(reason))}" for name, reason in unreadable)


def _tail(plan: Plan, options: RenderOptions) -> Iterator[str]:
    """The part below the changes."""
    if hint := payload_hint(plan, show_payload=options.show_payload):
        yield f"{prose(hint)}\n"
    if options.impact is not None:
        yield f"{IMPACT}\n"
        yield from some(map(_impact_line, impact_rows(options.impact, options.zone)))
        yield ""


def _impact_line(row: PlanRow) -> str:
    label = code(row.label) if row.tone == "value" else row.label
    return f"- {label}: {row.told}" if label else f"- {row.told}"


def _conflicts(plan: Plan, options: RenderOptions) -> Iterator[str]:
    for conflict in plan.conflicts:
        where = place(conflict.name, options.locations)
        at = f" ({code(where)})" if where else ""
        yield f"- {prose(one_line(str(conflict)))}{at}. {prose(REMEDIES[conflict.kind])}"
