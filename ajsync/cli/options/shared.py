"""Options that several commands share, so that each has one name and one help text."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from ajsync.cli.options.environ import OUTER_CONTEXT, VARIABLES, WayOption
from ajsync.cli.options.times import Duration, Zone
from ajsync.cli.options.values import Detail, FiringOptions, Scope, Selectors
from ajsync.cli.options.var import var_option
from ajsync.cli.output.terminal import verbosity
from ajsync.safety import Opened

F = TypeVar("F", bound=Callable[..., Any])

_VERBOSITY = {
    "quiet": "Print nothing on standard error but errors.",
    "verbose": "Log each step on standard error.",
    "debug": "Also log every request, and show a traceback for an unexpected error.",
    "no_pager": "Never show a long list with $PAGER.",
}


def _grouped(kind: Callable[..., Any], into: str, *options: Callable[[F], F]) -> Callable[[F], F]:
    """Give a command `options`, whose values arrive together as one `kind` in its argument `into`."""
    names = list(kind.__dataclass_fields__)  # type: ignore[attr-defined]  # a dataclass

    def decorate(function: F) -> F:
        @wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            kwargs[into] = kind(**{name: kwargs.pop(name) for name in names if name in kwargs})
            return function(*args, **kwargs)

        decorated = cast("F", call)
        for option in reversed(options):
            decorated = option(decorated)
        return decorated

    return decorate


def _suggested(what: str) -> Callable[[click.Context, click.Parameter, str], list[str]]:
    """Let a function of `suggest` complete a value; the module is imported only when a shell asks."""

    def suggestion(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
        from ajsync.cli.options import suggest

        names: list[str] = getattr(suggest, what)(ctx)
        return [name for name in names if name.startswith(incomplete)]

    return suggestion


schedule_argument = click.argument("name", shell_complete=_suggested("schedules"))
optional_schedule_argument = click.argument("name", required=False, shell_complete=_suggested("schedules"))
schedules_argument = click.argument(
    "names", nargs=-1, metavar="[NAME]...", shell_complete=_suggested("further_schedules")
)

environment_option = click.option(
    "-e",
    "--environment",
    metavar="NAME",
    envvar=VARIABLES["environment"],
    show_envvar=True,
    shell_complete=_suggested("environments"),
    help="The environment of the project file to use.",
)
config_option = click.option(
    "-c",
    "--config",
    type=click.Path(path_type=Path),
    envvar=VARIABLES["config"],
    show_envvar=True,
    help="The project file. [default: ajsync.yaml here or in a folder above]",
)
_FILES_OPTIONS = (config_option, environment_option, var_option)
_OWNER_OPTION = click.option(
    "--owner", "expected_owner", metavar="NAME", help="End with 3 unless the files belong to this owner."
)
"""For the commands that read the files, because a pull request can change the files, but not how a command is
called."""
all_environments_option = click.option(
    "--all-environments", is_flag=True, help="Run once for each environment, and end with the worst exit code."
)
from_files_option = click.option(
    "--files", "from_files", is_flag=True, help="Look at the files instead, without a server."
)


def _keep_context(ctx: click.Context, _param: click.Parameter, name: str | None) -> None:
    if name is not None:
        ctx.meta[OUTER_CONTEXT] = name


outer_context_option = click.option(
    "--context",
    metavar="NAME",
    hidden=True,
    expose_value=False,
    callback=_keep_context,
    shell_complete=_suggested("contexts"),
    help="The NATS context, named before the command as `ajc` allows.",
)

_SERVER_OPTIONS = (
    click.option(
        "--context",
        cls=WayOption,
        metavar="NAME",
        default=lambda: click.get_current_context().meta.get(OUTER_CONTEXT),
        envvar=VARIABLES["context"],
        show_envvar=True,
        shell_complete=_suggested("contexts"),
        help="The NATS context. [default: the project's, then $CONTEXT, then AJC]",
    ),
    click.option(
        "--server",
        cls=WayOption,
        metavar="URL",
        envvar=VARIABLES["server"],
        show_envvar=True,
        help="Connect to this server, without a context.",
    ),
    click.option("--timeout", type=Duration(), default=5.0, help="How long connecting may take. [default: 5s]"),
)
scope_options = _grouped(Scope, "scope", *_FILES_OPTIONS, *_SERVER_OPTIONS)
owned_scope_options = _grouped(Scope, "scope", *_FILES_OPTIONS, _OWNER_OPTION, *_SERVER_OPTIONS)
owned_files_options = _grouped(Scope, "scope", *_FILES_OPTIONS, _OWNER_OPTION)
server_options = _grouped(Scope, "scope", *_SERVER_OPTIONS)


class _NotEmpty(click.ParamType[str]):
    """A text that is not empty, because an empty one is most likely an unset variable of a script."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check the text."""
        if not str(value).strip():
            self.fail("it is empty. Is a variable unset?", param, ctx)
        return str(value)


class _LabelText(_NotEmpty):
    """A condition on labels."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check the text."""
        from ajsync.errors import InvalidError
        from ajsync.selection import parse_label_test

        text = super().convert(value, param, ctx)
        try:
            parse_label_test(text)
        except InvalidError as error:
            self.fail(str(error), param, ctx)
        return text


_SELECTORS = (
    click.option(
        "--name",
        "name_patterns",
        type=_NotEmpty(),
        multiple=True,
        metavar="GLOB",
        shell_complete=_suggested("schedules"),
        help="Only schedules whose name fits, such as 'EMAIL_*'; can be repeated.",
    ),
    click.option(
        "-l",
        "--label",
        "label_tests",
        type=_LabelText(),
        multiple=True,
        metavar="LABEL",
        help="Only schedules with NAME=VALUE, NAME!=VALUE, or a label NAME; can be repeated: all must hold.",
    ),
    click.option("--queue", "of_queue", type=_NotEmpty(), metavar="NAME", help="Only schedules of this queue."),
)
_MINE = click.option("--mine", is_flag=True, help="Only schedules of the project's owner.")
selection_options = _grouped(
    Selectors,
    "selectors",
    *_SELECTORS,
    click.option("--owner", "of_owner", type=_NotEmpty(), metavar="NAME", help="Only schedules of this owner."),
    _MINE,
)
project_selection_options = _grouped(Selectors, "selectors", *_SELECTORS, _MINE)
"""The selectors for commands whose --owner says which owner the files must have."""

gate_options = _grouped(
    Opened,
    "opened",
    click.option("--adopt", is_flag=True, help="Take over unmanaged schedules that the files name."),
    click.option(
        "--allow-deletes",
        type=click.IntRange(min=0),
        default=0,
        metavar="N",
        help="Let up to N deletes pass, whatever 'safety' says.",
    ),
    click.option("--allow-empty", is_flag=True, help="Let files without a schedule delete all schedules of the owner."),
    click.option("--allow-older", is_flag=True, help="Let an older commit replace the newer one that was applied."),
)

timezone_option = click.option(
    "--timezone",
    "zone",
    type=Zone(),
    metavar="ZONE",
    help="Show times in this zone. [default: that of the project's defaults, or UTC]",
)
show_payload_option = click.option("--show-payload", is_flag=True, help="Show payloads in full.")
detail_options = _grouped(
    Detail,
    "detail",
    show_payload_option,
    timezone_option,
    click.option("--full", is_flag=True, help="Show every change on a terminal, even if there are very many."),
)

signing_options = (
    click.option(
        "--sign",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="SEEDFILE",
        help="Sign each task with the Ed25519 seed in this file.",
    ),
    click.option("--ajc-payloads", is_flag=True, help="Wrap payloads in JSON once more, as the Go scheduler does."),
)
scheduler_options = _grouped(
    FiringOptions,
    "firing",
    click.option(
        "--monitor",
        metavar="[HOST:]PORT",
        help="Serve metrics, health and a status page there; a bare port means loopback, the host * every interface.",
    ),
    click.option(
        "--monitor-host",
        multiple=True,
        metavar="NAME",
        help="Let the monitor also answer to this host name, such as that of a proxy in front of it.",
    ),
    click.option(
        "--metrics-per-schedule",
        is_flag=True,
        help="Show each schedule's last success, last outcome and next fire in the metrics.",
    ),
    click.option(
        "--takeover-after",
        type=Duration(),
        default=1.0,
        help="Take over from a leader that has been silent for this long. [default: 1s]",
    ),
    click.option(
        "--grace",
        type=Duration(),
        default=30.0,
        help="Fire anything that is at most this late, whatever its catch-up policy. [default: 30s]",
    ),
    click.option(
        "--catchup-window",
        type=Duration(),
        default=3600.0,
        help="How far catch-up looks back for schedules that do not say so themselves. [default: 1h]",
    ),
    *signing_options,
)

log_format_option = click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Log for people or for machines.",
)


def verbosity_options(known: Collection[str] = (), *, hidden: bool = False) -> Iterator[click.Option]:
    """Make the options that say how much a command prints, before or after its name; not those in `known`."""
    for name, text in _VERBOSITY.items():
        flag = f"--{name.replace('_', '-')}"
        if flag not in known:
            yield click.Option(
                [flag], is_flag=True, expose_value=False, hidden=hidden, callback=_keep_verbosity, help=text
            )


def _keep_verbosity(ctx: click.Context, param: click.Parameter, given: bool) -> None:
    if not given or ctx.resilient_parsing:  # completion in a shell must print no logs
        return
    setattr(verbosity, param.name or "", True)
    if verbosity.quiet and (verbosity.verbose or verbosity.debug):
        raise click.UsageError("--quiet cannot be combined with --verbose or --debug.", ctx)
    if verbosity.quiet or verbosity.verbose or verbosity.debug:
        from ajsync.cli.output.logs import start_logging

        start_logging()
