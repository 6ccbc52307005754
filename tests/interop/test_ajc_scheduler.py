"""Beside the real `ajc`: its workers handle what our scheduler makes, and the leadership passes both ways."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.processes import ajsync, background, wait_until
from tests.interop.conftest import Run
from tests.recorded import recorded

KEYS = recorded("signed.json")

SCHEDULES = """\
schedules:
  TICK:
    schedule: "@every 1s"
    queue: EMAIL
    task_type: email:tick
    payload: {to: everybody}
    deadline: 1h
    max_tries: 3
"""


@pytest.fixture(autouse=True)
def applied(folder: Path, ajc: Run) -> None:
    """The schedule is in the bucket, and its queue is there."""
    (folder / "schedules" / "a.yaml").write_text(SCHEDULES)
    ajc("queues", "add", "EMAIL")
    assert ajsync(folder, "apply", "--yes", "--create-bucket").returncode == 0


@contextmanager
def go(folder: Path, *arguments: str) -> Iterator[Callable[[], str]]:
    """Run `ajc` while the block runs; yields what it has logged so far."""
    path = folder / f"{arguments[-1]}.log"
    with path.open("w") as log:
        process = subprocess.Popen(["ajc", *arguments], stdout=log, stderr=log, cwd=folder)
        try:
            yield path.read_text
        finally:
            process.kill()
            process.wait(10)


def test_a_go_worker_handles_our_tasks_and_accepts_their_signatures(folder: Path, ajc: Run) -> None:
    (folder / "seed").write_text(KEYS["seed_hex"])
    worker = folder / "worker.sh"
    worker.write_text(f"#!/bin/sh\ncat >> {folder}/handled\necho >> {folder}/handled\necho done\n")
    worker.chmod(0o755)
    handled = folder / "handled"
    with (
        go(folder, "tasks", "process", "email:tick", "EMAIL", "2", str(worker), "--verify", KEYS["public_hex"]),
        background(folder, "scheduler", "ours", "--sign", "seed") as process,
    ):
        wait_until(lambda: len(done(folder)) >= 2, process)
    assert handled.exists()
    view = json.loads(ajc("tasks", "view", done(folder)[0], "--json"))
    assert (view["type"], view["queue"], view["max_tries"], view["state"]) == ("email:tick", "EMAIL", 3, "complete")


def done(folder: Path) -> list[str]:
    """The ids of the tasks that a worker has completed; `ajc` calls it an error where there are no tasks yet."""
    listed = subprocess.run(["ajc", "tasks", "list"], capture_output=True, text=True, cwd=folder).stdout
    return [line.split()[1] for line in listed.splitlines() if "complete" in line]


def info(folder: Path) -> str:
    """What `ajc info` prints; it ends with a panic where the election's key expires between two of its reads."""
    return subprocess.run(["ajc", "info"], capture_output=True, text=True, cwd=folder).stdout


def test_leadership_passes_to_a_real_go_scheduler_and_back(folder: Path) -> None:
    with background(folder, "scheduler", "ours1") as ours:
        wait_until(lambda: "task_scheduler: ours1" in info(folder), ours)
        with go(folder, "tasks", "cron", "scheduler", "go1") as log:
            wait_until(lambda: "Loaded 1 scheduled task(s)" in log(), ours)
            assert "Became leader" not in log()
            ours.send_signal(signal.SIGTERM)
            assert ours.wait(5) == 0
            wait_until(lambda: "Became leader, tasks will be scheduled" in log(), seconds=40)
            assert "task_scheduler: go1" in info(folder)
    # The Go scheduler was killed: its key runs out, and ours waits for one campaign more.
    with background(folder, "scheduler", "ours3") as ours:
        wait_until(lambda: "task_scheduler: ours3" in info(folder), ours, seconds=60)
        ours.send_signal(signal.SIGTERM)
        assert ours.wait(5) == 0
