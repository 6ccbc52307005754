"""The table of schedules on terminals of different width."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.cli.processes import ajsync
from tests.cli.terminals import on_terminal
from tests.nats_server import NatsServer

NAME, ZONE, TYPE = "EMAIL_MONTHLY_UPDATE", "CRON_TZ=Europe/Malta", "email:monthly"


@pytest.fixture
def at(tmp_path: Path, server: NatsServer) -> tuple[str, str]:
    """Where there is a schedule that no narrow terminal has room for."""
    (tmp_path / "ajsync.yaml").write_text("owner: marketing\nfiles: ['a.yaml']\n")
    (tmp_path / "a.yaml").write_text(
        f"schedules: {{{NAME}: {{schedule: '30 7 * * mon-fri', timezone: Europe/Malta, task_type: '{TYPE}'}}}}\n"
    )
    at = ("--server", server.url)
    assert ajsync(tmp_path, "apply", "--yes", "--create-bucket", *at).returncode == 0
    return at


def test_a_terminal_that_is_too_narrow_does_without_columns_and_breaks_no_word(
    tmp_path: Path, at: tuple[str, str]
) -> None:
    lines = re.sub("\x1b\\[[0-9;]*m", "", on_terminal("list", *at, folder=tmp_path)).splitlines()
    assert {len(line) for line in lines} == {80}
    words = {word for line in lines for word in line.split()}
    assert {NAME, ZONE, "Next"} <= words
    assert "Created" not in words


def test_a_wide_terminal_and_a_pipe_have_every_column_on_one_line(tmp_path: Path, at: tuple[str, str]) -> None:
    wide = on_terminal("list", *at, folder=tmp_path, COLUMNS="200")
    for table in (wide, ajsync(tmp_path, "list", *at).stdout):
        (row,) = [line for line in table.splitlines() if NAME in line]
        assert f"{ZONE} 30 7 * * mon-fri" in row
        assert TYPE in row
        assert "marketing" in row


def test_a_terminal_that_is_far_too_narrow_still_has_the_names(tmp_path: Path, at: tuple[str, str]) -> None:
    assert NAME in on_terminal("list", *at, folder=tmp_path, COLUMNS="40")
