"""Days as texts: a date `2026-12-25`, a range `2026-12-20..2027-01-02`, and lists of both in one canonical form."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date
from typing import TypeAlias

from ajsync.errors import ScheduleError
from ajsync.text import quote

Span: TypeAlias = tuple[int, int]
"""The first and the last day of a range, as `date.toordinal` counts days."""

MOST_SPANS = 1_000
"""The most ranges that one schedule may leave out, because they are stored with it and every scheduler holds them."""
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_BETWEEN = ".."
_EXAMPLES = "write a date such as 2026-12-25, or a range such as 2026-12-20..2027-01-02"


def read_date(text: str) -> int:
    """The number of a day from a date such as `2026-12-25`. Raises ScheduleError."""
    if not _DATE.fullmatch(text):
        raise ScheduleError(f"{quote(text)} is not a date; {_EXAMPLES}")
    try:
        return date.fromisoformat(text).toordinal()
    except ValueError:
        raise ScheduleError(f"there is no day {quote(text)}; write a date of the calendar") from None


def read_days(text: str) -> Span:
    """The days of a date, or of a range with its last day. Raises ScheduleError."""
    first, between, last = text.partition(_BETWEEN)
    if not between:
        day = read_date(text)
        return day, day
    span = read_date(first), read_date(last)
    if span[0] > span[1]:
        raise ScheduleError(f"{quote(text)} ends before it begins; write the earlier date first")
    return span


def days_text(span: Span) -> str:
    """How days are written: as a date if it is one day, else as a range."""
    first, last = (date.fromordinal(day).isoformat() for day in span)
    return first if first == last else f"{first}{_BETWEEN}{last}"


def merged(spans: Iterable[Span]) -> list[Span]:
    """The same days in as few ranges as possible, in order."""
    found: list[Span] = []
    for first, last in sorted(spans):
        if found and first <= found[-1][1] + 1:
            found[-1] = found[-1][0], max(found[-1][1], last)
        else:
            found.append((first, last))
    return found


def without(spans: Iterable[Span], others: Iterable[Span]) -> list[Span]:
    """The days of ranges that are in none of the others; both merged."""
    found: list[Span] = []
    rest = list(others)
    for first, last in spans:
        begin = first
        for other_first, other_last in rest:
            if other_last < begin or other_first > last:
                continue
            if other_first > begin:
                found.append((begin, other_first - 1))
            begin = other_last + 1
        if begin <= last:
            found.append((begin, last))
    return found


def canonical_days(texts: Iterable[str]) -> tuple[str, ...]:
    """Dates and ranges in the form in which they are stored: in order, and in as few ranges as possible.

    Raises ScheduleError, also for more ranges than may be stored.
    """
    return stored_days(map(read_days, texts))


def stored_days(spans: Iterable[Span]) -> tuple[str, ...]:
    """The same for days that have been read. Raises ScheduleError for more ranges than may be stored."""
    found: Sequence[Span] = merged(spans)
    if len(found) > MOST_SPANS:
        raise ScheduleError(
            f"{len(found):,} separate days or ranges are too many; the maximum is {MOST_SPANS:,}, and days that follow "
            "one another count as one"
        )
    return tuple(map(days_text, found))
