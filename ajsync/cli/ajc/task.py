"""`ajsync task`: the way that the Go tool spells it, so that a script for `ajc` runs with `ajsync` in its place."""

from __future__ import annotations

import click

from ajsync.cli.group import LazyGroup
from ajsync.cli.options.options import outer_context_option

OUTER_SEED = "ajsync.sign"
"""Where the --sign that was given before the command is kept, in click's own `meta`."""


def _keep_seed(ctx: click.Context, _param: click.Parameter, file: str | None) -> None:
    if file is not None:
        ctx.meta[OUTER_SEED] = file


def outer_signing_options() -> list[click.Parameter]:
    """The flags of `ajc tasks` that may stand before the commands below it."""
    return [
        click.Option(["--sign"], expose_value=False, hidden=True, callback=_keep_seed),
        click.Option(["--verify"], expose_value=False, hidden=True),
    ]


@click.group(
    cls=LazyGroup,
    table={"cron": "Add, view, delete and list schedules, and run the scheduler."},
    aliases={"c": "cron"},
    groups=("cron",),
    params=outer_signing_options(),
)
@outer_context_option
def command() -> None:
    """The same commands as 'ajc' spells them, 'ajsync task cron add' and so on, for scripts that were written for it.

    Of the commands below 'ajc tasks' there is 'cron' only.
    """
