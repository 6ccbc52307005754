"""`ajsync task`: the way that the Go tool spells it, so that a script for `ajc` runs with `ajsync` in its place."""

from __future__ import annotations

import click

from ajsync.cli.group import LazyGroup
from ajsync.cli.options import outer_context_option


@click.group(
    cls=LazyGroup,
    table={"cron": "Add, view, delete and list schedules, and run the scheduler."},
    aliases={"c": "cron"},
)
@outer_context_option
def command() -> None:
    """The same commands as 'ajc' spells them, 'ajsync task cron add' and so on, for scripts that were written for it.

    Of the commands below 'ajc tasks' there is 'cron' only.
    """
