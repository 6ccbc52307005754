"""The columns of a table: which of them a terminal has room for, and how wide each is there.

A column has a rank, which says how important it is. Where not all fit, the texts of those that may be shortened give
way first, down to the least that is of use; then whole columns are left out, the least important first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ajsync.fitting import Keep

NAME = 16
"""Columns down to which a name may be shortened: its beginning and its end tell most of them apart."""
_NARROW = 8
"""The same for the most important column, where otherwise it would stand alone."""


@dataclass(frozen=True, slots=True)
class Column:
    """How a column of a table looks."""

    title: str
    rank: int
    """How important it is among the columns of its table: 1 is never left out, and the highest goes first."""
    least: int | None = None
    """Columns of the terminal down to which its texts may be shortened; None if that would make them useless."""
    keep: Keep = "start"
    """What is left of a text that is shortened."""
    right: bool = False
    """Whether it is right-aligned, as numbers are."""
    times: bool = False
    """Whether it holds times, whose zone the title of the most important such column names."""


def fitted(
    columns: Sequence[Column], whole: Mapping[int, int], width: int | None, *, gap: int, edges: int = 0
) -> dict[int, int]:
    """Choose how wide the columns are, by index; those that are left out are missing.

    `whole` has the width that each wants, of those that have content. A table takes `gap` columns of the terminal
    between two of its columns and `edges` besides. What room there is goes to the narrowest of the shortened ones, so
    that a long text in one does not empty the others. Nothing fits into less than `edges` and one column.
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
    """The titles of all columns; the most important one of times that is in `shown` names their `zone`, if any."""
    times = [index for index in shown if columns[index].times] if zone else []
    first = min(times, key=lambda index: columns[index].rank, default=None)
    return [f"{column.title} ({zone})" if index == first else column.title for index, column in enumerate(columns)]


def _total(widths: Mapping[int, int], gap: int, edges: int) -> int:
    return sum(widths.values()) + gap * (len(widths) - 1) + edges
