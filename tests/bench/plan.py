"""What plan and apply cost: start-up, a plan without changes, an apply of creates, and memory."""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

from ajsync.asyncjobs.model import ScheduledTask, encode_scheduled_task
from ajsync.asyncjobs.names import schedule_key
from ajsync.asyncjobs.writes import compare_and_set
from ajsync.config import load_configuration
from ajsync.reconcile.apply.apply import apply
from ajsync.reconcile.reconciler import Goal, propose
from ajsync.transport.connection import connect
from ajsync.transport.context import context_for_server
from tests.bench import floors
from tests.bench.content import QUEUES, empty_bucket
from tests.bench.report import Spent, in_turn, line, process_seconds, process_spent, report


def write_project(folder: Path, schedules: int, files: int) -> None:
    """A project of so many schedules in so many files, each with the members that real ones have."""
    (folder / "schedules").mkdir(parents=True)
    (folder / "ajsync.yaml").write_text("owner: bench\n")
    for file in range(files):
        lines = ["defaults: {timezone: Europe/Malta}", "schedules:"]
        for number in range(schedules // files):
            lines += [
                f"  JOB_{file:04}_{number:04}:",
                f'    schedule: "{number % 60} {number % 24} * * *"',
                f"    queue: {QUEUES[number % 4]}",
                f"    task_type: report:{number % 10}",
                "    deadline: 12h",
                "    max_tries: 3",
                f"    description: Report {number} of file {file}",
                f"    payload: {{segment: all, number: {number}}}",
            ]
        (folder / "schedules" / f"{file:04}.yaml").write_text("\n".join(lines) + "\n")


def bench_start_up(ajsync: str, rounds: int) -> None:
    """`ajsync --help` against the imports that nobody can do without."""
    imports = (sys.executable, "-c", "import nats, yaml, click")
    process_seconds(ajsync, "--help")
    process_seconds(*imports)
    report(
        "start-up of ajsync --help",
        in_turn(rounds, lambda: process_seconds(ajsync, "--help"), lambda: process_seconds(*imports)),
        1.2,
    )


async def bench_apply(folder: Path, url: str, rounds: int) -> None:
    """Applying creates against publishing the same messages; leaves the bucket filled."""
    configuration = load_configuration(folder)
    ours, floor = [], []
    async with connect(context_for_server(url)) as connection:
        for _ in range(rounds):
            now = time.time_ns()
            bucket = await empty_bucket(connection)
            writes = [
                compare_and_set(bucket, schedule_key(task.name), 0, encode_scheduled_task(task))
                for task in configuration.tasks.values()
            ]
            gc.collect()
            began = time.perf_counter()
            await floors.publish(connection.client, writes)
            floor.append(time.perf_counter() - began)
            bucket = await empty_bucket(connection)
            plan = (await propose(bucket, Goal("bench", configuration.tasks))).plan
            gc.collect()
            began = time.perf_counter()
            result = await apply(bucket, plan, now=now)
            ours.append(time.perf_counter() - began)
            assert result.error is None
    report(f"apply of {len(configuration.tasks):,} creates", (ours, floor), 2.0)


def bench_whole_apply(ajsync: str, folder: Path, url: str, rounds: int) -> None:
    """The whole command of an apply of creates, into a file and on a terminal, against a process that does the least.

    That reads the files, watches the bucket, and publishes the same messages. Leaves the bucket filled.
    """
    tasks = load_configuration(folder).tasks.values()
    command = (ajsync, "apply", "--yes", "--config", str(folder / "ajsync.yaml"), "--server", url)
    with NamedTemporaryFile("w") as writes:
        asyncio.run(_note_writes(url, tasks, writes))
        floor = (sys.executable, "-m", "tests.bench.floors", "apply", str(folder), url, writes.name)
        measured: list[list[Spent]] = []
        for _ in range(rounds):
            spent = []
            for each, terminal in ((command, False), (command, True), (floor, False)):
                asyncio.run(_empty(url))
                spent.append(process_spent(*each, terminal=terminal))
            measured.append(spent)
    least = [each[2] for each in measured]
    for where, index in (("into a file", 0), ("on a terminal", 1)):
        what = f"ajsync apply of {len(tasks):,} creates, {where}"
        ours = [each[index] for each in measured]
        report(what, ([each.wall for each in ours], [each.wall for each in least]), 1.5)
        report(f"{what}: processor", ([each.processor for each in ours], [each.processor for each in least]))


async def _note_writes(url: str, tasks: Iterable[ScheduledTask], file: IO[str]) -> None:
    async with connect(context_for_server(url)) as connection:
        bucket = await empty_bucket(connection)
        for task in tasks:
            write = compare_and_set(bucket, schedule_key(task.name), 0, encode_scheduled_task(task))
            file.write(json.dumps([write.subject, write.data.decode(), dict(write.headers)]) + "\n")
    file.flush()


async def _empty(url: str) -> None:
    async with connect(context_for_server(url)) as connection:
        await empty_bucket(connection)


def bench_plan(ajsync: str, folder: Path, url: str, schedules: int, rounds: int) -> None:
    """A plan without changes against loading the same files and reading the same keys."""
    plan = (ajsync, "plan", "--config", str(folder / "ajsync.yaml"), "--server", url)
    floor = (sys.executable, "-m", "tests.bench.floors", "plan", str(folder), url)
    report(
        f"no-op plan of {schedules:,} schedules",
        in_turn(rounds, lambda: process_seconds(*plan), lambda: process_seconds(*floor)),
        2.5,
    )


def bench_impact(ajsync: str, folder: Path, url: str, schedules: int, rounds: int) -> None:
    """A plan of ten changes that move fires against one without changes, with the impact."""
    plan = (ajsync, "plan", "--config", str(folder / "ajsync.yaml"), "--server", url)
    files = [folder / "schedules" / f"{number:04}.yaml" for number in range(10)]
    texts = [file.read_text() for file in files]

    def changed() -> float:
        for file, text in zip(files, texts, strict=True):
            file.write_text(text.replace('schedule: "0 0 * * *"', 'schedule: "*/7 1 * * *"', 1))
        return process_seconds(*plan)

    def unchanged() -> float:
        for file, text in zip(files, texts, strict=True):
            file.write_text(text)
        return process_seconds(*plan)

    report(f"plan of 10 changes among {schedules:,} schedules", in_turn(rounds, changed, unchanged), 1.1)


def bench_plan_memory(ajsync: str, folder: Path, url: str, schedules: int) -> None:
    """The most memory that a plan without changes holds at once."""
    plan = (ajsync, "plan", "--config", str(folder / "ajsync.yaml"), "--server", url)
    line(f"memory of a no-op plan of {schedules:,} schedules", f"{process_spent(*plan).peak:.0f} MiB")
