"""Instants for people, in one format, and in one zone for each table."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, tzinfo
from functools import lru_cache

from ajsync.text import moment
from ajsync.timestamp import to_datetime


class TimeFormat:
    """How a table writes its instants, nanoseconds since 1970: `Sun 2026-03-29 03:30`, in a zone that it names.

    Seconds are written if any instant has some, and offsets from UTC if the clocks of the zone show any instant twice.
    With `whole` all instants have both, so that a program finds the same format in every row of every table.
    """

    def __init__(self, zone: tzinfo, instants: Iterable[int], *, whole: bool = False) -> None:
        self._zone = zone
        self._written: dict[int, str] = {}  # in a table of thousands of schedules many are due together
        moments = [] if whole else [in_zone(instant, zone) for instant in instants if instant]
        self._seconds = whole or any(each.second for each in moments)
        self._offset = whole or any(_is_shown_twice(each) or each.tzinfo is not zone for each in moments)

    def __call__(self, instant: int) -> str:
        """Write one of the instants; 0 means none."""
        if not instant:
            return ""
        text = self._written.get(instant)
        if text is None:
            shown = in_zone(instant, self._zone)
            text = self._written[instant] = moment(shown, seconds=self._seconds, offset=self._offset)
        return text


def in_zone(instant: int, zone: tzinfo) -> datetime:
    """An instant as the clocks of a zone show it; in UTC if they would show a year before 1 or after 9999."""
    try:
        return to_datetime(instant, zone)
    except OverflowError:
        return to_datetime(instant)


def instant_told(instant: int, zone: tzinfo = UTC) -> str:
    """An instant in a sentence: `Sun 2026-11-29 18:00 UTC`, or with the offset of the zone."""
    return moment(in_zone(instant, zone), seconds=False)


@lru_cache(maxsize=4096)  # of thousands of schedules many are due together
def iso_instant(instant: int, zone: tzinfo) -> str | None:
    """An instant as a member of a document: `2026-11-29T19:00:00+01:00`; None for 0."""
    return in_zone(instant, zone).isoformat() if instant else None


def _is_shown_twice(time: datetime) -> bool:
    """Whether the clocks of its zone show this time twice, because they are set back."""
    return time.replace(fold=0).utcoffset() != time.replace(fold=1).utcoffset()
