"""Words of other tools are answered with the word that is meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from ajsync.cli.commands import COMMANDS
from ajsync.cli.group import _OTHER_COMMANDS, _OTHER_OPTIONS
from ajsync.cli.main import cli
from tests.cli.processes import ajsync


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("diff", "ajsync plan"),
        ("logs", "ajsync history"),
        ("health", "ajsync status"),
        ("events", "ajsync tail"),
        ("remove A", "ajsync delete"),
        ("watch", "ajsync apply --yes --watch"),
        ("aply", "ajsync apply"),
    ],
)
def test_a_command_of_another_tool_is_not_found_and_ours_is_named(tmp_path: Path, line: str, meant: str) -> None:
    done = ajsync(tmp_path, *line.split())
    assert done.returncode == 64
    assert f"There is no command {line.split()[0]!r}. Did you mean '{meant}'?" in done.stderr


@pytest.mark.parametrize(
    ("line", "word", "meant"),
    [
        ("plan --env prod", "--env", "--environment"),
        ("plan --env=prod", "--env", "--environment"),
        ("plan -out x.plan", "-out", "--out"),
        ("plan -out=x.plan", "-out", "--out"),
        ("apply -auto-approve", "-auto-approve", "--yes"),
        ("apply --force", "--force", "--yes"),
        ("list --selector team=a", "--selector", "--label"),
    ],
)
def test_an_option_of_another_tool_is_not_found_and_ours_is_named(
    tmp_path: Path, line: str, word: str, meant: str
) -> None:
    done = ajsync(tmp_path, *line.split())
    assert done.returncode == 64
    assert f"There is no option {word}. Did you mean {meant}?" in done.stderr
    assert [*tmp_path.glob("x.plan")] == []


def test_an_option_that_a_command_has_and_what_follows_two_dashes_are_left_alone(tmp_path: Path) -> None:
    assert "Did you mean" not in ajsync(tmp_path, "delete", "A", "--force", "--server", "nats://127.0.0.1:1").stderr
    assert "Did you mean" not in ajsync(tmp_path, "view", "--server", "nats://127.0.0.1:1", "--", "--env").stderr


def test_no_word_of_ours_is_taken_for_one_of_another_tool() -> None:
    assert _OTHER_COMMANDS.keys().isdisjoint(COMMANDS)
    assert {meant.split(" ")[0] for meant in _OTHER_COMMANDS.values()} <= COMMANDS.keys()
    context = cli.make_context("ajsync", ["plan"])
    flags = {
        flag
        for name in COMMANDS
        if (command := cli.get_command(context, name))
        for param in command.params
        for flag in param.opts
    }
    assert {*_OTHER_OPTIONS.values()} <= flags
