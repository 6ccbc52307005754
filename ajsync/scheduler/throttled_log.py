"""ThrottledLog: logs an error once in ten seconds, even if it happens a thousand times a second."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from ajsync.scheduler.agenda.agenda import Fire
from ajsync.scheduler.log_fields import fire_fields
from ajsync.text import cut, escape

_AGAIN_AFTER_SECONDS = 10.0
_KEPT = 1000
_LONGEST = 1000
"""Characters of a line, which may quote several values from the bucket."""


class ThrottledLog:
    """Logs errors, and each kind of them once in ten seconds."""

    def __init__(self, log: logging.Logger, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` gives seconds, and cannot be set."""
        self._log = log
        self._clock = clock
        self._told: dict[tuple[str, ...], float] = {}

    def tell(self, text: str, fire: Fire | None, *about: str, **fields: str) -> None:
        """Log `text` with the fields of `fire` and with `fields`, unless an error `about` the same was logged just
        now."""
        now, about = self._clock(), tuple(map(cut, about))
        if about in self._told and now - self._told[about] < _AGAIN_AFTER_SECONDS:
            return
        if len(self._told) >= _KEPT:
            self._told.clear()
        self._told[about] = now
        cut_fields = {name: cut(value) for name, value in fields.items()}
        told = escape(cut(text, _LONGEST))
        self._log.error("%s", told, extra=fire_fields(fire, **fields) if fire else cut_fields)
