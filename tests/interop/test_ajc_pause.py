"""Beside the real `ajc`: it no longer sees and no longer fires a paused schedule, and fires it again once."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cli.processes import wait_until
from tests.interop.conftest import Run

FILE = """\
schedules:
  TICK: {schedule: "@every 1s", queue: EMAIL, task_type: email:tick}
  TOCK: {schedule: "@every 1s", queue: EMAIL, task_type: email:tock}
"""


@contextmanager
def go_scheduler(folder: Path) -> Iterator[tuple[subprocess.Popen[str], Callable[[], str]]]:
    """A running Go scheduler that leads; yields it and what it has logged so far."""
    path = folder / "go.log"
    with path.open("w") as log:
        process = subprocess.Popen(
            ["ajc", "tasks", "cron", "scheduler", "go1"], stdout=log, stderr=log, cwd=folder, text=True
        )
        try:
            yield process, path.read_text
        finally:
            process.kill()
            process.wait(10)


def fired(log: str, name: str) -> int:
    """How many tasks of a schedule it has made, by its log."""
    return log.count(f"Creating new task {name} ")


def test_a_go_scheduler_stops_firing_a_paused_schedule_and_fires_it_once_a_second_again(
    folder: Path, ajc: Run, run: Run
) -> None:
    (folder / "schedules" / "a.yaml").write_text(FILE)
    ajc("queues", "add", "EMAIL")
    run("apply", "--yes", "--create-bucket")
    with go_scheduler(folder) as (process, log):
        wait_until(lambda: fired(log(), "TICK") > 1 and fired(log(), "TOCK") > 1, process)
        run("pause", "TICK", "--reason", "why")
        assert "TICK" not in ajc("tasks", "cron", "ls")
        run("pause", "TICK", "--reason", "longer")  # a second delete of what it does not know
        before, other = fired(log(), "TICK"), fired(log(), "TOCK")
        wait_until(lambda: fired(log(), "TOCK") >= other + 3, process)
        assert fired(log(), "TICK") <= before + 1  # one may have been under way
        before = fired(log(), "TICK")
        run("resume", "TICK")
        assert json.loads(ajc("tasks", "cron", "view", "TICK", "--json"))["schedule"] == "@every 1s"
        wait_until(lambda: fired(log(), "TICK") >= before + 2, process)
        before, other = fired(log(), "TICK"), fired(log(), "TOCK")
        wait_until(lambda: fired(log(), "TOCK") >= other + 4, process)
        # With two timers it would be twice as many.
        assert abs(fired(log(), "TICK") - before - 4) <= 2


def test_ajc_creates_and_deletes_a_paused_schedule_and_nothing_is_lost(folder: Path, ajc: Run, run: Run) -> None:
    (folder / "schedules" / "a.yaml").write_text(FILE)
    run("apply", "--yes", "--create-bucket")
    run("pause", "TICK", "--reason", "why")
    ajc("tasks", "cron", "add", "TICK", "hourly", "email:tick", "--queue", "EMAIL")
    assert json.loads(run("view", "TICK", "--json"))["schedule"] == "@hourly"  # it is active
    ajc("tasks", "cron", "rm", "TICK", "--force")
    assert json.loads(run("view", "TICK", "--json"))["schedule"] == "@every 1s"  # and now it is paused
    run("resume", "TICK")
    assert "@every 1s" in ajc("tasks", "cron", "view", "TICK")
