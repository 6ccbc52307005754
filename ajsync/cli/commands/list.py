"""`ajsync list`: the schedules in the bucket."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from ajsync.cli.options.options import Files, Server, files_options, server_options
from ajsync.cli.output.data import output_option, show
from ajsync.cli.output.table import stdout_width
from ajsync.cli.output.terminal import has_colour, say

_COLUMNS = ("Name", "Schedule", "Queue", "Task Type", "Created", "Owner", "Next")
_LINES = 100
"""Of a row of the table that stands for many; the time that rich takes grows with their square."""
_LEAST_NAME = 20
"""Columns of a line of a name; a terminal that is narrower than this and the times breaks these too."""
_DISPENSABLE = ("Created", "Owner", "Task Type", "Queue")
"""What a narrow terminal does without, the first of them first: a table of broken words tells nobody anything."""

if TYPE_CHECKING:
    from ajsync.asyncjobs.live import Live
    from ajsync.asyncjobs.model import ScheduledTask
    from ajsync.reconcile.render.fires import Fires


@click.command()
@files_options
@server_options
@click.option("--names", is_flag=True, help="Print the names only.")
@output_option("the stored values as an array")
@click.option("--create-bucket", is_flag=True, hidden=True, help="Make the bucket if it is missing, as 'ajc' does.")
def command(files: Files, server: Server, names: bool, output: str, create_bucket: bool) -> None:
    """List the schedules in the bucket: all of them, whoever owns them.

    Schedules that cannot fire, and values in the bucket that are not scheduled tasks, are listed below the table, with
    the reason. A terminal that is too narrow for all columns does without some; a pipe and --output have everything.

    \b
    Examples:
      ajsync list
      ajsync list --names --context AJC
      ajsync list --json | jq -r '.[] | select(.queue == "EMAIL") | .name'
    """
    from ajsync.cli.options.session import configured_context, connected, open_or_create, run

    async def read() -> Live:
        async with connected(server, configured_context(files, server)) as connection:
            bucket = await open_or_create(connection, (1, False) if create_bucket else None)
            return await bucket.read()

    live = run(read())
    tasks = [entry.task for _, entry in sorted(live.entries.items()) if entry.task is not None]
    if names:
        listed = [task.name for task in tasks]
        show(output, lambda: listed, lambda: listed)
    else:
        fires = _upcoming(tasks) if output == "table" else []
        show(output, lambda: _document(tasks), lambda: _table(tasks, fires))
        if output == "table":
            _say_amiss(tasks, fires)
    _say_unreadable(live)


def _document(tasks: list[ScheduledTask]) -> list[dict[str, Any]]:
    from ajsync.reconcile.fields import stored_object

    return [stored_object(task) for task in tasks]


def _upcoming(tasks: list[ScheduledTask]) -> list[Fires]:
    from ajsync.reconcile.render.fires import FireTimes

    fires = FireTimes(datetime.now(UTC))
    return [fires.of(task) for task in tasks]


def _table(tasks: list[ScheduledTask], fires: list[Fires]) -> list[str]:
    rows = [_cells(task, found) for task, found in zip(tasks, fires, strict=True)]
    return _lines(rows, f"{len(tasks)} Scheduled Task(s)") if rows else ["No Scheduled Tasks found"]


def _say_amiss(tasks: list[ScheduledTask], fires: list[Fires]) -> None:
    from ajsync.text import visible

    amiss = [(task, found) for task, found in zip(tasks, fires, strict=True) if found.amiss]
    if amiss:
        say("These do not fire:")
    for task, found in amiss:
        say(f"  {visible(task.name)}: {found.lines[0]}")


def _cells(task: ScheduledTask, upcoming: Fires) -> list[str]:
    from ajsync.cli.output.wording import created
    from ajsync.text import visible

    owner = task.managed.owner if task.managed else "-"
    following = upcoming.times[0].isoformat(" ", "seconds") if upcoming.times else "error" if upcoming.amiss else "-"
    return [
        visible(cell)
        for cell in (task.name, task.schedule, task.queue, task.task_type, created(task), owner, following)
    ]


def _lines(rows: list[list[str]], title: str) -> list[str]:
    """The table, its title in the frame as `ajc` prints it."""
    from rich.box import ROUNDED
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    columns = [[title, *cells] for title, *cells in zip(_COLUMNS, *rows, strict=True)]
    whole = [max(map(cell_len, column)) for column in columns]
    width = stdout_width() or _width(whole)  # a pipe has no width: nothing is wrapped there
    shown = _fitting(columns, whole, width)
    table = Table(box=ROUNDED)
    for index, size in shown.items():
        unbroken = _COLUMNS[index] == "Name" and whole[index] <= (size or _LEAST_NAME)
        table.add_column(_COLUMNS[index], width=size, overflow="fold", no_wrap=unbroken)
    # Where nothing is wrapped, rich draws a row of many lines several times faster than as many rows.
    lines = _LINES if all(size == whole[index] for index, size in shown.items()) else 1
    for start in range(0, len(rows), lines):
        cells = [Text("\n".join(column)) for column in zip(*rows[start : start + lines], strict=True)]  # no markup
        table.add_row(*(cells[index] for index in shown))
    # Without a colour system nothing is bold either.
    console = Console(width=width, color_system="auto" if has_colour(sys.stdout) else None)
    with console.capture() as capture:
        console.print(table)
    first, *rest = capture.get().splitlines()
    side = rest[0][0]  # which is another where the output's encoding has no lines
    heading = f"{side}{title.center(len(first) - 2)}{side}"
    return [first.replace("┬", "─"), heading, first.replace("╭", "├").replace("╮", "┤"), *rest]


def _width(columns: Iterable[int]) -> int:
    """The width of a table: a line and two spaces for each column, and a last line."""
    return sum(size + 3 for size in columns) + 1


def _fitting(columns: list[list[str]], whole: list[int], width: int) -> dict[int, int | None]:
    """The columns that have room in `width`, by their index, and how wide each is; None leaves that to the table.

    `whole` is how wide they would like to be.
    """
    from rich.cells import cell_len

    if _width(whole) <= width:
        return dict(enumerate(whole))
    words = [max(cell_len(word) for cell in column for word in cell.split()) for column in columns]
    rest = sum(words[index] + 3 for index, title in enumerate(_COLUMNS) if title in ("Schedule", "Next")) + 1
    # A name is wrapped only where the times would have no room beside it, and then as few times as can be.
    words[0] = whole[0] if whole[0] + 3 + rest <= width else max(min(whole[0], width - rest - 3), _LEAST_NAME)
    for count in range(len(_DISPENSABLE) + 1):
        shown = [index for index, title in enumerate(_COLUMNS) if title not in _DISPENSABLE[:count]]
        spare = width - _width(words[index] for index in shown)
        if spare >= 0:
            break
    else:
        return dict.fromkeys(shown)
    widths: dict[int, int | None] = {}
    for index in shown:
        more = min(whole[index] - words[index], spare)
        widths[index] = words[index] + more
        spare -= more
    return widths


def _say_unreadable(live: Live) -> None:
    from ajsync.text import one_line, visible

    unreadable = [entry for _, entry in sorted(live.entries.items()) if entry.task is None]
    if unreadable:
        say("Not scheduled tasks, and left alone:")
    for entry in unreadable:
        say(f"  {visible(entry.name)}: {one_line(entry.problem)}")
