"""How much a command says: the options --quiet, --verbose, --debug and --no-pager, before or after its name."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import click

from ajsync.cli.output.terminal import verbosity

_OPTIONS = {
    "quiet": "Print nothing on standard error but errors.",
    "verbose": "Log each step on standard error.",
    "debug": "Log every request too, and show a traceback for an unexpected error.",
    "no_pager": "Never show a long list with $PAGER.",
}


def verbosity_options(known: Collection[str] = (), *, hidden: bool = False) -> Iterator[click.Option]:
    """Make the options whose names are not in `known`."""
    for name, text in _OPTIONS.items():
        flag = f"--{name.replace('_', '-')}"
        if flag not in known:
            yield click.Option([flag], is_flag=True, expose_value=False, hidden=hidden, callback=_keep, help=text)


def _keep(ctx: click.Context, param: click.Parameter, given: bool) -> None:
    if not given or ctx.resilient_parsing:  # a shell that completes a command does not want its logs
        return
    setattr(verbosity, param.name or "", True)
    if verbosity.quiet and (verbosity.verbose or verbosity.debug):
        raise click.UsageError("--quiet cannot be combined with --verbose or --debug.", ctx)
    if verbosity.quiet or verbosity.verbose or verbosity.debug:
        from ajsync.cli.output.logs import start_logging

        start_logging()
