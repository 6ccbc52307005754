"""Durations, instants and time zones on the command line."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any

import click

from ajsync.errors import ScheduleError, UsageError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_YEARS = range(1970, 2262)
"""The years that fit into nanoseconds as Go counts them."""


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

        from click.shell_completion import CompletionItem

        names = sorted(available_timezones() - {"localtime"})  # a file on some machines, not a zone
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]


from_option = click.option(
    "--from", "start", metavar="TIME", help="An RFC 3339 time, or a date in the zone. [default: now]"
)


def read_start(text: str | None, zone: tzinfo | None) -> datetime:
    """Read the aware instant of `--from`, which is now by default; a date means its first instant in `zone`, or in
    UTC."""
    return datetime.now(UTC) if text is None else read_instant(text, zone, "--from")


def read_instant(text: str, zone: tzinfo | None, option: str, *, days_later: int = 0) -> datetime:
    """Read an aware instant: an RFC 3339 time, or the first instant of a date, or of a later day, in `zone` or UTC."""
    from ajsync.timestamp import parse_timestamp, to_datetime

    try:
        if _DATE.fullmatch(text):
            found = datetime.fromisoformat(text).replace(tzinfo=zone or UTC) + timedelta(days=days_later)
        else:
            found = to_datetime(parse_timestamp(text))
        if found.year not in _YEARS:
            raise ValueError(f"the year {found.year} is not between {_YEARS[0]} and {_YEARS[-1]}")
    except (ValueError, OverflowError) as error:
        example = "write for example 2026-03-29, 2026-03-29T02:00:00Z or 2026-03-29T02:00:00+01:00"
        raise click.BadParameter(f"{error}; {example}", param_hint=f"'{option}'") from None
    return found


def read_past(start: str, end: str | None, zone: tzinfo | None, now: int) -> tuple[int, int]:
    """Read the instants of `--from` and `--to`, in nanoseconds since 1970; without `--to` the last one is now.

    A date means the whole day in `zone`, or in UTC, and today only the part that has passed.
    """
    from ajsync.timestamp import to_nanoseconds

    first, last = to_nanoseconds(read_instant(start, zone, "--from")), now
    if end is not None:
        begin = to_nanoseconds(read_instant(end, zone, "--to"))
        if begin > now:
            raise UsageError("--to is in the future; fires that are due then are the scheduler's.")
        if _DATE.fullmatch(end):
            last = min(to_nanoseconds(read_instant(end, zone, "--to", days_later=1)) - 1, now)
        else:
            last = begin
    if first > last:
        raise UsageError(f"--from is later than {'--to' if end else 'now'}.")
    return first, last
