"""`ajsync validate`: check the files, without a server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import click

from ajsync.cli.options.shared import all_environments_option, owned_files_options
from ajsync.cli.options.values import Scope
from ajsync.cli.output.data import format_option
from ajsync.cli.runs import Ended, Runs
from ajsync.errors import ConfigurationError, Problem


@click.command()
@owned_files_options
@all_environments_option
@format_option("text", "json", "yaml", "github", help="For people, for machines, or as a workflow's annotations too.")
def command(scope: Scope, all_environments: bool, style: str) -> None:
    """Check ajsync.yaml and every schedules file, without a server.

    Every problem of every file is reported as file:line:column. The exit code is 3 if there is one.

    \b
    Examples:
      ajsync validate
      ajsync validate --environment prod
      ajsync validate --all-environments
      ajsync validate --format github
    """
    from ajsync.cli.environments import run_in

    run_in(scope, partial(_validate, style), style, each=all_environments)


def _validate(style: str, scope: Scope, runs: Runs) -> Ended:
    from ajsync.cli.environments import place_of
    from ajsync.cli.output.data import echo_data, encoded
    from ajsync.cli.output.terminal import conclude, show_error
    from ajsync.cli.project import load_and_warn
    from ajsync.text import counted

    for_program = style in ("json", "yaml")
    where = place_of(scope) if runs.several else ""
    try:
        configuration = load_and_warn(scope, annotate=style == "github", runs=runs)
    except ConfigurationError as error:
        if not for_program:
            raise
        show_error(error, where=where, told=runs.problems)
        code, document = error.exit_code, _document(error.problems)
    else:
        suspended = len(configuration.suspended)
        total = len(configuration.tasks) + suspended
        code, document = 0, _document(owner=configuration.owner, schedules=total, suspended=suspended)
        if not for_program:
            of_them = f", {suspended:,} of them suspended" if suspended else ""
            valid = f"{where} is valid" if where else "Valid"
            conclude(f"{valid}: {counted(total, 'schedule')} of {configuration.owner}{of_them}.")
    if for_program and not runs.documents:
        echo_data(encoded(style, document))
    return Ended(code, document)


def _document(
    problems: Sequence[Problem] = (),
    owner: str | None = None,
    schedules: int | None = None,
    suspended: int | None = None,
) -> dict[str, Any]:
    return {
        "valid": not problems,
        "owner": owner,
        "schedules": schedules,
        "suspended": suspended,
        "problems": [asdict(problem) for problem in problems],
    }
