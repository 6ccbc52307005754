"""A plan as a comment on a pull request: the most important first, and never longer than a comment may be.

What others wrote is put into GitHub's Markdown so that it stays text: in code spans, fences and escaped sentences.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from ajsync.asyncjobs.queues import stated
from ajsync.errors import AjsyncError
from ajsync.reconcile.plan import Change, Plan, with_verbs
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
    shown_counts,
    summary,
)
from ajsync.text import cut, one_line, visible
from ajsync.timestamp import to_nanoseconds

LIMIT = 65_536
"""UTF-16 units of a comment. GitHub counts characters and accepts 262,144 bytes at most: this satisfies both."""
_LIST_ROOM = 8_192
"""Units for each list above the changes."""
_RESERVE = 1_024
"""Units for the frames around the changes, without their fences, and for the note on what was left out."""
_MOST_CONTENT = 60
"""Lines of one payload."""
_WIDEST = 200
"""Characters of one line of a payload."""
_IMPORTANCE = ("delete", "update", "adopt", "rename", "create")
"""A delete can do harm at once, a create cannot: creates come last and are shortened first."""
_MARKS = {"create": "+", "update": "!", "adopt": "!", "rename": "!", "delete": "-", "added": "+", "removed": "-"}
"""What GitHub colours in a block of the language diff."""
_TICKS = re.compile("`+")
_INLINE = re.compile(r"[\\`*_\[\]<>&~|$!]")
_BLOCK = re.compile(r"^(\d*)([#+\-=.):])")
# GitHub makes links of these after it has read the Markdown, when a backslash no longer helps.
_LINK = re.compile(r"([@#]|\b(?:https?|ftp|mailto|xmpp):|\bwww\.)(?=\S)", re.IGNORECASE)
_ZERO_WIDTH_SPACE = "\u200b"


def render_markdown(plan: Plan, refusals: Sequence[AjsyncError], options: RenderOptions) -> str:
    """Show a plan as a comment; a marker in its first line identifies the comment, so that it can be replaced."""
    head = "\n".join(_head(plan, refusals, options)) + "\n"
    tail = "\n".join(_tail(plan, options))
    fires = FireTimes(options.now, options.zone)
    ordered = sorted(with_verbs(plan.changes), key=lambda each: _IMPORTANCE.index(each[0]))
    pieces = [_forms(verb, change, fires, options) for verb, change in ordered]
    ticks = fence("".join(forms[0] for forms in pieces))
    room = LIMIT - units(head) - units(tail) - _RESERVE - 2 * len(ticks) * len({verb for verb, _ in ordered})
    texts, steps = fit(pieces, room)
    groups = groupby(zip(ordered, texts, strict=True), key=lambda each: each[0][0])
    frames = [_frame(verb, [text for _, text in group], ticks) for verb, group in groups]
    return "\n".join([head, *frames, *([tail] if tail else []), *_left_out(steps)]).rstrip("\n")


def marker(owner: str) -> str:
    """The line that identifies the comment of an owner."""
    return f"<!-- ajsync plan {re.sub('[^A-Za-z0-9_-]', '_', owner)[:200]} -->"


def _head(plan: Plan, refusals: Sequence[AjsyncError], options: RenderOptions) -> Iterator[str]:
    yield marker(plan.owner)
    yield f"### ajsync plan for {code(visible(plan.owner))}\n"
    if where := destination_told(plan.destination, plain=lambda text: code(visible(text))):
        yield f"{where}\n"
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
        yield from _some(f"- {code(each.name)} {prose(stated(each))}".rstrip() for each in plan.queues.missing)
        yield ""
    if told := queues_told(plan):
        yield "> [!WARNING]"
        yield from _some(f"> - {prose(each)}" for each in told)
        yield ""
    if refusals:
        yield f"> [!CAUTION]\n> {REFUSED}\n>"
        yield from _some(f"> - {prose(refusal)}" for refusal in gate_refusals(plan, refusals))
        yield ""
    if plan.conflicts:
        yield "**Conflicts.** Nothing is applied until they are resolved.\n"
        yield from _some(_conflicts(plan, options))
        yield ""
    if plan.ignored:
        yield f"> [!WARNING]\n> {IGNORED}\n>"
        yield from _some(
            f"> - {code(visible(name))}: {', '.join(map(code, members))}" for name, members in plan.ignored
        )
        yield ""
    if plan.paused:
        yield f"{PAUSED}\n"
        yield from _some(f"- {prose(row)}" for row in paused_rows(plan, to_nanoseconds(options.now), options.zone))
        yield ""
    phrase, unreadable = left_alone(plan)
    if phrase:
        yield f"Left alone: {phrase}.\n"
        yield from _some(f"- {code(visible(name))}: {prose(visible(reason))}" for name, reason in unreadable)


def _tail(plan: Plan, options: RenderOptions) -> Iterator[str]:
    """What follows the changes."""
    if hint := payload_hint(plan, show_payload=options.show_payload):
        yield f"{prose(hint)}\n"
    if options.impact is not None:
        yield f"{IMPACT}\n"
        yield from _some(map(_impact_line, impact_rows(options.impact, options.zone)))
        yield ""


def _impact_line(row: PlanRow) -> str:
    label = code(row.label) if row.tone == "value" else row.label
    return f"- {label}: {row.told}" if label else f"- {row.told}"


def _conflicts(plan: Plan, options: RenderOptions) -> Iterator[str]:
    for conflict in plan.conflicts:
        where = place(conflict.name, options.locations)
        at = f" ({code(where)})" if where else ""
        yield f"- {prose(one_line(str(conflict)))}{at}. {prose(REMEDIES[conflict.kind])}"


def _some(lines: Iterable[str]) -> Iterator[str]:
    """As many of the lines as fit, and the count of the others."""
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


def _forms(verb: str, change: Change, fires: FireTimes, options: RenderOptions) -> tuple[str, str, str]:
    """A change in full, without its next fires, and by its name alone."""
    mark = _MARKS[verb]
    where = change_place(change, options)
    paused = "  paused" if change.paused else ""
    name = f"{mark} {visible(change.name)}{paused}{f'  {where}' if where else ''}\n"
    rows = change_rows(change, show_payload=options.show_payload, most_content=_MOST_CONTENT)
    fields = name + "".join(_line(row, mark) for row in rows)
    return f"{fields}{''.join(_line(row, ' ') for row in next_rows(change, fires))}\n", f"{fields}\n", name


def _line(row: PlanRow, mark: str) -> str:
    text = row.told
    if row.tone in ("content", "added", "removed"):
        mark, text = _MARKS.get(row.tone, " "), f"│ {cut(text, _WIDEST)}"
    return f"{mark}   {row.label:<{LABEL}}{text}".rstrip() + "\n"


def _frame(verb: str, texts: Sequence[str], ticks: str) -> str:
    heading = f"<details>\n<summary><b>{len(texts)} to {verb}</b></summary>\n"
    block = "".join(texts)
    return f"{heading}\n{ticks}diff\n{block}{ticks}\n\n</details>\n" if block else f"{heading}\n</details>\n"


def _left_out(steps: Sequence[int]) -> Iterator[str]:
    counts = [sum(each >= step for each in steps) for step in (1, 2, 3)]
    if not counts[0]:
        return
    told = zip(counts, ("the next fires", "the fields", "the names"), strict=True)
    phrases = " and ".join(f"{what} of {count}" for count, what in told if count)
    yield f"To fit into a comment, this leaves out {phrases} of the {len(steps)} changes."


def fit(pieces: Sequence[Sequence[str]], room: int) -> tuple[Sequence[str], Sequence[int]]:
    """Choose a form of each piece so that all together take no more than `room` units.

    A piece is its forms, the same number for all, from the longest to the shortest; behind the shortest it is left out.
    Every piece loses one step before any loses the next, and the last pieces lose theirs first. Returns a text for each
    piece, and how many steps it was shortened.
    """
    sizes = [[*map(units, forms), 0] for forms in pieces]
    steps = [0] * len(pieces)
    total = sum(size[0] for size in sizes)
    for step in range(1, len(pieces[0]) + 1 if pieces else 0):
        for index in reversed(range(len(pieces))):
            if total <= room:
                break
            total -= sizes[index][step - 1] - sizes[index][step]
            steps[index] = step
    return [[*forms, ""][step] for forms, step in zip(pieces, steps, strict=True)], steps


def units(text: str) -> int:
    """The length of a text in UTF-16 units, which is never less than its characters."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def code(text: str) -> str:
    """A code span. Not for cells of a table, which a pipe would end."""
    ticks = "`" * (_longest_run(text) + 1)
    space = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{ticks}{space}{text}{space}{ticks}"


def prose(text: str) -> str:
    """Plain text: without emphasis, HTML, links and mentions."""
    text = _INLINE.sub(r"\\\g<0>", text.strip())
    text = _BLOCK.sub(r"\1\\\2", text)
    return _LINK.sub(rf"\1{_ZERO_WIDTH_SPACE}", text)


def fence(text: str) -> str:
    """The backticks that open and close a block of code with this content."""
    return "`" * max(3, _longest_run(text) + 1)


def _longest_run(text: str) -> int:
    return max(map(len, _TICKS.findall(text)), default=0)
