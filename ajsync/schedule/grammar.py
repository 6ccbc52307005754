"""Parse a schedule, with its prefix and its `@` form or fields, as robfig/cron's `ParseStandard` does."""

from __future__ import annotations

from functools import lru_cache

from ajsync.errors import ScheduleError
from ajsync.schedule.duration import parse_duration
from ajsync.schedule.fields import FIELD_PREFIXES, parse_fields
from ajsync.schedule.timetable import Timetable
from ajsync.schedule.units import SECOND
from ajsync.schedule.walltimes import WallTimes
from ajsync.schedule.zones import WHITE_SPACE, ZONE_PREFIXES, load_zone, split_zone
from ajsync.text import quote

_NAMED = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
EVERY = "@every "
"""How a schedule with an interval begins, behind its prefix."""
_LONGEST = 1_000
"""The most characters: twice what it takes to list every value of every field. Anyone who may write to the bucket could
store longer schedules, which would take seconds to read and stay in memory."""
_ZONE_IS_WRONG = 'time zone: "'
_ANY = 'write five fields such as "0 6 * * 1-5", a name such as "@daily", or "@every 10m"'
_DURATION_IS_WRONG = "duration: "
_MOST_KEPT = 16_384
"""How many timetables are kept: enough for a large bucket, in about 30 MB."""


def parse(text: str, zone: str = "UTC") -> Timetable:
    """The timetable of a schedule, read in `zone` unless it has a `CRON_TZ=Zone ` prefix.

    The same schedule and zone give the same timetable. Raises ScheduleError with the part that is wrong, what was found
    and what is allowed.
    """
    if len(text) > _LONGEST:
        raise ScheduleError(f"a schedule of {len(text):,} characters is too long; the limit is {_LONGEST:,}")
    return _parse(text, zone)


@lru_cache(maxsize=_MOST_KEPT)
def _parse(text: str, zone: str) -> Timetable:
    try:
        return _read(text, zone)
    except ScheduleError as error:
        if str(error).startswith(_ZONE_IS_WRONG):
            raise _of_zone(error, text) from None
        message, hint = str(error), _hint(text)
        if message.startswith(FIELD_PREFIXES) and not hint:  # the message says what is allowed there
            raise
        if message.startswith(_DURATION_IS_WRONG):  # its hint is for durations in general
            message = message.rpartition("; ")[0] or message
        raise ScheduleError(f"{message}; {hint or _ANY}") from None


def _of_zone(error: ScheduleError, text: str) -> ScheduleError:
    """The error of a wrong zone, with a hint from the whole schedule if the zone has several words or its own line."""
    zone, rest = split_zone(text)
    hint = _hint(text) if rest[:1].isalpha() or len(zone.split()) > 1 else ""
    if 'write "' not in hint:
        return error
    return ScheduleError(f"{str(error).partition('; ')[0]}; {hint}")


@lru_cache(maxsize=256)  # many entries often have the same wrong schedule
def _hint(text: str) -> str:
    from ajsync.schedule.foreign import schedule_hint  # needed only for an error

    return schedule_hint(text, _accepts)


def _accepts(text: str) -> bool:
    try:
        _read(text, "UTC")
    except ScheduleError:
        return False
    return True


def _read(text: str, zone: str) -> Timetable:
    if not text:
        raise ScheduleError("the schedule is empty")
    prefix, rest = split_zone(text)
    if not prefix and text.startswith(ZONE_PREFIXES):
        raise ScheduleError(f"time zone: there is no space between the zone and the schedule (in {quote(text)})")
    # In Go, "Local" is the zone of the scheduler. Here it is the zone of schedules that name none.
    name = zone if prefix in ("", "Local") else prefix
    zone_info = load_zone(name)
    name = name or "UTC"
    if rest.startswith(EVERY):
        return Timetable(text, name, _interval(rest.removeprefix(EVERY)), zone_info)
    if rest.startswith("@"):
        fields = _NAMED.get(rest)
        if fields is None:
            raise ScheduleError(f"{quote(rest)} is not one of {', '.join(_NAMED)}")
        rest = fields
    elif _lacks_at(rest):
        if f"@{rest}" not in _NAMED:
            _interval(f"@{rest}".removeprefix(EVERY))
        raise ScheduleError(f"{quote(rest)} has no @")
    return Timetable(text, name, 0, zone_info, WallTimes(parse_fields(rest)))


def _interval(duration: str) -> int:
    """The interval in nanoseconds: truncated to whole seconds, at least one (rule 8)."""
    nanoseconds = parse_duration(duration)
    return max(nanoseconds - nanoseconds % SECOND, SECOND)


def _lacks_at(text: str) -> bool:
    """Whether it is `daily`, `every 10m` or the like."""
    return f"@{text}" in _NAMED or f"@{text}".startswith(EVERY)


def spell_out(text: str) -> str:
    """Trim a schedule and add its `@`, also after a zone prefix.

    It is not checked, because that is only possible together with the zone.
    """
    text = text.strip(WHITE_SPACE)
    zone, rest = split_zone(text)
    if not _lacks_at(rest):
        return text
    return f"{text.split(' ')[0]} @{rest}" if zone else f"@{rest}"


@lru_cache(maxsize=4096)  # a project has few schedules and zones, but many entries with them
def stored_schedule(text: str, zone: str = "", *, of_every: bool = False) -> str:
    """The schedule as it is stored: spelled out, checked, and with the prefix of `zone`.

    An `@every` gets the prefix only if `of_every`, because its fires do not depend on a zone.

    Raises ScheduleError if the schedule or the zone is not valid, or if both name a zone.
    """
    spelled = spell_out(text)
    load_zone(zone)
    if zone and (of_every or not spelled.startswith(EVERY)):
        if spelled.startswith(ZONE_PREFIXES):
            both = f"{quote(spelled)} already names a zone, and so does {quote(zone)}"
            raise ScheduleError(f"time zone: {both}; keep one of them")
        spelled = f"CRON_TZ={zone} {spelled}"
    parse(spelled)
    return spelled
