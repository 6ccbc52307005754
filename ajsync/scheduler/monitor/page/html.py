"""Pieces of HTML: texts of others, instants, badges, commands and tables.

Names, queues, types and details come from the bucket, where others write them. So they are escaped, cut, and kept from
reordering the text beside them. Colour is never the only sign, and the tables stay tables for a screen reader even
where a narrow screen shows their rows as cards.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from html import escape
from typing import Literal

from ajsync.asyncjobs.outcome import Tone
from ajsync.text import excerpt, span
from ajsync.timestamp import MONTHS, NANOSECONDS, format_timestamp, to_datetime

DASH = "&ndash;"
_PIECES = re.compile(r"[^\s_.:/-]{1,16}[\s_.:/-]?|[\s_.:/-]")
"""A line may break after a separator between the words of a name, or after 16 characters without one."""


def text(value: str) -> str:
    """Text of others as HTML: its writing direction affects nothing around it, and long names can break between their
    parts."""
    pieces = "<wbr>".join(map(escape, _PIECES.findall(excerpt(value))))
    return f"<bdi>{pieces.replace(' <wbr>', ' ')}</bdi>"  # a line breaks at a space anyway


def badge(tone: Tone, words: str) -> str:
    """A word of ours with a mark whose form and colour say how bad it is."""
    return f'<span class="badge {tone}">{words}</span>'


def command(line: str) -> str:
    """A command to type; it may contain names that others chose."""
    return f"<code>{escape(excerpt(line))}</code>"


@dataclass(frozen=True, slots=True)
class TimeWriter:
    """How a page writes instants: in one zone, with the date unless that is today."""

    now: int
    """Nanoseconds since 1970."""
    zone: tzinfo = UTC

    @property
    def name(self) -> str:
        """The name of the zone."""
        return str(self.zone)

    def time(self, instant: int, *, seconds: bool = True) -> str:
        """An instant, to the second or to the minute."""
        stamp = to_datetime(instant, self.zone).isoformat(" ", "seconds")
        today = to_datetime(self.now, self.zone).isoformat()[:10]
        year, month, day = stamp[:10].split("-")
        date = f"{int(day)} {MONTHS[int(month) - 1]} {'' if today.startswith(year) else f'{year} '}"
        shown = stamp[11:19] if seconds or stamp[17:19] != "00" else stamp[11:16]
        return f'<time datetime="{format_timestamp(instant)}">{"" if stamp.startswith(today) else date}{shown}</time>'

    def plain(self, instant: int) -> str:
        """The hour and the minute of an instant, without an HTML element."""
        return to_datetime(instant, self.zone).strftime("%H:%M")

    def ago(self, instant: int) -> str:
        """How long ago an instant was."""
        return f"{span(max(self.now - instant, 0) / NANOSECONDS)} ago"

    def until(self, instant: int) -> str:
        """How long it is until an instant."""
        return f"in {span((instant - self.now) / NANOSECONDS)}" if instant > self.now else "now"


Kind = Literal["name", "state", "number", "time", "wide", "plain"]
"""What a column holds, which decides how its cells are aligned and where a narrow screen has them."""


@dataclass(frozen=True, slots=True)
class Heading:
    """The heading of a column of a table; a narrow screen shows it before each cell."""

    title: str
    kind: Kind = "plain"
    link: str = ""
    """The link that sorts by this column, already escaped; empty if it cannot be sorted by."""
    order: Literal["", "ascending", "descending"] = ""
    """The order in which the rows are sorted by this column, if they are."""


def table(title: str, columns: Sequence[Heading], rows: Iterable[Sequence[str]], note: str = "") -> str:
    """A section with a table; no other section of a page may have the same title.

    Cells are HTML, and the first cell of each row is its heading. The roles stay when CSS turns the rows into cards.
    """
    head = "".join(map(_heading, columns))
    body = "".join(_row(columns, cells) for cells in rows)
    if not body:
        return section(title, f"<p>{note}</p>\n" if note else "")
    name = title.lower().replace(" ", "-")
    below = f"<p>{note}</p>\n" if note else ""
    return (
        f'<section>\n<h2 id="{name}">{title}</h2>\n<table role="table" aria-labelledby="{name}">\n'
        f'<thead role="rowgroup"><tr role="row">{head}</tr></thead>\n'
        f'<tbody role="rowgroup">\n{body}</tbody>\n</table>\n{below}</section>\n'
    )


def section(title: str, content: str) -> str:
    """A part of the page with a heading."""
    return f"<section>\n<h2>{title}</h2>\n{content}</section>\n"


def _heading(column: Heading) -> str:
    order = f' aria-sort="{column.order}"' if column.order else ""
    title = f'<a href="{column.link}">{column.title}</a>' if column.link else column.title
    return f'<th role="columnheader" scope="col" class="{column.kind}"{order}>{title}</th>'


def _row(columns: Sequence[Heading], cells: Sequence[str]) -> str:
    first, *others = cells
    body = "".join(
        f'<td role="cell" class="{column.kind}" data-label="{column.title}">{cell}</td>'
        for column, cell in zip(columns[1:], others, strict=True)
    )
    return f'<tr role="row"><th role="rowheader" scope="row">{first}</th>{body}</tr>\n'
