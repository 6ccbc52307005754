"""Drift: what somebody else has changed in the bucket since it was applied, as a plan and `view` show it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.processes import ajsync, background, wait_until
from tests.nats_server import NatsServer
from tests.values import put_values

Run = Callable[..., subprocess.CompletedProcess[str]]
DRIFT = "somebody else has changed it in the bucket since it was applied"


@pytest.fixture
def run(project: Path, server: NatsServer) -> Run:
    """Run a command of ajsync in the project, against the server, where A, B and C were applied."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return ajsync(project, *arguments, "--server", server.url)

    write(project, A="@daily", B="@daily", C="@daily")
    done = run("apply", "--yes", "--create-bucket")
    assert done.returncode == 0, done.stderr
    return run


def write(project: Path, **schedules: str) -> None:
    members = {name: {"schedule": each, "task_type": "x"} for name, each in schedules.items()}
    (project / "schedules" / "a.yaml").write_text(json.dumps({"schedules": members}))


def by_hand(run: Run, server: NatsServer, name: str, **members: Any) -> None:
    """Change members of a stored value as somebody does with `nats kv put`; None removes `applied`."""
    value = json.loads(run("view", name, "--json").stdout)
    if members.pop("applied", "") is None:
        del value["ajsync"]["applied"]
    put_values(server.url, {name: json.dumps({**value, **members}).encode()})


def drifts(run: Run) -> dict[str, bool]:
    return {each["name"]: each["drift"] for each in json.loads(run("plan", "-o", "json").stdout)["changes"]}


def test_a_hotfix_by_hand_is_seen_in_every_format(project: Path, run: Run, server: NatsServer) -> None:
    by_hand(run, server, "A", schedule="@hourly")
    for style in ("text", "markdown", "github"):
        assert run("plan", "--format", style).stdout.count(DRIFT) == 1
    assert drifts(run) == {"A": True}
    assert f"Drift: {DRIFT}" in run("view", "A").stdout
    assert "Drift" not in run("view", "B").stdout
    # The apply takes it back, and it is ours again.
    assert run("apply", "--yes").returncode == 0
    assert "Drift" not in run("view", "A").stdout


def test_a_change_of_the_files_is_none(project: Path, run: Run) -> None:
    write(project, A="@hourly", B="@daily")
    assert drifts(run) == {"A": False, "C": False}
    assert DRIFT not in run("plan").stdout


def test_a_schedule_that_was_deleted_by_hand_is_a_create_since_nothing_says_who_deleted_it(run: Run) -> None:
    assert run("delete", "A", "--force", "--owner", "team").returncode == 0
    (change,) = json.loads(run("plan", "-o", "json").stdout)["changes"]
    assert (change["name"], change["action"], change["drift"]) == ("A", "create", False)
    assert run("apply", "--yes").returncode == 0
    assert drifts(run) == {}


def test_a_delete_of_what_somebody_has_changed_says_so(project: Path, run: Run, server: NatsServer) -> None:
    by_hand(run, server, "A", max_tries=3)
    write(project, B="@daily", C="@daily")
    assert drifts(run) == {"A": True}


def test_what_somebody_has_changed_to_what_the_files_say_is_unchanged(
    project: Path, run: Run, server: NatsServer
) -> None:
    by_hand(run, server, "A", schedule="@hourly")
    write(project, A="@hourly", B="@daily", C="@daily")
    assert drifts(run) == {}


def test_of_a_value_that_an_older_ajsync_has_written_nothing_is_known_and_nothing_is_planned(
    project: Path, run: Run, server: NatsServer
) -> None:
    by_hand(run, server, "A", applied=None)
    assert drifts(run) == {}
    by_hand(run, server, "B", applied=None, schedule="@hourly")
    assert drifts(run) == {"B": False}


def test_what_add_has_written_for_an_owner_has_not_drifted(project: Path, run: Run) -> None:
    assert run("add", "D", "@daily", "x", "--owner", "team").returncode == 0
    assert drifts(run) == {"D": False}
    assert len(json.loads(run("view", "D", "--json").stdout)["ajsync"]["applied"]) == 12
    assert run("add", "E", "@daily", "x").returncode == 0
    assert "ajsync" not in json.loads(run("view", "E", "--json").stdout)


def test_an_adopted_schedule_is_ours_from_then_on(project: Path, run: Run, server: NatsServer) -> None:
    assert run("add", "D", "@daily", "x").returncode == 0
    write(project, A="@daily", B="@daily", C="@daily", D="@daily")
    assert run("apply", "--yes", "--adopt").returncode == 0
    by_hand(run, server, "D", schedule="@hourly")
    assert drifts(run) == {"D": True}


def test_a_process_that_follows_the_files_logs_what_it_takes_back(
    project: Path, run: Run, server: NatsServer, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    arguments = ("apply", "--yes", "--watch", "--resync", "200ms", "--server", server.url)
    with log.open("wb") as stderr, background(project, *arguments, stderr=stderr) as process:
        wait_until(lambda: "Up to date" in log.read_text(), process)
        by_hand(run, server, "A", schedule="@hourly")
        wait_until(lambda: "Update A, which somebody else had changed" in log.read_text(), process)
