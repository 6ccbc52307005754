"""Words that several commands print alike."""

from __future__ import annotations

from datetime import UTC, datetime

from ajsync.asyncjobs.model import ScheduledTask
from ajsync.asyncjobs.timestamp import NANOSECONDS

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def created(task: ScheduledTask) -> str:
    """When a task was created, as `ajc` prints it: `17 Feb 22 17:40:37 UTC`."""
    moment = datetime.fromtimestamp(task.created_at // NANOSECONDS, UTC)
    return f"{moment:%d} {_MONTHS[moment.month - 1]} {moment:%y %H:%M:%S} UTC"  # %b would follow the locale
