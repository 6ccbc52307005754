"""What is too large for the server is refused before anything is written, with the limit and its reason."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.processes import ajsync
from tests.conftest import StartServer

LIMIT = 65_536


def hold(project: Path, members: str) -> None:
    """Let the files hold one schedule with these members."""
    text = f"schedules:\n  BIG:\n    schedule: '@daily'\n    task_type: t\n    {members}\n"
    (project / "schedules" / "a.yaml").write_text(text)


@pytest.mark.parametrize("members", [f"payload: {'x' * 40_000}", f"description: {'x' * 70_000}"])
def test_a_server_that_takes_less_refuses_a_schedule_that_would_never_fire(
    project: Path, start_server: StartServer, members: str
) -> None:
    at = ("--server", start_server(f"max_payload: {LIMIT}").url)
    hold(project, members)
    assert ajsync(project, "init", "--bucket", *at).returncode == 0
    assert ajsync(project, "validate").returncode == 0
    for command in (("plan",), ("apply", "--yes")):
        done = ajsync(project, *command, *at)
        assert done.returncode == 3, done.stderr
        assert "BIG: " in done.stderr
        assert "of at most 65,536" in done.stderr
    (project / "payload").write_text("x" * 40_000)
    added = ajsync(project, "add", "ADDED", "@daily", "t", "--payload-file", "payload", *at)
    assert added.returncode == 3, added.stderr
    assert "since a Go scheduler encodes its payload twice in base64, of at most 65,536" in added.stderr
    assert json.loads(ajsync(project, "list", "--json", *at).stdout) == []


def test_offline_a_mebibyte_counts(project: Path) -> None:
    hold(project, f"payload: {'x' * 650_000}")
    done = ajsync(project, "validate")
    assert done.returncode == 3
    assert "a.yaml:5:14: payload: 650,002 bytes are too many; the maximum is 588,000, because a Go " in done.stderr
    hold(project, f"description: {'x' * 400_000}\n    payload: {'x' * 580_000}")
    done = ajsync(project, "validate")
    assert done.returncode == 3
    assert "a.yaml:2:3: too large: its value is larger than the server takes: 1,17" in done.stderr
    assert "of at most 1,048,576" in done.stderr


def test_a_payload_is_not_read_from_a_device(tmp_path: Path) -> None:
    at = ("--server", "nats://127.0.0.1:1")
    done = ajsync(tmp_path, "add", "X", "@daily", "t", "--payload-file", "/dev/zero", *at)
    assert done.returncode == 3, done.stderr
    assert done.stderr == "Error: The file /dev/zero of --payload-file cannot be read: it is not a regular file.\n"


def test_of_a_payload_that_is_too_large_no_more_is_read_than_fits(tmp_path: Path) -> None:
    with (tmp_path / "large").open("wb") as file:
        file.truncate(2**40)
    done = ajsync(tmp_path, "add", "X", "@daily", "t", "--payload-file", "large", "--server", "nats://127.0.0.1:1")
    assert done.returncode == 3, done.stderr
    assert "the maximum is 588,000" in done.stderr
