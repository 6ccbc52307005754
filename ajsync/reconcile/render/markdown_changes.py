"""Changes in Markdown: blocks to unfold, in the language diff, shortened until they fit into a comment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from ajsync.reconcile.plan import Change, with_verbs
from ajsync.reconcile.render.fires import FireTimes
from ajsync.reconcile.render.interface import RenderOptions
from ajsync.reconcile.render.markdown_text import fence, units
from ajsync.reconcile.render.rows import LABEL, PlanRow, change_rows, next_rows
from ajsync.reconcile.render.wording import change_place
from ajsync.text import cut, visible

_RESERVE = 1_024
"""UTF-16 units for the frames around the changes, without their fences, and for the note on what was left out."""
_MOST_CONTENT = 60
"""The most lines of one payload."""
_WIDEST = 200
"""The most characters of one line of a payload."""
_IMPORTANCE = ("delete", "update", "adopt", "rename", "create")
"""A delete can do harm at once, a create cannot, so creates come last and are shortened first."""
_MARKS = {"create": "+", "update": "!", "adopt": "!", "rename": "!", "delete": "-", "added": "+", "removed": "-"}
"""What GitHub colours in a block of the language diff."""


def blocks(
    changes: Sequence[Change], room: int, options: RenderOptions, *, titles: Mapping[str, str]
) -> tuple[list[str], list[str]]:
    """Show changes in blocks, the most important first, and say what was left out so that they fit into `room` units.

    `titles` has the words behind the count of each verb's block. The second list is empty if everything is shown.
    """
    fires = FireTimes(options.now, options.zone)
    ordered = sorted(with_verbs(changes), key=lambda each: _IMPORTANCE.index(each[0]))
    pieces = [_forms(verb, change, fires, options) for verb, change in ordered]
    ticks = fence("".join(forms[0] for forms in pieces))
    texts, steps = fit(pieces, room - _RESERVE - 2 * len(ticks) * len({verb for verb, _ in ordered}))
    groups = groupby(zip(ordered, texts, strict=True), key=lambda each: each[0][0])
    frames = [_frame(titles[verb], [text for _, text in group], ticks) for verb, group in groups]
    return frames, [*_left_out(steps)]


def _forms(verb: str, change: Change, fires: FireTimes, options: RenderOptions) -> tuple[str, str, str]:
    """Three forms of a change: in full, without its next fires, and its name alone."""
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


def _frame(title: str, texts: Sequence[str], ticks: str) -> str:
    heading = f"<details>\n<summary><b>{len(texts)} {title}</b></summary>\n"
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

    A piece has forms, the same number for all pieces, from the longest to the shortest; one step more leaves it out.
    Every piece loses one step before any loses the next, and the last pieces lose theirs first. Returns the text of
    each piece, and by how many steps it was shortened.
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
