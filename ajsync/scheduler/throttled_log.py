"""Log lines about fires, with errors logged at most once in ten seconds even if they happen a thousand times a
second."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from ajsync.scheduler.agenda.agenda import Fire
from ajsync.text import cut, escape
from ajsync.timestamp import format_timestamp

_AGAIN_AFTER_SECONDS = 10.0
_KEPT = 1000
_LONGEST = 1000
"""Characters of a line, which may quote several values from the bucket."""


class ThrottledLog:
    """Logs errors, each kind at most once in ten seconds."""

    def __init__(self, log: logging.Logger, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` gives seconds, and cannot be set."""
        self._log = log
        self._clock = clock
        self._told: dict[tuple[str, ...], float] = {}

    def tell(self, text: str, fire: Fire | None, *about: str, **fields: str) -> None:
        """Log `text` with the fields of `fire` and `fields`, unless an error `about` the same thing was logged just
        now."""
        now, about = self._clock(), tuple(map(cut, about))
        if about in self._told and now - self._told[about] < _AGAIN_AFTER_SECONDS:
            return
        if len(self._told) >= _KEPT:
            self._told.clear()
        self._told[about] = now
        extra = fire_fields(fire, **fields) if fire else {name: cut(value) for name, value in fields.items()}
        self._log.error("%s", escape(cut(text, _LONGEST)), extra=extra)


def fire_fields(fire: Fire, **more: str) -> dict[str, str]:
    """The `extra=` fields of a line about a fire: cut, but not escaped as the line itself is.

    docs/monitoring.md lists all fields.
    """
    task = fire.task
    due = format_timestamp(fire.due)
    fields = {"schedule": task.name, "queue": task.queue, "task_type": task.task_type, "due": due, **more}
    return {name: cut(value) for name, value in fields.items()}
