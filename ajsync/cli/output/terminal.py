"""What is said beside the data, and colour where there is a terminal that wants it."""

from __future__ import annotations

import os
import sys
from typing import TextIO

import click

from ajsync.cli.options.verbosity import current


def has_colour(stream: TextIO) -> bool:
    """True if `stream` is a terminal that can show colours, and NO_COLOR is not set (no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def paint(label: str, colour: str, text: str) -> None:
    """Print a coloured label and a text on standard error."""
    coloured = has_colour(sys.stderr)
    label = click.style(label, fg=colour, bold=True) if coloured else label
    click.echo(f"{label} {text}", err=True, color=coloured)


def say(text: str) -> None:
    """Tell something that is no error, on standard error."""
    if not current.quiet:
        click.echo(text, err=True)


def warn(text: str) -> None:
    """Warn, on standard error."""
    if not current.quiet:
        paint("Warning:", "yellow", text)


def conclude(text: str) -> None:
    """Say on standard output what was done, in a sentence that is no data: --quiet does without it."""
    if not current.quiet:
        click.echo(text)
