"""A plan of very many changes: short on a terminal, whole everywhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.launcher import launcher
from tests.cli.processes import ajsync
from tests.cli.terminals import Terminal, on_terminal
from tests.nats_server import NatsServer

LEFT_OUT = "Not shown: 296 to create. To see every change, pass --full."


@pytest.fixture
def project(project: Path) -> Path:
    """A project of 301 schedules that are in no bucket."""
    lines = ["schedules:", *(f'  JOB_{number:03}: {{schedule: "@daily", task_type: job}}' for number in range(301))]
    (project / "schedules" / "many.yaml").write_text("\n".join(lines) + "\n")
    return project


def test_what_is_left_out_on_a_terminal_is_said_and_applied(project: Path, server: NatsServer) -> None:
    ajsync(project, "init", "--bucket", "--server", server.url)
    terminal = Terminal(launcher(), "apply", "--server", server.url, folder=project)
    terminal.wait_for("301 to create?")
    assert LEFT_OUT in terminal.shown
    assert "JOB_004" in terminal.shown
    assert "JOB_005" not in terminal.shown
    assert terminal.end("y\n") == 0
    assert "Applied: 301 created." in terminal.shown


def test_full_shows_every_change_on_a_terminal(project: Path, server: NatsServer) -> None:
    assert ajsync(project, "apply", "--create-bucket", "--yes", "--server", server.url).returncode == 0
    (project / "schedules" / "many.yaml").unlink()
    lines = ["schedules:", *(f'  NEW_{number:03}: {{schedule: "@daily", task_type: new}}' for number in range(301))]
    (project / "schedules" / "other.yaml").write_text("\n".join(lines) + "\n")
    short, full = (
        on_terminal("plan", *more, "--server", server.url, folder=project, code=4) for more in ((), ("--full",))
    )
    assert "Not shown: 296 to create, 201 to delete." in short
    assert all(f"{kind}_{number:03}" in full for kind in ("NEW", "JOB") for number in range(301))
    assert "Not shown" not in full


def test_a_file_gets_every_change(project: Path, server: NatsServer) -> None:
    shown = ajsync(project, "apply", "--create-bucket", "--yes", "--server", server.url)
    assert all(f"+ JOB_{number:03}" in shown.stdout for number in range(301))
