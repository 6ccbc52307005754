"""Resuming: for as long as a term lasts, bring back each schedule whose pause has ended.

Every write is a compare-and-set, so it does no harm if another leader or a command does the same.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.asyncjobs.pausing import resume
from ajsync.scheduler.agenda.paused import Pauses
from ajsync.scheduler.monitor.records import Records
from ajsync.text import cut, excerpt
from ajsync.timestamp import NANOSECONDS
from ajsync.waiting import first_of

log = logging.getLogger(__name__)

_RETRY_SECONDS = 5.0
"""When to try again for a schedule that could not be resumed, or whose resumption the watch has not reported yet."""
_LONGEST_SECONDS = 60.0
"""The longest wait, because the clock may be set in the meantime."""


class Resuming:
    """Looks at the pauses when the next one ends, and when one has changed."""

    def __init__(self, bucket: ConfigurationBucket, pauses: Pauses, records: Records, clock: Callable[[], int]) -> None:
        """`clock` gives nanoseconds since 1970."""
        self._bucket = bucket
        self._pauses = pauses
        self._records = records
        self._clock = clock
        self._tried: dict[str, float] = {}
        """Name → when it was last tried, by the monotonic clock."""

    async def run(self) -> None:
        """Resume what has to be resumed, until cancelled."""
        changed = asyncio.Event()
        self._pauses.on_change = changed.set
        while True:
            changed.clear()
            await self._resume_ended()
            await first_of(changed, timeout=self._wait())

    def _wait(self) -> float:
        """For how many seconds there is nothing to do unless a pause changes."""
        now = self._clock()
        following = self._pauses.next_end(now)
        wait = _LONGEST_SECONDS if following is None else (following - now) / NANOSECONDS
        if self._tried:
            wait = min(wait, min(self._tried.values()) + _RETRY_SECONDS - time.monotonic())
        return min(max(wait, 0.0), _LONGEST_SECONDS)

    async def _resume_ended(self) -> None:
        ended = self._pauses.ended(self._clock())
        now = time.monotonic()
        self._tried = {name: at for name, at in self._tried.items() if name in ended}
        names = [name for name in ended if now - self._tried.get(name, -_RETRY_SECONDS) >= _RETRY_SECONDS]
        if not names:
            return
        self._tried |= dict.fromkeys(names, now)
        settled = await resume(self._bucket, names, self._clock(), lambda _keys: None, due=True)
        for name, each in settled.items():
            if each.error is not None:
                self._records.not_resumed(name, str(each.error))
            elif each.changed:
                log.info("Resumed the schedule %s: its pause has ended", excerpt(name), extra={"schedule": cut(name)})
