"""`ajsync list`: list the schedules in the bucket."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo

import click

from ajsync.cli.options.shared import scope_options, selection_options, timezone_option
from ajsync.cli.options.values import Creation, Scope, Selectors
from ajsync.cli.output.data import output_option, show


@click.command()
@selection_options
@scope_options
@click.option("--names", is_flag=True, help="Print the names only.")
@timezone_option
@output_option("the stored values as an array")
@click.option("--create-bucket", is_flag=True, hidden=True, help="Make the bucket if it is missing, as 'ajc' does.")
def command(
    selectors: Selectors, scope: Scope, names: bool, zone: tzinfo | None, output: str, create_bucket: bool
) -> None:
    """List the schedules in the bucket: those of all owners or the selected ones, including paused ones.

    Schedules that cannot fire, and values in the bucket that are not scheduled tasks, are listed below the table, with
    the reason. On a narrow terminal long texts are shortened, and then columns are left out; a pipe and --output have
    everything.

    \b
    Examples:
      ajsync list
      ajsync list --names --context AJC
      ajsync list --mine --queue EMAIL
      ajsync list --name 'EMAIL_*' -l team=payments -l tier!=gold
      ajsync list --json | jq -r '.[] | select(.max_tries == 1) | .name'
    """
    from ajsync.cli.output import schedules
    from ajsync.cli.project import zone_of
    from ajsync.cli.source import read_source
    from ajsync.reconcile.fields import entry_object
    from ajsync.reconcile.render.fires import PAUSED, FireTimes
    from ajsync.reconcile.render.wording import pause_told

    source = read_source(scope, selectors, creation=Creation() if create_bucket else None)
    tasks = source.tasks
    if names:
        listed = [task.name for task in tasks]
        show(output, lambda: listed, lambda: listed)
    else:
        where = zone_of(scope, zone)
        times = FireTimes(datetime.now(UTC), where)
        fires = (
            [PAUSED if task.name in source.paused else times.of(task) for task in tasks] if output == "table" else []
        )
        show(
            output,
            lambda: [entry_object(task, source.paused.get(task.name)) for task in tasks],
            lambda: schedules.schedules_table(tasks, fires, where),
        )
        if output == "table":
            amiss = {task.name: found.lines[0] for task, found in zip(tasks, fires, strict=True) if found.amiss}
            schedules.say_why("These schedules do not fire:", amiss)
            paused = {name: pause_told(pause, where) for name, pause in source.paused.items()}
            schedules.say_why("These schedules are paused, and 'ajsync resume' brings them back:", paused)
    schedules.say_unreadable(source.unreadable)
