"""The hooks in the real pre-commit, at real commits: they run whatever a commit changes. Skipped without pre-commit."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.cli.launcher import with_launcher
from tests.cli.processes import DEADLINE_SECONDS
from tests.examples.commands import EXAMPLES, ROOT
from tests.git.repositories import IDENTITY, git, repository

PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
PRE_COMMIT = shutil.which("pre-commit", path=PATH)
pytestmark = [
    pytest.mark.skipif(PRE_COMMIT is None, reason="there is no pre-commit on this machine"),
    pytest.mark.skipif(shutil.which("git") is None, reason="there is no git on this machine"),
]
Commit = Callable[[], subprocess.CompletedProcess[str]]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository that is the quick start, with the hooks installed.

    They are as users get them, but for `language`: with `python` pre-commit would install ajsync from the network.
    """
    monkeypatch.setenv("PATH", with_launcher(PATH))
    monkeypatch.setenv("PRE_COMMIT_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    local = {"repo": "local", "hooks": [hook | {"language": "system"} for hook in hooks]}
    folder = Path(shutil.copytree(EXAMPLES / "quickstart", tmp_path / "repository"))
    (folder / ".pre-commit-config.yaml").write_text(yaml.safe_dump({"repos": [local]}))
    git(repository(folder), "add", "--all", ".")
    git(folder, "commit", "--quiet", "--message", "begin")
    subprocess.run([str(PRE_COMMIT), "install"], cwd=folder, check=True, capture_output=True, timeout=DEADLINE_SECONDS)
    return folder


@pytest.fixture
def commit(project: Path) -> Commit:
    """Commits everything that has changed, which fails if a hook does."""

    def run() -> subprocess.CompletedProcess[str]:
        git(project, "add", "--all", ".")
        return subprocess.run(
            ["git", *IDENTITY, "commit", "--message", "change"],
            cwd=project,
            capture_output=True,
            text=True,
            timeout=3 * DEADLINE_SECONDS,
        )

    return run


def outcomes(done: subprocess.CompletedProcess[str]) -> list[str]:
    """What pre-commit says of each hook, in their order: `Passed`, `Failed` or `Skipped`."""
    return [line.rsplit(".", 1)[1] for line in done.stderr.splitlines() if line.startswith("ajsync ")]


def test_a_commit_that_only_deletes_files_is_checked(project: Path, commit: Commit) -> None:
    (project / "schedules" / "email.yaml").unlink()
    done = commit()
    assert (done.returncode, outcomes(done)) == (0, ["Passed"] * 3), done.stderr
    (project / "schedules" / "reports.yaml").unlink()
    done = commit()
    assert (done.returncode, outcomes(done)) == (1, ["Failed", "Failed", "Passed"]), done.stderr
    assert "schedules/**/*.yaml" in done.stderr
    assert git(project, "log", "-1", "--format=%s") == "change"
    assert git(project, "ls-tree", "-r", "--name-only", "HEAD", "schedules/reports.yaml")


def test_a_commit_that_only_changes_a_payload_is_checked_whatever_its_name(project: Path, commit: Commit) -> None:
    schedules = project / "schedules" / "reports.yaml"
    payload = schedules.parent / "payloads" / "sales"
    schedules.write_text(schedules.read_text().replace("payloads/sales.json", "payloads/sales"))
    payload.write_bytes(b"\0" * 10)
    assert commit().returncode == 0
    payload.write_bytes(b"\0" * 600_000)
    done = commit()
    assert (done.returncode, outcomes(done)[0]) == (1, "Failed"), done.stderr
    assert 'payload_file: "payloads/sales"' in done.stderr
    payload.unlink()
    done = commit()
    assert (done.returncode, outcomes(done)[0]) == (1, "Failed"), done.stderr
    assert 'payload_file: "payloads/sales"' in done.stderr


def test_a_commit_of_something_else_passes(project: Path, commit: Commit) -> None:
    (project / "main.go").write_text("package main\n")
    done = commit()
    assert (done.returncode, outcomes(done)) == (0, ["Passed"] * 3), done.stderr


def test_a_file_that_is_not_formatted_keeps_the_commit_from_being_made(project: Path, commit: Commit) -> None:
    file = project / "schedules" / "email.yaml"
    before = file.read_text()
    file.write_text(before.replace("    ", "      "))
    done = commit()
    assert (done.returncode, outcomes(done)) == (1, ["Passed", "Passed", "Failed"]), done.stderr
    assert "files were modified by this hook" in done.stderr
    assert file.read_text() == before
