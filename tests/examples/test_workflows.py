"""The workflows in real tools: actionlint reads them, and zizmor looks for ways in. Skipped without its tool."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.examples.commands import EXAMPLES, ROOT

ACTIONLINT = shutil.which("actionlint")
ZIZMOR = shutil.which("zizmor")
needs_actionlint = pytest.mark.skipif(ACTIONLINT is None, reason="there is no actionlint on this machine")
needs_zizmor = pytest.mark.skipif(ZIZMOR is None, reason="there is no zizmor on this machine")
GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
FILES = [*WORKFLOWS, *sorted((EXAMPLES / "github").glob("*.yml"))]
ZIZMORED = [*FILES, GITHUB / "dependabot.yml", ROOT / "action.yml"]


def run(tool: str | None, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a tool to its end."""
    assert tool is not None
    return subprocess.run([tool, *arguments], capture_output=True, text=True, timeout=120)


def zizmor(*files: Path) -> subprocess.CompletedProcess[str]:
    """What zizmor finds by itself, of medium severity or worse, and without a guess."""
    chosen = ("--offline", "--no-progress", "--min-severity", "medium", "--min-confidence", "medium")
    return run(ZIZMOR, *chosen, "--config", GITHUB / "zizmor.yml", *files)


@needs_actionlint
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_actionlint_finds_nothing_wrong(file: Path) -> None:
    done = run(ACTIONLINT, "-no-color", file)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@needs_actionlint
def test_actionlint_finds_a_mistake(tmp_path: Path) -> None:
    file = tmp_path / "release.yml"
    file.write_text(
        (GITHUB / "workflows" / "release.yml").read_text().replace("needs.tag.outputs", "needs.tags.outputs")
    )
    assert "needs" in run(ACTIONLINT, "-no-color", file).stdout


@needs_zizmor
def test_zizmor_finds_no_way_in() -> None:
    done = zizmor(*ZIZMORED)
    assert done.returncode == 0, done.stdout + done.stderr


@needs_zizmor
def test_zizmor_finds_a_way_in(tmp_path: Path) -> None:
    file = tmp_path / "workflow.yml"
    title = "${{ github.event.pull_request.title }}"
    file.write_text(f"on: pull_request_target\njobs:\n  a:\n    runs-on: x\n    steps: [{{run: 'echo {title}'}}]\n")
    assert zizmor(file).returncode != 0
