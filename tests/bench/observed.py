"""`python -m tests.bench.observed FILE ARGUMENT...`: the command `ajsync ARGUMENT...`, with each of its fires noted.

What the scheduler records of a fire is kept, and at the end written to FILE as JSON: for each fire in the order in
which they were settled when it was due, how late its task was acked, and when its work item was (all nanoseconds).
FILE.loop gets what the loop went through: see `Loop`. With $BENCH_LEAP="AT SECONDS" the clock leaps so far ahead. With
$BENCH_OUTCOMES=no nothing is kept of what becomes of tasks, and nothing is heard of it; with "heard" the events of
tasks are heard and dropped. With any value the loop is not watched, because that takes processor time.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from array import array
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from unittest.mock import patch

from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.cli.main import main
from ajsync.scheduler.agenda.agenda import AgendaEntry
from ajsync.scheduler.firing.in_flight import InFlightFire
from ajsync.scheduler.monitor.records import Records
from ajsync.scheduler.outcome_keeper import OutcomeKeeper
from ajsync.scheduler.scheduler import Scheduler

_fires = array("q")
"""Three numbers for each: a list of tuples would take more memory than the scheduler."""
_BEAT_SECONDS = 0.002
_NANOSECONDS = 1_000_000_000


class Loop:
    """How the loop fares, by a call that it is to make every two milliseconds."""

    def __init__(self) -> None:
        self.stall = 0.0
        """The longest time in seconds that it took too long, by the clock: on a busy machine that of others too."""
        self.busy = 0.0
        """The same in seconds of the processor, which the loop alone used up."""
        self.memory: list[tuple[int, float]] = []
        """When, and how many MiB were resident."""
        self._at = 0.0
        self._used = 0.0

    def begin(self) -> None:
        """Begin to watch, once everything is loaded."""
        self._at, self._used = time.monotonic(), time.thread_time()
        asyncio.get_running_loop().call_later(_BEAT_SECONDS, self._beat)

    def _beat(self) -> None:
        now, used = time.monotonic(), time.thread_time()
        self.stall = max(self.stall, now - self._at - _BEAT_SECONDS)
        self.busy = max(self.busy, used - self._used)
        if not self.memory or now - self.memory[-1][0] / _NANOSECONDS > 1:
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            self.memory.append((int(now * _NANOSECONDS), pages * os.sysconf("SC_PAGE_SIZE") / 2**20))
        self.begin()


_loop = Loop()


class ObservedRecords(Records):
    """Records that also note each fire."""

    def settled(self, fires: list[InFlightFire]) -> None:
        """Fires have ended."""
        now = time.time_ns()
        for each in fires:
            if each.outcome == "created":
                _fires.extend((each.due, each.lateness, now))
        super().settled(fires)


class ObservedScheduler(Scheduler):
    """A scheduler whose loop is watched from its first term on, and whose clock may leap."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        at, ahead = map(int, os.environ.get("BENCH_LEAP", "0 0").split())

        def clock() -> int:
            now = time.time_ns()
            return now + ahead * _NANOSECONDS if now >= at * _NANOSECONDS else now

        super().__init__(*arguments, **{**options, "clock": clock})
        began = self.on_lead

        def on_lead() -> None:
            began()
            if "BENCH_OUTCOMES" not in os.environ:
                _loop.begin()

        self.on_lead = on_lead


class IdleKeeper(OutcomeKeeper):
    """A keeper that keeps nothing."""

    def foretell(self, entries: Iterable[AgendaEntry], due: int) -> None:
        """Nobody wants to know."""

    def settled(self, fires: list[InFlightFire]) -> None:
        """Nobody wants to know."""

    async def run(self, bucket: ConfigurationBucket, loaded: asyncio.Event) -> None:
        """Do nothing."""


class DroppingKeeper(IdleKeeper):
    """A keeper that hears the events of tasks, and keeps nothing."""

    async def run(self, bucket: ConfigurationBucket, loaded: asyncio.Event) -> None:
        """Hear events until cancelled."""
        await self._events.run()

    def _hear(self, subject: bytes, _reply: bytes, _headers: bytes, data: bytes) -> None:
        """Drop an event."""


_KEEPERS = {"no": IdleKeeper, "heard": DroppingKeeper, "yes": OutcomeKeeper}


if __name__ == "__main__":
    file = Path(sys.argv.pop(1))
    try:
        with (  # the command makes its own
            patch("ajsync.scheduler.scheduler.Records", ObservedRecords),
            patch("ajsync.scheduler.scheduler.Scheduler", ObservedScheduler),
            patch(
                "ajsync.scheduler.scheduler.OutcomeKeeper",
                _KEEPERS[os.environ.get("BENCH_OUTCOMES", "yes")],
            ),
        ):
            main()
    finally:
        file.write_text(json.dumps([_fires[at : at + 3].tolist() for at in range(0, len(_fires), 3)]))
        loop = {"stall": _loop.stall, "busy": _loop.busy, "memory": [each[1] for each in _loop.memory]}
        file.with_suffix(".loop").write_text(json.dumps(loop))
