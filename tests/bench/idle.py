"""What a scheduler costs that has much to know and nothing to do: time to load, memory and processor time."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.bench.content import fill, new_server, schedules_at_rest
from tests.bench.processor import processor_seconds
from tests.bench.report import line

_SETTLE_SECONDS = 2.0
"""From the end of loading to the election's end."""
_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Loaded:
    """A process that has read the bucket, and idles."""

    process: subprocess.Popen[str]
    from_start: float
    """Seconds from its start until everything was loaded."""
    from_watch: float
    """Seconds from the start of its watch; from its own start where it does not tell."""


def bench_idle(ajsync: str, count: int, seconds: float, aims: tuple[str, str, str]) -> None:
    """A leader and a stand-by with so many schedules, none due, against a process that only holds the stored bytes.

    The leader writes the watermark five times a second, and the stand-by looks at it ten times a second.
    """
    month = (datetime.now(UTC) + timedelta(days=120)).month
    with new_server() as server:
        asyncio.run(fill(server.url, schedules_at_rest(count, month)))
        scheduler = load(ajsync, "scheduler", "bench", "--server", server.url)
        stand_by = load(ajsync, "scheduler", "stand-by", "--server", server.url)
        floor = load(sys.executable, "-m", "tests.bench.floors", "hold", server.url)
        every = (scheduler, stand_by, floor)
        try:
            _wait_for(scheduler, "Looked up")
            _wait_for(stand_by, "Looked up")
            time.sleep(_SETTLE_SECONDS)
            pids = [each.process.pid for each in every]
            before = [processor_seconds(pid) for pid in pids]
            time.sleep(seconds)
            cpu, cpu_stand_by, cpu_floor = [
                (processor_seconds(pid) - since) / seconds * 100 for pid, since in zip(pids, before, strict=True)
            ]
            memory, memory_stand_by, memory_floor = map(resident, pids)
        finally:
            for each in every:
                each.process.kill()
                each.process.wait()
    what = f"idle with {count:,} schedules"
    line(
        f"{what}: load",
        f"{scheduler.from_start:.2f} s",
        f"floor {floor.from_start:.2f} s   from the watch's start {scheduler.from_watch:.2f} s   {aims[0]}",
    )
    memories = f"floor {memory_floor:.0f} MiB   stand-by {memory_stand_by:.0f} MiB   {aims[1]}"
    line(f"{what}: memory", f"{memory:.0f} MiB", memories)
    line(f"{what}: processor", f"{cpu:.2f} %", f"floor {cpu_floor:.2f} %   {aims[2]}")
    line(f"{what}: processor of a stand-by", f"{cpu_stand_by:.2f} %", f"floor {cpu_floor:.2f} %   {aims[2]}")


def load(*command: str) -> Loaded:
    """Start a process and wait until it says "Loaded"."""
    began = watching = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    for text in process.stdout:
        if "Starting leader election" in text:
            watching = time.perf_counter()
        if "Loaded" in text:
            now = time.perf_counter()
            return Loaded(process, now - began, now - watching)
    raise AssertionError(f"{command} ended with {process.wait()}")


def _wait_for(loaded: Loaded, said: str) -> None:
    assert loaded.process.stdout is not None
    for text in loaded.process.stdout:
        if said in text:
            return
    raise AssertionError(f"the scheduler ended with {loaded.process.wait()}")


def resident(pid: int) -> float:
    """MiB that a process has in memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / _MIB
