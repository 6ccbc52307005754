"""`make bench`: each figure beside its floor, both measured in turn in the same run, medians of several rounds."""

from __future__ import annotations

import asyncio
import gc
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.asyncjobs.connection import Connection, connect
from ajsync.asyncjobs.context import context_for_server
from ajsync.asyncjobs.model import ScheduledTask, encode_scheduled_task
from ajsync.asyncjobs.names import schedule_key
from ajsync.config import load_configuration
from ajsync.reconcile.apply import apply
from ajsync.reconcile.survey import survey
from ajsync.reconcile.writing import compare_and_set
from tests.bench import floors
from tests.nats_server import NatsServer

ROUNDS = 5
STREAM = "KV_CHORIA_AJ_CONFIGURATION"
QUEUES = ("EMAIL", "REPORTS", "BILLING", "DEFAULT")


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


def in_turn(rounds: int, ours: Callable[[], float], floor: Callable[[], float]) -> tuple[list[float], list[float]]:
    """Seconds of ours and of the floor, measured in turn so that a machine that slows down slows both."""
    pairs = [(ours(), floor()) for _ in range(rounds)]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def report(what: str, measured: tuple[list[float], list[float]], aim: float) -> None:
    """Print medians and the ratio."""
    ours, floor = (statistics.median(each) for each in measured)
    print(f"{what:<46} {ours:8.3f} s   floor {floor:7.3f} s   ratio {ours / floor:5.2f}   aim {aim}", flush=True)


def process_seconds(*command: str) -> float:
    """How long a process takes, from start to end."""
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def bench_start_up(ajsync: str) -> None:
    """`ajsync --help` against the imports that nobody can do without."""
    process_seconds(ajsync, "--help")
    imports = (sys.executable, "-c", "import nats, yaml, click")
    report(
        "start-up of ajsync --help",
        in_turn(2 * ROUNDS, lambda: process_seconds(ajsync, "--help"), lambda: process_seconds(*imports)),
        1.2,
    )


async def empty_bucket(connection: Connection) -> ConfigurationBucket:
    """The bucket, made anew."""
    await ConfigurationBucket.create(connection)
    await connection.jetstream_request(f"STREAM.DELETE.{STREAM}")
    bucket, _ = await ConfigurationBucket.create(connection)
    return bucket


async def bench_apply(folder: Path, url: str) -> None:
    """Applying creates against publishing the same messages; leaves the bucket filled."""
    configuration = load_configuration(folder)
    ours, floor = [], []
    async with connect(context_for_server(url)) as connection:
        for _ in range(ROUNDS):
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
            plan, _ = await survey(bucket, configuration.tasks, owner="bench", digest=configuration.digest)
            gc.collect()
            began = time.perf_counter()
            result = await apply(bucket, plan, now=now)
            ours.append(time.perf_counter() - began)
            assert result.error is None
    report(f"apply of {len(configuration.tasks):,} creates", (ours, floor), 2.0)


def bench_plan(ajsync: str, folder: Path, url: str, schedules: int, rounds: int) -> None:
    """A plan without changes against loading the same files and reading the same keys."""
    plan = (ajsync, "plan", "--config", str(folder / "ajsync.yaml"), "--server", url)
    floor = (sys.executable, "-m", "tests.bench.floors", str(folder), url)
    report(
        f"no-op plan of {schedules:,} schedules",
        in_turn(rounds, lambda: process_seconds(*plan), lambda: process_seconds(*floor)),
        2.5,
    )


def peak_memory(*command: str) -> float:
    """The most memory that a process has held at once, in MiB."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_maxrss / 1024


async def fill(url: str, tasks: list[ScheduledTask]) -> None:
    """Store `tasks` in a bucket made anew."""
    async with connect(context_for_server(url)) as connection:
        bucket = await empty_bucket(connection)
        writes = [compare_and_set(bucket, schedule_key(task.name), 0, encode_scheduled_task(task)) for task in tasks]
        await floors.publish(connection.client, writes)


def main() -> None:
    """Run every benchmark."""
    gc.disable()  # as the commands do
    ajsync = str(Path(sys.executable).with_name("ajsync"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server = NatsServer(folder / "server")
        server.start()
        try:
            bench_start_up(ajsync)
            write_project(folder / "small", 10_000, 100)
            asyncio.run(bench_apply(folder / "small", server.url))
            bench_plan(ajsync, folder / "small", server.url, 10_000, ROUNDS)
            write_project(folder / "large", 100_000, 1000)
            asyncio.run(fill(server.url, list(load_configuration(folder / "large").tasks.values())))
            bench_plan(ajsync, folder / "large", server.url, 100_000, 1)
            plan = (ajsync, "plan", "--config", str(folder / "large" / "ajsync.yaml"), "--server", server.url)
            print(f"{'memory of a no-op plan of 100,000 schedules':<46} {peak_memory(*plan):8.0f} MiB")
        finally:
            server.stop()


if __name__ == "__main__":
    main()
