"""`ajsync task`: the commands as the Go tool spells them, with all its flags, so that a script for `ajc` runs."""

from __future__ import annotations

from collections.abc import Iterator

import click

from ajsync.cli.commands import COMMANDS, CRON_ALIASES
from ajsync.cli.group import LazyGroup
from ajsync.cli.options.shared import outer_context_option

_OUTER_SEED = "ajsync.sign"
"""The key in click's `meta` of a --sign that was given before the command."""


class _CronGroup(LazyGroup):
    """A group whose commands take the flags that `ajc` accepts for all of its commands."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a copy of the command of ajsync, with the additional flags."""
        command = super().get_command(ctx, cmd_name)
        if command is not None:
            command.params = [*command.params, *_further_flags(command)]
        return command


def _further_flags(command: click.Command) -> Iterator[click.Option]:
    """Flags without an effect: those that `ajc` has for all commands, and the negation of each flag."""
    known = {name for param in command.params for name in param.opts}
    flags = [param for param in command.params if isinstance(param, click.Option) and param.is_flag]
    for name in [name for flag in flags for name in flag.opts if name.startswith("--")]:
        yield click.Option([f"--no-{name.removeprefix('--')}"], is_flag=True, expose_value=False, hidden=True)
    for name in ("--sign", "--verify"):
        if name not in known:
            yield click.Option([name], expose_value=False, hidden=True)


def _keep_seed(ctx: click.Context, _param: click.Parameter, file: str | None) -> None:
    if file is not None:
        ctx.meta[_OUTER_SEED] = file


_SIGNING_OPTIONS = (
    click.Option(["--sign"], expose_value=False, hidden=True, callback=_keep_seed),
    click.Option(["--verify"], expose_value=False, hidden=True),
)
"""The flags of `ajc tasks` that can come before the commands below it."""


@click.group(
    cls=LazyGroup,
    table={"cron": "Add, view, delete and list schedules, and run the scheduler."},
    aliases={"c": "cron"},
    params=[*_SIGNING_OPTIONS],
)
@outer_context_option
def command() -> None:
    """The same commands in the spelling of 'ajc', such as 'ajsync task cron add', for scripts that were written for it.

    'cron' is the only command of 'ajc tasks' that exists here.
    """


@command.group(
    cls=_CronGroup,
    table={name: COMMANDS[name] for name in ("add", "view", "delete", "list", "scheduler")},
    aliases=CRON_ALIASES,
    # The Go tool makes the bucket whenever it is missing.
    context_settings={"default_map": {"add": {"create_bucket": True}, "list": {"create_bucket": True}}},
    params=[*_SIGNING_OPTIONS],
)
@outer_context_option
@click.pass_context
def cron(ctx: click.Context) -> None:
    """The commands for schedules in the spelling of 'ajc'.

    These are commands of ajsync with its options. As in 'ajc', 'add' and 'list' make the bucket when it is missing.
    --sign and --verify are accepted everywhere as by 'ajc', but only the --sign of the scheduler has an effect.
    """
    if _OUTER_SEED in ctx.meta:
        ctx.default_map = {**(ctx.default_map or {}), "scheduler": {"sign": ctx.meta[_OUTER_SEED]}}
