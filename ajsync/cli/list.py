"""`ajsync list`: the schedules in the bucket."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from ajsync.cli.options import Files, Server, files_options, server_options
from ajsync.cli.terminal import has_colour

_FRAME = 64
"""More than the lines and headings of the table take."""

if TYPE_CHECKING:
    from ajsync.asyncjobs.live import Live
    from ajsync.asyncjobs.model import ScheduledTask
    from ajsync.reconcile.render.fires import FireTimes


@click.command()
@files_options
@server_options
@click.option("--names", is_flag=True, help="Print the names only.")
@click.option("--json", "as_json", is_flag=True, help="Print the stored values, as a JSON array.")
def command(files: Files, server: Server, names: bool, as_json: bool) -> None:
    """List the schedules in the bucket: all of them, whoever owns them.

    Values in the bucket that are not scheduled tasks are listed below the table, with the reason.

    \b
    Examples:
      ajsync list
      ajsync list --names --context AJC
      ajsync list --json | jq -r '.[] | select(.queue == "EMAIL") | .name'
    """
    from ajsync.cli.session import configured_context, opened_bucket, run

    async def read() -> Live:
        async with opened_bucket(server, configured_context(files)) as bucket:
            return await bucket.read()

    live = run(read())
    tasks = [entry.task for _, entry in sorted(live.entries.items()) if entry.task is not None]
    if names:
        for task in tasks:
            click.echo(task.name)
    elif as_json:
        from json import dumps

        from ajsync.reconcile.fields import stored_object

        click.echo(dumps([stored_object(task) for task in tasks], indent=2, ensure_ascii=False))
    elif tasks:
        _print_table(tasks)
    else:
        click.echo("No Scheduled Tasks found")
    _print_unreadable(live)


def _print_table(tasks: list[ScheduledTask]) -> None:
    from rich.box import ROUNDED
    from rich.console import Console
    from rich.table import Table

    from ajsync.reconcile.render.fires import FireTimes

    fires = FireTimes(datetime.now(UTC))
    rows = [_cells(task, fires) for task in tasks]
    table = Table(title=f"{len(tasks)} Scheduled Task(s)", box=ROUNDED)
    table.add_column("Name", no_wrap=True)
    for column in ("Schedule", "Queue", "Task Type", "Created", "Owner", "Next"):
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*row)
    # A pipe has no width: nothing is wrapped there.
    widest = sum(max(map(len, column)) for column in zip(*rows, strict=True))
    Console(width=None if sys.stdout.isatty() else widest + _FRAME, no_color=not has_colour(sys.stdout)).print(table)


def _cells(task: ScheduledTask, fires: FireTimes) -> list[str]:
    from rich.markup import escape

    from ajsync.cli.wording import created
    from ajsync.reconcile.render.untrusted import visible

    owner = task.managed.owner if task.managed else "-"
    upcoming = fires.of(task)
    following = upcoming.times[0].isoformat(" ", "seconds") if upcoming.times else upcoming.lines[0]
    cells = (task.name, task.schedule, task.queue, task.task_type, created(task), owner, following)
    return [escape(visible(cell)) for cell in cells]


def _print_unreadable(live: Live) -> None:
    from ajsync.reconcile.render.untrusted import visible, visible_sentence

    unreadable = [entry for _, entry in sorted(live.entries.items()) if entry.task is None]
    if unreadable:
        click.echo("Not scheduled tasks, and left alone:", err=True)
    for entry in unreadable:
        click.echo(f"  {visible(entry.name)}: {visible_sentence(entry.problem)}", err=True)
