"""The table of schedules on terminals of different width."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.cli.processes import ajsync
from tests.cli.terminals import on_terminal
from tests.nats_server import NatsServer
from tests.tasks import task
from tests.values import put

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
    assert {NAME, "mon-fri", "Next"} <= words
    assert "Created" not in words


def test_a_wide_terminal_and_a_pipe_have_every_column_on_one_line(tmp_path: Path, at: tuple[str, str]) -> None:
    wide = on_terminal("list", *at, folder=tmp_path, columns=200)
    for table in (wide, ajsync(tmp_path, "list", *at).stdout):
        (row,) = [line for line in table.splitlines() if NAME in line]
        assert f"{ZONE} 30 7 * * mon-fri" in row
        assert TYPE in row
        assert "marketing" in row


def test_a_terminal_that_is_far_too_narrow_still_has_the_names(tmp_path: Path, at: tuple[str, str]) -> None:
    shown = on_terminal("list", *at, folder=tmp_path, columns=40)
    assert "EMAIL_…UPDATE" in shown
    assert "Next" in shown


@pytest.mark.parametrize("columns", [80, 120])
def test_names_of_ninety_five_characters_leave_room_for_the_times(
    tmp_path: Path, server: NatsServer, columns: int
) -> None:
    name = "EMAIL_" + "LONGISH_" * 11 + "X"
    assert len(name) == 95
    assert ajsync(tmp_path, "init", "--bucket", "--server", server.url).returncode == 0
    put(server.url, [task(name, schedule=f"{ZONE} 30 7 * * mon-fri"), task("SHORT", schedule="@daily")])
    shown = on_terminal("list", "--server", server.url, folder=tmp_path, columns=columns)
    lines = re.sub("\x1b\\[[0-9;]*m", "", shown).splitlines()
    assert {len(line) for line in lines} == {columns}
    cells = [[cell.strip() for cell in line.strip("│").split("│")] for line in lines if line.startswith("│")]
    assert cells[1][:3] == ["Name", "Schedule", "Queue"]
    assert cells[1][-1] == "Next (UTC)"
    long, short = cells[2:4]
    start, end = long[0].split("…")
    assert name.startswith(start)
    assert name.endswith(end)
    assert long[1].endswith("30 7 * * mon-fri")
    assert long[-1].endswith(":30")
    assert short[:2] == ["SHORT", "@daily"]


def test_text_that_looks_like_an_emoji_or_markup_is_shown_as_it_is(tmp_path: Path, server: NatsServer) -> None:
    assert ajsync(tmp_path, "init", "--bucket", "--server", server.url).returncode == 0
    put(server.url, [task("A", task_type="a:email:b", queue="[bold]Q", schedule="@daily")])
    table = ajsync(tmp_path, "list", "--server", server.url).stdout
    assert "│ a:email:b │" in table
    assert "│ [bold]Q │" in table


def test_hundreds_of_schedules_have_a_line_each_in_their_order(tmp_path: Path, server: NatsServer) -> None:
    names = [f"S{number:03}" for number in range(250)]
    assert ajsync(tmp_path, "init", "--bucket", "--server", server.url).returncode == 0
    put(server.url, [task(name, task_type=f"type:{name}", schedule="@daily") for name in names])
    at = ("list", "--server", server.url)
    for table in (ajsync(tmp_path, *at).stdout, on_terminal(*at, folder=tmp_path, columns=200)):
        rows = [line.split() for line in table.splitlines() if "@daily" in line]
        assert [row[1] for row in rows] == names
        assert all(f"type:{row[1]}" in row for row in rows)
        assert "├" not in "".join(table.splitlines()[5:])


def test_a_terminal_without_unicode_has_a_frame_of_ascii_alone(tmp_path: Path, at: tuple[str, str]) -> None:
    table = on_terminal("list", *at, folder=tmp_path, PYTHONIOENCODING="ascii")
    assert table.isascii()
    assert [line[0] for line in table.splitlines()[:3]] == ["+", "|", "+"]


def test_a_terminal_with_unicode_has_a_frame_of_lines(tmp_path: Path, at: tuple[str, str]) -> None:
    table = on_terminal("list", *at, folder=tmp_path)
    assert [line[0] + line[-1] for line in table.splitlines()[:3]] == ["╭╮", "││", "├┤"]
