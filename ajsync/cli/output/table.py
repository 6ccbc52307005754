"""Tables of text: aligned columns that fit the width of a terminal, and are complete in a pipe.

In a pipe a table has every column in every row, with a `-` for nothing, and two spaces between columns.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import NamedTuple

from ajsync.cli.output.columns import Column, fitted, titles
from ajsync.cli.output.streams import in_plain_signs, speaks_utf8
from ajsync.cli.output.terminal import stdout_paint, stdout_width
from ajsync.fitting import cells, shortened
from ajsync.reconcile.render.times import TimeFormat
from ajsync.text import Paint

_GAP = "  "
_FRAME = " │ "
_NOTHING = "-"


class Cell(NamedTuple):
    """A text with a style of `Paint`.

    It is a tuple because a long table has hundreds of thousands, and a frozen dataclass takes three times as long.
    """

    text: str
    style: str = ""


Row = Sequence[str | Cell]


@dataclass(frozen=True, slots=True)
class Surface:
    """What a table is laid out for."""

    width: int | None
    """The columns of a terminal; None for a pipe."""
    paint: Paint
    mark: str = "…"
    """The character that replaces the omitted part of a shortened text."""


def table(columns: Sequence[Column], rows: Sequence[Row], *, zone: str = "") -> list[str]:
    """Lay out a table for standard output: titles, then rows. `zone` is the zone of its times.

    On a terminal a column without content is left out.
    """
    return aligned(columns, rows, _stdout(), zone=zone)


def detailed(
    columns: Sequence[Column], rows: Sequence[Row], details: Iterable[Iterable[str]], *, zone: str = ""
) -> Iterator[str]:
    """Lay out a table for standard output, and below each row the lines that say more about it."""
    head, *lines = table(columns, rows, zone=zone)
    yield head
    for line, more in zip(lines, details, strict=True):
        yield line
        yield from more


def times_in(zone: tzinfo, instants: Iterable[int]) -> TimeFormat:
    """Return how a table on standard output writes these instants, in nanoseconds since 1970."""
    return TimeFormat(zone, instants, whole=stdout_width() is None)


def framed_table(title: str, columns: Sequence[Column], rows: Sequence[Row], *, zone: str = "") -> list[str]:
    """Lay out a table for standard output in a frame with a title, as `ajc` prints it."""
    lines = framed(title, columns, rows, _stdout(), zone=zone)
    return [*(lines if speaks_utf8(sys.stdout) else map(in_plain_signs, lines))]


def aligned(columns: Sequence[Column], rows: Sequence[Row], surface: Surface, *, zone: str = "") -> list[str]:
    """Lay out a table; no line is wider than the surface."""
    grid = _Grid(columns, rows, surface, zone, len(_GAP), 0)
    return [_GAP.join(line).rstrip() for line in (grid.heads(), *grid.lines())]


def framed(
    title: str, columns: Sequence[Column], rows: Sequence[Row], surface: Surface, *, zone: str = ""
) -> Iterator[str]:
    """Lay out a table in a frame; no line is wider than the surface, if it has five columns for the frame."""
    grid = _Grid(columns, rows, surface, zone, len(_FRAME), len("│  │"))
    inner = sum(grid.widths) + len(_FRAME) * (len(grid.widths) - 1) + 2
    title = shortened(title, inner, mark=surface.mark)
    left = (inner - cells(title)) // 2

    def rule(begin: str, between: str, end: str) -> str:
        return begin + between.join("─" * (width + 2) for width in grid.widths) + end

    yield rule("╭", "─", "╮")
    yield f"│{' ' * left}{title}{' ' * (inner - left - cells(title))}│"
    yield rule("├", "┬", "┤")
    yield f"│ {_FRAME.join(grid.heads())} │"
    yield rule("├", "┼", "┤")
    yield from (f"│ {_FRAME.join(line)} │" for line in grid.lines())
    yield rule("╰", "┴", "╯")


class _Grid:
    """The cells of a table, each as wide as its column."""

    def __init__(
        self, columns: Sequence[Column], rows: Sequence[Row], surface: Surface, zone: str, gap: int, edges: int
    ) -> None:
        self._columns, self._surface = columns, surface
        self._rows = [[_cell(cell, column, surface) for cell, column in zip(row, columns, strict=True)] for row in rows]
        self._used = [[cells(cell.text) for cell in row] for row in self._rows]
        filled = {index: max((used[index] for used in self._used), default=0) for index in range(len(columns))}
        if surface.width is not None:
            filled = {index: width for index, width in filled.items() if width or columns[index].rank == 1}
        for name in (zone, f"{surface.mark}{zone.rpartition('/')[2]}" if "/" in zone else zone):
            self._titles = titles(columns, filled, name)
            whole = {index: max(width, cells(self._titles[index])) for index, width in filled.items()}
            self._widths = fitted(columns, whole, surface.width, gap=gap, edges=edges)
            if self._widths == whole or all(whole[at] == filled[at] for at in filled if columns[at].times):
                break  # otherwise the city of the zone has to do, without its continent

    @property
    def widths(self) -> list[int]:
        """The widths of the columns that are shown."""
        return [*self._widths.values()]

    def heads(self) -> list[str]:
        """The cells of the titles."""
        return self._line([Cell(title, "strong") for title in self._titles], [*map(cells, self._titles)])

    def lines(self) -> Iterator[list[str]]:
        """The cells of each row."""
        return map(self._line, self._rows, self._used)

    def _line(self, row: Sequence[Cell], used: Sequence[int]) -> list[str]:
        return [self._fit(row[at], used[at], self._columns[at], width) for at, width in self._widths.items()]

    def _fit(self, cell: Cell, used: int, column: Column, width: int) -> str:
        text = cell.text
        if used > width:
            text = shortened(text, width, column.keep, self._surface.mark)
            used = cells(text)
        space = " " * (width - used)
        painted = self._surface.paint(cell.style, text)
        return space + painted if column.right else painted + space


def _cell(cell: str | Cell, column: Column, surface: Surface) -> Cell:
    """A cell; in a pipe an empty one below a title is not empty, so that the columns of a row can be counted."""
    known = cell if isinstance(cell, Cell) else Cell(cell)
    return known if known.text or surface.width is not None or not column.title else Cell(_NOTHING)


def _stdout() -> Surface:
    return Surface(stdout_width(), stdout_paint(), "…" if speaks_utf8(sys.stdout) else "~")
