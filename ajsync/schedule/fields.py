"""The grammar of the five fields, `minute hour day-of-month month day-of-week`, as robfig/cron reads them.

The rules are those of docs/reference/cron.md, by their numbers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from ajsync.errors import ScheduleError
from ajsync.schedule.zones import WHITE_SPACE
from ajsync.text import quote, shorten


@dataclass(frozen=True, slots=True)
class Field:
    """What one field matches."""

    values: frozenset[int]
    """May be empty, and then never matches."""
    star: bool
    """Whether an item of it is `*` or `?`; then `values` is all there are."""


@dataclass(frozen=True, slots=True)
class Fields:
    """What each of the five fields matches."""

    minute: Field
    hour: Field
    day: Field
    month: Field
    weekday: Field
    """0 is Sunday."""


@dataclass(frozen=True, slots=True)
class Step:
    """A part of a list that has a `/step`."""

    field: int
    """Its index: 0 is the minute."""
    item: str
    """As it is written, such as `*/5`."""
    values: range
    """What it matches; `start`, `stop` and `step` as they are written, or as a star means them."""


@dataclass(frozen=True, slots=True, eq=False)  # equal only to itself: a cheap key
class _Kind:
    name: str
    minimum: int
    maximum: int
    names: tuple[str, ...] = ()
    """Those of the values from `minimum` on, in lower case."""
    note: str = ""

    @property
    def allowed(self) -> str:
        named = f" or {self.names[0].upper()} to {self.names[-1].upper()}" if self.names else ""
        return f"a number from {self.minimum} to {self.maximum}{named}"


_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_KINDS = (
    _Kind("minute", 0, 59),
    _Kind("hour", 0, 23),
    _Kind("day of month", 1, 31),
    _Kind("month", 1, 12, _MONTHS),
    _Kind("day of week", 0, 6, _WEEKDAYS, note=", as Sunday is 0"),
)
FIELD_PREFIXES = tuple(f"{kind.name}: " for kind in _KINDS)
"""How a message about one field begins."""
_FIELD = re.compile(f"[^{WHITE_SPACE}]+")
_NUMBER = re.compile(r"[+-]?[0-9]+")
_TOO_BIG = 1 << 63
"""The first number that Go's `strconv.Atoi` refuses; stands for all above it."""


def parse_fields(text: str) -> Fields:
    """Read five fields. Raises ScheduleError naming the field, what was found in it and what is allowed."""
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
    return Fields(*fields)


def split_fields(text: str) -> list[str]:
    """The fields between white space, which is what Go calls so (rule 3)."""
    return _FIELD.findall(text)


def read_steps(text: str) -> list[Step]:
    """The parts of five fields that have a step. Raises ScheduleError as `parse_fields`."""
    return [
        Step(index, item, _parse_item(kind, item)[0])
        for index, (kind, field) in enumerate(zip(_KINDS, split_fields(text), strict=True))
        for item in dict.fromkeys(field.split(","))
        if "/" in item
    ]


@lru_cache(maxsize=1024)  # most schedules are made of the same few fields: saves time, and memory still more
def _parse_field(kind: _Kind, text: str) -> Field:
    """Read a list; empty items are dropped, and nothing may be left (rule 4)."""
    values: set[int] = set()
    star = False
    for item in dict.fromkeys(text.split(",")):  # each distinct item once, however long somebody made the list
        if item:
            matches, is_star = _parse_item(kind, item)
            values.update(matches)
            star = star or is_star
    return Field(frozenset(values), star)


def _parse_item(kind: _Kind, item: str) -> tuple[range, bool]:
    """Read `low[-high][/step]` (rule 5): what it matches, and whether it sets the star bit (rule 7)."""
    span, *steps = item.split("/")
    low, *highs = span.split("-")
    if len(steps) > 1:
        raise ScheduleError(f'{quote(item)} has more than one "/"')
    step = _parse_step(steps[0]) if steps else 1
    if low in ("*", "?"):  # whatever follows up to the step is ignored
        return range(kind.minimum, kind.maximum + 1, step), step == 1
    if len(highs) > 1:
        raise ScheduleError(f'{quote(item)} has more than one "-"')
    first = _parse_value(kind, low, item)
    last_alone = kind.maximum if steps else first
    last = _parse_value(kind, highs[0], item) if highs else last_alone
    if first > last:
        raise ScheduleError(f"{quote(span)} ends before it begins, and ranges do not wrap")
    return range(first, last + 1, step), False


def _parse_value(kind: _Kind, text: str, item: str) -> int:
    # Go lowers letter by letter, and to it the lower case of U+0130 is "i"; Python makes two characters of it.
    name = text.replace("\u0130", "i").lower()
    if name in kind.names:
        return kind.minimum + kind.names.index(name)
    if not text:
        raise ScheduleError(f"a value is missing in {quote(item)}; allowed is {kind.allowed}")
    number = _parse_number(text)
    if number is None:
        raise ScheduleError(f"{quote(text)} is not {kind.allowed}")
    if number > kind.maximum:
        raise ScheduleError(f"{shorten(text)} is above the maximum, {kind.maximum}{kind.note}")
    if number < kind.minimum:
        raise ScheduleError(f"{shorten(text)} is below the minimum, {kind.minimum}")
    return number


def _parse_step(text: str) -> int:
    step = _parse_number(text)
    if step is None or not 1 <= step < _TOO_BIG:
        raise ScheduleError(f"the step {quote(text)} is not a whole number of at least 1")
    return step


def _parse_number(text: str) -> int | None:
    """Read a number as Go's `strconv.Atoi` does (rule 6); `_TOO_BIG` beyond 64 bits, None for anything else."""
    if not _NUMBER.fullmatch(text):
        return None
    digits = text.lstrip("+-").lstrip("0") or "0"
    number = int(digits) if len(digits) < 20 else _TOO_BIG  # int() of a text without end takes time without end
    return -number if text[0] == "-" else min(number, _TOO_BIG)
