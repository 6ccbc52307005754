"""Tables on real terminals of several widths, and in a pipe, with values that nobody would choose for them."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len

from ajsync.asyncjobs.applied import RECORD_SUBJECT, Commit, RecordedAction, RecordedApply, encode_record
from ajsync.asyncjobs.due import times_of
from ajsync.asyncjobs.history import previous_dues
from ajsync.asyncjobs.model import Managed
from ajsync.asyncjobs.task_store import task_write
from ajsync.asyncjobs.tasks import task_for_fire
from ajsync.cli.output.applies import APPLY_COLUMNS
from ajsync.cli.output.backfill import BACKFILL_COLUMNS
from ajsync.cli.output.columns import Column
from ajsync.cli.output.fires import HISTORY_COLUMNS, NEXT_COLUMNS
from ajsync.cli.output.information import STORE_COLUMNS
from ajsync.cli.output.schedules import SCHEDULE_COLUMNS
from ajsync.cli.output.status import STATUS_COLUMNS
from ajsync.timestamp import NANOSECONDS, parse_timestamp
from ajsync.transport.connection import connect
from ajsync.transport.context import context_for_server
from ajsync.transport.publisher import publish_all
from tests.cli.commands.inspected import fill
from tests.cli.processes import ajsync
from tests.cli.terminals import on_terminal
from tests.nats_server import NatsServer
from tests.tasks import task
from tests.values import put, put_values

WIDTHS = (40, 80, 120, 200)
LONG = "LONG_" * 50 + "END"
ZONE = "America/Argentina/ComodRivadavia"
CREATED = time.time_ns() - 175 * 3600 * NANOSECONDS
LABELS = tuple(sorted((f"label-{number}", "value" * 5) for number in range(30)))
PLAIN = task("PLAIN", schedule="@every 50h", created_at=CREATED)
REFUSED = task("REFUSED", schedule="@every 100h", created_at=CREATED, owner=None)
SCHEDULES = (
    PLAIN,
    task(LONG, schedule=f"CRON_TZ={ZONE} 15,30,45 7-19 * * mon-fri", created_at=CREATED),
    task(
        "WIDE",
        queue="日本語のキュー" * 9,
        task_type="👩\u200d💻❤\ufe0fe\u0301" * 20,
        managed=Managed("team", labels=LABELS),
    ),
    task("GO_ZERO", created_at=parse_timestamp("0001-01-01T00:00:00Z"), owner=None),
    task("NEVER", schedule="0 0 30 2 *", queue="Q" * 60, task_type="\x1b[2J\u202e"),
    REFUSED,
)
RECORD = (
    RecordedApply(
        CREATED,
        "jane@example.net",
        Commit("a" * 40, 1, "main", dirty=True),
        "prod",
        counts={"create": 2, "delete": 11, "adopt": 3},
        names=("A", LONG, "B"),
    ),
    RecordedApply(CREATED - 1, "所有者" * 40, None, "e" * 90, counts={"rename": 1}, names=(LONG,)),
)
ACTIONS = (RecordedAction(CREATED - 2, "j" * 90, "pause", 2, ("A", LONG), f"new {LONG} 日本", CREATED),)
BACKFILL = f"backfill {LONG} PLAIN --from 2026-11-01 --dry-run"
COMMANDS = (
    "list",
    "next",
    "next PLAIN --count 3",
    "status",
    "history PLAIN",
    "history --queue EMAIL",
    "timeline",
    "timeline --hours 500",
    "log --owner team",
    "log --owner team --timezone UTC",
    "plan",
    "info",
    "view WIDE",
    f"view {LONG}",
    BACKFILL,
)
TABLES = {
    "next": NEXT_COLUMNS,
    "status": STATUS_COLUMNS,
    "history PLAIN": HISTORY_COLUMNS,
    "log --owner team": tuple(column for column in APPLY_COLUMNS if column.title != "Owner"),
    BACKFILL: BACKFILL_COLUMNS,
    "info": STORE_COLUMNS,
}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A project in a folder, and the address of a server with such values. No test changes them."""
    folder = tmp_path_factory.mktemp("tables")
    (folder / "ajsync.yaml").write_text(f"owner: team\ndefaults: {{timezone: {ZONE}}}\n")
    (folder / "schedules").mkdir()
    (folder / "schedules" / "a.yaml").write_text("schedules: {NEW: {schedule: '@daily', task_type: t}}\n")
    server = NatsServer(folder / "nats")
    server.start()
    fill(server.url)
    put(server.url, SCHEDULES)
    put_values(server.url, {"team": encode_record(RECORD, ACTIONS)}, prefix=RECORD_SUBJECT)
    asyncio.run(_work(server.url))
    yield folder, server.url
    server.stop()


async def _work(url: str) -> None:
    """The last tasks of a schedule, which have failed with much to say."""
    async with connect(context_for_server(url)) as connection:
        (due,) = previous_dues(times_of(REFUSED), time.time_ns(), CREATED)
        refused = replace(task_for_fire(REFUSED, due), state="queue_error", last_err="maximum messages exceeded")
        dues = previous_dues(times_of(PLAIN), time.time_ns(), CREATED)
        tasks = (replace(task_for_fire(PLAIN, due), state="expired", last_err=f"no {LONG[:200]} 日本") for due in dues)
        await publish_all(connection, [task_write(each, 0) for each in (refused, *tasks)])


def on(stage: tuple[Path, str], command: str, columns: int) -> list[str]:
    """The lines of a terminal on which a command has run, without colours."""
    folder, url = stage
    shown = on_terminal(*command.split(), "--server", url, folder=folder, columns=columns)
    return re.sub("\x1b\\[[0-9;]*m", "", shown).splitlines()


@pytest.mark.parametrize("columns", WIDTHS)
@pytest.mark.parametrize("command", COMMANDS)
def test_no_line_is_wider_than_the_terminal_unless_a_word_of_it_is(
    stage: tuple[Path, str], command: str, columns: int
) -> None:
    room = columns - columns // 4  # beside the widest indent
    wide = [line for line in on(stage, command, columns) if cell_len(line) > columns]
    assert [line for line in wide if max(map(cell_len, line.split())) <= room] == []


@pytest.mark.parametrize("columns", WIDTHS)
@pytest.mark.parametrize("command", [*TABLES, "list"])
def test_no_row_of_a_table_is_wider_than_the_terminal(stage: tuple[Path, str], command: str, columns: int) -> None:
    lines = on(stage, command, columns)
    titles = [*TABLES.get(command, SCHEDULE_COLUMNS)]
    first = next(number for number, line in enumerate(lines) if re.match(rf"(│ )?{_first(titles)}\b", line))
    rows = lines[first : next((at for at, line in enumerate(lines) if at > first and not line), None)]
    table = [line for line in rows if line.startswith("│") or not line.startswith(" ")]
    assert [line for line in table if cell_len(line) > columns] == []
    assert len(table) > 2


@pytest.mark.parametrize(("columns", "titles"), [(40, 2), (80, 4), (120, 6), (200, 7)])
def test_a_list_with_a_long_name_has_more_columns_on_a_wider_terminal(
    stage: tuple[Path, str], columns: int, titles: int
) -> None:
    lines = [line.strip("│").split("│") for line in on(stage, "list", columns) if line.startswith("│")]
    head = [cell.strip() for cell in lines[1]]
    assert head[0] == "Name"
    assert head[-1].startswith("Next")
    assert len(head) == titles
    assert {len(line) for line in lines[1:]} == {titles}
    (row,) = [line for line in lines if line[0].strip().startswith("LON")]
    assert all(cell.strip() for cell in row)


@pytest.mark.parametrize("command", TABLES)
def test_in_a_pipe_each_row_has_every_column_in_full(stage: tuple[Path, str], command: str) -> None:
    folder, url = stage
    shown = ajsync(folder, *command.split(), "--server", url).stdout
    (block,) = [block for block in shown.split("\n\n") if re.match(_first(TABLES[command]), block)]
    rows = [re.split("  +", line) for line in block.splitlines() if "  " in line]
    assert [re.sub(rf" \({ZONE}\)", "", title) for title in rows[0]] == [column.title for column in TABLES[command]]
    assert {len(row) for row in rows} == {len(TABLES[command])}
    assert "…" not in block


def test_in_a_pipe_a_list_has_every_name_and_time_in_full(stage: tuple[Path, str]) -> None:
    folder, url = stage
    lines = ajsync(folder, "list", "--server", url).stdout.splitlines()
    (row,) = [line for line in lines if line.startswith(f"│ {LONG} │")]
    cells = [cell.strip() for cell in row.strip("│").split("│")]
    assert cells[1] == SCHEDULES[1].schedule
    assert any(re.search("│ Q{60} +│", line) for line in lines)
    assert re.fullmatch(r"[A-Z][a-z]{2} \d{4}-\d\d-\d\d \d\d:\d\d:\d\d -03:00", cells[-1])


def test_the_zone_is_that_of_the_project_until_an_option_names_another(stage: tuple[Path, str]) -> None:
    folder, url = stage
    shown = {
        name: ajsync(folder, "history", "PLAIN", "--server", url, *options).stdout
        for name, options in {"project": (), "option": ("--timezone", "Asia/Kathmandu")}.items()
    }
    assert f"Due ({ZONE})" in shown["project"]
    assert " -03:00  " in shown["project"]
    assert "Due (Asia/Kathmandu)" in shown["option"]
    assert " +05:45  " in shown["option"]
    assert "Due (UTC)" in ajsync(folder.parent, "history", "PLAIN", "--server", url).stdout


def test_history_has_the_words_that_status_has_for_a_state(stage: tuple[Path, str]) -> None:
    folder, url = stage
    shown = on_terminal("history", "REFUSED", "--server", url, folder=folder)
    assert "queue error" in shown


def _first(columns: Sequence[Column]) -> str:
    return columns[0].title
