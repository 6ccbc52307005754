"""The days of the all-day events of an iCalendar file (RFC 5545).

icalendar reads the lines and their values. Its calendar objects are not used, because for these it would work out the
rules of time zones, which all-day events do not need, and which can be endless.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, cast

from ajsync.config.recurrence import Budget, Frequency, Recurrence
from ajsync.errors import ScheduleError
from ajsync.schedule.days import Span
from ajsync.text import counted, quote

LARGEST_ICS = 1_000_000
"""The most bytes of a file. Fifty years of public holidays take a tenth of that."""
YEARS_AHEAD = 10
"""Events without an end recur until this many years after the newest year in the file."""
_YEARS_BACK = 1
"""They recur from this many years before the year in which the file was written; many began decades ago."""
_BUDGET = 500_000
"""The most days that are looked at for the recurring events of one file, which takes about a second."""
_EARLIEST, _LATEST = 1, date.max.year - YEARS_AHEAD
_DATE = re.compile(r"(\d{4})(\d\d)(\d\d)", re.ASCII)
_LENGTH = re.compile(r"\+?P(?:(\d{1,5})W|(\d{1,6})D)", re.ASCII)
_STAMPS = ("DTSTAMP", "CREATED", "LAST-MODIFIED")
"""When an event was written."""
_READ = frozenset(
    (*_STAMPS, "DTSTART", "UID", "STATUS", "DTEND", "DURATION", "RRULE", "RDATE", "EXDATE", "RECURRENCE-ID")
)
_FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_EXCHANGE = re.compile(r"X-|IANA-")


@dataclass(slots=True)
class _CalendarEvent:
    """The lines of one event that matter: their parameters and values, by name."""

    lines: defaultdict[str, list[tuple[Mapping[str, Any], str]]] = field(default_factory=lambda: defaultdict(list))

    def value(self, name: str) -> str:
        """The value of the first line of a name; "" without one."""
        return self.lines[name][0][1] if self.lines[name] else ""

    @property
    def all_day(self) -> bool:
        """Whether it takes whole days and has no times."""
        parameters = self.lines["DTSTART"][0][0] if self.lines["DTSTART"] else {}
        return str(parameters.get("VALUE", "")).upper() == "DATE" or len(self.value("DTSTART")) == len("20261225")

    @property
    def cancelled(self) -> bool:
        """Whether it does not take place."""
        return self.value("STATUS").upper() == "CANCELLED"


def read_ics(data: bytes, until: int | None = None) -> list[Span]:
    """The days of all-day events, as ranges. Other events are ignored, and so are cancelled ones.

    Recurring events are worked out from the year before the one in which the file was written, until the day `until`,
    or else to the end of the tenth year after the newest year in the file. So the days depend on the file alone, and
    not on when it is read. Raises ScheduleError, also without any all-day event; ImportError without icalendar.
    """
    events = [*_events(data)]
    whole = [event for event in events if event.all_day]
    if not whole:
        others = f" but {counted(len(events), 'event')} with times" if events else ""
        raise ScheduleError(f"it has no all-day events{others}; only whole days can be left out")
    written = _newest_year(events, _STAMPS)
    first = date(max(written - _YEARS_BACK, _EARLIEST), 1, 1).toordinal()
    newest = max(written, _newest_year(events, ("DTSTART",)))
    last = date(newest + YEARS_AHEAD, 12, 31).toordinal() if until is None else until
    moved: defaultdict[str, set[int]] = defaultdict(set)
    for event in whole:
        for parameters, value in event.lines["RECURRENCE-ID"]:
            if "RANGE" in parameters:
                raise ScheduleError("an event changes all later ones (RANGE), which is not supported; write it anew")
            moved[event.value("UID")].update(_dates(value))
    budget = Budget(_BUDGET)
    spans: list[Span] = []
    for event in whole:
        if not event.cancelled:
            gone = set() if event.lines["RECURRENCE-ID"] else moved[event.value("UID")]
            length = _length(event)
            days = _days(event, first, last, budget)
            spans += ((day, min(day + length, date.max.toordinal() + 1) - 1) for day in days if day not in gone)
    return spans


def _events(data: bytes) -> Iterator[_CalendarEvent]:
    """The events of a file, in their order."""
    from icalendar.parser import Contentlines  # it is an extra, and slow to import

    reader: Any = Contentlines  # its methods have no types
    try:
        lines = [line for line in reader.from_ical(data.decode("utf-8-sig")) if line]
    except ValueError as error:
        reason = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else "it is not an iCalendar file"
        raise ScheduleError(f"{reason}; export it again as .ics") from None
    open_parts: list[str] = []
    event = _CalendarEvent()
    for line in lines:
        try:
            name, parameters, value = line.parts()
        except ValueError:
            raise ScheduleError(f"the line {quote(str(line))} is not valid; export it again as .ics") from None
        name = name.upper()
        if name == "BEGIN":
            open_parts.append(value.upper())
            if open_parts[0] != "VCALENDAR":
                break
            if open_parts == ["VCALENDAR", "VEVENT"]:
                event = _CalendarEvent()
        elif name == "END":
            if not open_parts or open_parts.pop() != value.upper():
                raise ScheduleError(f"{quote(str(line))} ends what has not begun; export it again as .ics")
            if open_parts == ["VCALENDAR"] and value.upper() == "VEVENT":
                yield event
        elif open_parts == ["VCALENDAR", "VEVENT"] and name in _READ:
            event.lines[name].append((parameters, value.strip()))
        elif not open_parts:
            break
    else:
        if lines and not open_parts:
            return
    what = "it is cut off" if open_parts[:1] == ["VCALENDAR"] else "it is not an iCalendar file"
    raise ScheduleError(f"{what}; export it again as .ics")


def _newest_year(events: Iterable[_CalendarEvent], names: Iterable[str]) -> int:
    """The newest year in lines of these names."""
    values = [value[:4] for event in events for name in names for _, value in event.lines[name]]
    return min(max((int(year) for year in values if year.isdecimal()), default=_EARLIEST), _LATEST)


def _days(event: _CalendarEvent, first: int, last: int, budget: Budget) -> set[int]:
    """The first days of an event's instances."""
    (start,) = _dates(event.value("DTSTART"))[:1]
    days = {start, *(day for _, value in event.lines["RDATE"] for day in _dates(value))}
    if event.lines["RRULE"]:
        for _, value in event.lines["RRULE"]:
            days.update(_rule(value).days(start, first, last, budget))
        days = {day for day in days if first <= day <= last}
    return days - {day for _, value in event.lines["EXDATE"] for day in _dates(value)}


def _length(event: _CalendarEvent) -> int:
    """The number of days of one instance."""
    if end := event.value("DTEND"):
        (first,), (after,) = _dates(event.value("DTSTART"))[:1], _dates(end)[:1]
        if after < first:
            raise ScheduleError(f"an event ends on {quote(end)}, before it begins; correct it")
        return max(after - first, 1)
    if duration := event.value("DURATION"):
        match = _LENGTH.fullmatch(duration)
        if match is None:
            raise ScheduleError(f"an all-day event has the duration {quote(duration)}; write whole days, such as P2D")
        return max(int(match[1] or 0) * 7 + int(match[2] or 0), 1)
    return 1


def _dates(value: str) -> list[int]:
    """The days of a list of dates; for an instant, the day that it names in its own zone."""
    found = []
    for text in value.split(","):
        match = _DATE.match(text.strip())
        try:
            found.append(date(*map(int, match.groups())).toordinal() if match else 0)
        except ValueError:
            match = None
        if match is None:
            raise ScheduleError(f"{quote(text)} is not a date of iCalendar; write one such as 20261225")
    return found


def _rule(text: str) -> Recurrence:
    """A rule. Raises ScheduleError."""
    from icalendar.prop import vRecur

    wrong = f"the rule {quote(text)}"
    try:
        parts = cast("Mapping[str, list[Any]]", vRecur.from_ical(text))
        frequency = str(_one(parts, "FREQ", "")).upper()
        if frequency not in _FREQUENCIES:
            raise ScheduleError(f"{wrong} does not recur by days, weeks, months or years; correct it")
        if others := [name for name in parts if name not in _PARTS and not _EXCHANGE.match(name)]:
            raise ScheduleError(f"{wrong} has {others[0]}, which is not supported for all-day events; list the days")
        # As texts, because a leap month of another calendar is a number, too.
        numbers: dict[str, Any] = {
            name: frozenset(int(str(each)) for each in parts.get(part, ())) for part, name in _NUMBERS.items()
        }
        rule = Recurrence(
            cast("Frequency", frequency),
            interval=int(_one(parts, "INTERVAL", 1)),
            count=int(_one(parts, "COUNT", 0)),
            until=_one(parts, "UNTIL", date.max).toordinal(),
            **numbers,
            weekdays=frozenset(map(_weekday, map(str, parts.get("BYDAY", ())))),
            week_start=_WEEKDAYS.index(str(_one(parts, "WKST", "MO")).upper()),
        )
    except ScheduleError:
        raise
    except (ValueError, TypeError, AttributeError, IndexError):
        raise ScheduleError(f"{wrong} is not valid; correct it") from None
    if rule.interval < 1 or rule.count < 0 or not rule.months <= frozenset(range(1, 13)):
        raise ScheduleError(f"{wrong} is not valid; correct it")
    return rule


_NUMBERS = {
    "BYMONTH": "months",
    "BYWEEKNO": "week_numbers",
    "BYYEARDAY": "year_days",
    "BYMONTHDAY": "month_days",
    "BYSETPOS": "positions",
}
_PARTS = frozenset((*_NUMBERS, "FREQ", "INTERVAL", "COUNT", "UNTIL", "BYDAY", "WKST"))


def _one(parts: Mapping[str, Iterable[Any]], name: str, default: Any) -> Any:
    return next(iter(parts.get(name, ())), default)


def _weekday(text: str) -> tuple[int, int]:
    """A day of the week such as `MO` or `-1SU`, and its number."""
    return _WEEKDAYS.index(text[-2:].upper()), int(text[:-2] or 0)
