"""What to write instead of a schedule that is refused: the notations of other systems, and schedules in words.

Every suggestion is tried first: `accepts` says whether a schedule is valid.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ajsync.schedule.duration_hints import meant_duration
from ajsync.schedule.fields import split_fields
from ajsync.schedule.foreign_fields import Accepts, field_hint, fields_hint, may_be_field
from ajsync.schedule.spoken import spoken_schedule
from ajsync.schedule.units import SECOND, format_duration_short
from ajsync.schedule.zone_hints import possible_zones, zone_in_words
from ajsync.schedule.zone_names import HOSTS_OWN
from ajsync.schedule.zones import is_zone
from ajsync.text import quote

_LONGEST = 120
"""The most characters. Nothing longer is a schedule of any system."""
_LOOK_ALIKES = str.maketrans(
    "\u2010\u2011\u2012\u2013\u2014\u2212\u2217\uff0a\u204e\u2731\uff0f\u2044\uff0c",
    "------****//,",
    "\ufeff\u200b\\",
)
"""Characters that look like those of a schedule, invisible ones, and remains of an escape."""
_WRAPPING = " \t,'\"`\u2018\u2019\u201c\u201d\u201e;"
_LABEL = re.compile(r"(?:-\s+)?(?:on_?calendar|cron|crontab|schedule|cron_?expression)\s*[=:]\s*", re.IGNORECASE)
_ZONE_LABEL = re.compile(r"(?:CRON_)?(?:TZ|TIME_?ZONE)\s*[=:]\s*", re.IGNORECASE)
_LABEL_BEHIND = re.compile(rf"\s{_ZONE_LABEL.pattern}", re.IGNORECASE)
_ZONE_TOKEN = re.compile(
    r"[(\[]?(?:[A-Za-z_]+/[A-Za-z_/+-]+|[A-Z]{2,5}|Z|utc|gmt|[Ll]ocal(?:time)?|(?:UTC|GMT)[+-][0-9:]+|[+-][0-9]{2}:?[0-9]{2})[)\]]?"
)
_AFTER_ZONE = re.compile(r"[\s;,]+")
_ZONE_WORD = re.compile(r"[(\[]?[A-Za-z][A-Za-z./_'-]*[)\],;]?")
"""A word of a zone with several words: `W. Europe Standard Time`, `New York`."""
_BETWEEN_SCHEDULES = re.compile(r"\s*(?:[;|]+|&&|,(?=\s*\S+\s))\s*")
"""Separators of several schedules."""
_HOUR_OF_DAY = re.compile(r"([01]?[0-9]|2[0-3])h00")
"""`6h00` is a time of day. No duration is written this way."""
_EVERY_CLOCK = re.compile(r"@\s*every[\s:=_-]*([0-9]+(?::[0-9.]*)+)", re.IGNORECASE)
"""`@every 00:05:00`, which is an interval and not a time of day."""
_NAMES = {
    "minutely": "* * * * *",
    "every_minute": "* * * * *",
    "secondly": "@every 1s",
    "every_second": "@every 1s",
    "every_hour": "@hourly",
    "every_day": "@daily",
    "every_week": "@weekly",
    "every_month": "@monthly",
    "every_year": "@yearly",
    "nightly": "@daily",
    "noon": "0 12 * * *",
    "quarterly": "0 0 1 */3 *",
    "semiannually": "0 0 1 */6 *",
    "weekdays": "0 0 * * 1-5",
    "weekends": "0 0 * * 6,0",
    "biweekly": "@every 336h",
    "fortnightly": "@every 336h",
}
"""Names of schedules in other systems and in speech."""
_STARTS = ("reboot", "startup", "start", "boot", "once", "now", "manual")
_ONE_INSTANT = "a schedule cannot name a single instant: use a time that recurs, or make one task with 'ajsync run'"
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ].*)?")
_CALL = re.compile(r"(cron|rate|at|every)\s*\((.*)\)", re.IGNORECASE)


def schedule_hint(text: str, accepts: Accepts) -> str:
    """What to write instead of a schedule that is not valid; "" if unknown."""
    text = re.sub(r"\s*[\r\n]+\s*", ";", text.strip())  # Jenkins has a schedule on each line
    if len(text) > _LONGEST or not text.isprintable():
        return ""
    return next(filter(None, _hints(text, accepts)), "")


def _hints(text: str, accepts: Accepts) -> Iterator[str]:
    plain = _without_comma(_LABEL.sub("", text.translate(_LOOK_ALIKES), count=1).strip(_WRAPPING))
    plain = re.sub(r"\s*,\s+(?=[0-9A-Za-z*])", ",", plain) if not plain.lower().startswith("every") else plain
    plain = re.sub(r"^@\s+", "@", _HOUR_OF_DAY.sub(r"\1:00", plain) if _HOUR_OF_DAY.fullmatch(plain) else plain)
    if plain != text and accepts(plain):
        yield f"write {quote(plain)}"
        return
    several = _BETWEEN_SCHEDULES.split(plain)
    if len(several) > 1 and all(map(accepts, several)):
        yield f"these are several schedules: write {quote(several[0])} here, and the others under names of their own"
        return
    zone, rest = _zone_apart(plain)
    if zone:
        yield _with_zone(zone, rest, accepts)
        return
    yield from _without_zone(plain, accepts)


def _without_comma(plain: str) -> str:
    """A schedule and the zone after it, without the comma between them; any other text as it is."""
    before, comma, last = plain.rpartition(",")
    zone = _ZONE_LABEL.sub("", last.strip(), count=1).strip("()[]")
    is_zone = zone and not may_be_field(zone) and (_may_be_zone(zone) or zone_in_words(zone))
    return f"{before.rstrip()} {zone}" if comma and is_zone else plain


def _zone_apart(plain: str) -> tuple[str, str]:
    """The zone before or after a schedule, as it is written, and the rest; "" if there is none."""
    labelled = _ZONE_LABEL.match(plain)
    if labelled:
        zone, rest = _zone_in_front(plain[labelled.end() :])
        if zone:
            return zone, rest
        zone, rest = (*_AFTER_ZONE.split(plain[labelled.end() :], maxsplit=1), "")[:2]
        return zone.strip(_WRAPPING) or "UTC", rest.strip(_WRAPPING)
    first, _, behind = plain.partition(" ")
    before, _, last = plain.rpartition(" ")
    last = _ZONE_LABEL.sub("", last, count=1)
    for token, rest in ((first, behind), (last, before)):
        if rest and _ZONE_TOKEN.fullmatch(token) and _may_be_zone(token.strip("()[]")):
            return token.strip("()[]"), rest.strip()
    zone, rest = _zone_behind(plain)
    return (zone, rest) if zone else _zone_in_front(plain)


def _zone_behind(plain: str) -> tuple[str, str]:
    """A zone in words after a schedule, and the schedule.

    All words after the schedule have to belong to the zone, because a city may be an argument of a command.
    """
    tokens = _LABEL_BEHIND.sub(" ", plain).split()
    return _zone_of_words(tokens[_words(tokens) :], tokens[: _words(tokens)])


def _zone_in_front(plain: str) -> tuple[str, str]:
    tokens = plain.split()
    end = len(tokens) - _words(tokens[::-1])
    return _zone_of_words(tokens[:end], tokens[end:])


def _words(tokens: Sequence[str]) -> int:
    """The index at which the words at the end begin. None of them can be a field, such as MON-FRI."""
    start = len(tokens)
    while start and _ZONE_WORD.fullmatch(tokens[start - 1]) and not may_be_field(tokens[start - 1]):
        start -= 1
    return start


def _zone_of_words(words: Sequence[str], rest: Sequence[str]) -> tuple[str, str]:
    zone = " ".join(words).strip("()[],;")
    # A single word in lower case may be a command.
    clear = len(words) > 1 or zone[:1].isupper()
    return (zone, " ".join(rest)) if rest and clear and zone_in_words(zone) else ("", "")


def _may_be_zone(token: str) -> bool:
    named = token[0].isupper() and "/" in token  # in lower case it may be the path of a command
    return named or is_zone(token) or token.lower() in HOSTS_OWN or bool(possible_zones(token))


def _with_zone(zone: str, rest: str, accepts: Accepts) -> str:
    zones = (zone,) if is_zone(zone) else possible_zones(zone)
    prefix = f"CRON_TZ={zones[0] if zones else 'Europe/Malta'} "
    if not rest:
        return f"write a schedule after the zone, such as {quote(f'{prefix}0 6 * * *')}"
    schedule = rest if accepts(rest) else _schedule_in(next(filter(None, _without_zone(rest, accepts)), ""))
    if not schedule or not accepts(prefix + schedule):
        return ""
    if schedule.startswith("@every"):
        return f"an interval has no time zone: write {quote(schedule)}"
    if not zones:
        return "write the zone first, by its IANA name, as in CRON_TZ=Europe/Malta"
    others = f", or the same with {' or '.join(zones[1:])}" if len(zones) > 1 else ""
    return f"the zone comes first, by its IANA name: write {quote(prefix + schedule)}{others}"


def _schedule_in(hint: str) -> str:
    """The schedule that a hint suggests."""
    found = re.search(r'write "([^"]*)"', hint)
    return found[1] if found else ""


def _without_zone(plain: str, accepts: Accepts) -> Iterator[str]:
    yield _named(plain, accepts)
    yield _call(plain, accepts)
    yield _interval(plain)
    yield _ONE_INSTANT if _DATE.fullmatch(plain) else ""
    yield spoken_schedule(plain, accepts)
    yield _in_fields(plain, accepts)


def _in_fields(text: str, accepts: Accepts, *, aws: bool = False) -> str:
    tokens = split_fields(text)
    return field_hint(tokens, accepts) if len(tokens) == 5 else fields_hint(tokens, accepts, aws=aws)


def _named(plain: str, accepts: Accepts) -> str:
    name = re.sub(r"[\s_-]+", "_", plain.lower().lstrip("@ ").rstrip("!. "))
    if accepts(f"@{name}"):
        return f"write {quote(f'@{name}')}"
    if name in _NAMES:
        return f"write {quote(_NAMES[name])}"
    if name in _STARTS or name in [f"at_{start}" for start in _STARTS]:
        return (
            "no schedule fires when a host starts: name a time, such as \"@daily\", or make one task with 'ajsync run'"
        )
    return ""


def _call(plain: str, accepts: Accepts) -> str:
    """AWS writes `cron(...)` and `rate(...)`."""
    call = _CALL.fullmatch(plain)
    if not call:
        return ""
    kind, inner = call[1].lower(), call[2].strip(_WRAPPING)
    if kind in ("rate", "every"):
        return _interval(f"every {inner}")
    if kind == "at":
        return _ONE_INSTANT
    return f"write {quote(inner)}" if accepts(inner) else _in_fields(inner, accepts, aws=len(split_fields(inner)) == 6)


def _interval(plain: str) -> str:
    """`@every 5 minutes`, `every: 1d`, `PT15M`, `5m`: durations in other notations."""
    if clock := _EVERY_CLOCK.fullmatch(plain):
        # Two numbers may be hours or minutes, so their meaning is unclear.
        return _every(clock[1]) or 'write numbers with the units h, m and s, such as "@every 1h30m"'
    match = re.fullmatch(r"@?(?:every|each)?\s*[:=_-]?\s*(.*)", plain, re.IGNORECASE)
    body = match[1].replace("_", " ") if match else ""
    counted = (
        plain.lstrip("@")[:1].isdigit() or plain[:1] in "Pp" or plain.lower().lstrip("@").startswith(("every", "each"))
    )
    if not counted or ":" in body or re.fullmatch("[0-9.,]+", plain):
        return ""
    hint = _every(re.sub(r"^(other|second)\s+", "2 ", body))
    return f"{hint} if these are seconds" if hint and body.isdecimal() else hint


def _every(text: str) -> str:
    """What to write for an interval of this duration; "" if the text is not a duration, or shorter than a second."""
    duration = meant_duration(text) or 0
    return f"write {quote(f'@every {format_duration_short(duration)}')}" if duration >= SECOND else ""
