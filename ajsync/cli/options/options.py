"""Options that several commands share, so that each has one name and one help text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from ajsync.errors import ScheduleError
from ajsync.safety import Opened

F = TypeVar("F", bound=Callable[..., Any])


class Duration(click.ParamType[float]):
    """A Go duration such as `5m` or `1h30m`; the command gets seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Parse the text; numbers are defaults, in seconds already."""
        from ajsync.schedule import parse_duration

        if isinstance(value, float):
            return value
        try:
            seconds = parse_duration(value) / 1e9
        except ScheduleError as error:
            self.fail(str(error), param, ctx)
        if seconds <= 0:
            self.fail(f"{value!r} is not longer than nothing", param, ctx)
        return seconds


@dataclass(frozen=True, slots=True)
class Files:
    """Which configuration to load."""

    config: Path | None
    environment: str | None
    expected_owner: str | None = None
    """Who the files have to belong to, as somebody says who does not write them."""


@dataclass(frozen=True, slots=True)
class Server:
    """Which server to connect to, and how long to try."""

    context: str | None
    server: str | None
    timeout: float


@dataclass(frozen=True, slots=True)
class FiringOptions:
    """How to fire."""

    monitor: str | None
    monitor_host: tuple[str, ...]
    takeover_after: float
    grace: float
    catchup_window: float
    sign: Path | None
    ajc_payloads: bool


def _grouped(kind: Callable[..., Any], into: str, *options: Callable[[F], F]) -> Callable[[F], F]:
    """Give a command `options`, whose values arrive together as one `kind` in its argument `into`."""
    names = list(kind.__dataclass_fields__)  # type: ignore[attr-defined]  # a dataclass

    def decorate(function: F) -> F:
        from functools import wraps

        @wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            kwargs[into] = kind(**{name: kwargs.pop(name) for name in names if name in kwargs})
            return function(*args, **kwargs)

        decorated = cast("F", call)
        for option in reversed(options):
            decorated = option(decorated)
        return decorated

    return decorate


Suggestion = Callable[[click.Context, click.Parameter, str], list[str]]


def _suggested(what: str) -> Suggestion:
    """Let a function of `suggest` complete a value; the module is imported once a shell asks."""

    def suggestion(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
        from ajsync.cli.options import suggest

        names: list[str] = getattr(suggest, what)(ctx)
        return [name for name in names if name.startswith(incomplete)]

    return suggestion


schedule_argument = click.argument("name", shell_complete=_suggested("schedules"))
schedules_argument = click.argument(
    "names", nargs=-1, metavar="[NAME]...", shell_complete=_suggested("further_schedules")
)

_FILES_OPTIONS = (
    click.option(
        "-c",
        "--config",
        type=click.Path(path_type=Path),
        help="The project file. [default: ajsync.yaml here or in a folder above]",
    ),
    click.option(
        "-e",
        "--environment",
        metavar="NAME",
        shell_complete=_suggested("environments"),
        help="The environment of the project file to use.",
    ),
)
files_options = _grouped(Files, "files", *_FILES_OPTIONS)
owned_files_options = _grouped(
    Files,
    "files",
    *_FILES_OPTIONS,
    click.option(
        "--owner",
        "expected_owner",
        metavar="NAME",
        help="End with 3 unless the files belong to this owner, whatever they say.",
    ),
)
"""For the commands that read the files: a pull request can change those, and not how it is called."""

_OUTER_CONTEXT = "ajsync.context"
"""Where a context that was named before the command is kept, in click's own `meta`."""


def _keep_context(ctx: click.Context, _param: click.Parameter, name: str | None) -> None:
    if name is not None:
        ctx.meta[_OUTER_CONTEXT] = name


outer_context_option = click.option(
    "--context",
    metavar="NAME",
    hidden=True,
    expose_value=False,
    callback=_keep_context,
    shell_complete=_suggested("contexts"),
    help="The NATS context, named before the command as `ajc` allows.",
)

server_options = _grouped(
    Server,
    "server",
    click.option(
        "--context",
        metavar="NAME",
        default=lambda: click.get_current_context().meta.get(_OUTER_CONTEXT),
        shell_complete=_suggested("contexts"),
        help="The NATS context. [default: the project's, then $CONTEXT, then AJC]",
    ),
    click.option("--server", metavar="URL", help="Connect there, without any context."),
    click.option("--timeout", type=Duration(), default=5.0, help="How long connecting may take. [default: 5s]"),
)

gate_options = _grouped(
    Opened,
    "opened",
    click.option("--adopt", is_flag=True, help="Take over schedules of nobody that the files name."),
    click.option(
        "--allow-deletes",
        type=click.IntRange(min=0),
        default=0,
        metavar="N",
        help="Let up to N deletes pass, whatever 'safety' says.",
    ),
    click.option("--allow-empty", is_flag=True, help="Let files without any schedule delete all that is owned."),
)

show_payload_option = click.option(
    "--show-payload", is_flag=True, help="Show payloads, which are otherwise a size and a digest."
)

scheduler_options = _grouped(
    FiringOptions,
    "fires",
    click.option(
        "--monitor",
        metavar="[HOST:]PORT",
        help="Serve metrics, health and a status page there; a bare port is on loopback.",
    ),
    click.option(
        "--monitor-host",
        multiple=True,
        metavar="NAME",
        help="Let the monitor answer to this name too, such as that of a proxy in front of it.",
    ),
    click.option(
        "--takeover-after",
        type=Duration(),
        default=3.0,
        help="Replace a leader that has been silent for so long. [default: 3s]",
    ),
    click.option(
        "--grace",
        type=Duration(),
        default=30.0,
        help="Fire what is late by no more than this, whatever its catch-up policy. [default: 30s]",
    ),
    click.option(
        "--catchup-window",
        type=Duration(),
        default=3600.0,
        help="How far catch-up looks back, where a schedule does not say. [default: 1h]",
    ),
    click.option(
        "--sign",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="SEEDFILE",
        help="Sign tasks with the Ed25519 seed in this file.",
    ),
    click.option("--ajc-payloads", is_flag=True, help="Wrap payloads in JSON once more, as the Go scheduler does."),
)

log_format_option = click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Logs for people or for machines.",
)
