"""Go durations such as `1h10m`: read as Go's `time.ParseDuration` reads them.

A duration is a whole number of nanoseconds that fits into a signed 64-bit integer.
"""

from __future__ import annotations

import re

from ajsync.errors import ScheduleError
from ajsync.schedule.units import HOUR, MICROSECOND, MILLISECOND, MINUTE, SECOND
from ajsync.text import quote, shorten

_UNITS = {
    "ns": 1,
    "us": MICROSECOND,
    "\u00b5s": MICROSECOND,  # the micro sign
    "\u03bcs": MICROSECOND,  # the Greek letter mu
    "ms": MILLISECOND,
    "s": SECOND,
    "m": MINUTE,
    "h": HOUR,
}
_ALLOWED = "h, m, s or ms"
_PART = re.compile(r"([0-9]*)((?:\.[0-9]*)?)([^0-9.]*)")
_LIMIT = 1 << 63
_UINT64 = (1 << 64) - 1


def parse_duration(text: str, least: int = 0) -> int:
    """The nanoseconds of a Go duration such as `1h10m`, `-1.5h` or `0`.

    It accepts the same texts as Go's `time.ParseDuration` and gives the same numbers, including how that rounds
    fractions and wraps around at 2^64. Raises ScheduleError with what was found and what is allowed. `least` is only
    for that hint: a shorter valid duration is returned, too.
    """
    negative = text.startswith("-")
    digits = text[1:] if text.startswith(("+", "-")) else text
    if digits == "0":
        return 0
    if not digits:
        raise _bad("a number and a unit are missing, as in 1h30m", text, least)
    total = position = 0
    while position < len(digits):
        part = _PART.match(digits, position)
        assert part is not None  # every part of the pattern may be empty
        total = (total + _parse_part(part, text, least)) & _UINT64
        if total > _LIMIT:
            raise _too_long(text)
        position = part.end()
    if total == _LIMIT and not negative:
        raise _too_long(text)
    return -total if negative else total


def _parse_part(part: re.Match[str], text: str, least: int) -> int:
    whole, fraction, unit = part.groups()
    if not whole and len(fraction) < 2:
        raise _bad(f"a number is missing before {quote(fraction + unit)}", text, least)
    if not unit:
        raise _bad(f"{shorten(whole + fraction)} has no unit such as {_ALLOWED}", text, least)
    scale = _UNITS.get(unit)
    if scale is None:
        raise _bad(f"{quote(unit)} is not a unit such as {_ALLOWED}", text, least)
    significant = whole.lstrip("0")
    if len(significant) > 19 or int(significant or "0") > _LIMIT // scale:
        raise _too_long(text)
    value = int(significant or "0") * scale + _parse_fraction(fraction[1:], scale)
    if value > _LIMIT:
        raise _too_long(text)
    return value


def _parse_fraction(digits: str, scale: int) -> int:
    """The nanoseconds of the digits after a point, computed in floating point digit by digit as in Go."""
    value, divisor = 0, 1.0
    for digit in digits:
        longer = value * 10 + int(digit)
        if value > (_LIMIT - 1) // 10 or longer > _LIMIT:
            break
        value, divisor = longer, divisor * 10
    return int(value * (scale / divisor))


def _bad(problem: str, text: str, least: int) -> ScheduleError:
    from ajsync.schedule.duration_hints import duration_hint  # needed only for an error

    return ScheduleError(f"duration: {problem} (in {quote(text)}); {duration_hint(text, least)}")


def _too_long(text: str) -> ScheduleError:
    return ScheduleError(f"duration: it is longer than the longest duration, 2562047h47m16s (in {quote(text)})")
