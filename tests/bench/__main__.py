"""`make bench`: each figure beside its floor, both measured in turn in the same run, medians of several rounds.

`python -m tests.bench NAME...` measures only some of the parts; `scale` is measured only if it is named. With `--write`
the results of each part are kept in tests/bench/results.json, and docs/performance.md is written from those and from
the last ones of the other parts. `python -m tests.bench --page` only writes the page.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from ajsync.config import load_configuration
from tests.bench import report, results
from tests.bench.capacity import bench_capacity
from tests.bench.clients import bench_clients
from tests.bench.content import fill, new_server
from tests.bench.cost import bench_cost
from tests.bench.fires import bench_again_and_again, bench_burst
from tests.bench.idle import bench_idle
from tests.bench.outcomes import bench_outcomes
from tests.bench.page import FILE, page
from tests.bench.plan import (
    bench_apply,
    bench_impact,
    bench_plan,
    bench_plan_memory,
    bench_start_up,
    bench_whole_apply,
    write_project,
)
from tests.bench.reload import bench_reload
from tests.bench.results import Result
from tests.bench.scale import bench_scale
from tests.bench.stalls import bench_catch_up, bench_overlap, catch_up_all, catch_up_latest
from tests.bench.takeover import bench_crowd, bench_takeover

ROUNDS = 7
AJSYNC = str(Path(sys.executable).with_name("ajsync"))


def _plan() -> None:
    """The commands that compare and apply."""
    with TemporaryDirectory() as name, new_server() as server:
        small, large = Path(name) / "small", Path(name) / "large"
        bench_start_up(AJSYNC, 3 * ROUNDS)
        write_project(small, 10_000, 100)
        bench_whole_apply(AJSYNC, small, server.url, ROUNDS)
        asyncio.run(bench_apply(small, server.url, 2 * ROUNDS))
        bench_plan(AJSYNC, small, server.url, 10_000, ROUNDS)
        bench_impact(AJSYNC, small, server.url, 10_000, ROUNDS)
        write_project(large, 100_000, 1000)
        asyncio.run(fill(server.url, list(load_configuration(large).tasks.values())))
        bench_plan(AJSYNC, large, server.url, 100_000, 1)
        bench_plan_memory(AJSYNC, large, server.url, 100_000)


def _cost() -> None:
    asyncio.run(bench_cost(10_000, 5))
    asyncio.run(bench_capacity(10_000, (1, 2, 4), 5))


def _catch_up() -> None:
    asyncio.run(bench_catch_up("5 schedules, all", catch_up_all(5), 30))
    asyncio.run(bench_catch_up("10,000 schedules, latest", catch_up_latest(10_000), 30))


def _overlap() -> None:
    asyncio.run(bench_overlap(1000, 20))
    asyncio.run(bench_overlap(10_000, 30))


def _reload() -> None:
    sizes = ((100, 1, ""), (10_000, 100, "aim 1.5"), (100_000, 1000, "aim 2.5"))
    asyncio.run(bench_reload(AJSYNC, sizes, 2 * ROUNDS, 30))


def _idle() -> None:
    bench_idle(AJSYNC, 1000, 20, ("", "", "aim below 1 %"))
    bench_idle(AJSYNC, 10_000, 20, ("aim 5 s", "aim 150 MiB", "aim below 1 %"))


PARTS: Mapping[str, Callable[[], None]] = {
    "plan": _plan,
    "burst": lambda: asyncio.run(bench_burst(10_000, ROUNDS)),
    "cost": _cost,
    "again": lambda: asyncio.run(bench_again_and_again(200, 6)),
    "clients": lambda: asyncio.run(bench_clients(200, 200, 10)),
    "catch-up": _catch_up,
    "overlap": _overlap,
    "outcomes": lambda: asyncio.run(bench_outcomes(10_000, 15, 20, 3)),
    "reload": _reload,
    "idle": _idle,
    "takeover": lambda: asyncio.run(bench_takeover(20)),
    "crowd": lambda: asyncio.run(bench_crowd(100_000, 10_000, 3)),
    "scale": lambda: bench_scale(AJSYNC, (10_000, 100_000, 1_000_000)),
}
"""By their names on the command line."""
_ONLY_BY_NAME = ("scale",)


def _measure(name: str) -> Result:
    began, start, load = results.now(), time.monotonic(), os.getloadavg()[0]
    report.lines.clear()
    print(f"--- {name}", flush=True)
    PARTS[name]()
    return Result(
        lines=tuple(report.lines),
        machine=results.this_machine(),
        commit=results.this_commit(),
        began=began,
        seconds=round(time.monotonic() - start),
        load=(load, os.getloadavg()[0]),
    )


def main() -> None:
    """Run the parts that are named, or all but the longest; a part that fails does not stop the others."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("names", metavar="NAME", nargs="*", help=", ".join(PARTS))
    parser.add_argument("--write", action="store_true", help="keep the results, and write docs/performance.md")
    parser.add_argument("--page", action="store_true", help="only write docs/performance.md, from the last results")
    options = parser.parse_args()
    if unknown := [name for name in options.names if name not in PARTS]:
        parser.error(f"no part is named {', '.join(unknown)}; there are {', '.join(PARTS)}")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # a user's ajsync is compiled, and so are the floors' packages
    gc.disable()  # as the commands do; the scheduler runs in a process of its own
    failed = []
    for name in [] if options.page else options.names or [each for each in PARTS if each not in _ONLY_BY_NAME]:
        try:
            result = _measure(name)
        except Exception:  # noqa: BLE001 - the other parts take half an hour
            traceback.print_exc()
            failed.append(name)
            continue
        if options.write:
            results.merge(name, result)
            FILE.write_text(page(results.read()))
    if options.page:
        FILE.write_text(page(results.read()))
    if failed:
        sys.exit(f"Failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
