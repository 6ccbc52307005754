"""A project, and the context `AJC` that both commands find by themselves; skipped where `ajc` is not on PATH."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.processes import ajsync
from tests.nats_server import NatsServer

Run = Callable[..., str]


@pytest.fixture
def folder(project: Path, home: Path, server: NatsServer, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project without schedules."""
    if shutil.which("ajc") is None:
        pytest.skip("the Go command ajc is not on PATH")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home))  # ajc looks up the home folder of the user, not $HOME
    contexts = home / "nats" / "context"
    contexts.mkdir(parents=True)
    (contexts / "AJC.json").write_text(json.dumps({"url": server.url}))
    return project


@pytest.fixture
def ajc(folder: Path) -> Run:
    """Run `ajc` to its end and return what it prints."""

    def run(*arguments: str) -> str:
        done = subprocess.run(["ajc", *arguments], capture_output=True, text=True, cwd=folder)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.fixture
def run(folder: Path) -> Run:
    """Run `ajsync` to its end and return what it prints."""

    def run(*arguments: str) -> str:
        done = ajsync(folder, *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
