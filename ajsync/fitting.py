"""What fits on a terminal: the width of a text, sentences broken at spaces, and shortened values.

A width counts columns of a terminal: an East Asian character takes two, a combining mark none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

Keep = Literal["start", "ends", "end"]
"""Which part of a shortened text is kept: its start, its end, or both."""

_NARROW = re.compile("[ -~≤…]*")
_STYLE = re.compile("\x1b\\[[0-9;]*m")


def cells(text: str) -> int:
    """The columns that a text takes; it may have no control characters except those of styles, which take none."""
    if "\x1b" in text:
        text = _STYLE.sub("", text)
    if text.isascii() or _NARROW.fullmatch(text):
        return len(text)
    from rich.cells import cell_len  # the import takes a tenth of a second, which most messages do not need

    return cell_len(text)


def wrapped(text: str, width: int | None, *, used: int = 0, indent: int = 0) -> list[str]:
    """Break a sentence at its spaces into lines of at most `width` columns; without a width nothing is broken.

    `used` columns of the first line are taken, and the other lines begin with `indent` spaces, or fewer on a narrow
    terminal. A word that is longer than a line is left whole for the terminal to break, so that it can still be copied.
    """
    if width is None:
        return [text]
    lines, line, room = [], "", width - used
    space = " " * min(indent, width // 4)
    for number, word in enumerate(text.split(" ")):
        longer = f"{line} {word}" if number else word
        if line.strip() and cells(longer) > room:
            lines.append(line.rstrip())
            line, room = space + word, width
        else:
            line = longer
    return [*lines, line.rstrip()]


def shortened(text: str, width: int, keep: Keep = "start", mark: str = "…") -> str:
    """A text in at most `width` columns, at least 1: as it is, or with a `mark` for what is left out."""
    if cells(text) <= width:
        return text
    if keep == "start":
        return _start(text, width - 1).rstrip() + mark
    if keep == "end":
        return mark + _end(text, width - 1).lstrip()
    last = (width - 1) // 2
    return _start(text, width - 1 - last).rstrip() + mark + _end(text, last).lstrip()


def _start(text: str, width: int) -> str:
    """As much of the start of a text as fits into `width` columns."""
    if text.isascii():
        return text[:width]
    from rich.cells import set_cell_size

    return set_cell_size(text, width)


def _end(text: str, width: int) -> str:
    """As much of the end of a text as fits into `width` columns; combining marks stay with their character."""
    if text.isascii():
        return text[len(text) - width :]
    return next((text[start:] for start in _starts(text, width) if cells(text[start:]) <= width), "")


def _starts(text: str, width: int) -> Iterator[int]:
    """Where the end of a text may begin, the farthest from its end first; only combining marks take no column."""
    marks = 0
    for start in range(len(text) - 1, -1, -1):
        marks += cells(text[start]) == 0
        if len(text) - start - marks > width:
            break
    yield from (each for each in range(start, len(text)) if cells(text[each]))
