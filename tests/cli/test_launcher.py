"""The script that stands in for `ajsync` does as the command does."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.cli.launcher import launcher
from tests.cli.processes import DEADLINE_SECONDS, wait_until


def test_it_has_the_folder_the_environment_and_the_streams(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("schedules: {A: {schedule: '@daily', task_type: x}}\n")
    environment = {**os.environ, "AJSYNC_CONFIG": "jobs.yaml"}
    words = [str(launcher()), "validate"]
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (3, "")
    assert "jobs.yaml" in done.stderr
    (tmp_path / "jobs.yaml").write_text("owner: team\nfiles: [a.yaml]\n")
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "Valid: 1 schedule of team.\n"), done.stderr


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGKILL])
def test_it_ends_with_the_command_and_the_command_with_it(tmp_path: Path, home: Path, sig: signal.Signals) -> None:
    context = home / ".config" / "nats" / "context" / "ajsync-dev.json"
    with subprocess.Popen([launcher(), "dev"], cwd=tmp_path, stderr=subprocess.DEVNULL) as process:
        wait_until(context.exists, seconds=DEADLINE_SECONDS)
        process.send_signal(sig)
        assert process.wait(DEADLINE_SECONDS) == (0 if sig == signal.SIGTERM else -sig)
    # A command that is asked to end takes its context away first.
    assert context.exists() == (sig == signal.SIGKILL)
