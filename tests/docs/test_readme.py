"""What the README shows is what happens."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.processes import DEADLINE_SECONDS, background, wait_until
from tests.docs.pages import README, ROOT, blocks

CONTEXT = Path(".config", "nats", "context", "ajsync-dev.json")


def quick_start() -> list[str]:
    """The commands of the quick start, one block each."""
    return [block.text.strip() for block in blocks(README, "sh", below="Quick start")]


def shell(folder: Path, script: str, *, silent: bool = True) -> str:
    """Run a script as a user's shell would, with this `ajsync` on the PATH; its output.

    With `silent` there must be no messages beside it.
    """
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-e", "-c", script],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=DEADLINE_SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert not (silent and done.stderr)
    return done.stdout


@contextmanager
def dev_server(folder: Path, home: Path) -> Iterator[None]:
    """`ajsync dev` as in a second terminal, once it can be reached."""
    with background(folder, "dev") as process:
        wait_until((home / CONTEXT).exists, process)
        yield
        process.terminate()
        process.wait(DEADLINE_SECONDS)


def test_the_quick_start_works_as_it_is_written(tmp_path: Path, home: Path) -> None:
    make, dev, apply, again, heartbeat, scheduler, history = quick_start()
    assert (dev, scheduler) == ("ajsync dev", "ajsync scheduler laptop")
    assert "Wrote ajsync.yaml" in shell(tmp_path, make)
    folder = tmp_path / "my-schedules"
    with dev_server(folder, home):
        output = shell(folder, apply)
        assert "No changes:" in shell(folder, again)
        assert "Applied: 1 created." in shell(folder, heartbeat)
        with background(folder, *scheduler.split()[1:]) as process:
            # A fire that has no task yet is told of beside the table.
            wait_until(lambda: re.search(r"\bnew\b", shell(folder, history, silent=False)) is not None, process)
            process.terminate()
            process.communicate(timeout=DEADLINE_SECONDS)
    for line in ("Valid: 2 schedules of my-team", "Plan: 1 to create", "Applied: 1 created.", "1 Scheduled Task(s)"):
        assert line in output
    assert '{"format":"pdf","recipients":["team@example.net"]}' in output


def test_what_is_to_be_installed_is_in_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for requirement in re.findall(r"pip install '?([^\s']+)", README.read_text()):
        name, _, extra = requirement.rstrip("]").partition("[")
        assert name == project["name"]
        assert not extra or extra in project["optional-dependencies"]


def test_the_make_targets_exist() -> None:
    targets = re.findall(r"^make (\w+)", blocks(README, "sh", below="See it work")[0].text, re.MULTILINE)
    assert targets == ["demo", "test"]
    for target in targets:
        assert f"\n{target}: " in (ROOT / "Makefile").read_text()


@pytest.fixture(autouse=True)
def no_context_left(home: Path) -> Iterator[None]:
    """The quick start's server takes its context away."""
    yield
    with contextlib.suppress(FileNotFoundError):
        assert [*(home / CONTEXT).parent.iterdir()] == []
