"""A plan as a comment on a pull request: what matters first, and never longer than a comment may be."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from ajsync.errors import AjsyncError
from ajsync.reconcile.plan import Adopt, Change, Create, Delete, Plan, Update
from ajsync.reconcile.render.fires import FireTimes
from ajsync.reconcile.render.fitting import Fitted, fit, units
from ajsync.reconcile.render.interface import RenderOptions
from ajsync.reconcile.render.markdown_text import code, fence, prose
from ajsync.reconcile.render.rows import LABEL, Row, change_rows, next_rows
from ajsync.reconcile.render.wording import (
    ACTIONS,
    REFUSED,
    REMEDIES,
    action_of,
    change_place,
    conflict_text,
    gate_refusals,
    left_alone,
    loosened_told,
    place,
    summary,
)
from ajsync.text import one_line, visible

LIMIT = 65_536
"""UTF-16 units of a comment. GitHub counts characters and takes 262,144 bytes at most: this is within either."""
_LIST_ROOM = 8_192
"""Units for each list above the changes."""
_RESERVE = 1_024
"""Units for the frames around the changes, fences left out, and for the note on what was left out."""
_MOST_CONTENT = 60
"""Lines of one payload."""
_WIDEST = 200
"""Characters of one line of a payload."""
_IMPORTANCE = (Delete, Update, Adopt, Create)
"""What goes may hurt at once, what is new may not: creates come last and are shortened first."""
_MARKS = {"create": "+", "update": "!", "adopt": "!", "delete": "-", "added": "+", "removed": "-"}
"""What GitHub colours in a block of the language diff."""


def render_markdown(plan: Plan, refusals: Sequence[AjsyncError], options: RenderOptions) -> str:
    """Show a plan as a comment, with a marker in its first line by which it can be found and replaced."""
    head = "\n".join(_head(plan, refusals, options)) + "\n"
    fires = FireTimes(options.now)
    ordered = sorted(plan.changes, key=lambda change: _IMPORTANCE.index(type(change)))
    pieces = [_forms(change, fires, options) for change in ordered]
    ticks = fence("".join(forms[0] for forms in pieces))
    room = LIMIT - units(head) - _RESERVE - 2 * len(ticks) * len(_IMPORTANCE)
    fitted = fit(pieces, room)
    parts = [head]
    for kind, group in groupby(zip(ordered, fitted.shown, strict=True), key=lambda each: type(each[0])):
        texts = [text for _, text in group]
        parts.append(_frame(kind, texts, ticks))
    return "\n".join([*parts, *_left_out(fitted)]).rstrip("\n")


def marker(owner: str) -> str:
    """The line by which the comment of an owner is found."""
    return f"<!-- ajsync plan {re.sub('[^A-Za-z0-9_-]', '_', owner)[:200]} -->"


def _head(plan: Plan, refusals: Sequence[AjsyncError], options: RenderOptions) -> Iterator[str]:
    yield marker(plan.owner)
    yield f"### ajsync plan for {code(visible(plan.owner))}\n"
    yield f"Bucket {code(visible(plan.target.bucket))}. {prose(summary(plan))}\n"
    if not plan.empty:
        counts = [(action.verb, plan.count(action.kind)) for action in ACTIONS]
        counts += [("unchanged", plan.unchanged), ("conflicts", len(plan.conflicts))]
        yield f"| {' | '.join(name for name, _ in counts)} |"
        yield f"|{' ---: |' * len(counts)}"
        yield f"| {' | '.join(str(count) for _, count in counts)} |\n"
    if options.loosened:
        yield f"> [!WARNING]\n> {prose(loosened_told(options.loosened))}\n"
    if refusals:
        yield f"> [!CAUTION]\n> {REFUSED}\n>"
        yield from _some(f"> - {prose(refusal)}" for refusal in gate_refusals(plan, refusals))
        yield ""
    if plan.conflicts:
        yield "**Conflicts.** While there is one, nothing is applied.\n"
        yield from _some(_conflicts(plan, options))
        yield ""
    phrase, unreadable = left_alone(plan)
    if phrase:
        yield f"Left alone: {phrase}.\n"
        yield from _some(f"- {code(visible(name))}: {prose(visible(reason))}" for name, reason in unreadable)


def _conflicts(plan: Plan, options: RenderOptions) -> Iterator[str]:
    for conflict in plan.conflicts:
        where = place(conflict.name, options.locations)
        at = f" ({code(where)})" if where else ""
        yield f"- {prose(conflict_text(conflict))}{at}. {prose(REMEDIES[conflict.kind])}"


def _some(lines: Iterable[str]) -> Iterator[str]:
    """As many of the lines as there is room for, and how many more there are."""
    room = _LIST_ROOM
    left = 0
    for line in lines:
        room -= units(line) + 1
        if room >= 0:
            yield line
        else:
            left += 1
    if left:
        yield f"\nand {left} more."


def _forms(change: Change, fires: FireTimes, options: RenderOptions) -> tuple[str, str, str]:
    """A change with all that there is to tell, without its next fires, and by its name alone."""
    mark = _MARKS[action_of(change).verb]
    where = change_place(change, options.locations)
    name = f"{mark} {visible(change.name)}{f'  {where}' if where else ''}\n"
    rows = change_rows(change, show_payload=options.show_payload, most_content=_MOST_CONTENT)
    fields = name + "".join(_line(row, mark) for row in rows)
    return f"{fields}{''.join(_line(row, ' ') for row in next_rows(change, fires))}\n", f"{fields}\n", name


def _line(row: Row, mark: str) -> str:
    text = row.told
    if row.tone in ("content", "added", "removed"):
        mark, text = _MARKS.get(row.tone, " "), f"│ {one_line(text, _WIDEST)}"
    return f"{mark}   {row.label:<{LABEL}}{text}".rstrip() + "\n"


def _frame(kind: type[Change], texts: Sequence[str], ticks: str) -> str:
    verb = next(action.verb for action in ACTIONS if action.kind is kind)
    heading = f"<details>\n<summary><b>{len(texts)} to {verb}</b></summary>\n"
    block = "".join(texts)
    return f"{heading}\n{ticks}diff\n{block}{ticks}\n\n</details>\n" if block else f"{heading}\n</details>\n"


def _left_out(fitted: Fitted) -> Iterator[str]:
    counts = [sum(steps >= step for steps in fitted.steps) for step in (1, 2, 3)]
    if not counts[0]:
        return
    told = zip(counts, ("the next fires", "the fields", "the names"), strict=True)
    phrases = " and ".join(f"{what} of {count}" for count, what in told if count)
    yield f"To fit into a comment, this leaves out {phrases} of the {len(fitted.steps)} changes."
