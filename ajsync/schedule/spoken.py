"""Schedules in words, and as systemd writes them: `every day at 6am`, `Mon..Fri *-*-* 09:00`."""

from __future__ import annotations

import re

from ajsync.schedule.foreign_fields import LONG_WEEKDAYS, Accepts
from ajsync.text import quote

_TIME = re.compile(
    r"\b(at\s+)?([0-9]{1,2})(?::([0-5][0-9]))?(?::00)?\s*(am|pm|a\.m\.|p\.m\.|o'clock|uhr|hrs|h)?(?![\w.:])"
)
_ORDINAL = re.compile(r"\b([0-9]{1,2})(?:st|nd|rd|th)\b|\bfirst\b(?=\s+(?:day\s+)?of)")
_FILLERS = frozenset(
    ("every", "each", "on", "at", "of", "the", "day", "days", "daily", "everyday", "and", "in", "once")
)
_FILLERS |= {"a", "to", "per", "through"}
_JOINT = re.compile(r"(?:\s|,|\band\b|&|\+)*")
"""What may stand between several times of day."""
_CALENDAR = re.compile(
    r"(?:(?P<weekdays>[A-Za-z]{3,9}(?:(?:,|\.\.|-)[A-Za-z]{3,9})*)\s+)?"
    r"(?:(?P<year>\*|[0-9]{4})-(?P<month>[0-9*,./]+)-(?P<day>[0-9*,./]+)(?:\s+|T))?"
    r"(?P<hour>[0-9*,./]+):(?P<minute>[0-9*,./]+)(?::(?P<second>[0-9]{1,2}))?"
)
_TWELVE = 12


def spoken_schedule(text: str, accepts: Accepts) -> str:
    """What to write for a schedule in words or in systemd's notation; "" if it is neither."""
    written = _calendar(text) or _spoken(text.lower().strip(" .!@"))
    return f"write {quote(written)}" if written and accepts(written) else ""


def _calendar(text: str) -> str:
    """The schedule of systemd's `OnCalendar`, or of a time alone."""
    found = _CALENDAR.fullmatch(text.strip())
    if not found or found["year"] not in (None, "*") or found["second"] not in (None, "0", "00"):
        return ""
    weekdays = ",".join(map(_span_of_days, (found["weekdays"] or "*").split(",")))
    day, month = (_number(found[name] or "*") for name in ("day", "month"))
    if weekdays != "*" and day != "*":
        return ""  # in systemd both must match, here one is enough
    return " ".join((_number(found["minute"]), _number(found["hour"]), day, month, weekdays))


def _span_of_days(part: str) -> str:
    return "-".join(name[:3].upper() for name in re.split(r"\.\.|-", part))


def _number(field: str) -> str:
    """A field of systemd without leading zeros, and with a dash for ranges."""
    return re.sub(r"\b0+(?=[0-9])", "", field.replace("..", "-"))


def _spoken(text: str) -> str:
    """The schedule of `every weekday at 9:30`, `mondays and fridays at noon`, `on the 1st of each month at 6am`."""
    text = re.sub(r"\bnoon\b|\bmidday\b", "at 12:00", text)
    text = re.sub(r"\bmidnight\b", "at 0:00", text).replace("at at", "at")
    if past := re.fullmatch(r"(?:hourly|every hour)\s+at\s+(?:minute\s+)?:?([0-5]?[0-9])(?:\s+past)?", text):
        return f"{int(past[1])} * * * *"
    days, text = _ordinal(re.sub(r"\bevery (?:1|one) day\b", "every day", text))
    times = [each for each in _TIME.finditer(text) if each[1] or each[3] or each[4]]
    parts = _around(times, text)
    if not all(map(_JOINT.fullmatch, parts[1:-1])):
        return ""  # a span of time, or several times with days of their own
    weekdays, left = _weekdays(" ".join(parts))
    monthly = {"month", "monthly"} & set(left)
    clock = _clock(times) if times else "0 0" if weekdays else ""
    if not clock or [word for word in left if word not in _FILLERS | {"month", "monthly"}]:
        return ""
    if (bool(days) != bool(monthly) and not (monthly and not days and "monthly" in left)) or (days and weekdays):
        return ""
    return f"{clock} {days or ('1' if monthly else '*')} * {weekdays or '*'}"


def _around(times: list[re.Match[str]], text: str) -> list[str]:
    """The text before, between and after the times."""
    ends = [0, *(time.end() for time in times)]
    starts = [*(time.start() for time in times), len(text)]
    return [text[end:start] for end, start in zip(ends, starts, strict=True)]


def _ordinal(text: str) -> tuple[str, str]:
    found = _ORDINAL.search(text)
    if not found:
        return "", text
    return found[1] or "1", text[: found.start()] + " " + text[found.end() :]


def _clock(times: list[re.Match[str]]) -> str:
    """The minute and hour fields; "" if they are not times of day, or differ in their minutes."""
    hours, minutes = [], set()
    for time in times:
        hour, half = int(time[2]), (time[4] or "")[:1]
        if half in ("a", "p"):
            if not 1 <= hour <= _TWELVE:
                return ""
            hour = hour % _TWELVE + (_TWELVE if half == "p" else 0)
        hours.append(str(hour))
        minutes.add(int(time[3] or 0))
    return f"{minutes.pop()} {','.join(hours)}" if len(minutes) == 1 else ""


def _weekdays(text: str) -> tuple[str, list[str]]:
    """The field of the weekdays that are named, and the other words."""
    words = re.findall(r"[^\s,]+", text.replace("-", " to "))
    found: list[str] = []
    left: list[str] = []
    for word in words:
        plain = word.rstrip("s.")
        if plain in ("weekday", "workday", "workingday"):
            found.append("1-5")
        elif plain == "weekend":
            found.append("6,0")
        elif len(plain) > 2 and any(name.startswith(plain) for name in LONG_WEEKDAYS):
            found.append(plain[:3].upper())
        else:
            left.append(word)
    joint = "-" if {"to", "through"} & set(left) else ","
    return joint.join(found), left
