"""The fields of a scheduled task under their names in a schedules file, and how each is read and compared.

Every format of a plan uses this table, so that all of them name and order the fields alike.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter
from typing import Any, Literal

from ajsync.asyncjobs.model import DEFAULT_CATCHUP, DEFAULT_OVERLAP, Labels, Pause, ScheduledTask, encode_scheduled_task
from ajsync.schedule import split_zone
from ajsync.timestamp import format_timestamp

Days = tuple[str, ...]
Value = str | int | bytes | Labels | Days | None


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a scheduled task."""

    name: str
    """Its name in a schedules file."""
    kind: Literal["text", "number", "duration", "payload", "labels", "days"]
    """The kind of its value; a duration is in nanoseconds."""
    attribute: str
    """The attribute that holds it in a task, such as `settings.catchup`."""
    part: Callable[[str], Value] | None = None
    """Takes its part out of the attribute, if several fields share that."""
    default: Value = None
    """The value that is left out when a whole task is shown; None for a field that is always shown."""
    absent: str = "(none)"
    """The text for an empty value: None, "", no labels, no days and a duration of 0."""

    def read(self, task: ScheduledTask) -> Value:
        """Its value in a task."""
        value = attrgetter(self.attribute)(task)
        return self.part(value) if self.part else value


@lru_cache(maxsize=4096)
def split_schedule(stored: str) -> tuple[str, str | None]:
    """A stored schedule without its zone, and the zone.

    Only ajsync's own spelling `CRON_TZ=Zone ` is split. Every other value in the bucket stays whole, so that two
    schedules that differ as stored also differ as shown.
    """
    zone, rest = split_zone(stored)
    return (rest, zone) if zone and stored == f"CRON_TZ={zone} {rest}" else (stored, None)


OWNER = Field("owner", "text", "owner")
"""It differs only in an adoption; otherwise the heading of the plan shows it."""

FIELDS = (
    Field("schedule", "text", "schedule", lambda stored: split_schedule(stored)[0]),
    Field("timezone", "text", "schedule", lambda stored: split_schedule(stored)[1], absent="(the scheduler's)"),
    Field("queue", "text", "queue"),
    Field("task_type", "text", "task_type"),
    Field("payload", "payload", "payload"),
    Field("deadline", "duration", "deadline", default=0),
    Field("max_tries", "number", "max_tries"),
    Field("catchup", "text", "settings.catchup", default=DEFAULT_CATCHUP),
    Field(
        "catchup_window",
        "duration",
        "settings.catchup_window",
        default=0,
        absent="(the scheduler's)",
    ),
    Field("overlap", "text", "settings.overlap", default=DEFAULT_OVERLAP),
    Field("jitter", "duration", "settings.jitter", default=0),
    Field("from", "text", "settings.from_", default=""),
    Field("until", "text", "settings.until", default=""),
    Field("except", "days", "settings.except_", default=()),
    Field("labels", "labels", "settings.labels", default=()),
    Field("description", "text", "settings.description", default=""),
)
"""All fields, in the order in which they are shown."""

_read_task = attrgetter(*(field.attribute for field in FIELDS if "." not in field.attribute))
_read_settings = attrgetter(*(field.attribute.removeprefix("settings.") for field in FIELDS if "." in field.attribute))
_attributes = dict.fromkeys(field.attribute for field in (*FIELDS, OWNER))
_of_task = attrgetter(*(each for each in _attributes if "." not in each))
_of_settings = attrgetter(*(each.removeprefix("settings.") for each in _attributes if "." in each))

TIMING = frozenset({"schedule", "timezone", "jitter", "from", "until", "except"})
"""The names of the fields that say when a schedule fires."""


_UNKNOWN_TO_GO = ("catchup", "catchup_window", "overlap", "jitter", "from", "until", "except")
_IGNORED = tuple(field for field in FIELDS if field.name in _UNKNOWN_TO_GO)
_ignored = attrgetter(*(field.attribute.removeprefix("settings.") for field in _IGNORED))
_NOTHING_IGNORED = _ignored(ScheduledTask("", "", "", "").settings)


def ignored_by_go(task: ScheduledTask) -> tuple[str, ...]:
    """The members about fires that a Go scheduler does not know and that are not at their default.

    It catches up with nothing, which is what `catchup: none` asks for.
    """
    if _ignored(task.settings) == _NOTHING_IGNORED:  # true for nearly all
        return ()
    values = ((field.name, field.read(task), field.default) for field in _IGNORED)
    return tuple(name for name, value, default in values if value not in (default, "none"))


def content(task: ScheduledTask) -> tuple[object, ...]:
    """Everything in a task that is compared. The name is not part of it, so a renamed schedule has the same content."""
    return _of_task(task), _of_settings(task.settings)


def changed_fields(before: ScheduledTask, after: ScheduledTask) -> tuple[Field, ...]:
    """The fields in which two values of a schedule differ; its creation time and its source file do not count."""
    if content(before) == content(after):  # true for most, and quick to check
        return ()
    owner = (OWNER,) if OWNER.read(before) != OWNER.read(after) else ()
    return *(
        field for field, old, new in zip(FIELDS, _values(before), _values(after), strict=True) if old != new
    ), *owner


def shown_fields(task: ScheduledTask) -> list[tuple[Field, Value]]:
    """The fields of a schedule that are not at their default, each with its value."""
    return [(field, value) for field, value in zip(FIELDS, _values(task), strict=True) if value != field.default]


def _values(task: ScheduledTask) -> list[Value]:
    """The values of all `FIELDS`; those of the settings are the last."""
    found = (*_read_task(task), *_read_settings(task.settings))
    return [value if field.part is None else field.part(value) for field, value in zip(FIELDS, found, strict=True)]


def pause_object(pause: Pause) -> dict[str, Any]:
    """A pause as JSON, for every document that has one: `until` is null if it has no end."""
    return {
        "since": format_timestamp(pause.since),
        "until": format_timestamp(pause.until) if pause.until else None,
        "by": pause.by,
        "reason": pause.reason,
    }


def entry_object(task: ScheduledTask, pause: Pause | None) -> dict[str, Any]:
    """The stored value of a task as `stored_object` gives it, with the member `paused` if it is paused."""
    return stored_object(task) | ({"paused": pause_object(pause)} if pause is not None else {})


def stored_object(task: ScheduledTask) -> dict[str, Any]:
    """The stored value of a task as the JSON object that the bucket holds."""
    value: dict[str, Any] = json.loads(encode_scheduled_task(task))
    return value
