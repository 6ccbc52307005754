"""Long lists on a terminal, shown through $PAGER as git does."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Sequence

import click

from ajsync.cli.output.terminal import verbosity

_STYLE = re.compile("\x1b\\[[0-9;]*m")


def page(lines: Iterable[str]) -> None:
    """Print lines with their colours; through the pager where the terminal has too few rows."""
    lines = list(lines)
    if not lines:
        return
    text = "\n".join(lines)
    if not (_too_low(lines) and _shown_by_pager(text)):
        click.echo(text, color=True)


def _too_low(lines: Sequence[str]) -> bool:
    """Whether there is a person at a terminal that cannot show these lines and the prompt below them."""
    # Without a terminal to type on, as in some CI jobs, the pager could not be left.
    if verbosity.no_pager or not (sys.stdin.isatty() and sys.stdout.isatty()) or os.environ.get("TERM") == "dumb":
        return False
    width, height = shutil.get_terminal_size()
    rows = 0
    for line in lines:
        rows += max(-(-len(_STYLE.sub("", line)) // max(width, 1)), 1)
        if rows >= height:
            return True
    return False


def _shown_by_pager(text: str) -> bool:
    """Show a text in the pager until the user leaves it; False if there is no pager."""
    try:
        command = shlex.split(os.environ.get("PAGER", "less"))
    except ValueError:
        return False
    if not command or command[0] == "cat" or shutil.which(command[0]) is None:
        return False
    environment = dict(os.environ)
    if os.path.basename(command[0]) == "less":  # noqa: PTH119 - a word of a command line
        if "LESS" in environment:
            command.append("-R")  # colours, whatever else the user likes
        else:
            environment["LESS"] = "FRX"  # as git does: end at once if all fits, and leave the text on the screen
    try:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, env=environment)
    except OSError:
        return False
    # Ctrl-C belongs to the pager while it runs. Ignored only from here on, so that the pager does not inherit that.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        process.communicate(text.encode(errors="backslashreplace") + b"\n")  # leaving before the end is not an error
    finally:
        signal.signal(signal.SIGINT, before)
    return True
