"""The grammar of the five fields, `minute hour day-of-month month day-of-week`, as robfig/cron reads them.

The rules and their numbers are those of docs/reference/cron.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from ajsync.errors import ScheduleError
from ajsync.schedule.zones import WHITE_SPACE
from ajsync.text import quote, shorten


@dataclass(frozen=True, slots=True)
class CronField:
    """What one field matches."""

    values: frozenset[int]
    """The matching values; if empty, the field never matches."""
    star: bool
    """The star bit: an item is `*` or `?` with a step of 1, so `values` has everything."""


@dataclass(frozen=True, slots=True)
class CronFields:
    """What each of the five fields matches."""

    minute: CronField
    hour: CronField
    day: CronField
    month: CronField
    weekday: CronField
    """0 is Sunday."""


@dataclass(frozen=True, slots=True)
class SteppedItem:
    """An item of a field that has a `/step`."""

    field: int
    """The index of its field: 0 is the minute."""
    item: str
    """The text, such as `*/5`."""
    values: range
    """The values that it matches, from the bounds and the step that the text names or a star means."""


@dataclass(frozen=True, slots=True, eq=False)  # equal only to itself: a cheap key
class _FieldKind:
    name: str
    minimum: int
    maximum: int
    names: tuple[str, ...] = ()
    """Names of the values from `minimum` on, in lower case."""
    note: str = ""

    @property
    def allowed(self) -> str:
        named = f" or {self.names[0].upper()} to {self.names[-1].upper()}" if self.names else ""
        return f"a number from {self.minimum} to {self.maximum}{named}"


MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_KINDS = (
    _FieldKind("minute", 0, 59),
    _FieldKind("hour", 0, 23),
    _FieldKind("day of month", 1, 31),
    _FieldKind("month", 1, 12, MONTHS),
    _FieldKind("day of week", 0, 6, WEEKDAYS, note=", because Sunday is 0"),
)
FIELD_PREFIXES = tuple(f"{kind.name}: " for kind in _KINDS)
"""The beginning of a message about one field."""
_FIELD = re.compile(f"[^{WHITE_SPACE}]+")
_NUMBER = re.compile(r"[+-]?[0-9]+")
_TOO_BIG = 1 << 63
"""The first number that Go's `strconv.Atoi` refuses, and a stand-in for all numbers above it."""


def parse_fields(text: str) -> CronFields:
    """Read five fields. Raises ScheduleError with the field, what was found in it and what is allowed."""
    found = split_fields(text)
    if len(found) != len(_KINDS):
        names = ", ".join(kind.name for kind in _KINDS)
        raise ScheduleError(f"a schedule has five fields ({names}), found {len(found)} (in {quote(text)})")
    fields = []
    for kind, field in zip(_KINDS, found, strict=True):
        try:
            fields.append(_parse_field(kind, field))
        except ScheduleError as error:
            raise ScheduleError(f"{kind.name}: {error} (in {quote(text)})") from None
    return CronFields(*fields)


def split_fields(text: str) -> list[str]:
    """Split at white space, as Go defines it (rule 3)."""
    return _FIELD.findall(text)


def read_steps(text: str) -> list[SteppedItem]:
    """The items that have a step, of five fields that `parse_fields` accepts."""
    return [
        SteppedItem(index, item, _parse_item(kind, item)[0])
        for index, (kind, field) in enumerate(zip(_KINDS, split_fields(text), strict=True))
        for item in dict.fromkeys(field.split(","))
        if "/" in item
    ]


@lru_cache(maxsize=1024)  # most schedules share a few fields, whose sets of values need not be kept twice
def _parse_field(kind: _FieldKind, text: str) -> CronField:
    """Read a list. Empty items are dropped, and the list may end up empty (rule 4)."""
    values: set[int] = set()
    star = False
    for item in dict.fromkeys(text.split(",")):  # each distinct item is read once, however long the list
        if item:
            matches, is_star = _parse_item(kind, item)
            values.update(matches)
            star = star or is_star
    return CronField(frozenset(values), star)


def _parse_item(kind: _FieldKind, item: str) -> tuple[range, bool]:
    """Read `low[-high][/step]` (rule 5): its values, and whether it sets the star bit (rule 7)."""
    span, *steps = item.split("/")
    low, *highs = span.split("-")
    if len(steps) > 1:
        raise ScheduleError(f'{quote(item)} has more than one "/"')
    step = _parse_number(steps[0]) if steps else 1
    if step is None or not 1 <= step < _TOO_BIG:
        raise ScheduleError(f"the step {quote(steps[0])} is not a whole number of at least 1")
    if low in ("*", "?"):  # anything up to the step is ignored
        return range(kind.minimum, kind.maximum + 1, step), step == 1
    if len(highs) > 1:
        raise ScheduleError(f'{quote(item)} has more than one "-"')
    first = _parse_value(kind, low, item)
    last_alone = kind.maximum if steps else first
    last = _parse_value(kind, highs[0], item) if highs else last_alone
    if first > last:
        raise ScheduleError(f"{quote(span)} ends before it begins, and ranges do not wrap")
    return range(first, last + 1, step), False


def _parse_value(kind: _FieldKind, text: str, item: str) -> int:
    # Go lowers letter by letter and makes "i" of U+0130, for which Python has two characters.
    name = text.replace("\u0130", "i").lower()
    if name in kind.names:
        return kind.minimum + kind.names.index(name)
    if not text:
        raise ScheduleError(f"a value is missing in {quote(item)}; write {kind.allowed}")
    number = _parse_number(text)
    if number is None:
        raise ScheduleError(f"{quote(text)} is not {kind.allowed}")
    if number > kind.maximum:
        raise ScheduleError(f"{shorten(text)} is above the maximum, {kind.maximum}{kind.note}")
    if number < kind.minimum:
        raise ScheduleError(f"{shorten(text)} is below the minimum, {kind.minimum}")
    return number


def _parse_number(text: str) -> int | None:
    """Read a number as Go's `strconv.Atoi` does (rule 6); `_TOO_BIG` beyond 64 bits, None if it is not a number."""
    return min(int(text), _TOO_BIG) if _NUMBER.fullmatch(text) else None
