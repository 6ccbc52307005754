"""Time zones by their IANA names, and the `CRON_TZ=Zone ` prefix that carries one in front of a stored schedule."""

from __future__ import annotations

import re
from datetime import UTC, tzinfo
from functools import lru_cache

from ajsync.errors import ScheduleError
from ajsync.schedule.quoting import quote

WHITE_SPACE = "\t\n\v\f\r \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"
"""What Go's `unicode.IsSpace` calls white space; Python's `str.split()` also splits at U+001C to U+001F."""

ZONE_PREFIXES = ("TZ=", "CRON_TZ=")

# No IANA name has other characters; so no "..", absolute path, NUL or "zone.tab" ever reaches the file system.
_NAME = re.compile(r"[A-Za-z0-9_+-]+(?:/[A-Za-z0-9_+-]+)*", re.ASCII)
_LONGEST_NAME = 64
"""Characters; the longest IANA name has 32."""
# Present in the folder of time zones of some machines only, and with a meaning of that machine's.
_NOT_IANA = re.compile(r"localtime|posixrules|posix/.*|right/.*")


def load_zone(name: str) -> tzinfo:
    """The time zone of an IANA name; the empty name is UTC, as in Go. Case counts.

    Raises ScheduleError, with the nearest name that exists, where there is no such zone.
    """
    if name in ("", "UTC"):
        return UTC
    if len(name) <= _LONGEST_NAME and _NAME.fullmatch(name) and not _NOT_IANA.fullmatch(name):
        from zoneinfo import ZoneInfo  # only here: a run whose schedules all are in UTC starts without it

        try:
            return ZoneInfo(name)
        except (KeyError, OSError, ValueError):  # unknown, a folder such as America, not a file of a time zone
            pass
    raise ScheduleError(f"time zone: {quote(name)} is not an IANA name such as Europe/Malta{_did_you_mean(name)}")


@lru_cache(maxsize=256)  # the same wrong zone often stands in many entries
def _did_you_mean(name: str) -> str:
    """A hint at the nearest name that exists, or nothing."""
    if not 3 <= len(name) <= _LONGEST_NAME:
        return ""
    from difflib import get_close_matches

    known = _known_zones()
    nearest = get_close_matches(name.lower().replace(" ", "_"), known, n=1)
    return f"; did you mean {known[nearest[0]]}?" if nearest else ""


@lru_cache(maxsize=1)
def _known_zones() -> dict[str, str]:
    """Every IANA name by what people write for it: itself or its last part, in lower case."""
    from zoneinfo import available_timezones

    names = sorted(name for name in available_timezones() if not _NOT_IANA.fullmatch(name))
    return {name.rpartition("/")[2].lower(): name for name in names} | {name.lower(): name for name in names}


def split_zone(text: str) -> tuple[str, str]:
    """Split a stored schedule into the zone of its `CRON_TZ=Zone ` or `TZ=Zone ` prefix, "" for none, and the rest.

    Nothing is checked: a prefix without an end is no prefix. An empty zone is given as UTC, which is how Go reads it.
    """
    if text.startswith(ZONE_PREFIXES):
        prefix, space, rest = text.partition(" ")
        if space:
            return prefix.partition("=")[2] or "UTC", rest.strip(WHITE_SPACE)
    return "", text


def with_zone(text: str, zone: str) -> str:
    """Put `CRON_TZ=Zone ` in front of a schedule, for Go's scheduler to honour; "" leaves the schedule as it is.

    Raises ScheduleError where the schedule names a zone itself. Neither schedule nor zone is checked otherwise.
    """
    if not zone:
        return text
    if text.startswith(ZONE_PREFIXES):
        raise ScheduleError(f"time zone: {quote(text)} names a zone of its own beside {quote(zone)}; write one of them")
    return f"CRON_TZ={zone} {text}"
