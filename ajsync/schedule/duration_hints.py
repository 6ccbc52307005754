"""What a duration probably means that is not spelled as Go spells it: `1d`, `90 minutes`, `PT1H`, a number alone."""

from __future__ import annotations

import re
from decimal import Decimal

from ajsync.errors import ScheduleError
from ajsync.schedule.duration import format_duration_short

_SECOND = 1_000_000_000
_UNITS = {
    **dict.fromkeys(("ms", "msec", "msecs", "millisecond", "milliseconds"), _SECOND // 1000),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), _SECOND),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), 60 * _SECOND),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 3600 * _SECOND),
    **dict.fromkeys(("d", "day", "days"), 86_400 * _SECOND),
    **dict.fromkeys(("w", "wk", "wks", "week", "weeks"), 7 * 86_400 * _SECOND),
}
_BELOW = {3600 * _SECOND: 60 * _SECOND, 60 * _SECOND: _SECOND}
"""The unit of a number that ends the text without one, as in `1h30`."""
_PART = re.compile(r"([0-9]{1,9}(?:[.,][0-9]{1,9})?|an?\b|one\b|half an?\b)\s*([a-z]*)")
_BETWEEN = re.compile(r"(?:\s|,|and\b|&|\+)*")
_ISO = re.compile(
    r"p(?:([0-9]+)w)?(?:([0-9]+)d)?(?:t(?:([0-9]+)h)?(?:([0-9]+)m)?(?:([0-9]+)s)?)?", re.IGNORECASE | re.ASCII
)
_CLOCK = re.compile(r"([0-9]{1,3}):([0-5][0-9]):([0-5][0-9])")
_LONGEST = 40
_LIMIT = 876_000 * 3600 * _SECOND
"""A century; longer ones are no deadline, and a number of so many seconds is one of something else."""


def duration_hint(text: str, least: int = 0) -> str:
    """What to write instead of a text that is no duration of Go; `least` is the shortest that is allowed there."""
    meant = meant_duration(text)
    if meant is None:
        return "write numbers with the units h, m and s, such as 1h30m"
    if meant < least:
        minutes = f"write {int(text)}m if these are minutes; " if text.isdecimal() else ""
        return f"{minutes}the least is {format_duration_short(least)}"
    short = format_duration_short(meant)
    if not re.fullmatch(r"[0-9]+(?:\.[0-9]+)?", text, re.ASCII):
        return f"write {short}"
    spelled = f"{text}s or {short}" if short != f"{text}s" else short
    return f"write {spelled} if these are seconds"


def with_least(error: ScheduleError, text: str, least: int) -> ScheduleError:
    """The same error of a text that is no duration, with a hint that keeps to the shortest that is allowed."""
    message, separator, _ = str(error).partition("; ")
    return ScheduleError(f"{message}; {duration_hint(text, least)}") if separator else error


def meant_duration(text: str) -> int | None:
    """The nanoseconds that a text stands for in the notation of people and other systems; a number alone is seconds.

    None where it can be read in more than one way, or in none.
    """
    plain = re.sub(r"^(['\"`])(.*)\1$", r"\2", text.strip())
    if not plain or len(plain) > _LONGEST:
        return None
    plain = plain.lower()
    if re.fullmatch(r"[a-z]+", plain):
        plain = f"one {plain}"
    duration = _iso(plain)
    if duration is None:
        clock = _CLOCK.fullmatch(plain)
        duration = _sum(clock.groups(), (3600, 60, 1)) if clock else _parts(plain)
    return duration if duration is not None and 0 < duration <= _LIMIT else None


def _iso(plain: str) -> int | None:
    iso = _ISO.fullmatch(plain)
    if iso is None or not any(iso.groups()):
        return None
    return _sum(iso.groups(default="0"), (604_800, 86_400, 3600, 60, 1))


def _sum(numbers: tuple[str, ...], seconds: tuple[int, ...]) -> int:
    return sum(int(number[:12]) * unit for number, unit in zip(numbers, seconds, strict=True)) * _SECOND


def _parts(plain: str) -> int | None:
    total, position, unit = Decimal(0), 0, 0
    while position < len(plain):
        part = _PART.match(plain, position)
        if part is None:
            return None
        position = _end_of_gap(plain, part.end())
        number = {"a": "1", "an": "1", "one": "1", "half a": "0.5", "half an": "0.5"}.get(part[1], part[1])
        if part[2]:
            unit = _UNITS.get(part[2], 0)
        else:  # a number without a unit: the whole text, or its end
            unit = _BELOW.get(unit, 0) if total else _SECOND
            if position < len(plain):
                return None
        if not unit:
            return None
        total += Decimal(number.replace(",", ".")) * unit
    return int(total)


def _end_of_gap(plain: str, position: int) -> int:
    gap = _BETWEEN.match(plain, position)
    return gap.end() if gap else position
