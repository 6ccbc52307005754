"""Words that several commands print alike."""

from __future__ import annotations

from datetime import UTC, datetime

from ajsync.asyncjobs.model import ScheduledTask
from ajsync.timestamp import NANOSECONDS

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def created(task: ScheduledTask) -> str:
    """When a task was created, as `ajc` prints it."""
    return moment(task.created_at)


def moment(instant: int) -> str:
    """An instant in nanoseconds since 1970, as `ajc` prints it: `17 Feb 22 17:40:37 UTC`."""
    time = datetime.fromtimestamp(instant // NANOSECONDS, UTC)
    return f"{time:%d} {_MONTHS[time.month - 1]} {time:%y %H:%M:%S} UTC"  # %b would follow the locale
