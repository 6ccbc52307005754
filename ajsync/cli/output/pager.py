"""Long lists on a terminal, through $PAGER as git shows them."""

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

from ajsync.cli.options.verbosity import current

_STYLE = re.compile("\x1b\\[[0-9;]*m")


def page(lines: Iterable[str]) -> None:
    """Print lines, which keep their colours; through the pager where a terminal is too low for them."""
    lines = list(lines)
    if not lines:
        return
    text = "\n".join(lines)
    if not (_too_low(lines) and _shown_by_pager(text)):
        click.echo(text, color=True)


def _too_low(lines: Sequence[str]) -> bool:
    """True if somebody sits at a terminal that shows less than these lines and the prompt below them."""
    # Without a terminal to type on, as in some jobs of CI, nobody could leave the pager.
    if current.no_pager or not (sys.stdin.isatty() and sys.stdout.isatty()) or os.environ.get("TERM") == "dumb":
        return False
    width, height = shutil.get_terminal_size()
    rows = 0
    for line in lines:
        rows += max(-(-len(_STYLE.sub("", line)) // max(width, 1)), 1)
        if rows >= height:
            return True
    return False


def _shown_by_pager(text: str) -> bool:
    """True once the user has left the pager; False if there is none."""
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
            environment["LESS"] = "FRX"  # as git: it ends at once if all fits, and leaves the text on the screen
    try:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, env=environment)
    except OSError:
        return False
    # Ctrl-C is the pager's while it runs. From here on, so that the pager does not inherit it.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        process.communicate(text.encode(errors="backslashreplace") + b"\n")  # it is no error to leave before the end
    finally:
        signal.signal(signal.SIGINT, before)
    return True
