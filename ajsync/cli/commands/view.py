"""`ajsync view`: show one schedule of the bucket."""

from __future__ import annotations

import click

from ajsync.cli.options.shared import schedule_argument, scope_options, show_payload_option
from ajsync.cli.options.values import Scope
from ajsync.cli.output.data import output_option, show


@click.command()
@schedule_argument
@scope_options
@show_payload_option
@output_option("the stored value", "-j")
def command(name: str, scope: Scope, show_payload: bool, output: str) -> None:
    """Show one schedule of the bucket, when it fires next and who owns it.

    \b
    Examples:
      ajsync view EMAIL_MONTHLY_UPDATE
      ajsync view EMAIL_MONTHLY_UPDATE --json
    """
    from ajsync.cli.output.schedules import schedule_lines
    from ajsync.cli.session import configured_context, on_bucket
    from ajsync.cli.source import stored_task
    from ajsync.reconcile.fields import stored_object

    task = on_bucket(scope, configured_context(scope), lambda bucket: stored_task(bucket, name))
    show(output, lambda: stored_object(task), lambda: schedule_lines(task, show_payload=show_payload))
