"""What to write for the fields of other crons: seconds and years, Quartz, AWS, Jenkins, full names, commands."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from ajsync.schedule.fields import MONTHS, WEEKDAYS
from ajsync.text import quote

Accepts = Callable[[str], bool]

LONG_WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_LONG_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_YEAR = re.compile(r"(?:19|20)[0-9]{2}(?:[-,/][0-9]+)*")
_PIECE = re.compile(r"[0-9]{0,2}[LW]{0,2}|\*|\?|[HR]|[0-9]{4}|[0-9]+", re.IGNORECASE)
"""What may occur between the separators of a field, apart from names."""
_STARS = ("*", "?")
_ENDS = 28
"""The first day that can be the last of a month. From there the nearest workday may be two days earlier."""
_MINUTE, _HOUR, _DAY, _MONTH, _WEEKDAY = range(5)
_ANY_NUMBER = ("7", "3", "1", "1", "0")
"""The numbers to suggest for H in each field, where it means any number."""
_LEAST, _MOST = (0, 0, 1, 1, 0), (59, 23, 31, 12, 6)
_SPAN = re.compile(r"([A-Za-z]{3}|[0-9]{1,2})-([A-Za-z]{3}|[0-9]{1,2})(?:/([1-9][0-9]?))?")


def field_hint(fields: Sequence[str], accepts: Accepts) -> str:
    """What to write instead of five fields, one of which is not valid."""
    if special := _special(fields):
        return special
    if any(re.search(r"\b[HR]\b|~", field.upper()) for field in fields):
        written = " ".join(_any_number(index, field) for index, field in enumerate(fields))
        if accepts(written):
            return f"choose numbers yourself, as in {quote(written)}; jitter spreads schedules"
    written = " ".join(_spelled(index, field, fields) for index, field in enumerate(fields))
    if accepts(written):
        return f"write {quote(written)}"
    return ""


def fields_hint(fields: Sequence[str], accepts: Accepts, *, aws: bool = False) -> str:
    """What to write instead of more or fewer than five fields."""
    if len(fields) < 5:
        return _too_few(fields, accepts)
    first_five, last_five = " ".join(fields[:5]), " ".join(fields[1:])
    if accepts(first_five) and not all(map(may_be_field, fields[5:])):
        return f"write {quote(first_five)}: a schedule has no command, the task type says what runs"
    if len(fields) == 7:
        return _without(fields[0], fields[1:6], fields[6], accepts, quartz=True)
    if len(fields) != 6:
        return ""
    # Schedules of AWS end in a year, or have a `?` in a day field.
    if aws or _YEAR.fullmatch(fields[5]) or ("?" in (fields[_DAY], fields[_WEEKDAY]) and fields[5] != "?"):
        return _without(None, fields[:5], fields[5], accepts, quartz=aws or "?" in fields)
    hint = _without(fields[0], fields[1:], None, accepts, quartz="?" in fields)
    if hint and fields[5] == "*" and fields[_WEEKDAY] not in _STARS and accepts(first_five):
        return f"write {quote(last_five)} if the first field is seconds, {quote(first_five)} if the last field is years"
    return hint or (_without(None, fields[:5], fields[5], accepts) if fields[5] in _STARS else "")


def _too_few(fields: Sequence[str], accepts: Accepts) -> str:
    written = " ".join((*fields, *"*" * (5 - len(fields))))
    if not accepts(written) or (len(fields) < 2 and "/" not in written):
        return ""
    missing = "the weekday is" if len(fields) == 4 else "the last fields are"
    return f"if {missing} missing, write {quote(written)}"


def _without(
    seconds: str | None, given: Sequence[str], years: str | None, accepts: Accepts, *, quartz: bool = False
) -> str:
    """What to write for five fields with a field for seconds before them, one for years behind them, or both."""
    if special := _special(given):
        return special
    five = list(given)
    five[_WEEKDAY] = _weekdays_of_quartz(five[_WEEKDAY]) if quartz else five[_WEEKDAY]
    written = " ".join("*" if field == "?" else _spelled(index, field, five) for index, field in enumerate(five))
    if not accepts(written):
        return ""
    step = re.fullmatch(r"(?:\*|0)/([1-9][0-9]?)", seconds or "")
    if all(field in _STARS for field in five) and (seconds == "*" or step):
        return f"write {quote(f'@every {step[1] if step else 1}s')}"
    extra = [name for name, field in (("seconds", seconds), ("years", years)) if field is not None]
    notes = [f"there is no field for {' or '.join(extra)}"]
    if years not in (None, *_STARS):
        notes.append("it fires every year")
    if seconds not in (None, "0", "00"):
        notes.append("it fires once in such a minute")
    return f"write {quote(written)}: {', and '.join(notes)}"


def may_be_field(text: str) -> bool:
    """Whether a word looks like a field of any cron."""
    names = (*WEEKDAYS, *LONG_WEEKDAYS, *MONTHS, *_LONG_MONTHS)
    return all(_PIECE.fullmatch(piece) or piece.lower() in names for piece in re.split(r"[-,/#~]", text))


def _weekdays_of_quartz(field: str) -> str:
    """The same days by name, because Sunday is 1 in Quartz and AWS."""
    body, slash, step = field.partition("/")
    if "0" in body:  # 0 is not a day in Quartz, so the numbers are those of cron
        return field
    named = re.sub(r"[1-7]", lambda digit: WEEKDAYS[int(digit[0]) - 1].upper(), body)
    return named + slash + step


def _special(fields: Sequence[str]) -> str:
    """What to write for L, W and #, which five fields cannot express."""
    day, weekday = fields[_DAY].upper(), fields[_WEEKDAY].upper()
    check = "and let the task itself check"
    if day == "LW":
        return f"no field means the last workday: write 26-31 as day of month, {check} whether another one follows"
    if early := re.fullmatch(r"L-([0-9]|1[0-9]|2[0-7])", day):
        days = int(early[1])
        write = f"write {28 - days}-{31 - days} as day of month"
        return f"no field counts from the last day: {write}, {check} how many days of the month are left"
    if re.fullmatch(r"L|([0-9]+,)*L", day):
        return f"no field means the last day: write 28-31 as day of month, {check} whether the next day is the 1st"
    if near := re.fullmatch(r"([0-9]{1,2})W", day):
        first, last = max(int(near[1]) - (1 if int(near[1]) < _ENDS else 2), 1), min(int(near[1]) + 2, 31)
        return f"no field means the nearest workday: write {first}-{last} as day of month, {check} which day it is"
    if nth := re.fullmatch(r"(?:[0-7]|[A-Z]{3,9})#([1-5])", weekday):
        last = int(nth[1]) * 7
        return (
            f"no field means the nth weekday of a month: name the weekday alone, {check} "
            f"whether the date is from {last - 6} to {min(last, 31)}"
        )
    if weekday == "L":
        return "L alone as day of week means Saturday: write SAT"
    if re.fullmatch(r"(?:[0-7]|[A-Z]{3,9})L", weekday):
        return (
            f"no field means the last weekday: name the weekday alone, {check} whether the next week is another month"
        )
    return ""


def _any_number(index: int, field: str) -> str:
    """A field of Jenkins or OpenBSD, with a number for each H, R and ~, which let them choose."""
    text = re.sub(r"[HR]\(([0-9]+)-([0-9]+)\)/", r"\1-\2/", field, flags=re.IGNORECASE)
    text = re.sub(r"[HR]\(([0-9]+)-[0-9]+\)", r"\1", text, flags=re.IGNORECASE)
    text = re.sub(r"\b[HR]/", "*/", text, flags=re.IGNORECASE)
    text = re.sub(r"([0-9]+)~[0-9]*", r"\1", text).replace("~", _ANY_NUMBER[index])
    return re.sub(r"\b[HR]\b", _ANY_NUMBER[index], text, flags=re.IGNORECASE)


def _spelled(index: int, field: str, fields: Sequence[str]) -> str:
    """A field with short names, `-` for `..`, Sunday as 0, and ranges that wrap written out."""
    text = field.replace("..", "-")
    if index in (_MONTH, _WEEKDAY):
        text = re.sub(r"[A-Za-z]{4,}", lambda word: _short(index, word[0]), text)
    if index == _WEEKDAY:
        text = re.sub(r"\b[01]-7\b(?!/)", "0-6", text)
        text = re.sub(r"(?<![/0-9])7\b(?!/)", "0", text)
    text = ",".join(_unwrapped(index, part) for part in text.split(","))
    return _midnight(index, text, fields)


def _short(index: int, word: str) -> str:
    names = _LONG_MONTHS if index == _MONTH else LONG_WEEKDAYS
    lower = word.lower()
    whole = next((name for name in names if name.startswith(lower) or f"{name}s" == lower), "")
    return whole[:3].upper() if whole else word


def _unwrapped(index: int, part: str) -> str:
    """A range that wraps, as the two ranges that it means, or as a list if it has a step."""
    span = _SPAN.fullmatch(part)
    first, last = (_value(index, text) for text in span.groups()[:2]) if span else (None, None)
    if span is None or first is None or last is None or first <= last:
        return part
    least, most = _LEAST[index], _MOST[index]
    if span[3]:
        return ",".join(map(str, [*range(first, most + 1), *range(least, last + 1)][:: int(span[3])]))
    spans = ((first, most), (least, last))
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in spans)


def _value(index: int, text: str) -> int | None:
    if text.isdecimal():
        return int(text) if _LEAST[index] <= int(text) <= _MOST[index] else None
    names = {_MONTH: MONTHS, _WEEKDAY: WEEKDAYS}.get(index, ())
    return names.index(text.lower()) + _LEAST[index] if text.lower() in names else None


def _midnight(index: int, field: str, fields: Sequence[str]) -> str:
    """Minute 60 and hour 24 as 0, if the fields after it are stars."""
    top, after = {_MINUTE: ("60", fields[_HOUR:]), _HOUR: ("24", fields[_DAY:])}.get(index, ("", ()))
    return "0" if top and field == top and all(each in _STARS for each in after) else field
