"""Tells whether the machine itself stood still, so that no guarantee in seconds is judged by somebody else's load."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_TICK_SECONDS = 0.02


class Watchdog:
    """Wakes up fifty times a second and notes how much too late that was."""

    def __init__(self) -> None:
        self._delays: list[tuple[int, float]] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def stall(self, since: int) -> float:
        """The longest delay, in seconds, since an instant in nanoseconds since 1970."""
        return max((delay for when, delay in self._delays if when >= since), default=0.0)

    def _run(self) -> None:
        while True:
            before = time.monotonic()
            if self._ended.wait(_TICK_SECONDS):
                return
            delay = time.monotonic() - before - _TICK_SECONDS
            if delay > _TICK_SECONDS:
                self._delays.append((time.time_ns(), delay))


@contextmanager
def watchdog() -> Iterator[Watchdog]:
    """A watchdog while the block runs."""
    dog = Watchdog()
    dog._thread.start()
    try:
        yield dog
    finally:
        dog._ended.set()
        dog._thread.join()
