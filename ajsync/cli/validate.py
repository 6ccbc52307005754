"""`ajsync validate`: check the files, without a server."""

from __future__ import annotations

import click

from ajsync.cli.options import Files, files_options


@click.command()
@files_options
def command(files: Files) -> None:
    """Check ajsync.yaml and every schedules file, without a server.

    Every problem of every file is reported, as file:line:column. The exit code is 3 if there is one.

    \b
    Examples:
      ajsync validate
      ajsync validate --environment prod
    """
    from pathlib import Path

    from ajsync.config import load_configuration

    configuration = load_configuration(Path.cwd(), project=files.config, environment=files.environment)
    suspended = f", {len(configuration.suspended)} of them suspended" if configuration.suspended else ""
    total = len(configuration.tasks) + len(configuration.suspended)
    click.echo(f"Valid: {total} schedules of {configuration.owner}{suspended}.")
