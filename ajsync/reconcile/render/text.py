"""A plan as text, for a terminal or a file that a person will read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache, partial

from ajsync.asyncjobs.queues import stated
from ajsync.errors import AjsyncError
from ajsync.fitting import cells, wrapped
from ajsync.reconcile.impact import Impact
from ajsync.reconcile.plan import TOLD, Change, Plan, told_counts, with_verbs
from ajsync.reconcile.render.fires import FireTimes
from ajsync.reconcile.render.impact import IMPACT, impact_rows, payload_hint
from ajsync.reconcile.render.interface import RenderOptions
from ajsync.reconcile.render.rows import LABEL, PlanRow, change_rows, next_rows
from ajsync.reconcile.render.wording import (
    IGNORED,
    PAUSED,
    REFUSED,
    REMEDIES,
    change_place,
    destination_told,
    gate_refusals,
    last_applied,
    left_alone,
    loosened_told,
    paused_rows,
    place,
    queues_told,
    summary,
)
from ajsync.text import Paint, one_line, visible
from ajsync.timestamp import to_nanoseconds

MANY_CHANGES = 200
"""A plan with more changes is shortened where that is asked for."""
_SHOWN = 5
"""How many changes of each kind a shortened plan shows, except deletes."""
_DELETES_SHOWN = 100
_SYMBOLS = {"create": "+", "update": "~", "adopt": "&", "rename": ">", "delete": "-"}
_WIDEST = 40
"""The columns up to which old values and names of queues are padded, to line up what follows them."""
_UNREADABLE = 10
"""How many unreadable entries are listed."""
_MOST_IGNORED = 10
"""How many schedules with members that a Go scheduler ignores are listed."""
_PAUSED = 10
"""How many paused schedules are listed."""
_GUTTER = "│ "
"""Precedes each line of a payload, because GitHub would take one that begins with `::` for a command."""
_STYLES = {"value": "", "note": "faint", "amiss": "update", "content": "", "added": "new", "removed": "old"}
_SENTENCES = frozenset(("value", "note", "amiss"))
"""The tones of rows that are broken at the width; the others are lines of a payload."""


def render_text(plan: Plan, refusals: Sequence[AjsyncError], options: RenderOptions) -> str:
    """Show a plan. Sentences and fields are broken at the width, payloads are not. No line ends in a space."""
    paint = Paint(options.colour)
    prose = _Prose(paint, options.width)
    lines = [*_heading(plan, options, paint, prose)]
    fires = FireTimes(options.now, options.zone)
    shown, left_out = _shortened(plan) if options.short else ([*with_verbs(plan.changes)], "")
    for verb, change in shown:
        lines += _change(verb, change, fires, options, paint, prose)
    if left_out:
        lines += [*prose(left_out, "warning"), ""]
    lines += _queues(plan, paint, prose)
    if hint := payload_hint(plan, show_payload=options.show_payload):
        lines += [hint, ""]
    if options.impact is not None:
        lines += _impact(options.impact, options, paint, prose)
    lines += _conflicts(plan, options, paint, prose)
    lines += _ignored(plan, options, paint, prose)
    lines += _paused(plan, options, paint, prose)
    lines += _left_alone(plan, paint, prose)
    lines += prose(summary(plan), "strong")
    lines += _refusals(plan, refusals, paint, prose)
    return "\n".join(lines)


class _Prose:
    """Breaks sentences into lines that fit; all but the first begin with an indent."""

    def __init__(self, paint: Paint, width: int | None) -> None:
        self._paint, self._width = paint, width

    def __call__(self, text: str, style: str = "", *, indent: int = 0) -> list[str]:
        return [self._paint(style, line) for line in wrapped(text, self._width, indent=indent)]


def _heading(plan: Plan, options: RenderOptions, paint: Paint, prose: _Prose) -> Iterator[str]:
    if where := destination_told(plan.destination, partial(paint, "strong"), partial(paint, "alarm")):
        yield from prose(where)
    bucket, owner = visible(plan.target.bucket), visible(plan.owner)
    yield from prose(f"Bucket {paint('strong', bucket)}, owner {paint('strong', owner)}")
    if applied := last_applied(plan, options.now, options.zone):
        yield from prose(applied, "faint")
    if plan.selection:
        yield from prose(f"Selected by {plan.selection}")
    verbs = [verb for verb, count in told_counts(plan.changes).items() if count]
    if verbs:
        yield "   ".join(f"{paint(verb, _SYMBOLS[verb])} {verb}" for verb in verbs)
    yield ""
    if options.loosened:
        yield from (*prose(loosened_told(options.loosened), "update"), "")


def _shortened(plan: Plan) -> tuple[list[tuple[str, Change]], str]:
    """The changes to show, with their verbs, and a line about the others, which is empty if there are none."""
    changes = [*with_verbs(plan.changes)]
    if len(changes) <= MANY_CHANGES:  # more than can be shown of all kinds together
        return changes, ""
    shown: list[tuple[str, Change]] = []
    seen: Counter[str] = Counter()
    for verb, change in changes:
        seen[verb] += 1
        if seen[verb] <= _most_shown(verb):
            shown.append((verb, change))
    rest = {verb: seen[verb] - _most_shown(verb) for verb in TOLD}
    told = ", ".join(f"{count:,} to {verb}" for verb, count in rest.items() if count > 0)
    return shown, f"Not shown: {told}. To see every change, pass --full."


def _most_shown(verb: str) -> int:
    return _DELETES_SHOWN if verb == "delete" else _SHOWN


def _change(
    verb: str, change: Change, fires: FireTimes, options: RenderOptions, paint: Paint, prose: _Prose
) -> list[str]:
    where = change_place(change, options)
    heading = f"{paint(verb, _SYMBOLS[verb])} {paint('strong', visible(change.name))}"
    heading = f"{heading}  {paint('update', 'paused')}" if change.paused else heading
    lines = [f"{heading}  {paint('faint', where)}" if where else heading]
    rows = change_rows(change, show_payload=options.show_payload)
    replaced = [row.before for row in rows if row.before is not None]
    width = min(max(map(cells, replaced), default=0), _WIDEST)
    whole = options.width is None and not options.colour  # a plan in a pipe may be very long
    for row in (*rows, *next_rows(change, fires)):
        if whole and row.before is None and row.tone in _SENTENCES:
            lines.append(_label(row.label, LABEL) + row.text)
        else:
            lines += _row(row, width, paint, prose)
    lines.append("")
    return lines


def _row(row: PlanRow, width: int, paint: Paint, prose: _Prose, label_width: int = LABEL) -> list[str]:
    indent = 4 + label_width
    label = _label(row.label, label_width)
    if row.before is not None:
        padding = " " * (width - cells(row.before))
        arrow = paint("faint", "→")
        return prose(f"{label}{paint('old', row.before)}{padding} {arrow} {paint('new', row.text)}", indent=indent)
    text = paint(_STYLES[row.tone], row.text)
    if row.tone in _SENTENCES:
        return prose(label + text, indent=indent)
    return [f"{label}{paint('faint', _GUTTER)}{text}".rstrip()]


@lru_cache
def _label(text: str, width: int) -> str:
    return f"    {text}{' ' * max(width - cells(text), 2)}"


def _queues(plan: Plan, paint: Paint, prose: _Prose) -> Iterator[str]:
    for queue in plan.queues.missing:
        heading = f"{paint('create', _SYMBOLS['create'])} queue {paint('strong', queue.name)}"
        yield f"{heading}  {paint('faint', settings)}" if (settings := stated(queue)) else heading
    if plan.queues.missing:
        yield ""
    for told in queues_told(plan):
        yield from (*prose(told, "update"), "")


def _impact(impact: Impact, options: RenderOptions, paint: Paint, prose: _Prose) -> Iterator[str]:
    yield from prose(IMPACT)
    rows = impact_rows(impact, options.zone)
    label = min(max(cells(row.label) for row in rows), _WIDEST) + 2
    width = max((len(row.before or "") for row in rows if row.tone == "value"), default=0)
    for row in rows:
        yield from _row(row, width, paint, prose, label)
    yield ""


def _conflicts(plan: Plan, options: RenderOptions, paint: Paint, prose: _Prose) -> Iterator[str]:
    if not plan.conflicts:
        return
    yield from prose("Conflicts: nothing is applied until they are resolved.", "alarm")
    for kind, remedy in REMEDIES.items():
        found = [conflict for conflict in plan.conflicts if conflict.kind == kind]
        for conflict in found:
            where = place(conflict.name, options.locations)
            line = f"  {paint('alarm', '!')} {one_line(str(conflict))}"
            yield from prose(f"{line}  {paint('faint', where)}" if where else line, indent=4)
        if found:
            yield from prose(f"    {remedy}", indent=4)
    yield ""


def _ignored(plan: Plan, options: RenderOptions, paint: Paint, prose: _Prose) -> Iterator[str]:
    if not plan.ignored:
        return
    yield from prose(IGNORED, "warning")
    for name, members in plan.ignored[:_MOST_IGNORED]:
        where = place(name, options.locations)
        line = f"  {paint('warning', '!')} {visible(name)}: {', '.join(members)}"
        yield from prose(f"{line}  {paint('faint', where)}" if where else line, indent=4)
    if len(plan.ignored) > _MOST_IGNORED:
        yield f"    and {len(plan.ignored) - _MOST_IGNORED:,} more"
    yield ""


def _paused(plan: Plan, options: RenderOptions, paint: Paint, prose: _Prose) -> Iterator[str]:
    rows = paused_rows(plan, to_nanoseconds(options.now), options.zone)
    if not rows:
        return
    yield from prose(PAUSED)
    for row in rows[:_PAUSED]:
        yield from prose(f"  {paint('update', '‖')} {row}", indent=4)
    if len(rows) > _PAUSED:
        yield f"    and {len(rows) - _PAUSED:,} more"
    yield ""


def _left_alone(plan: Plan, paint: Paint, prose: _Prose) -> Iterator[str]:
    phrase, unreadable = left_alone(plan)
    if not phrase:
        return
    yield from prose(f"Left alone: {phrase}.")
    for name, reason in unreadable[:_UNREADABLE]:
        yield from prose(
            f"  {paint('faint', '·')} {visible(name)}: {paint('faint', one_line(reason))}".rstrip(), indent=4
        )
    if len(unreadable) > _UNREADABLE:
        yield f"    and {len(unreadable) - _UNREADABLE} more"
    yield ""


def _refusals(plan: Plan, refusals: Sequence[AjsyncError], paint: Paint, prose: _Prose) -> Iterator[str]:
    if not refusals:
        return
    yield ""
    yield from prose(REFUSED, "alarm")
    for refusal in gate_refusals(plan, refusals):
        yield from prose(f"  {paint('alarm', '•')} {refusal}", indent=4)
