"""`ajsync delete`: delete one schedule from the bucket."""

from __future__ import annotations

import sys

import click

from ajsync.cli.options.shared import schedule_argument, scope_options
from ajsync.cli.options.values import Scope
from ajsync.cli.output.data import echo_data, encoded, output_option
from ajsync.cli.output.terminal import conclude, confirm
from ajsync.errors import UsageError
from ajsync.text import visible


@click.command()
@schedule_argument
@scope_options
@click.option("-f", "--force", is_flag=True, help="Delete without asking.")
@click.option("--owner", metavar="NAME", help="Delete it although it belongs to this owner.")
@output_option("an object")
def command(name: str, scope: Scope, force: bool, owner: str | None, output: str) -> None:
    """Delete one schedule from the bucket.

    On a terminal you are asked first; elsewhere --force is needed. A schedule that has an owner is refused: remove it
    from the files and apply them, or name the owner with --owner. A value that is not a scheduled task can be deleted
    too.

    \b
    Examples:
      ajsync delete EMAIL_MONTHLY_UPDATE
      ajsync delete EMAIL_MONTHLY_UPDATE --force
      ajsync delete REPORT_DAILY --owner team
    """
    from ajsync.cli.session import configured_context, on_bucket
    from ajsync.reconcile.single import find_removable, remove

    context = configured_context(scope)
    found = on_bucket(scope, context, lambda bucket: find_removable(bucket, name, owner=owner))
    if not force:
        if not sys.stdin.isatty():
            raise UsageError("There is no terminal to ask on: pass --force.")
        task = found.entry.task if found.entry else None
        what = f"{visible(task.schedule)}, {visible(task.task_type)}" if task else "not a scheduled task"
        confirm(f"Delete {visible(name)} ({what})?", "Nothing was deleted.")
    on_bucket(scope, context, lambda bucket: remove(bucket, found))
    if output == "table":
        conclude(f"Removed Scheduled Task {visible(name)}")
    else:
        echo_data(encoded(output, {"name": name, "deleted": True}))
