"""Tables and bars of text: aligned columns that stay columns in a pipe, and fit the width of a terminal."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ajsync.cli.output.terminal import has_colour
from ajsync.reconcile.render.style import Paint

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
    """Numbers stand right-aligned."""
    flexible: bool = False
    """It is cut where a terminal is too narrow, and left out where that is not enough; the last such column first."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A text with a style of `Paint`."""

    text: str
    style: str = ""


Row = Sequence[str | Cell]


def table(columns: Sequence[Column], rows: Sequence[Row], *, width: int | None, paint: Paint) -> list[str]:
    """The lines of a table: titles, then rows; a column without any content is left out."""
    cells = [[cell if isinstance(cell, Cell) else Cell(cell) for cell in row] for row in rows]
    widths = {
        index: max([_cells(column.title), *(_cells(row[index].text) for row in cells)])
        for index, column in enumerate(columns)
        if any(row[index].text for row in cells)
    }
    if width is not None:
        widths = _narrowed(columns, widths, width)
    heads = [Cell(column.title, "strong") for column in columns]
    return [_line(columns, widths, row, paint) for row in [heads, *cells]]


def bar(fires: int, most: int, columns: int, *, blocks: bool) -> str:
    """A bar for a number up to `most`, which takes `columns` columns; more than nothing never looks like nothing."""
    if not fires:
        return ""
    if not blocks:
        return "#" * max(round(fires * columns / most), 1)
    eighths = max(round(fires * columns * 8 / most), 1)
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def levels(numbers: Sequence[int], *, blocks: bool) -> str:
    """A character for each number, the taller the larger; more than nothing never looks like nothing."""
    marks = _LEVELS if blocks else _ASCII_LEVELS
    most = max(numbers, default=0) or 1
    return "".join(marks[-(-number * (len(marks) - 1) // most)] for number in numbers)


def has_blocks() -> bool:
    """True if standard output is a terminal that can show block characters; a pipe gets plain ASCII."""
    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    return sys.stdout.isatty() and encoding.startswith("utf")


def stdout_width() -> int | None:
    """The columns of the terminal; None for a pipe, where nothing is cut."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def stdout_paint() -> Paint:
    """Styles, where standard output is a terminal that wants them."""
    return Paint(has_colour(sys.stdout))


def _narrowed(columns: Sequence[Column], widths: Mapping[int, int], width: int) -> dict[int, int]:
    """Widths that fit, if they can: flexible columns are cut, and where that is not enough the last of them go."""
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
        text = _cut(row[index].text, width)
        space = " " * (width - _cells(text))
        painted = paint(row[index].style, text)
        parts.append(space + painted if columns[index].right else painted + space)
    return _GAP.join(parts).rstrip()


def _cut(text: str, width: int) -> str:
    if _cells(text) <= width:
        return text
    from rich.cells import set_cell_size

    return set_cell_size(text, width - 1).rstrip() + "…"


def _cells(text: str) -> int:
    """Columns of a terminal that a text takes: two for a wide character."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)
