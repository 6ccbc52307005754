"""The commands that the files for deployment and CI name in their text, beside those that they run."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from tests.examples.commands import EXAMPLES, ROOT, in_shell, parse

FILES = [
    ROOT / "Dockerfile",
    ROOT / "action.yml",
    ROOT / ".pre-commit-hooks.yaml",
    *sorted(path for path in EXAMPLES.rglob("*") if path.is_file()),
]


def named(path: Path) -> list[str]:
    """The calls of ajsync that a file names between backticks."""
    return re.findall(r"`(ajsync [a-z][^`\n]*)`", path.read_text())


def test_every_command_that_a_text_names_is_a_real_one() -> None:
    calls = [call for path in FILES for call in named(path)]
    assert len(calls) > 5
    for call in calls:
        parse(shlex.split(call)[1:])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_file_names_a_machine_or_an_organisation(path: Path) -> None:
    text = path.read_text()
    for host in re.findall(r"\w+://([^\s/:\"'`]+)", text):
        assert host in {
            "nats.example.net",
            "git.example.net",
            "ghcr.io",
            "{{",
            "..",
            "127.0.0.1",
            "nats",
            "github.com",
            "json-schema.org",
            "…",
            "$CREDENTIALS_DIRECTORY",
        }
    assert not re.search(r"github\.com/(?!OWNER/REPO)", text)


@pytest.mark.parametrize(
    ("script", "calls"),
    [
        ("ajsync plan > plan.md || exit 1", [["plan"]]),
        ("if ajsync plan; then ajsync apply --yes; fi", [["plan"], ["apply", "--yes"]]),
        ("ajsync apply \\\n  --yes  # at once", [["apply", "--yes"]]),
        ('/opt/bin/ajsync plan "${options[@]}" --out "$FOLDER/a plan"', [["plan", "--out", "$FOLDER/a plan"]]),
        ("pip install ajsync\n# ajsync plan\necho ajsync", []),
    ],
)
def test_the_calls_in_a_script_are_found(script: str, calls: list[list[str]]) -> None:
    assert [*in_shell(script)] == calls


def test_a_call_with_an_option_that_there_is_not_is_refused() -> None:
    with pytest.raises(click.UsageError):
        parse(["plan", "--form", "json", "--no-such-option"])
