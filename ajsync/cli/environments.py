"""Run a command for one environment, or once for each, with a result for each and the worst exit code of all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import click

from ajsync.cli.options.environ import is_option
from ajsync.cli.options.values import Scope
from ajsync.cli.output.data import echo_data, encoded
from ajsync.cli.output.terminal import show_error, stdout_paint
from ajsync.cli.project import given, load
from ajsync.cli.runs import Ended, Runs
from ajsync.config import load_context
from ajsync.config.project import find_project, list_environments
from ajsync.errors import AjsyncError, UsageError
from ajsync.text import visible

_DOCUMENTS = frozenset(("json", "yaml"))
_LEAST = (0, 2)
"""The exit codes that are not failures: nothing to do, and changes where asked for."""


Work: TypeAlias = Callable[[Scope, Runs], Ended]
"""A command that runs in one environment."""


def run_in(scope: Scope, work: Work, style: str, *, each: bool, headed: bool = False) -> None:
    """Run a command in the environment of `scope`, or in `each` of the project, and end with its exit code.

    An error in one of several environments is shown, and the others go on; `headed` puts a line with its name above
    what is printed for each. Raises UsageError for a project without environments.
    """
    if not each:
        _end([work(scope, Runs()).exit_code])
        return
    if is_option("environment"):
        raise UsageError("--all-environments cannot be combined with --environment.")
    runs, documents = Runs(several=True, documents=style in _DOCUMENTS), []
    for name in _environments(scope):
        if headed:
            heading = stdout_paint()("strong", f"Environment {visible(name)}")
            click.echo(f"\n{heading}" if runs.codes else heading, color=True)
        ended, error = _ended(replace(scope, environment=name), work, runs)
        runs.codes.append(ended.exit_code)
        documents.append({"environment": name, "exit_code": ended.exit_code, "error": error, "result": ended.document})
    if runs.documents:
        echo_data(encoded(style, {"environments": documents}))
    _end(runs.codes)


def worst(codes: Sequence[int]) -> int:
    """The exit code of several runs: the highest one of the failures, or else 2 if there are changes."""
    return max(codes, key=lambda code: (code not in _LEAST, code), default=0)


def _ended(scope: Scope, work: Work, runs: Runs) -> tuple[Ended, str | None]:
    """How a command ended, and the text of its error, which is shown."""
    try:
        return work(scope, runs), None
    except UsageError:
        raise  # an error of the command line is the same for all
    except AjsyncError as error:
        show_error(error, where=place_of(scope), told=runs.problems)
        return Ended(error.exit_code), str(error)


def place_of(scope: Scope) -> str:
    """The environment of one of several runs, to begin a sentence about it."""
    return f"Environment {visible(scope.environment or '')}"


def _environments(scope: Scope) -> Sequence[str]:
    names = list_environments(Path.cwd(), scope.config)
    if names:
        return names
    # An error of the file itself, or that there is none, says more.
    if scope.config is None and find_project(Path.cwd()) is None:
        load(replace(scope, environment=None))
    load_context(Path.cwd(), project=scope.config, variables=given(scope))
    raise UsageError("The project file has no environments: leave --all-environments out.")


def _end(codes: Sequence[int]) -> None:
    if code := worst(codes):
        raise click.exceptions.Exit(code)
