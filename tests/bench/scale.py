"""A million schedules: what validating, planning and loading take, and whether that grows faster than their number."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from ajsync.config import load_configuration
from tests.bench.content import fill, new_server
from tests.bench.idle import load, resident
from tests.bench.plan import write_project
from tests.bench.processor import processor_seconds
from tests.bench.report import line, process_spent

_IN_A_FILE = 1000
_AIM = "aim 1.1"


class Taken(NamedTuple):
    """What one thing takes for some number of schedules."""

    schedules: int
    seconds: float
    memory: float
    """MiB at the most."""


def bench_scale(ajsync: str, sizes: Sequence[int]) -> None:
    """Each size from nothing: files, a full bucket, a plan that finds nothing to do, and a scheduler that loads."""
    found: dict[str, list[Taken]] = {
        "ajsync validate": [],
        "ajsync plan without changes": [],
        "load of a scheduler": [],
    }
    for count in sizes:
        with TemporaryDirectory() as name, new_server() as server:
            folder = Path(name)
            write_project(folder, count, max(count // _IN_A_FILE, 1))
            config = ("--config", str(folder / "ajsync.yaml"))
            validate = process_spent(ajsync, "validate", *config)
            found["ajsync validate"].append(Taken(count, validate.processor, validate.peak))
            asyncio.run(fill(server.url, list(load_configuration(folder).tasks.values())))
            plan = process_spent(ajsync, "plan", *config, "--server", server.url)
            found["ajsync plan without changes"].append(Taken(count, plan.processor, plan.peak))
            found["load of a scheduler"].append(_loaded(ajsync, server.url, count))
    for what, taken in found.items():
        _report(what, taken)


def _loaded(ajsync: str, url: str, count: int) -> Taken:
    loaded = load(ajsync, "scheduler", "bench", "--server", url)
    try:
        pid = loaded.process.pid
        return Taken(count, processor_seconds(pid), resident(pid))
    finally:
        loaded.process.kill()
        loaded.process.wait()


def _report(what: str, taken: Sequence[Taken]) -> None:
    for each in taken:
        line(f"{what}, {each.schedules:,} schedules", f"{each.seconds:.1f} s of a core", f"{each.memory:,.0f} MiB")
    time_exponent = _exponent([(each.schedules, each.seconds) for each in taken])
    memory_exponent = _exponent([(each.schedules, each.memory) for each in taken])
    line(
        f"{what}: grows with the number to the power of",
        f"{time_exponent:.2f}",
        f"memory {memory_exponent:.2f}   {_AIM}",
    )


def _exponent(points: Sequence[tuple[float, float]]) -> float:
    """The slope of the line through the logarithms of the points, by least squares."""
    across, up = ([math.log(each[axis]) for each in points] for axis in (0, 1))
    middle, height = sum(across) / len(across), sum(up) / len(up)
    rise = sum((x - middle) * (y - height) for x, y in zip(across, up, strict=True))
    return rise / sum((x - middle) ** 2 for x in across)
