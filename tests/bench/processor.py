"""Processor time of other processes, sampled so that it can be told for any moment."""

from __future__ import annotations

import asyncio
import os
import time
from bisect import bisect
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from ajsync.timestamp import NANOSECONDS

_EVERY_SECONDS = 0.02
MACHINE = "machine"
"""The name under which the cores of the machine are sampled, all together."""


class Processor:
    """The processor time of some processes, and of the machine, while `sample` runs."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        """`pids` by the name of the process."""
        self.names = tuple(pids)
        self._pids = pids
        self._at: list[int] = []
        self._used: dict[str, list[float]] = {name: [] for name in (*pids, MACHINE)}

    async def sample(self) -> None:
        """Sample until cancelled."""
        while True:
            self._at.append(time.time_ns())
            for name, pid in self._pids.items():
                self._used[name].append(processor_seconds(pid))
            self._used[MACHINE].append(_used_by_all())
            await asyncio.sleep(_EVERY_SECONDS)

    def between(self, name: str, begin: int, end: int) -> float:
        """Seconds of a core that a process used between two instants, in nanoseconds since 1970."""
        return self._until(name, end) - self._until(name, begin)

    def share(self, name: str, begin: int, end: int) -> float:
        """The same as a share of a core: 1 is one core that is busy all the time."""
        return self.between(name, begin, end) / (end - begin) * NANOSECONDS

    def _until(self, name: str, instant: int) -> float:
        """Between two samples time passes evenly."""
        after = min(max(bisect(self._at, instant), 1), len(self._at) - 1)
        begin, end = self._at[after - 1 : after + 1]
        low, high = self._used[name][after - 1 : after + 1]
        return low + (high - low) * min(max((instant - begin) / (end - begin), 0), 1)


def processor_seconds(pid: int) -> float:
    """Seconds of a core that the threads of a process have used; the kernel counts them in nanoseconds."""
    nanoseconds = 0
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):  # it has ended
            nanoseconds += int((thread / "schedstat").read_text().split()[0])
    return nanoseconds / NANOSECONDS


def _used_by_all() -> float:
    with Path("/proc/stat").open() as stat:
        fields = [int(each) for each in stat.readline().split()[1:9]]
    idle, waiting = fields[3], fields[4]
    return (sum(fields) - idle - waiting) / os.sysconf("SC_CLK_TCK")
