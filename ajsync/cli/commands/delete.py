"""`ajsync delete`: one schedule less in the bucket."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from ajsync.cli.options.options import Files, Server, files_options, schedule_argument, server_options
from ajsync.cli.output.terminal import conclude, say
from ajsync.errors import UsageError

if TYPE_CHECKING:
    from ajsync.reconcile.single import Found


@click.command()
@schedule_argument
@files_options
@server_options
@click.option("-f", "--force", is_flag=True, help="Delete without asking.")
@click.option("--owner", metavar="NAME", help="Delete it though it belongs to this owner's files.")
def command(name: str, files: Files, server: Server, force: bool, owner: str | None) -> None:
    """Delete one schedule from the bucket.

    On a terminal this is confirmed first; elsewhere --force is needed. A schedule that files own is refused: take it
    out of the files and apply them, or name the owner with --owner. A value that is not a scheduled task can be deleted
    too.

    \b
    Examples:
      ajsync delete EMAIL_MONTHLY_UPDATE
      ajsync delete EMAIL_MONTHLY_UPDATE --force
      ajsync delete REPORT_DAILY --owner team
    """
    from ajsync.cli.options.session import configured_context, opened_bucket, run
    from ajsync.reconcile.single import find_removable, remove
    from ajsync.text import visible

    if not force and not sys.stdin.isatty():
        raise UsageError("There is no terminal to confirm on: pass --force.")
    context = configured_context(files, server)

    async def look() -> Found:
        async with opened_bucket(server, context) as bucket:
            return await find_removable(bucket, name, owner=owner)

    async def delete(found: Found) -> None:
        async with opened_bucket(server, context) as bucket:
            await remove(bucket, found)

    found = run(look())
    if not force:
        _confirm(found)
    run(delete(found))
    conclude(f"Removed Scheduled Task {visible(name)}")


def _confirm(found: Found) -> None:
    from ajsync.text import visible

    assert found.entry is not None
    task = found.entry.task
    what = f"{visible(task.schedule)}, {visible(task.task_type)}" if task else "not a scheduled task"
    if not click.confirm(f"Delete {visible(found.entry.name)} ({what})?", err=True):
        say("Nothing was deleted.")
        raise click.exceptions.Exit(1)
