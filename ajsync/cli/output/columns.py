"""The columns of a table: which of them fit on a terminal, and how wide each one is.

A column has a rank, which says how important it is. If not all columns fit, texts that may be shortened are shortened
first, down to their least useful width; then whole columns are left out, the least important first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ajsync.fitting import Keep

NAME = 16
"""The columns to which a name may be shortened: the beginning and the end distinguish most names."""
_NARROW = 8
"""The same for the most important column where it would otherwise be the only one."""


@dataclass(frozen=True, slots=True)
class Column:
    """The layout of a column of a table."""

    title: str
    rank: int
    """How important it is among the columns of its table: 1 is never left out, and the highest goes first."""
    least: int | None = None
    """The columns of the terminal to which its texts may be shortened; None if that would make them useless."""
    keep: Keep = "start"
    """Which part of a shortened text is kept."""
    right: bool = False
    """Whether it is right-aligned, as numbers are."""
    times: bool = False
    """Whether it holds times; the title of the most important such column names their zone."""


def fitted(
    columns: Sequence[Column], whole: Mapping[int, int], width: int | None, *, gap: int, edges: int = 0
) -> dict[int, int]:
    """Choose the widths of the columns, by index; columns that are left out are missing.

    `whole` has the wanted width of each column that has content. A table takes `gap` columns of the terminal between
    two of its columns, and `edges` around them. Spare room goes to the narrowest of the shortened columns, so that a
    long text in one does not empty the others. Nothing fits into less than `edges` and one column.
    """
    if width is None:
        return dict(whole)
    ranked = sorted(whole, key=lambda index: columns[index].rank)
    least = {index: min(whole[index], columns[index].least or whole[index]) for index in ranked}
    first = ranked[0]
    while len(ranked) > 1 and (over := _total(least, gap, edges) - width) > 0:
        if len(ranked) == 2 and columns[first].least and least[first] - over >= _NARROW:
            least[first] -= over
        else:
            del least[ranked.pop()]
    if len(ranked) == 1:
        least[first] = min(least[first], max(width - edges, 1))
    spare = width - _total(least, gap, edges)
    while spare > 0 and (short := [index for index in ranked if least[index] < whole[index]]):
        least[min(short, key=least.__getitem__)] += 1
        spare -= 1
    return {index: least[index] for index in whole if index in least}


def titles(columns: Sequence[Column], shown: Mapping[int, object], zone: str) -> list[str]:
    """The titles of all columns; the most important column of times in `shown` names the `zone`, if any."""
    times = [index for index in shown if columns[index].times] if zone else []
    first = min(times, key=lambda index: columns[index].rank, default=None)
    return [f"{column.title} ({zone})" if index == first else column.title for index, column in enumerate(columns)]


def _total(widths: Mapping[int, int], gap: int, edges: int) -> int:
    return sum(widths.values()) + gap * (len(widths) - 1) + edges
