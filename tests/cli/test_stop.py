"""A command that stays, told to stop before its server has said a word."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.cli.processes import DEADLINE_SECONDS, background
from tests.nats_server import NatsServer


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("command", ["scheduler one", "apply --watch --yes", "apply --watch --yes --scheduler one"])
def test_it_ends_at_once_while_it_is_still_connecting(
    tmp_path: Path, server: NatsServer, command: str, sig: signal.Signals
) -> None:
    (tmp_path / "ajsync.yaml").write_text("owner: us\nfiles: [a.yaml]\n")
    (tmp_path / "a.yaml").write_text("schedules: {A: {schedule: '@daily', task_type: a}}\n")
    assert server.process is not None
    server.process.send_signal(signal.SIGSTOP)
    with background(tmp_path, *command.split(), "--server", server.url, "--timeout", "1h", "--verbose") as process:
        assert process.stderr is not None
        while "connecting to" not in (line := process.stderr.readline()):
            assert line, "it ended before"
        process.send_signal(sig)
        assert process.wait(DEADLINE_SECONDS) == 0
        (line,) = process.stderr.readlines()
        assert "Stopped" in line
