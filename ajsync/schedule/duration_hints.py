"""What a duration in another notation probably means: `1d`, `90 minutes`, `PT1H`, a number alone."""

from __future__ import annotations

import re
from decimal import Decimal

from ajsync.schedule.units import HOUR, MILLISECOND, MINUTE, SECOND, format_duration_short

_DAY = 24 * HOUR
_UNITS = {
    **dict.fromkeys(("ms", "msec", "msecs", "millisecond", "milliseconds"), MILLISECOND),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), SECOND),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), MINUTE),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), HOUR),
    **dict.fromkeys(("d", "day", "days"), _DAY),
    **dict.fromkeys(("w", "wk", "wks", "week", "weeks"), 7 * _DAY),
}
_BELOW = {HOUR: MINUTE, MINUTE: SECOND}
"""The unit of a bare number at the end, as in `1h30`, by the unit before it."""
_PART = re.compile(
    r"([0-9]{1,9}(?:[.,][0-9]{1,9})?|an?\b|one\b|half an?\b)\s*([a-z]*)"
    r"(?:\s|,|and\b|&|\+)*"  # before the next part
)
_ISO = r"p(?:([0-9]+)w)?(?:([0-9]+)d)?(?:t(?:([0-9]+)h)?(?:([0-9]+)m)?(?:([0-9]+)s)?)?"
_CLOCK = r"([0-9]{1,3}):([0-5][0-9]):([0-5][0-9])"
_FORMS = (
    (re.compile(_ISO), (7 * _DAY, _DAY, HOUR, MINUTE, SECOND)),
    (re.compile(_CLOCK), (HOUR, MINUTE, SECOND)),
)
"""Durations of numbers alone, and their units."""
_LONGEST = 40
_LIMIT = 876_000 * HOUR
"""A century. No deadline is longer, and a larger number of seconds means something else."""


def duration_hint(text: str, least: int = 0) -> str:
    """What to write instead of a text that is not a Go duration; `least` is the shortest that is allowed there."""
    meant = meant_duration(text)
    if meant is None:
        return "write numbers with the units h, m and s, such as 1h30m"
    if meant < least:
        minutes = f"write {int(text)}m if these are minutes; " if text.isdecimal() else ""
        return f"{minutes}the minimum is {format_duration_short(least)}"
    short = format_duration_short(meant)
    if not re.fullmatch(r"[0-9]+(?:\.[0-9]+)?", text):
        return f"write {short}"
    spelled = f"{text}s or {short}" if short != f"{text}s" else short
    return f"write {spelled} if these are seconds"


def meant_duration(text: str) -> int | None:
    """The nanoseconds that a text means in words or in the notation of another system; a bare number is in seconds.

    None if it is ambiguous or means nothing.
    """
    plain = re.sub(r"^(['\"`])(.*)\1$", r"\2", text.strip())
    if not plain or len(plain) > _LONGEST:
        return None
    plain = plain.lower()
    if re.fullmatch(r"[a-z]+", plain):
        plain = f"one {plain}"
    duration = _parts(plain)
    for form, units in _FORMS:
        if match := form.fullmatch(plain):
            numbers = match.groups(default="0")
            duration = sum(int(number) * unit for number, unit in zip(numbers, units, strict=True))
    return duration if duration is not None and 0 < duration <= _LIMIT else None


def _parts(plain: str) -> int | None:
    total, position, unit = Decimal(0), 0, 0
    while position < len(plain):
        part = _PART.match(plain, position)
        if part is None:
            return None
        position = part.end()
        number = {"a": "1", "an": "1", "one": "1", "half a": "0.5", "half an": "0.5"}.get(part[1], part[1])
        if part[2]:
            unit = _UNITS.get(part[2], 0)
        else:  # a bare number is the whole text, or its end
            unit = _BELOW.get(unit, 0) if total else SECOND
            if position < len(plain):
                return None
        if not unit:
            return None
        total += Decimal(number.replace(",", ".")) * unit
    return int(total)
