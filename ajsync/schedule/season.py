"""The season of a schedule: when it may be due at all, between `from` and `until` and not on the days of `except`.

A date means a whole day in the schedule's zone. What the clocks of the zone show at a fire counts, so a day may have 23
or 25 hours, or may not exist at all. The search goes from one change between open and closed days to the next: its
distance matters little, and how often the schedule fires does not matter at all.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache

from ajsync.errors import ScheduleError
from ajsync.schedule.days import Span, merged, read_date, read_days
from ajsync.schedule.timetable import clock_changes
from ajsync.schedule.units import HOUR
from ajsync.text import quote
from ajsync.timestamp import format_timestamp, parse_timestamp, to_datetime, to_nanoseconds

_DAY = 24 * HOUR
_EPOCH = date(1970, 1, 1).toordinal()
_FAR = 10**8
"""The number of a day after all days that have a date; its negative is before them."""
ENDLESS = _FAR * _DAY
"""An instant after all others; its negative is before them."""
_FIRST, _LAST = (to_nanoseconds(datetime(*day, tzinfo=UTC)) for day in ((1, 1, 2), (9999, 12, 30)))
"""The first and the last day that a datetime can represent in every zone."""
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Season:
    """When a schedule may be due. Two seasons with the same text are equal.

    Instants are nanoseconds since 1970.
    """

    text: str
    first: int = field(compare=False)
    """The first instant, if `from` is one."""
    last: int = field(compare=False)
    """The last instant, if `until` is one."""
    turns: tuple[int, ...] = field(compare=False)
    """The days on which it changes from open to closed or back, in order."""
    begins_closed: bool = field(compare=False)
    """Whether it is closed before the first of the `turns`."""

    def reopens(self, instant: int, zone: tzinfo) -> int:
        """The first instant on an open day at or after `instant`; ENDLESS if there is none."""
        while instant < ENDLESS and self._is_closed(_day(instant, zone)):
            instant = self._steady_until(instant, zone)
        return instant

    def was_open(self, instant: int, zone: tzinfo) -> int:
        """The last instant on an open day at or before `instant`; -ENDLESS if there is none."""
        while instant > -ENDLESS and self._is_closed(_day(instant, zone)):
            instant = self._steady_since(instant, zone) - 1
        return max(instant, -ENDLESS)

    def closed(self, begin: int, end: int, zone: tzinfo) -> Iterator[tuple[int, int]]:
        """The spans of [`begin`, `end`) in which its days are closed; a span does not include its end."""
        while begin < end:
            if self._is_closed(_day(begin, zone)):
                opens = min(self.reopens(begin, zone), end)
                yield begin, opens
                begin = opens
            else:
                begin = self._steady_until(begin, zone)

    def is_open_on(self, day: date) -> bool:
        """Whether the schedule may be due on a day. `from` and `until` do not count if they are instants."""
        return not self._is_closed(day.toordinal())

    def is_empty(self, zone: tzinfo) -> bool:
        """Whether there is no instant at which it is open."""
        return self.reopens(max(self.first, _FIRST), zone) > min(self.last, _LAST)

    def _is_closed(self, day: int) -> bool:
        return bisect_right(self.turns, day) % 2 != self.begins_closed

    def _run(self, day: int) -> Span:
        """The first and the last of the days around `day` that are all open, or all closed."""
        index = bisect_right(self.turns, day)
        first = self.turns[index - 1] if index else -_FAR
        return first, self.turns[index] - 1 if index < len(self.turns) else _FAR

    def _steady_until(self, instant: int, zone: tzinfo) -> int:
        """An instant after `instant` up to which the state stays the same."""
        day = _day(instant, zone)
        first, last = self._run(day)
        if last == _FAR and day >= first + 2:
            return ENDLESS
        # Clocks differ by less than a day from UTC. So they show nothing before this instant as later than the last
        # day, and nothing after it as earlier than the first, even if they are set back by a day.
        leap = (last - 1 - _EPOCH) * _DAY
        if day >= first + 2 and leap > instant:
            return leap
        end = (day + 1 - _EPOCH) * _DAY - _offset(instant, zone)
        return next(_changes(zone, instant, end), end)

    def _steady_since(self, instant: int, zone: tzinfo) -> int:
        """An instant at or before `instant` since which the state has been the same."""
        day = _day(instant, zone)
        first, last = self._run(day)
        if first == -_FAR and day <= last - 2:
            return -ENDLESS
        leap = (first + 2 - _EPOCH) * _DAY  # for the same reasons
        if day <= last - 2 and leap < instant:
            return leap
        begin = (day - _EPOCH) * _DAY - _offset(instant, zone)
        return max(_changes(zone, begin, instant), default=begin)


@lru_cache(maxsize=512)  # many schedules have the same season, and the largest take 100 kB
def season(since: str, until: str, excepted: tuple[str, ...]) -> Season | None:
    """The season of the members `from`, `until` and `except`; None without any. Raises ScheduleError.

    `from` and `until` are dates or instants, or "" for none. Both are part of the season.
    """
    if not (since or until or excepted):
        return None
    spans = [read_days(text) for text in excepted]
    first, last = -ENDLESS, ENDLESS
    if "T" in since:
        first = read_instant(since)
    elif since:
        spans.append((-_FAR, read_date(since) - 1))
    if "T" in until:
        last = read_instant(until)
    elif until:
        spans.append((read_date(until) + 1, _FAR))
    turns = [turn for begin, end in merged(spans) for turn in (begin, end + 1)]
    begins_closed = bool(turns) and turns[0] == -_FAR
    whole = tuple(turn for turn in turns if -_FAR < turn < _FAR)
    return Season(" ".join((since, until, *excepted)), first, last, whole, begins_closed)


def read_instant(text: str) -> int:
    """The nanoseconds since 1970 of an RFC 3339 instant. Raises ScheduleError."""
    try:
        return parse_timestamp(text)
    except ValueError:
        raise ScheduleError(
            f"{quote(text)} is not an instant; write a date such as 2026-12-25, or an instant with its offset from UTC "
            "such as 2026-12-25T08:00:00Z or 2026-12-25T09:00:00+01:00"
        ) from None


def canonical_bound(text: str) -> str:
    """A date or an instant in the form in which it is stored: an instant in UTC. Raises ScheduleError."""
    if len(text) <= len("2026-12-25") and text[4:5] == "-":
        read_date(text)
        return text
    return format_timestamp(read_instant(text))


def _moment(instant: int, zone: tzinfo) -> datetime:
    return to_datetime(min(max(instant, _FIRST), _LAST), zone)


def _offset(instant: int, zone: tzinfo) -> int:
    """Nanoseconds by which the clocks of a zone are ahead of UTC."""
    if zone is UTC:
        return 0
    offset = _moment(instant, zone).utcoffset()
    assert offset is not None  # every zone of `load_zone` has an offset
    return offset // _MICROSECOND * 1000


def _day(instant: int, zone: tzinfo) -> int:
    """The number of the day that the clocks of a zone show."""
    return (instant + _offset(instant, zone)) // _DAY + _EPOCH


def _changes(zone: tzinfo, begin: int, end: int) -> Iterator[int]:
    """The instants after `begin` and up to `end` at which the clocks of a zone are set, in order."""
    if zone is UTC:
        return iter(())
    return map(to_nanoseconds, clock_changes(zone, _moment(begin, UTC), _moment(end, UTC)))
