"""The pause of a schedule: the key `ajsync.paused.NAME`, which holds its value while its own key is gone. Pure.

A paused schedule is at none of the keys that a scheduler follows, so no scheduler fires it, not even a Go scheduler.
While both keys hold a value, the schedule counts as active, because a command was interrupted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ajsync.asyncjobs.foreign import decode_object, instant_member, member
from ajsync.asyncjobs.model import (
    PAUSES_MEMBER,
    LiveSchedule,
    Pause,
    ScheduledTask,
    decode_scheduled_task,
    encode_scheduled_task,
    pauses_value,
)
from ajsync.asyncjobs.names import CONFIGURATION_SUBJECT
from ajsync.errors import StoredValueError
from ajsync.timestamp import format_timestamp

_KEY_PREFIX = "ajsync.paused."
PAUSE_SUBJECT = CONFIGURATION_SUBJECT + _KEY_PREFIX
"""The beginning of the key; the name of the schedule follows."""
LONGEST_REASON = 1000
"""The most characters of a reason."""
LONGEST_BY = 255
_FORMAT = 1
MOST_PAUSES = 10
"""How many of its last pauses a schedule remembers. A scheduler would have to miss more of them to go wrong."""


@dataclass(frozen=True, slots=True)
class PausedSchedule:
    """What the key of a pause holds."""

    pause: Pause
    task: ScheduledTask
    value: Mapping[str, Any]
    """The stored value of the schedule as JSON, including members that only a newer ajsync knows."""


def pause_key(name: str) -> str:
    """The key of the pause of the schedule `name`."""
    return _KEY_PREFIX + name


def paused_schedule(name: str, data: bytes, pause: Pause) -> PausedSchedule:
    """Pause the schedule whose key holds `data`. Raises StoredValueError if that is not a scheduled task."""
    return PausedSchedule(pause, decode_scheduled_task(name, data), decode_object(data))


def new_pause(task: ScheduledTask, pause: Pause) -> PausedSchedule:
    """What the key of a pause holds for a schedule that an apply stores there."""
    return PausedSchedule(pause, task, decode_object(encode_scheduled_task(task, stamp=True)))


def encode_pause(paused: PausedSchedule) -> bytes:
    """The value of the key while the schedule is paused."""
    pause = paused.pause
    until = {"until": format_timestamp(pause.until)} if pause.until else {}
    return _encode(
        {
            "format": _FORMAT,
            "since": format_timestamp(pause.since),
            **until,
            "by": pause.by,
            "reason": pause.reason,
            "schedule": paused.value,
        }
    )


def decode_pause(name: str, data: bytes) -> PausedSchedule:
    """Read the key of the pause of `name`. Raises StoredValueError if it does not hold such a pause."""
    found = decode_object(data)
    if (form := member(found, "format", int)) != _FORMAT:
        raise StoredValueError(f"its pause has the format {form}, and this ajsync knows {_FORMAT}")
    value = member(found, "schedule", dict)
    pause = Pause(
        since=instant_member(found, "since"),
        by=member(found, "by", str, ""),
        reason=member(found, "reason", str, ""),
        until=instant_member(found, "until") if "until" in found else 0,
    )
    return PausedSchedule(pause, decode_scheduled_task(name, _encode(value)), value)


def decode_paused_entry(name: str, revision: int, data: bytes) -> LiveSchedule:
    """The entry of a paused schedule, from the key of its pause, whether or not that can be read."""
    try:
        paused = decode_pause(name, data)
    except StoredValueError as error:
        return LiveSchedule(name, revision, None, f"it is paused, and {error}", Pause(0, "", ""))
    return LiveSchedule(name, revision, paused.task, pause=paused.pause)


def with_task(paused: PausedSchedule, task: ScheduledTask) -> PausedSchedule:
    """The same pause of a schedule that was changed to `task` during the pause."""
    return new_pause(task, paused.pause)


def resumed_value(paused: PausedSchedule, now: int) -> bytes:
    """What the schedule's key holds after the pause: its value, which remembers the span of the pause."""
    pauses = paused.task.pauses
    if paused.pause.since != now:  # else it was paused only to end an interrupted pause
        since, until = sorted((paused.pause.since, now))  # the server's clock may have been set back
        pauses = (*pauses, (since, until))[-MOST_PAUSES:]
    return _encode({**paused.value, PAUSES_MEMBER: pauses_value(pauses)} if pauses else paused.value)


def _encode(value: Mapping[str, Any]) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which UTF-8 cannot hold and JSON can escape
        return json.dumps(value, separators=(",", ":")).encode()
