"""Durations, instants and time zones on the command line."""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo
from typing import Any

import click
from click.shell_completion import CompletionItem

from ajsync.errors import ScheduleError

_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_YEARS = range(1970, 2262)
"""Those that fit into nanoseconds as Go counts them."""


class Duration(click.ParamType[float]):
    """A Go duration such as `5m` or `1h30m`; the command gets seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Parse the text; a number is a default, which is in seconds already."""
        from ajsync.schedule import parse_duration

        if isinstance(value, float):
            return value
        try:
            seconds = parse_duration(value) / 1e9
        except ScheduleError as error:
            self.fail(str(error), param, ctx)
        if seconds <= 0:
            self.fail(f"{value!r} must be greater than zero", param, ctx)
        return seconds


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
        """Offer the zones whose names begin with what was typed."""
        from zoneinfo import available_timezones

        names = sorted(available_timezones() - {"localtime"})  # a file of some machines, not a zone
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]


from_option = click.option(
    "--from", "start", metavar="TIME", help="An RFC 3339 time, or a date in the zone. [default: now]"
)


def read_start(text: str | None, zone: tzinfo | None) -> datetime:
    """Read the aware instant of `--from`: a date is its first instant in `zone`, or in UTC; without it, now."""
    if text is None:
        return datetime.now(UTC)
    from ajsync.timestamp import parse_timestamp, to_datetime

    try:
        if _DATE.fullmatch(text):
            start = datetime.fromisoformat(text).replace(tzinfo=zone or UTC)
        else:
            start = to_datetime(parse_timestamp(text))
        if start.year not in _YEARS:
            raise ValueError(f"the year {start.year} is not between {_YEARS[0]} and {_YEARS[-1]}")
    except ValueError as error:
        example = "write for example 2026-03-29, 2026-03-29T02:00:00Z or 2026-03-29T02:00:00+01:00"
        raise click.BadParameter(f"{error}; {example}", param_hint="'--from'") from None
    return start
