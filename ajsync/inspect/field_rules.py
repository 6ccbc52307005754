"""The rules of lint about the five fields, whose match is valid but rarely what was meant."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ajsync.inspect.lint import Subject, Words
from ajsync.schedule import format_duration_short, split_zone
from ajsync.schedule.fields import SteppedItem, read_steps, split_fields
from ajsync.schedule.units import HOUR, MINUTE
from ajsync.text import counted

_NAMES = ("minute", "hour", "day of the month", "month", "weekday")
_PERIODS = ("hour", "day", "month", "year", "week")
"""The period after which each field starts again."""
_UNITS = {0: MINUTE, 1: HOUR, 2: 24 * HOUR}
"""The fields whose step an `@every` can replace."""
_STEP = re.compile(r"[*?]/\+?0*([1-9][0-9]{0,2})")
_SIZES = {0: (60, "minute"), 1: (24, "hour"), 3: (12, "month"), 4: (7, "day")}
"""The fields that always have the same number of values, with that number and its unit."""
_DAY_OF_MONTH = 2
_STARS = ("*", "?")


def day_or_weekday(subject: Subject) -> Iterator[Words]:
    """Days of the month and days of the week: unless one of the two is a star, either may match."""
    fields = subject.facts.fields
    if fields is None or fields.day.star or fields.weekday.star:
        return
    days, weekdays = len(fields.day.values), len(fields.weekday.values)
    _, _, day, _, weekday = _written(subject)
    if not days or not weekdays or (days == 31 and weekdays == 7):
        return
    schedule = f'"{" ".join(_written(subject))}"'
    if days == 31 or weekdays == 7:
        full, part = (day, weekday) if days == 31 else (weekday, day)
        message = f"{schedule} fires every day: {full} has all days but is not a star, so {part} has no effect"
        yield message, f"write * instead of {full}"
        return
    message = f"{schedule} has days of the month and of the week: it fires on either, not only on both"
    if stepped := [text for text in (day, weekday) if text.startswith(_STARS)]:
        message += f"; {stepped[0]} has a step, so it is not a star, unlike in some other crons"
    yield message, "write * for one of the two, and let the task itself check the other"


def step_over_range(subject: Subject) -> Iterator[Words]:
    """A step beyond its range, so that only the first value matches."""
    written = _written(subject)
    for step in read_steps(" ".join(written)) if written else []:
        first, last = step.values.start, step.values.stop - 1
        if step.values.step == 1 or first + step.values.step <= last:
            continue
        name, period = _NAMES[step.field], _PERIODS[step.field]
        message = (
            f"{step.item} matches only {name} {first}: a step counts up to {last}, and starts again with each {period}"
        )
        every = _as_interval(step, written)
        yield message, every or f"write {first}, or a step that fits between {first} and {last}"


def _as_interval(step: SteppedItem, written: list[str]) -> str:
    """What to write for a step that is meant as an interval, as in `0 */36 * * *`; "" if it is not."""
    whole = written[step.field] == step.item and step.item.startswith(_STARS)
    below, above = written[: step.field], written[step.field + 1 :]
    if step.field not in _UNITS or not whole or any(text not in _STARS for text in above):
        return ""
    if not all(text.isdecimal() for text in below):
        return ""
    return f"write @every {format_duration_short(step.values.step * _UNITS[step.field])}"


def uneven_step(subject: Subject) -> Iterator[Words]:
    """A step that does not divide its range, so that the last interval is shorter."""
    for index, text in enumerate(_written(subject)):
        match = _STEP.fullmatch(text)
        step = int(match[1]) if match else 1
        begins = f"{text} starts again with each {_PERIODS[index]}"
        if index == _DAY_OF_MONTH:
            if 1 < step < 31:
                message = f"{begins}, and months differ: the last interval is shorter"
                yield message, "list the days of the month"
        elif step < _SIZES[index][0] and _SIZES[index][0] % step:
            size, unit = _SIZES[index]
            rest = size - (size - 1) // step * step
            message = f"{begins}: the last interval is {counted(rest, unit)} long"
            yield message, _even(size, step)


def _even(size: int, step: int) -> str:
    divisors = [each for each in range(2, size) if size % each == 0]
    nearest = min(divisors, key=lambda each: abs(each - step), default=0)
    return f"*/{nearest} is even" if nearest else "list the days of the week"


def star_in_list(subject: Subject) -> Iterator[Words]:
    """A list with a star, which makes everything else in it pointless."""
    for name, text in zip(_NAMES, _written(subject), strict=False):  # a name such as @daily has no fields
        items = [*dict.fromkeys(item for item in text.split(",") if item)]
        star = next((item for item in items if item.startswith(_STARS) and _is_whole(item)), "")
        if star and len(items) > 1:
            message = f"{text} matches every {name}: {star} is in the list, so the rest has no effect"
            yield message, f"write {star} alone, or remove it"


def _is_whole(item: str) -> bool:
    """Whether an item that begins with a star has no step, or a step of 1."""
    _, slash, step = item.partition("/")
    return not slash or int(step) == 1


def minute_star(subject: Subject) -> Iterator[Words]:
    """A star in the minute with a single hour: sixty fires where usually one was meant."""
    fields = subject.facts.fields
    if fields is not None and fields.minute.star and len(fields.hour.values) == 1:
        _, hour, *rest = _written(subject)
        message = f'"* {" ".join([hour, *rest])}" fires in each of the 60 minutes of that hour'
        yield message, f'to fire once, on the hour, write "{" ".join(["0", hour, *rest])}"'


def _written(subject: Subject) -> list[str]:
    """The five fields as they are written; empty for an `@every` or a name such as `@daily`."""
    rest = split_zone(subject.task.schedule)[1]
    return [] if rest.startswith("@") else split_fields(rest)
