"""Time zones by their IANA names, and the `CRON_TZ=Zone ` prefix that carries one in front of a stored schedule."""

from __future__ import annotations

import re
from datetime import UTC, tzinfo

from ajsync.errors import ScheduleError
from ajsync.text import quote

WHITE_SPACE = "\t\n\v\f\r \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"
"""What Go's `unicode.IsSpace` calls white space; Python's `str.split()` also splits at U+001C to U+001F."""

ZONE_PREFIXES = ("TZ=", "CRON_TZ=")

# No IANA name has other characters; so no "..", absolute path, NUL or "zone.tab" ever reaches the file system.
_NAME = re.compile(r"[A-Za-z0-9_+-]+(?:/[A-Za-z0-9_+-]+)*", re.ASCII)
_LONGEST_NAME = 64
"""Characters; the longest IANA name has 32."""
# Present in the folder of time zones of some machines only, and with a meaning of that machine's.
NOT_IANA = re.compile(r"localtime|posixrules|posix/.*|right/.*")


def load_zone(name: str) -> tzinfo:
    """The time zone of an IANA name; the empty name is UTC, as in Go. Case counts.

    Raises ScheduleError, with what was probably meant, where there is no such zone.
    """
    if name in ("", "UTC"):
        return UTC
    if len(name) <= _LONGEST_NAME and _NAME.fullmatch(name) and not NOT_IANA.fullmatch(name):
        from zoneinfo import ZoneInfo  # only here: a run whose schedules all are in UTC starts without it

        try:
            return ZoneInfo(name)
        except (KeyError, OSError, ValueError):  # unknown, a folder such as America, not a file of a time zone
            pass
    from ajsync.schedule.zone_hints import zone_hint  # only where one is wrong

    hint = zone_hint(name)
    message = f"time zone: {quote(name)} is not an IANA name such as Europe/Malta"
    raise ScheduleError(f"{message}; {hint}" if hint else message)


def is_zone(name: str) -> bool:
    """Whether it is an IANA name that this machine's data have."""
    try:
        load_zone(name)
    except ScheduleError:
        return False
    return bool(name)


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
