"""`ajsync list`: the schedules in the bucket."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from ajsync.cli.data import output_option, show
from ajsync.cli.options import Files, Server, files_options, server_options
from ajsync.cli.terminal import has_colour, say

_FRAME = 64
"""More than the lines and headings of the table take."""

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
    the reason.

    \b
    Examples:
      ajsync list
      ajsync list --names --context AJC
      ajsync list --json | jq -r '.[] | select(.queue == "EMAIL") | .name'
    """
    from ajsync.cli.session import configured_context, connected, open_or_create, run

    async def read() -> Live:
        async with connected(server, configured_context(files)) as connection:
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
    from ajsync.reconcile.render.untrusted import visible

    amiss = [(task, found) for task, found in zip(tasks, fires, strict=True) if found.amiss]
    if amiss:
        say("These do not fire:")
    for task, found in amiss:
        say(f"  {visible(task.name)}: {found.lines[0]}")


def _cells(task: ScheduledTask, upcoming: Fires) -> list[str]:
    from ajsync.cli.wording import created
    from ajsync.reconcile.render.untrusted import visible

    owner = task.managed.owner if task.managed else "-"
    following = upcoming.times[0].isoformat(" ", "seconds") if upcoming.times else "error" if upcoming.amiss else "-"
    return [
        visible(cell)
        for cell in (task.name, task.schedule, task.queue, task.task_type, created(task), owner, following)
    ]


def _lines(rows: list[list[str]], title: str) -> list[str]:
    """The table, its title in the frame as `ajc` prints it."""
    from rich.box import ROUNDED
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=ROUNDED)
    table.add_column("Name", no_wrap=True)
    for column in ("Schedule", "Queue", "Task Type", "Created", "Owner", "Next"):
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*map(escape, row))
    # A pipe has no width: nothing is wrapped there.
    widest = sum(max(map(len, column)) for column in zip(*rows, strict=True))
    console = Console(
        width=None if sys.stdout.isatty() else widest + _FRAME,
        color_system="auto" if has_colour(sys.stdout) else None,  # None: nothing is bold either
    )
    with console.capture() as capture:
        console.print(table)
    first, *rest = capture.get().splitlines()
    heading = f"│{title.center(len(first) - 2)}│"
    return [first.replace("┬", "─"), heading, first.replace("╭", "├").replace("╮", "┤"), *rest]


def _say_unreadable(live: Live) -> None:
    from ajsync.reconcile.render.untrusted import visible, visible_sentence

    unreadable = [entry for _, entry in sorted(live.entries.items()) if entry.task is None]
    if unreadable:
        say("Not scheduled tasks, and left alone:")
    for entry in unreadable:
        say(f"  {visible(entry.name)}: {visible_sentence(entry.problem)}")
