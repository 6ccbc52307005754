"""What fires cost: ten thousand at one instant, and two hundred again and again."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nats

from ajsync.asyncjobs.events import task_state_event, task_state_subject
from ajsync.asyncjobs.model import ScheduledTask
from ajsync.asyncjobs.tasks import encode_task, task_for_fire, task_subject, work_item, work_item_subject
from ajsync.timestamp import NANOSECONDS
from ajsync.transport.connection import connect
from ajsync.transport.context import context_for_server
from ajsync.transport.publisher import Write
from tests.bench.content import fill, make_queues, new_server, queued, schedules_due_together
from tests.bench.floors import PlainFire, fire
from tests.bench.report import line, percentile

LEAD_SECONDS = 6
"""From the start of a scheduler to the instant: it loads, is elected, and looks three seconds ahead."""
_DEADLINE_SECONDS = 20.0


class Settled(list[tuple[int, int, int]]):
    """Of each fire, in nanoseconds: when it was due, how late its task was acked, when its work item was."""

    def __init__(self) -> None:
        super().__init__()
        self.loop: dict[str, Any] = {}
        """What the loop went through."""
        self.log = ""
        self.stopped_after = 0.0
        """Seconds from SIGTERM to the end."""
        self.pid = 0
        self.log_file = Path()
        """The log while it runs."""


async def bench_burst(count: int, rounds: int) -> None:
    """All schedules due at one instant against the same messages written by nats-py."""
    ours, floor, late, late_floor = [], [], [], []
    for _ in range(rounds):
        due = (time.time_ns() // NANOSECONDS + LEAD_SECONDS + count // 10_000) * NANOSECONDS
        tasks = schedules_due_together(count, 3600, due)
        with new_server() as server:
            await fill(server.url, tasks)
            await make_queues(server.url)
            async with running_scheduler(server.url) as settled:
                await _until_queued(server.url, count, due)
        ours.append((max(each[2] for each in settled) - due) / NANOSECONDS)
        late.append([each[1] / NANOSECONDS for each in settled])
        with new_server() as server:
            await make_queues(server.url)
            seconds, lateness = await _floor(server.url, tasks, due)
        floor.append(seconds)
        late_floor.append(lateness)
    what = f"{count:,} at one instant"
    rates, floor_rates = [[count / each for each in times] for times in (ours, floor)]
    rate, floor_rate = statistics.median(rates), statistics.median(floor_rates)
    pairs = statistics.median(each / other for each, other in zip(rates, floor_rates, strict=True))
    line(
        f"{what}: to the last work item",
        f"{statistics.median(ours) * 1000:.0f} ms",
        f"floor {statistics.median(floor) * 1000:.0f} ms",
    )
    line(
        f"{what}: fires a second",
        f"{rate:,.0f}",
        f"floor {floor_rate:,.0f}   ratio {rate / floor_rate:.2f} (by rounds {pairs:.2f}, of the bests "
        f"{max(rates) / max(floor_rates):.2f})   aim 0.9 and 28,000",
    )
    _report_lateness(what, late, late_floor)


async def bench_again_and_again(count: int, instants: int, seconds: int = 10) -> None:
    """Some schedules due together every few seconds; the floor writes as many half-way between."""
    due = (time.time_ns() // NANOSECONDS + LEAD_SECONDS) * NANOSECONDS
    tasks = schedules_due_together(count, seconds, due)
    late_floor = []
    with new_server() as server:
        await fill(server.url, tasks)
        await make_queues(server.url)
        async with running_scheduler(server.url) as settled:
            for instant in range(instants):
                # The floor's tasks are as of an instant at which nothing is due, so that their ids are others.
                between = due + (instant * seconds + seconds // 2) * NANOSECONDS
                await asyncio.sleep((between - time.time_ns()) / NANOSECONDS)
                late_floor.append((await _floor(server.url, tasks, between))[1])
    late = [[each[1] / NANOSECONDS for each in group] for _, group in groupby(sorted(settled), lambda each: each[0])]
    assert [len(each) for each in late] == [count] * instants
    _report_lateness(f"{count} every {seconds} s", late, late_floor, "aim 9 and 50 ms (the Go scheduler: 9 and 150)")


def _report_lateness(
    what: str, late: Sequence[Sequence[float]], floor: Sequence[Sequence[float]], aim: str = ""
) -> None:
    """Percentiles over all rounds, and those of the best round by its 99th."""
    all_late, all_floor = [[each * 1000 for round_ in rounds for each in round_] for rounds in (late, floor)]
    best = min(late, key=lambda each: percentile(each, 99))
    line(
        f"{what}: lateness p50, p99",
        f"{percentile(all_late, 50):.1f}, {percentile(all_late, 99):.1f} ms",
        f"floor {percentile(all_floor, 50):.1f}, {percentile(all_floor, 99):.1f} ms   best of {len(late)} "
        f"{percentile(best, 50) * 1000:.1f}, {percentile(best, 99) * 1000:.1f} ms   {aim}",
    )


@asynccontextmanager
async def running_scheduler(url: str, *options: str, **environment: str) -> AsyncIterator[Settled]:
    """A scheduler in a process of its own; at the end the list holds what it has settled."""
    settled = Settled()
    with TemporaryDirectory() as folder:
        fires, log = Path(folder) / "fires", Path(folder) / "log"
        command = [sys.executable, "-m", "tests.bench.observed", str(fires), "scheduler", "bench"]
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*command, "--server", url, *options], stderr=output, env={**os.environ, **environment}
            )
        settled.pid, settled.log_file = process.pid, log
        try:
            yield settled
        except AssertionError as error:
            raise AssertionError(f"{error}; the scheduler's log ends with:\n{log.read_text()[-2000:]}") from None
        finally:
            began = time.monotonic()
            process.send_signal(signal.SIGTERM)
            process.wait(30)
        settled.extend(map(tuple, json.loads(fires.read_text())))
        settled.loop = json.loads(fires.with_suffix(".loop").read_text())
        settled.log, settled.stopped_after = log.read_text(), time.monotonic() - began


async def _until_queued(url: str, count: int, due: int) -> None:
    """Wait until the queues hold so many items; nobody asks the server while it is busy with the most of them."""
    async with connect(context_for_server(url)) as connection:
        await asyncio.sleep((due - time.time_ns()) / NANOSECONDS + 2 * count / 10_000)
        deadline = time.monotonic() + _DEADLINE_SECONDS
        while (found := await queued(connection)) < count:
            assert time.monotonic() < deadline, f"{found} of {count} work items"
            await asyncio.sleep(0.25)


async def _floor(url: str, tasks: Sequence[ScheduledTask], due: int) -> tuple[float, list[float]]:
    fires = [plain_fire(task, due) for task in tasks]
    client = await nats.connect(url)
    gc.collect()
    try:
        return await fire(client, fires)
    finally:
        await client.close()


def plain_fire(scheduled: ScheduledTask, due: int) -> PlainFire:
    """What nats-py writes of a fire."""
    task = task_for_fire(scheduled, due)
    msg_id = {"Nats-Msg-Id": task.id}
    return PlainFire(
        Write(task_subject(task.id), encode_task(task), {"Nats-Expected-Last-Subject-Sequence": "0", **msg_id}),
        task_state_subject(task.id),
        task_state_event(task, due // NANOSECONDS, 10_000_000),
        Write(work_item_subject(task.queue, task.id), work_item(task.id), msg_id),
    )
