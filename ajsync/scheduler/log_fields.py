"""The fields that log lines carry for programs, as `extra=`; docs/monitoring.md lists them."""

from __future__ import annotations

from ajsync.scheduler.agenda.agenda import Fire
from ajsync.text import cut
from ajsync.timestamp import format_timestamp


def fire_fields(fire: Fire, **more: str) -> dict[str, str]:
    """The fields of a line about a fire: cut, but not escaped as the line itself is."""
    task = fire.task
    due = format_timestamp(fire.due)
    fields = {"schedule": task.name, "queue": task.queue, "task_type": task.task_type, "due": due, **more}
    return {name: cut(value) for name, value in fields.items()}
