"""`make bench`: each figure beside its floor, both measured in turn in the same run, medians of several rounds.

`python -m tests.bench NAME...` measures only some: plan, burst, again, clients, catch-up, overlap,
outcomes, reload, idle.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from ajsync.config import load_configuration
from tests.bench.clients import bench_clients
from tests.bench.content import fill, new_server
from tests.bench.fires import bench_again_and_again, bench_burst
from tests.bench.idle import bench_idle
from tests.bench.outcomes import bench_outcomes
from tests.bench.plan import bench_apply, bench_impact, bench_plan, bench_plan_memory, bench_start_up, write_project
from tests.bench.reload import bench_reload
from tests.bench.stalls import bench_catch_up, bench_overlap, catch_up_all, catch_up_latest

ROUNDS = 7


def plan(ajsync: str) -> None:
    """The commands that compare and apply."""
    with TemporaryDirectory() as name, new_server() as server:
        small, large = Path(name) / "small", Path(name) / "large"
        bench_start_up(ajsync, 3 * ROUNDS)
        write_project(small, 10_000, 100)
        asyncio.run(bench_apply(small, server.url, 2 * ROUNDS))
        bench_plan(ajsync, small, server.url, 10_000, ROUNDS)
        bench_impact(ajsync, small, server.url, 10_000, ROUNDS)
        write_project(large, 100_000, 1000)
        asyncio.run(fill(server.url, list(load_configuration(large).tasks.values())))
        bench_plan(ajsync, large, server.url, 100_000, 1)
        bench_plan_memory(ajsync, large, server.url, 100_000)


def main() -> None:
    """Run every benchmark, or those that are named."""
    gc.disable()  # as the commands do; the scheduler runs in a process of its own
    ajsync = str(Path(sys.executable).with_name("ajsync"))
    names = sys.argv[1:] or ["plan", "burst", "again", "clients", "catch-up", "overlap", "outcomes", "reload", "idle"]
    if "plan" in names:
        plan(ajsync)
    if "burst" in names:
        asyncio.run(bench_burst(10_000, ROUNDS))
    if "again" in names:
        asyncio.run(bench_again_and_again(200, 6))
    if "clients" in names:
        asyncio.run(bench_clients(200, 200, 10))
    if "catch-up" in names:
        asyncio.run(bench_catch_up("5 schedules, all", catch_up_all(5), 30))
        asyncio.run(bench_catch_up("10,000 schedules, latest", catch_up_latest(10_000), 30))
    if "overlap" in names:
        asyncio.run(bench_overlap(1000, 20))
        asyncio.run(bench_overlap(10_000, 30))
    if "outcomes" in names:
        asyncio.run(bench_outcomes(10_000, 15, 20, 3))
    if "reload" in names:
        sizes = ((100, 1, ""), (10_000, 100, "aim 1.5"), (100_000, 1000, "aim 2.5"))
        asyncio.run(bench_reload(ajsync, sizes, 3 * ROUNDS, 20))
    if "idle" in names:
        bench_idle(ajsync, 50_000, 20, ("aim 5 s", "aim 150 MiB", "aim below 1 %"))
        bench_idle(ajsync, 100_000, 10, ("", "", ""))


if __name__ == "__main__":
    main()
