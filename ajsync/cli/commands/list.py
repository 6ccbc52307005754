"""`ajsync list`: list the schedules in the bucket."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from ajsync.cli.options.shared import scope_options
from ajsync.cli.options.values import Creation, Scope
from ajsync.cli.output.data import output_option, show
from ajsync.text import one_line


@click.command()
@scope_options
@click.option("--names", is_flag=True, help="Print the names only.")
@output_option("the stored values as an array")
@click.option("--create-bucket", is_flag=True, hidden=True, help="Make the bucket if it is missing, as 'ajc' does.")
def command(scope: Scope, names: bool, output: str, create_bucket: bool) -> None:
    """List the schedules in the bucket, of all owners.

    Schedules that cannot fire, and values in the bucket that are not scheduled tasks, are listed below the table, with
    the reason. On a narrow terminal some columns are omitted; a pipe and --output have all of them.

    \b
    Examples:
      ajsync list
      ajsync list --names --context AJC
      ajsync list --json | jq -r '.[] | select(.queue == "EMAIL") | .name'
    """
    from ajsync.cli.output import schedules
    from ajsync.cli.session import configured_context, on_bucket
    from ajsync.reconcile.fields import stored_object
    from ajsync.reconcile.render.fires import FireTimes

    creation = Creation() if create_bucket else None
    live = on_bucket(scope, configured_context(scope), lambda bucket: bucket.read(), creation)
    entries = [entry for _, entry in sorted(live.entries.items())]
    tasks = [entry.task for entry in entries if entry.task is not None]
    if names:
        listed = [task.name for task in tasks]
        show(output, lambda: listed, lambda: listed)
    else:
        times = FireTimes(datetime.now(UTC))
        fires = [times.of(task) for task in tasks] if output == "table" else []
        show(output, lambda: [stored_object(task) for task in tasks], lambda: schedules.schedules_table(tasks, fires))
        if output == "table":
            amiss = {task.name: found.lines[0] for task, found in zip(tasks, fires, strict=True) if found.amiss}
            schedules.say_why("These schedules do not fire:", amiss)
    unreadable = {entry.name: one_line(entry.problem) for entry in entries if entry.task is None}
    schedules.say_why("These values are not scheduled tasks, and are left alone:", unreadable)
