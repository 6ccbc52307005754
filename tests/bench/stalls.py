"""What could block the loop: a catch-up with a year, and thousands of schedules at once that must not overlap."""

from __future__ import annotations

import asyncio
import os
import time
from unittest.mock import patch

from ajsync.asyncjobs.model import Managed, OverlapPolicy, ScheduledTask
from ajsync.asyncjobs.tasks import encode_task, task_for_fire, task_subject
from ajsync.timestamp import NANOSECONDS
from ajsync.transport.connection import connect
from ajsync.transport.context import context_for_server
from ajsync.transport.publisher import Write
from tests.bench import floors
from tests.bench.content import fill, make_queues, new_server, schedules_due_together
from tests.bench.fires import LEAD_SECONDS, Settled, running_scheduler
from tests.bench.report import line, percentile

_YEAR_SECONDS = 8760 * 3600
_BUSY = "aim 50 ms of the processor"


async def bench_catch_up(what: str, missed: list[ScheduledTask], seconds: int) -> None:
    """A year goes by in which nobody fires; `missed` is caught up with for so long beside what is due each second."""
    now = [_schedule(f"NOW_{number}", "@every 1s", Managed("bench", catchup="none")) for number in range(50)]
    leap = time.time_ns() // NANOSECONDS + LEAD_SECONDS + len(missed) // 2000
    with new_server() as server, patch.dict(os.environ, BENCH_LEAP=f"{leap} {_YEAR_SECONDS}"):
        await fill(server.url, [*missed, *now])
        await make_queues(server.url)
        async with running_scheduler(server.url) as settled:
            await asyncio.sleep(leap + seconds - time.time_ns() / NANOSECONDS)
    leapt = (leap + _YEAR_SECONDS + 1) * NANOSECONDS
    late = [each[1] / NANOSECONDS for each in settled if each[0] > leapt]
    caught = sum(leap * NANOSECONDS < each[0] < leapt - 60 * NANOSECONDS for each in settled)
    _report_loop(f"catch-up, {what}", settled)
    memory = settled.loop["memory"]
    third = len(memory) // 3
    line(f"catch-up, {what}: memory", f"{memory[-1]:.0f} MiB", f"after a third {memory[third]:.0f} MiB   aim flat")
    line(f"catch-up, {what}: made good a second", f"{caught / seconds:,.0f}", f"{caught:,} in all")
    line(
        f"catch-up, {what}: due now, lateness p50, p99",
        f"{percentile(late, 50) * 1000:.1f}, {percentile(late, 99) * 1000:.1f} ms",
        f"{len(late)} of {50 * (seconds - 2)}",
    )
    kept = "Lost leadership" not in settled.log and "could not be refreshed" not in settled.log
    line(f"catch-up, {what}: stop", f"{settled.stopped_after:.2f} s", f"lease {'kept' if kept else 'LOST'}   aim 1 s")


async def bench_overlap(count: int, seconds: int) -> None:
    """As many at one instant with `overlap: skip` as without: before any task, after it, and with another leader."""
    found: dict[OverlapPolicy, list[list[float]]] = {}
    overlap: OverlapPolicy
    for overlap in ("allow", "skip"):
        due = (time.time_ns() // NANOSECONDS + LEAD_SECONDS + count // 2000) * NANOSECONDS
        tasks = schedules_due_together(count, seconds, due, overlap)
        dues = [due + number * seconds * NANOSECONDS for number in range(3)]
        with new_server() as server:
            await fill(server.url, tasks)
            await make_queues(server.url)
            async with running_scheduler(server.url) as first:
                await _finish(server.url, tasks, dues[0], seconds)
                await asyncio.sleep((dues[1] - time.time_ns()) / NANOSECONDS + seconds / 3)
            async with running_scheduler(server.url) as second:
                await _finish(server.url, tasks, dues[1], seconds)
                await asyncio.sleep((dues[2] - time.time_ns()) / NANOSECONDS + seconds / 3)
        settled = [*first, *second]
        found[overlap] = [[each[1] / NANOSECONDS for each in settled if each[0] == instant] for instant in dues]
        _report_loop(f"{count:,} with overlap: {overlap}", first)
    for number, what in enumerate(("without a task before", "after one that is finished", "by another leader")):
        skip, allow = found["skip"][number], found["allow"][number]
        assert len(skip) == len(allow) == count, (len(skip), len(allow))
        p99, p99_allow = (percentile(each, 99) * 1000 for each in (skip, allow))
        line(
            f"{count:,} with overlap: skip, {what}: p50, p99",
            f"{percentile(skip, 50) * 1000:.0f}, {p99:.0f} ms",
            f"without {percentile(allow, 50) * 1000:.0f}, {p99_allow:.0f} ms   ratio {p99 / p99_allow:.2f}   aim 2",
        )


def catch_up_all(count: int) -> list[ScheduledTask]:
    """Schedules that are due each minute, and make all of a year good."""
    managed = Managed("bench", catchup="all", catchup_window=_YEAR_SECONDS * NANOSECONDS)
    return [_schedule(f"ALL_{number}", "* * * * *", managed) for number in range(count)]


def catch_up_latest(count: int) -> list[ScheduledTask]:
    """Schedules of which hardly two are due together, and that make the last of a year good."""
    managed = Managed("bench", catchup="latest", catchup_window=_YEAR_SECONDS * NANOSECONDS)
    text = "{} {} */{} * *"
    return [
        _schedule(f"L_{number}", text.format(number % 60, number // 60 % 24, number // 1440 + 1), managed)
        for number in range(count)
    ]


async def _finish(url: str, tasks: list[ScheduledTask], due: int, seconds: int) -> None:
    """Play the worker: some time after they were due all tasks are complete."""
    await asyncio.sleep((due - time.time_ns()) / NANOSECONDS + seconds / 2)
    made = [task_for_fire(each, due) for each in tasks]
    writes = [
        Write(task_subject(each.id), encode_task(each).replace(b'"state":"new"', b'"state":"complete"'), {})
        for each in made
    ]
    async with connect(context_for_server(url)) as connection:
        await floors.publish(connection.client, writes)


def _report_loop(what: str, settled: Settled) -> None:
    loop = settled.loop
    figure = f"{loop['busy'] * 1000:.0f} ms"
    line(f"{what}: longest stretch of the loop", figure, f"by the clock {loop['stall'] * 1000:.0f} ms   {_BUSY}")


def _schedule(name: str, schedule: str, managed: Managed) -> ScheduledTask:
    return ScheduledTask(
        name, schedule=schedule, queue="DEFAULT", task_type="bench", created_at=NANOSECONDS, managed=managed
    )
