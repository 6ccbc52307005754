"""`ajsync scheduler`: the elected loop that turns the schedules of the bucket into tasks."""

from __future__ import annotations

import logging

import click

from ajsync.cli.options.shared import log_format_option, scheduler_options, scope_options
from ajsync.cli.options.values import FiringOptions, Scope


@click.command()
@click.argument("name", required=False, envvar="AJC_SCHEDULER_NAME")
@scope_options
@scheduler_options
@click.option(
    "--replicas",
    type=click.IntRange(1, 5),
    default=1,
    show_default=True,
    help="How many replicas the missing streams get that it makes.",
)
@log_format_option
def command(name: str | None, scope: Scope, firing: FiringOptions, replicas: int, log_format: str) -> None:
    """Take part in the election, and make tasks of what is due while leading.

    Run two or more: one leads, and if it dies another takes over after a second. Go schedulers can take part too. NAME
    is shown in logs and in the election, and should be unique; it defaults to $AJC_SCHEDULER_NAME, then the host name.

    \b
    Examples:
      ajsync scheduler
      ajsync scheduler $(hostname -f) --monitor 8080 --context AJC
    """
    from ajsync.cli.output.logs import start_logging
    from ajsync.cli.schedule_loop import run_scheduler, scheduler_settings
    from ajsync.cli.session import chosen_context, configured_context, elsewhere, run

    start_logging(log_format)
    settings = scheduler_settings(name, firing, replicas)
    configured = configured_context(scope, warn=False)
    if warning := elsewhere(scope, configured):
        logging.getLogger(__name__).warning("%s", warning)
    context = chosen_context(scope, configured)
    run(run_scheduler(context, settings, firing, scope.timeout))
