"""The hooks for pre-commit: their entries are real commands, which end as a hook has to."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.launcher import with_launcher
from tests.cli.processes import DEADLINE_SECONDS
from tests.examples.commands import EXAMPLES, ROOT, parse

HOOKS: dict[str, dict[str, Any]] = {
    hook["id"]: hook for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
}


def run(hook: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a hook as pre-commit does: its entry, from the root of the repository, with its environment on the PATH."""
    path = with_launcher(os.environ["PATH"])
    return subprocess.run(
        shlex.split(HOOKS[hook]["entry"]),
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository that is the quick start."""
    return Path(shutil.copytree(EXAMPLES / "quickstart", tmp_path / "repository"))


def test_there_are_three_hooks_which_read_the_whole_project_at_every_commit() -> None:
    assert [*HOOKS] == ["ajsync-validate", "ajsync-lint", "ajsync-fmt"]
    for hook in HOOKS.values():
        assert (hook["language"], hook["always_run"], hook["pass_filenames"]) == ("python", True, False)


@pytest.mark.parametrize("hook", HOOKS)
def test_an_entry_is_a_command_that_takes_the_option_which_the_comment_names(hook: str) -> None:
    program, *arguments = shlex.split(HOOKS[hook]["entry"])
    assert program == "ajsync"
    assert parse([*arguments, "--config", "FOLDER/ajsync.yaml"])["config"] == Path("FOLDER/ajsync.yaml")


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_passes_what_is_right(hook: str, project: Path) -> None:
    done = run(hook, project)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("hook", ["ajsync-validate", "ajsync-lint"])
def test_a_hook_fails_on_a_mistake_and_says_where(hook: str, project: Path) -> None:
    file = project / "schedules" / "email.yaml"
    file.write_text(file.read_text().replace("@monthly", "@montly"))
    done = run(hook, project)
    assert done.returncode != 0
    assert "schedules/email.yaml:9" in done.stdout + done.stderr


def test_the_hook_that_formats_changes_a_file_which_is_not_formatted(project: Path) -> None:
    """It passes, and pre-commit fails because a file has changed."""
    file = project / "schedules" / "email.yaml"
    before = file.read_text()
    file.write_text(before.replace("    ", "      "))
    assert run("ajsync-fmt", project).stdout == "Formatted schedules/email.yaml.\n"
    assert file.read_text() == before


def test_the_example_uses_hooks_that_there_are() -> None:
    (repository,) = yaml.safe_load((EXAMPLES / "pre-commit" / ".pre-commit-config.yaml").read_text())["repos"]
    assert [hook["id"] for hook in repository["hooks"]] == [*HOOKS]
