"""How much a command says: the options --quiet, --verbose, --debug and --no-pager, before or after its name."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import click


@dataclass(slots=True)
class Verbosity:
    """What the options say."""

    quiet: bool = False
    """Nothing on standard error but errors."""
    verbose: bool = False
    debug: bool = False
    no_pager: bool = False


current = Verbosity()
"""Of this process: also what reports an error after the command has ended, and knows no context of click, reads it."""

_OPTIONS = {
    "quiet": "Say nothing on standard error but errors.",
    "verbose": "Log what is done, on standard error.",
    "debug": "Log every request too, and show a traceback for an unexpected error.",
    "no_pager": "Never show a long list with $PAGER.",
}


def reset() -> None:
    """Forget the options of an earlier command line of this process."""
    for name in _OPTIONS:
        setattr(current, name, False)


def verbosity_options(known: Collection[str] = (), *, hidden: bool = False) -> Iterator[click.Option]:
    """The options, without those whose names are in `known`."""
    for name, told in _OPTIONS.items():
        flag = f"--{name.replace('_', '-')}"
        if flag not in known:
            yield click.Option([flag], is_flag=True, expose_value=False, hidden=hidden, callback=_keep, help=told)


def _keep(ctx: click.Context, param: click.Parameter, given: bool) -> None:
    if not given or ctx.resilient_parsing:  # a shell that completes a command does not want its logs
        return
    setattr(current, param.name or "", True)
    if current.quiet and (current.verbose or current.debug):
        raise click.UsageError("--quiet goes with neither --verbose nor --debug.", ctx)
    if current.quiet or current.verbose or current.debug:
        from ajsync.cli.output.logs import start_logging

        start_logging()
