"""The environment variables that stand in for options, such as AJSYNC_CONTEXT for --context; an option wins over it."""

from __future__ import annotations

from typing import Any

import click
from click.core import ParameterSource

OUTER_CONTEXT = "ajsync.context"
"""The key in click's `meta` of a context that was named before the command."""
VARIABLES = {
    "config": "AJSYNC_CONFIG",
    "environment": "AJSYNC_ENVIRONMENT",
    "context": "AJSYNC_CONTEXT",
    "server": "AJSYNC_SERVER",
}
"""The variables that stand in for options, by the names of the options."""
_WAYS = ("context", "server")
"""The options that name a server, of which one is enough."""


def spelled(parameter: str) -> str:
    """How the value of an option was given: `--context`, or `AJSYNC_CONTEXT`."""
    return VARIABLES[parameter] if _source(parameter) is ParameterSource.ENVIRONMENT else f"--{parameter}"


def is_option(parameter: str) -> bool:
    """Whether an option was given on the command line, and not by its variable."""
    return _source(parameter) is ParameterSource.COMMANDLINE


def _source(parameter: str) -> ParameterSource | None:
    ctx = click.get_current_context(silent=True)
    return None if ctx is None else ctx.get_parameter_source(parameter)


class WayOption(click.Option):
    """`--context` or `--server`, whose variable is ignored if an option names either of them."""

    def resolve_envvar_value(self, ctx: click.Context) -> Any:
        """Read the variable; click has already read the options of the command line."""
        others = [ctx.get_parameter_source(name) for name in _WAYS if name != self.name]
        if OUTER_CONTEXT in ctx.meta or ParameterSource.COMMANDLINE in others:
            return None
        return super().resolve_envvar_value(ctx)
