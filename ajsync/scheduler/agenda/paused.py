"""The pauses of a bucket, as its watch reports them: which schedules are paused, and until when. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ajsync.asyncjobs.model import Pause, ScheduledTask
from ajsync.asyncjobs.pause import decode_pause
from ajsync.errors import StoredValueError

_UNREADABLE = Pause(0, "", "")
"""Stands in for a value that a newer ajsync or another program wrote. Its schedule has no key, so it does not fire."""


class Pauses:
    """What the keys of pauses hold; a schedule whose own key holds a value is active nonetheless."""

    def __init__(self) -> None:
        self._pauses: dict[str, Pause] = {}
        self._tasks: dict[str, ScheduledTask] = {}
        """The schedules of the pauses that can be read."""
        self.on_change: Callable[[], None] = lambda: None
        """Called after each change."""

    def __len__(self) -> int:
        return len(self._pauses)

    def see(self, name: str, data: bytes | None) -> None:
        """Take in what the key of a pause holds now; None if it is gone."""
        self._tasks.pop(name, None)
        if data is None:
            self._pauses.pop(name, None)
        else:
            try:
                found = decode_pause(name, data)
                self._pauses[name], self._tasks[name] = found.pause, found.task
            except StoredValueError:
                self._pauses[name] = _UNREADABLE
        self.on_change()

    def __contains__(self, name: object) -> bool:
        return name in self._pauses

    def __iter__(self) -> Iterator[tuple[str, Pause]]:
        return iter(self._pauses.items())

    def schedules(self) -> dict[str, tuple[Pause, ScheduledTask | None]]:
        """Each pause with its schedule, by name; None for a schedule that cannot be read."""
        return {name: (pause, self._tasks.get(name)) for name, pause in self._pauses.items()}

    def next_end(self, after: int) -> int | None:
        """When the next pause ends after an instant, in nanoseconds since 1970; None if none does."""
        return min((pause.until for pause in self._pauses.values() if pause.until > after), default=None)

    def ended(self, now: int) -> list[str]:
        """The schedules whose pause has ended by now."""
        return [name for name, pause in self._pauses.items() if 0 < pause.until <= now]
