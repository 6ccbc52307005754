"""The content of both keys of a schedule: its own, and that of its pause."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.asyncjobs.model import ScheduledTask, decode_scheduled_task
from ajsync.asyncjobs.names import CONFIGURATION_STREAM, CONFIGURATION_SUBJECT, schedule_key
from ajsync.asyncjobs.pause import decode_pause, pause_key
from ajsync.transport.leader import last_messages
from ajsync.transport.messages import LastMessage


@dataclass(frozen=True, slots=True)
class Keys:
    """What both keys of a schedule held. The schedule's own key was read first."""

    name: str
    schedule: LastMessage | None
    pause: LastMessage | None

    @property
    def value(self) -> bytes | None:
        """What the schedule's key held."""
        return None if self.schedule is None else self.schedule.value

    @property
    def pause_value(self) -> bytes | None:
        """What the key of the pause held."""
        return None if self.pause is None else self.pause.value

    @property
    def is_paused(self) -> bool:
        """Whether the schedule is paused: while both keys hold a value, it is active."""
        return self.value is None and self.pause_value is not None

    @property
    def is_closed(self) -> bool:
        """Whether the schedule's key was deleted after the last write of the pause, so that no earlier resume can win.

        Otherwise a resume may have come between the two reads.
        """
        marker = self.schedule.revision if self.schedule is not None else 0
        return self.value is None and marker > (self.pause.revision if self.pause is not None else -1)

    def task(self) -> ScheduledTask | None:
        """The schedule, paused or not; None if there is none. Raises StoredValueError."""
        if self.value is not None:
            return decode_scheduled_task(self.name, self.value)
        return None if self.pause_value is None else decode_pause(self.name, self.pause_value).task


async def look(bucket: ConfigurationBucket, names: Iterable[str]) -> dict[str, Keys]:
    """Read both keys of each schedule, in the order that a resume relies on."""
    chosen = list(names)
    found: list[dict[str, LastMessage]] = []
    for key in (schedule_key, pause_key):
        subjects = [CONFIGURATION_SUBJECT + key(name) for name in chosen]
        found.append(await last_messages(bucket.connection, CONFIGURATION_STREAM, subjects))
    schedules, pauses = found
    return {
        name: Keys(
            name,
            schedules.get(CONFIGURATION_SUBJECT + schedule_key(name)),
            pauses.get(CONFIGURATION_SUBJECT + pause_key(name)),
        )
        for name in chosen
    }
