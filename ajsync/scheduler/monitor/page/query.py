"""What the parameters of an address ask for: a zone, and which schedules, in which order.

Anyone can write any parameter, so one that makes no sense counts as left out. The addresses of a page's forms and links
are written here, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from datetime import tzinfo
from html import escape
from typing import Any, Literal, get_args
from urllib.parse import urlencode

from ajsync.errors import ScheduleError
from ajsync.schedule.zones import load_zone

LONGEST_VALUE = 255
"""Characters; names have no more."""
_MOST_DIGITS = 6

Sort = Literal["worst", "name", "queue", "owner", "next"]
"""What the table of schedules can be sorted by."""
SORTS: tuple[Sort, ...] = get_args(Sort)


@dataclass(frozen=True, slots=True)
class Query:
    """The parameters of an address; each has its default if it is left out."""

    name: str = ""
    """A part of the name of a schedule, whatever its case; on the page of one schedule, the whole name."""
    queue: str = ""
    owner: str = ""
    label: str = ""
    """`NAME` or `NAME=VALUE`."""
    state: str = ""
    """A verdict, `trouble` for all schedules that need attention, or the state of the last task."""
    sort: Sort = "worst"
    down: bool = False
    """Whether the order is reversed."""
    page: int = 1
    zone: str = ""
    """The name of a time zone; empty for UTC."""
    still: bool = False
    """Whether the page does not reload itself."""

    @property
    def filters(self) -> bool:
        """Whether it leaves out some schedules."""
        return bool(self.name or self.queue or self.owner or self.label or self.state)

    def where(self) -> tuple[tzinfo, str]:
        """The zone, and what is wrong with its name, if anything; then the zone is UTC."""
        try:
            return load_zone(self.zone), ""
        except ScheduleError as error:
            return load_zone(""), str(error)

    def link(self, path: str, **changes: Any) -> str:
        """A relative address with these parameters but for `changes`; escaped for an attribute."""
        pairs = urlencode([*replace(self, **changes).pairs()])
        return escape(f"{path}?{pairs}" if pairs else path)

    def pairs(self) -> Iterator[tuple[str, str]]:
        """The parameters that differ from their defaults."""
        for each in fields(self):
            value = getattr(self, each.name)
            if value != each.default:
                yield each.name, "" if value is True else str(value)


def read_query(pairs: Iterable[tuple[str, str]]) -> Query:
    """Read parameters; the last one counts if a name occurs twice."""
    given = {name: value[:LONGEST_VALUE] for name, value in pairs}
    sort, number = given.get("sort"), given.get("page", "")
    is_number = number.isascii() and number.isdigit() and len(number) <= _MOST_DIGITS
    return Query(
        name=given.get("name", "").strip(),
        queue=given.get("queue", "").strip(),
        owner=given.get("owner", "").strip(),
        label=given.get("label", "").strip(),
        state=given.get("state", ""),
        sort=next((each for each in SORTS if each == sort), "worst"),
        down="down" in given,
        page=max(int(number), 1) if is_number else 1,
        zone=given.get("zone", "").strip(),
        still="still" in given,
    )
