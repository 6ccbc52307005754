"""Instants and time zones on the command line: read from options, and printed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING, Any

import click

from ajsync.errors import ScheduleError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_YEARS = range(1970, 2262)
"""Those that fit into nanoseconds as Go counts them."""


class Zone(click.ParamType[tzinfo]):
    """The name of a time zone such as `Europe/Malta`."""

    name = "zone"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tzinfo:
        """Find the zone."""
        from ajsync.schedule import load_zone

        try:
            return load_zone(value)
        except ScheduleError as error:
            self.fail(str(error), param, ctx)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Offer the zones that begin so."""
        from click.shell_completion import CompletionItem

        from ajsync.cli.options.suggest import zones

        return [CompletionItem(name) for name in zones() if name.startswith(incomplete)]


from_option = click.option(
    "--from", "start", metavar="TIME", help="An RFC 3339 time, or a date in the zone. [default: now]"
)


def read_start(text: str | None, zone: tzinfo | None) -> datetime:
    """The aware instant of `--from`, now without it; a date is the first instant of that day in `zone`, or in UTC."""
    if text is None:
        return datetime.now(UTC)
    from ajsync.timestamp import parse_timestamp, to_datetime

    try:
        if _DATE.fullmatch(text):
            moment = datetime.fromisoformat(text).replace(tzinfo=zone or UTC)
        else:
            moment = to_datetime(parse_timestamp(text))
        if moment.year not in _YEARS:
            raise ValueError(f"the year {moment.year} is not between {_YEARS[0]} and {_YEARS[-1]}")
    except ValueError as error:
        example = "write for example 2026-03-29, 2026-03-29T02:00:00Z or 2026-03-29T02:00:00+01:00"
        raise click.BadParameter(f"{error}; {example}", param_hint="'--from'") from None
    return moment


def shown(moment: datetime, *, seconds: bool = True, offset: bool = True) -> str:
    """An aware instant for people, to the second or minute: `Sun 2026-03-29 03:30:00 +02:00`."""
    stamp = moment.isoformat(" ", "seconds" if seconds or moment.second else "minutes")
    return f"{_WEEKDAYS[moment.weekday()]} {stamp[:-6]}" + (f" {stamp[-6:]}" if offset else "")


def common_offset(moments: Iterable[datetime]) -> str:
    """The offset from UTC that all these have, such as `+02:00`; "" where they differ."""
    offsets = {moment.isoformat()[-6:] for moment in moments}
    return offsets.pop() if len(offsets) == 1 else ""
