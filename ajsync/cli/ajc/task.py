"""`ajsync task`: the spelling of the Go tool, so that a script for `ajc` runs with `ajsync` in its place."""

from __future__ import annotations

import click

from ajsync.cli.group import LazyGroup
from ajsync.cli.options.shared import outer_context_option

OUTER_SEED = "ajsync.sign"
"""The key in click's `meta` of a --sign that was given before the command."""


def _keep_seed(ctx: click.Context, _param: click.Parameter, file: str | None) -> None:
    if file is not None:
        ctx.meta[OUTER_SEED] = file


def outer_signing_options() -> list[click.Parameter]:
    """Make the flags of `ajc tasks` that can come before the commands below it."""
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
    """The same commands in the spelling of 'ajc', such as 'ajsync task cron add', for scripts that were written for it.

    'cron' is the only command of 'ajc tasks' that is here.
    """
