"""Tables and bars of text: aligned columns that stay columns in a pipe, and fit the width of a terminal."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from rich.cells import cell_len, chop_cells, set_cell_size

from ajsync.cli.output.streams import speaks_utf8
from ajsync.cli.output.terminal import stdout_paint
from ajsync.text import Paint

_GAP = "  "
_LEAST_FLEXIBLE = 8
"""Columns that even a narrow terminal leaves to a flexible column."""
_EIGHTHS = " ▏▎▍▌▋▊▉"
_LEVELS = " ▁▂▃▄▅▆▇█"
_ASCII_LEVELS = " .:-=+*#%@"


@dataclass(frozen=True, slots=True)
class Column:
    """How a column of a table looks."""

    title: str
    right: bool = False
    """Whether it is right-aligned, as numbers are."""
    flexible: bool = False
    """Whether it is cut if a terminal is too narrow, and left out if that is not enough, the last one first."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A text with a style of `Paint`."""

    text: str
    style: str = ""


Row = Sequence[str | Cell]


def table(columns: Sequence[Column], rows: Sequence[Row]) -> list[str]:
    """Lay out a table for standard output: titles, then rows; a column without content is left out."""
    return aligned(columns, rows, width=stdout_width(), paint=stdout_paint())


def aligned(columns: Sequence[Column], rows: Sequence[Row], *, width: int | None, paint: Paint) -> list[str]:
    """Lay out a table within `width` columns of a terminal, or without a limit."""
    cells = [[cell if isinstance(cell, Cell) else Cell(cell) for cell in row] for row in rows]
    widths = {
        index: max([cell_len(column.title), *(cell_len(row[index].text) for row in cells)])
        for index, column in enumerate(columns)
        if any(row[index].text for row in cells)
    }
    if width is not None:
        widths = _narrowed(columns, widths, width)
    heads = [Cell(column.title, "strong") for column in columns]
    return [_line(columns, widths, row, paint) for row in [heads, *cells]]


def framed(
    title: str, heads: Sequence[str], rows: Iterable[Sequence[str]], widths: Sequence[int], paint: Paint
) -> Iterator[str]:
    """Lay out a table in a frame, as `ajc` prints it; a cell that is wider than its column is broken into lines."""

    def rule(left: str, middle: str, right: str) -> str:
        return left + middle.join("─" * (width + 2) for width in widths) + right

    def line(cells: Sequence[str]) -> str:
        return f"│ {' │ '.join(cells)} │"

    def lines(row: Sequence[str]) -> Iterator[list[str]]:
        broken = [_broken(cell, width) for cell, width in zip(row, widths, strict=True)]
        for parts in zip_longest(*broken, fillvalue=""):
            yield [set_cell_size(part, width) for part, width in zip(parts, widths, strict=True)]

    yield rule("╭", "─", "╮")
    yield f"│{title.center(sum(widths) + 3 * len(widths) - 1)}│"
    yield rule("├", "┬", "┤")
    yield from (line([paint("strong", cell) for cell in each]) for each in lines(heads))
    yield rule("├", "┼", "┤")
    yield from (line(each) for row in rows for each in lines(row))
    yield rule("╰", "┴", "╯")


def bar(number: int, most: int, columns: int, *, blocks: bool) -> str:
    """Draw a bar for a number up to `most`, which takes `columns` columns; only zero looks like nothing."""
    if not number:
        return ""
    if not blocks:
        return "#" * max(round(number * columns / most), 1)
    eighths = max(round(number * columns * 8 / most), 1)
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def levels(numbers: Sequence[int], *, blocks: bool) -> str:
    """Draw a character for each number, the taller the larger; only zero looks like nothing."""
    marks = _LEVELS if blocks else _ASCII_LEVELS
    most = max(numbers, default=0) or 1
    return "".join(marks[-(-number * (len(marks) - 1) // most)] for number in numbers)


def has_blocks() -> bool:
    """Whether standard output is a terminal that can show block characters; a pipe gets plain ASCII."""
    return sys.stdout.isatty() and speaks_utf8(sys.stdout)


def stdout_width() -> int | None:
    """Return the columns of the terminal; None for a pipe, where nothing is cut."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _narrowed(columns: Sequence[Column], widths: Mapping[int, int], width: int) -> dict[int, int]:
    """Widths that fit, if they can: flexible columns are cut, and if that is not enough, the last of them go."""
    over = sum(widths.values()) + len(_GAP) * (len(widths) - 1) - width
    cut = dict(widths)
    flexible = [index for index in cut if columns[index].flexible]
    for index in reversed(flexible):
        less = min(max(over, 0), max(cut[index] - _LEAST_FLEXIBLE, 0))
        cut[index] -= less
        over -= less
    if over > 0 and flexible:
        return _narrowed(columns, {index: size for index, size in widths.items() if index != flexible[-1]}, width)
    return cut


def _line(columns: Sequence[Column], widths: Mapping[int, int], row: Sequence[Cell], paint: Paint) -> str:
    parts = []
    for index, width in widths.items():
        text = row[index].text
        if cell_len(text) > width:
            text = set_cell_size(text, width - 1).rstrip() + "…"
        space = " " * (width - cell_len(text))
        painted = paint(row[index].style, text)
        parts.append(space + painted if columns[index].right else painted + space)
    return _GAP.join(parts).rstrip()


def _broken(text: str, width: int) -> list[str]:
    """Break a text into lines of at most `width` columns, at its spaces if that is possible."""
    if cell_len(text) <= width:
        return [text]
    lines = [""]
    for word in text.split(" "):
        both = f"{lines[-1]} {word}" if lines[-1] else word
        if cell_len(both) <= width:
            lines[-1] = both
        else:
            lines += chop_cells(word, width)
    return [line for line in lines if line] or [""]
