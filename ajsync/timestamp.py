"""Instants in Go's JSON format: RFC 3339 in UTC with up to nine fraction digits, kept as nanoseconds.

Python's datetime holds microseconds only, so instants on the wire are whole nanoseconds since 1970, as an int.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache

_RFC3339 = re.compile(r"(\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_DAY_SECONDS = 86_400
_FIRST = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // _SECOND
_LAST = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _SECOND
NANOSECONDS = 1_000_000_000
"""Nanoseconds in a second."""
_MICROSECOND = 1_000
"""Nanoseconds in a microsecond, the resolution of a datetime."""
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
"""In English, while `%b` would follow the locale."""


def to_datetime(instant: int, zone: tzinfo = UTC) -> datetime:
    """An instant in nanoseconds since 1970, as the clocks of `zone` show it, to the microsecond below."""
    return (_EPOCH + timedelta(microseconds=instant // _MICROSECOND)).astimezone(zone)


def to_nanoseconds(moment: datetime) -> int:
    """Nanoseconds since 1970 of an aware instant."""
    since = moment - _EPOCH
    return (since.days * _DAY_SECONDS + since.seconds) * NANOSECONDS + since.microseconds * _MICROSECOND


def format_timestamp(instant: int) -> str:
    """Format nanoseconds since 1970 as Go's `time.RFC3339Nano` does in UTC: trailing zeros dropped, `Z`."""
    seconds, fraction = divmod(instant, NANOSECONDS)
    text = _format_second(seconds)
    return f"{text}.{fraction:09d}".rstrip("0") + "Z" if fraction else text + "Z"


@lru_cache(maxsize=256)  # things that are created or due together share a second
def _format_second(seconds: int) -> str:
    return (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0")


@lru_cache(maxsize=4096)  # a bucket is filled many keys a second, and tasks are due in the minutes of a few days
def _parse_second(text: str) -> int:
    return (datetime.fromisoformat(text) - _EPOCH) // _SECOND


def format_ajc(instant: int) -> str:
    """Format nanoseconds since 1970 as `ajc` prints an instant: `17 Feb 22 17:40:37 UTC`."""
    time = to_datetime(instant)
    return f"{time:%d} {MONTHS[time.month - 1]} {time:%y %H:%M:%S} UTC"


def parse_timestamp(text: str) -> int:
    """Parse an RFC 3339 instant to nanoseconds since 1970. Raises ValueError on anything else."""
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError(f"not an RFC 3339 time: {text!r}")
    stamp, fraction, offset = match.groups()
    seconds = _parse_second(stamp + ("+00:00" if offset in "Zz" else offset))
    if not _FIRST <= seconds <= _LAST:  # an offset can lead out of the years that a datetime can hold
        raise ValueError(f"not in the years 1 to 9999: {text!r}")
    return seconds * NANOSECONDS + int(((fraction or "") + "000000000")[:9])
