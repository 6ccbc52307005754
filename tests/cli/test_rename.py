"""A schedule that gets another name: shown as one change, gated as none that deletes, and applied as two."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.launcher import launcher
from tests.cli.processes import ajsync, background, wait_until
from tests.cli.terminals import Terminal
from tests.nats_server import NatsServer

Run = Callable[..., subprocess.CompletedProcess[str]]
MANY = 30
"""More deletes than the gates let pass."""


@pytest.fixture
def run(project: Path, server: NatsServer) -> Run:
    """Run a command of ajsync in the project, against the server, where many schedules were applied."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return ajsync(project, *arguments, "--server", server.url)

    write(project, "OLD")
    done = run("apply", "--yes", "--create-bucket")
    assert done.returncode == 0, done.stderr
    return run


def write(project: Path, prefix: str, count: int = MANY) -> None:
    schedules = {
        f"{prefix}_{number:02}": {"schedule": f"@every {number + 1}h", "task_type": "x"} for number in range(count)
    }
    (project / "schedules" / "a.yaml").write_text(json.dumps({"schedules": schedules}))


def created(run: Run) -> dict[str, str]:
    return {each["name"]: each["created_at"] for each in json.loads(run("list", "--json").stdout)}


def test_a_rename_of_many_passes_the_gates_and_keeps_their_times(project: Path, run: Run) -> None:
    before = created(run)
    write(project, "NEW")
    done = run("apply", "--yes")
    assert done.returncode == 0
    assert f"Plan: 0 to create, 0 to update, 0 to adopt, {MANY} to rename, 0 to delete; 0 unchanged." in done.stdout
    assert done.stdout.splitlines()[-1] == f"Applied: {MANY} renamed."
    assert created(run) == {name.replace("OLD", "NEW"): at for name, at in before.items()}
    (newest, _) = json.loads(run("log", "--json").stdout)
    assert (newest["counts"]["rename"], newest["counts"]["delete"]) == (MANY, 0)
    assert newest["names"] == [f"NEW_{number:02}" for number in range(20)]
    assert run("plan", "--detailed-exitcode").returncode == 0


def test_what_is_deleted_besides_is_gated_as_ever(project: Path, run: Run) -> None:
    write(project, "NEW", MANY - 11)
    done = run("plan")
    assert done.returncode == 4
    assert "11 schedules would be deleted" in done.stdout


def test_the_question_counts_renames_and_still_ends_with_the_deletes(
    project: Path, run: Run, server: NatsServer
) -> None:
    write(project, "NEW", MANY - 2)
    terminal = Terminal(launcher(), "apply", "--server", server.url, folder=project)
    terminal.wait_for("[y/N]")
    assert terminal.end("n\n") == 1
    assert f"{MANY - 2} to rename, \x1b[1m2 to delete\x1b[0m?" in terminal.shown


def test_a_saved_plan_renames_too(project: Path, run: Run) -> None:
    before = created(run)
    write(project, "NEW")
    assert run("plan", "--out", "change.plan").returncode == 0
    done = run("apply", "change.plan")
    assert done.returncode == 0
    assert created(run) == {name.replace("OLD", "NEW"): at for name, at in before.items()}


def test_a_saved_plan_that_knows_no_renames_is_still_that_plan(project: Path, run: Run) -> None:
    """An older ajsync has saved the same changes as creates and deletes, which they are."""
    write(project, "NEW")
    assert run("plan", "--out", "change.plan").returncode == 0
    changes = json.loads((project / "change.plan").read_text())["plan"]["changes"]
    assert {each["action"] for each in changes} == {"create", "delete"}
    assert {*changes[0]} == {"action", "name", "revision", "before", "after"}


def test_who_follows_the_files_renames_many_at_once(
    project: Path, run: Run, server: NatsServer, tmp_path: Path
) -> None:
    """Deletes wait until the files have settled. If the creates did not, the deletes alone would be too many."""
    before, log = created(run), tmp_path / "log"
    with (
        log.open("wb") as stderr,
        background(project, "apply", "--yes", "--watch", "--server", server.url, stderr=stderr) as process,
    ):
        wait_until(lambda: "Up to date" in log.read_text(), process)
        write(project, "NEW")
        wait_until(lambda: not any(name.startswith("OLD") for name in created(run)), process)
    assert created(run) == {name.replace("OLD", "NEW"): at for name, at in before.items()}
    assert "would be deleted" not in log.read_text()
