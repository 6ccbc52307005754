"""`ajsync validate`: check the files, without a server."""

from __future__ import annotations

import click

from ajsync.cli.options.shared import owned_files_options
from ajsync.cli.options.values import Scope


@click.command()
@owned_files_options
@click.option(
    "--format",
    "style",
    type=click.Choice(["text", "github"]),
    default="text",
    show_default=True,
    help="For people, or with a workflow's annotations too.",
)
def command(scope: Scope, style: str) -> None:
    """Check ajsync.yaml and every schedules file, without a server.

    Every problem of every file is reported as file:line:column. The exit code is 3 if there is one.

    \b
    Examples:
      ajsync validate
      ajsync validate --environment prod
      ajsync validate --format github
    """
    from ajsync.cli.output.terminal import conclude
    from ajsync.cli.project import load_and_warn
    from ajsync.text import counted

    configuration = load_and_warn(scope, annotate=style == "github")
    suspended = f", {len(configuration.suspended):,} of them suspended" if configuration.suspended else ""
    total = counted(len(configuration.tasks) + len(configuration.suspended), "schedule")
    conclude(f"Valid: {total} of {configuration.owner}{suspended}.")
