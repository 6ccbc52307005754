"""What to write instead of an unknown time zone: an offset, an abbreviation, a Windows name, a city, a typo.

It never guesses a zone with another hour: people who write `GMT+3` do not mean `Etc/GMT+3`.
"""

from __future__ import annotations

import re
from functools import lru_cache

from ajsync.schedule.zone_names import ABBREVIATIONS, FIXED, HOSTS_OWN, NOT_IANA, PLACES, UTC_NAMES, WINDOWS
from ajsync.text import alike, nearest

_LONGEST_NAME = 64
"""The most characters; the longest IANA name has 32."""
_OFFSET = re.compile(r"\(?(?:UTC|GMT|Z)?\s*([+-]|\u2212)\s*([0-9]{1,2})(?::?([0-9]{2}))?\)?", re.IGNORECASE)
_POSIX = re.compile(r"([A-Z]{3,5})([+-]?)([0-9]{1,2})(?::([0-9]{2}))?(?:[A-Z]{3,5}.*)?", re.IGNORECASE)
"""A `TZ` of POSIX, whose sign says by how much UTC is ahead."""
_WINDOWS_NAME = re.compile(r"(.+?) (?:standard|daylight|summer) time", re.IGNORECASE)
_SURE = 0.8
"""How similar a misspelled name has to be, from 0 to 1."""
_PARTS = re.compile(r"(?:Brazil|Canada|Chile|Mexico|US)/.*")
"""Regions of a country, whose names, such as East, mean nothing without the country."""
_SHORTEST = 5
"""The least characters. Too many shorter names are similar."""
_NOT_MEANT = re.compile(r"Etc/.*|SystemV/.*|.*[0-9].*")


def zone_hint(name: str) -> str:
    """What to write instead of `name`, without a full stop; "" if unknown."""
    return _hint(name) if len(name) <= _LONGEST_NAME else ""


@lru_cache(maxsize=256)  # many entries often have the same wrong zone
def _hint(name: str) -> str:
    if name.strip().lower() in HOSTS_OWN:
        return "a schedule cannot follow the zone of a host; write that zone, such as Europe/Malta"
    offset = _offset(name)
    if offset is not None and offset != 0:
        return _of_offset(offset)
    several = _several(name)
    if len(several) > 1:
        return f"it is short for several zones; write {', '.join(several[:-1])} or {several[-1]}"
    zone = meant_zone(name)
    return f"did you mean {zone}?" if zone else ""


def possible_zones(name: str) -> tuple[str, ...]:
    """The IANA names that `name` can mean, the likeliest first; for an offset, a zone that has it all year."""
    if len(name) > _LONGEST_NAME:
        return ()
    offset = _offset(name)
    found = (_existing(FIXED.get(offset, "")),) if offset else _several(name) or (meant_zone(name),)
    return tuple(filter(None, found))


def meant_zone(name: str) -> str:
    """The IANA name of the zone that `name` means; "" if there is none, or more than one."""
    plain = re.sub(r"^\((?:UTC|GMT)[^)]*\)\s*(?=\S)", "", name.strip(), flags=re.IGNORECASE).strip("'\"`[]")
    if not plain or len(name) > _LONGEST_NAME:
        return ""
    lower = re.sub(r"\s*/\s*|^([a-z]+)\.(?=[a-z])", r"\1/", plain.replace("\\", "/").lower()).replace(" ", "_")
    known = _known_zones()
    if plain.lower() in UTC_NAMES or _offset(name) == 0:
        return "UTC"
    if several := _several(name):
        return several[0] if len(several) == 1 else ""
    if _offset(name) is not None:
        return ""
    if _WINDOWS_NAME.fullmatch(plain):
        return zone_in_words(plain)
    last = lower.rpartition("/")[2]
    for key in (lower, last, re.sub(r"_?\(.*", "", lower)):
        if found := zone_in_words(key):
            return found
    if "," in lower:  # Windows lists the cities of a zone
        cities = (city.strip("_") for city in lower.split(","))
        return next((known[city] for city in cities if city in known), "")
    return _nearest(lower, known)


def zone_in_words(name: str) -> str:
    """The zone of a place, a region or a Windows name, by this name in any case; "" for none.

    Abbreviations and misspelled names do not count, because a command may have such a name.
    """
    if windows := _WINDOWS_NAME.fullmatch(name):
        return _existing(WINDOWS.get(windows[1].lower(), ""))
    key = re.sub(r"\s*/\s*", "/", name.lower()).replace(" ", "_")
    known = _known_zones()
    return _existing(PLACES.get(key, "")) or known.get(key, "") or known.get(key.replace("_", "/", 1), "")


def _several(name: str) -> tuple[str, ...]:
    """The zones that an abbreviation may mean, alone or at the beginning of a `TZ` of POSIX."""
    plain = name.strip().upper()
    first, *others = plain.split("/")
    if others and all(each in ABBREVIATIONS for each in (first, *others)):  # EST/EDT
        plain = first
    posix = _POSIX.fullmatch(plain)
    if posix:
        plain = posix[1]
    return tuple(filter(_existing, ABBREVIATIONS.get(plain, ())))


def _offset(name: str) -> int | None:
    """The minutes ahead of UTC in `UTC+2`, `GMT-05:30`, `+0200` and the like; None for anything else."""
    plain = name.strip()
    match = _OFFSET.fullmatch(plain)
    if match:
        minutes = int(match[2]) * 60 + int(match[3] or 0)
        return minutes if match[1] == "+" else -minutes
    posix = _POSIX.fullmatch(plain)
    if posix and posix[1].upper() not in ("UTC", "GMT") and not _several(name):
        minutes = int(posix[3]) * 60 + int(posix[4] or 0)
        return minutes if posix[2] == "-" else -minutes
    return None


def _of_offset(minutes: int) -> str:
    place = _existing(FIXED.get(minutes, ""))
    if not place:
        return "no zone has this offset all year; name the zone of a place, such as Europe/Malta"
    hours, rest = divmod(abs(minutes), 60)
    shown = f"UTC{'+' if minutes > 0 else '-'}{hours}{f':{rest:02d}' if rest else ''}"
    hint = f"for {shown} all year write {place}; if clocks change there, name the zone of the place"
    if rest or hours > 12:
        return hint
    opposite = f"Etc/GMT{'+' if minutes > 0 else '-'}{hours}"
    return f"{hint}; {opposite} is on the other side of UTC, because its sign is that of POSIX"


def _existing(zone: str) -> str:
    """The zone, if the IANA data of this machine have it; names come and go."""
    return zone if zone.lower() in _known_zones() else ""


def _nearest(lower: str, known: dict[str, str]) -> str:
    """The zone of a place with a similar name."""
    if len(lower) < _SHORTEST:
        return ""
    area = lower.rpartition("/")[0]
    areas = alike(area, {key.rpartition("/")[0] for key in known}, cutoff=_SURE)
    keys = [key for key, zone in known.items() if key.rpartition("/")[0] in areas and not _NOT_MEANT.fullmatch(zone)]
    keys = [key for key in keys if len(key) >= _SHORTEST]
    return known.get(nearest(lower, keys, _SURE), "")


@lru_cache(maxsize=1)
def _known_zones() -> dict[str, str]:
    """IANA names by what people write for them: the name or its last part, in lower case."""
    from zoneinfo import available_timezones

    names = sorted(name for name in available_timezones() if not NOT_IANA.fullmatch(name))
    places = [name for name in names if "/" in name and not _NOT_MEANT.fullmatch(name) and not _PARTS.fullmatch(name)]
    return {name.rpartition("/")[2].lower(): name for name in places} | {name.lower(): name for name in names}
