"""Time zones by IANA name, and the `CRON_TZ=Zone ` prefix of a stored schedule."""

from __future__ import annotations

import re
from datetime import UTC, tzinfo

from ajsync.errors import ScheduleError
from ajsync.schedule.zone_names import NOT_IANA
from ajsync.text import quote

WHITE_SPACE = "\t\n\v\f\r \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"
"""What Go's `unicode.IsSpace` accepts. Python's `str.split()` also splits at U+001C to U+001F."""

ZONE_PREFIXES = ("TZ=", "CRON_TZ=")

# No IANA name has other characters, so no "..", absolute path, NUL or "zone.tab" reaches the file system.
_NAME = re.compile(r"[A-Za-z0-9_+-]+(?:/[A-Za-z0-9_+-]+)*")
_LONGEST_NAME = 64
"""The most characters; the longest IANA name has 32."""


def load_zone(name: str) -> tzinfo:
    """The time zone of an IANA name, whose case counts. The empty name is UTC, as in Go.

    Raises ScheduleError if there is no such zone, with what was probably meant.
    """
    if name in ("", "UTC"):
        return UTC
    if len(name) <= _LONGEST_NAME and _NAME.fullmatch(name) and not NOT_IANA.fullmatch(name):
        from zoneinfo import ZoneInfo  # here, because it is not needed if all schedules are in UTC

        try:
            return ZoneInfo(name)
        except (KeyError, OSError, ValueError):  # unknown, a folder such as America, or not a file of a time zone
            pass
    from ajsync.schedule.zone_hints import zone_hint  # needed only for an error

    hint = zone_hint(name)
    message = f"time zone: {quote(name)} is not an IANA name such as Europe/Malta"
    raise ScheduleError(f"{message}; {hint}" if hint else message)


def is_zone(name: str) -> bool:
    """Whether the time zone data of this machine have a zone of that name."""
    try:
        load_zone(name)
    except ScheduleError:
        return False
    return bool(name)


def split_zone(text: str) -> tuple[str, str]:
    """Split a schedule into the zone of its `CRON_TZ=Zone ` or `TZ=Zone ` prefix, or "", and the rest.

    Nothing is checked. A prefix without a space after it counts as none. An empty zone is UTC, as in Go.
    """
    if text.startswith(ZONE_PREFIXES):
        prefix, space, rest = text.partition(" ")
        if space:
            return prefix.partition("=")[2] or "UTC", rest.strip(WHITE_SPACE)
    return "", text
