"""`ajsync validate`: check the files, without a server."""

from __future__ import annotations

import click

from ajsync.cli.options.options import Files, owned_files_options


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
def command(files: Files, style: str) -> None:
    """Check ajsync.yaml and every schedules file, without a server.

    Every problem of every file is reported, as file:line:column. The exit code is 3 if there is one.

    \b
    Examples:
      ajsync validate
      ajsync validate --environment prod
      ajsync validate --format github
    """
    from pathlib import Path

    from ajsync.cli.output.terminal import conclude
    from ajsync.cli.output.unmatched import warn_of_overlooked
    from ajsync.text import counted

    if style == "github":
        from ajsync.cli.output.annotations import annotated

        configuration = annotated(files)
    else:
        from ajsync.config import load_configuration

        configuration = load_configuration(
            Path.cwd(), project=files.config, environment=files.environment, owner=files.expected_owner
        )
    warn_of_overlooked(configuration)
    suspended = f", {len(configuration.suspended)} of them suspended" if configuration.suspended else ""
    total = len(configuration.tasks) + len(configuration.suspended)
    conclude(f"Valid: {counted(total, 'schedule')} of {configuration.owner}{suspended}.")
