"""The fields of a scheduled task as people know them from a schedules file: their names, how each is read and compared.

Every rendering of a plan goes by this table, so that all of them name and order the fields alike.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from ajsync.asyncjobs.model import DEFAULT_CATCHUP, DEFAULT_OVERLAP, ScheduledTask, encode_scheduled_task
from ajsync.schedule import split_zone

Value = str | int | bytes | None


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a scheduled task."""

    name: str
    """As in a schedules file."""
    kind: Literal["text", "number", "duration", "payload"]
    """A duration is in nanoseconds."""
    read: Callable[[ScheduledTask], Value]
    default: Value = None
    """What needs no mention where a task is shown as a whole; None for a field that is always worth it."""
    absent: str = "(none)"
    """How an empty value is worded: None, "" and a duration of 0."""


OWNER = Field("owner", "text", lambda task: task.owner)
"""Differs only in an adoption, and stands in a plan's heading otherwise."""

FIELDS = (
    Field("schedule", "text", lambda task: split_schedule(task.schedule)[0]),
    Field("timezone", "text", lambda task: split_schedule(task.schedule)[1], absent="(the scheduler's)"),
    Field("queue", "text", lambda task: task.queue),
    Field("task_type", "text", lambda task: task.task_type),
    Field("payload", "payload", lambda task: task.payload),
    Field("deadline", "duration", lambda task: task.deadline, 0),
    Field("max_tries", "number", lambda task: task.max_tries),
    Field("catchup", "text", lambda task: task.settings.catchup, DEFAULT_CATCHUP),
    Field(
        "catchup_window",
        "duration",
        lambda task: task.settings.catchup_window,
        0,
        absent="(the scheduler's)",
    ),
    Field("overlap", "text", lambda task: task.settings.overlap, DEFAULT_OVERLAP),
    Field("jitter", "duration", lambda task: task.settings.jitter, 0),
    Field("description", "text", lambda task: task.settings.description, ""),
)
"""In the order in which they are shown."""

TIMING = frozenset({"schedule", "timezone", "jitter"})
"""The names of the fields that say when a schedule fires."""


def split_schedule(stored: str) -> tuple[str, str | None]:
    """A stored schedule without its zone, and the zone.

    Only the spelling `CRON_TZ=Zone ` of ajsync itself is taken apart: whatever else stands in the bucket stays whole,
    so that two schedules that differ as stored differ as shown.
    """
    zone, rest = split_zone(stored)
    return (rest, zone) if zone and stored == f"CRON_TZ={zone} {rest}" else (stored, None)


def changed_fields(before: ScheduledTask, after: ScheduledTask) -> tuple[Field, ...]:
    """The fields in which two values of a schedule differ; none exactly where the plan takes them for the same."""
    return tuple(field for field in (*FIELDS, OWNER) if field.read(before) != field.read(after))


def shown_fields(task: ScheduledTask) -> tuple[Field, ...]:
    """The fields that tell what a schedule is: those that are not at their default."""
    return tuple(field for field in FIELDS if field.read(task) != field.default)


def stored_object(task: ScheduledTask) -> dict[str, Any]:
    """The stored value of a task as the JSON object that the bucket holds."""
    value: dict[str, Any] = json.loads(encode_scheduled_task(task))
    return value
