"""What is printed beside the data, in colour on a terminal that wants it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import TextIO

import click

from ajsync.errors import AjsyncError, ConfigurationError, Problem
from ajsync.fitting import cells, wrapped
from ajsync.text import Paint, counted, escape, plural

_USUAL_WIDTH = 80
"""The columns of a terminal that does not say how many it has."""
_PATIENCE_SECONDS = 1.0
"""Seconds from the beginning of some work to the bar that shows its progress."""


@dataclass(slots=True)
class Verbosity:
    """How much this process prints, as its options say."""

    quiet: bool = False
    """Whether to print only errors on standard error."""
    verbose: bool = False
    debug: bool = False
    no_pager: bool = False

    def reset(self) -> None:
        """Forget the options of an earlier command line of this process."""
        self.quiet = self.verbose = self.debug = self.no_pager = False


verbosity = Verbosity()
"""The verbosity of this process; it is global because errors are reported after click's context has ended."""


def has_colour(stream: TextIO) -> bool:
    """Whether `stream` is a terminal that can show colours, and NO_COLOR is not set (no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def stdout_paint() -> Paint:
    """Return the styles for standard output: none unless it is a terminal that wants colours."""
    return Paint(has_colour(sys.stdout))


def stderr_paint() -> Paint:
    """Return the styles for standard error."""
    return Paint(has_colour(sys.stderr))


def stdout_width() -> int | None:
    """Return the columns of the terminal; None for a pipe, where nothing is shortened or broken."""
    return _width(sys.stdout)


def _width(stream: TextIO) -> int | None:
    if not stream.isatty():
        return None
    chosen = os.environ.get("COLUMNS", "")
    if chosen.isascii() and chosen.isdigit() and int(chosen):
        return int(chosen)
    with suppress(OSError):
        return os.get_terminal_size(stream.fileno()).columns or _USUAL_WIDTH
    return _USUAL_WIDTH


def told(text: str, style: str = "", *, indent: int = 0) -> Iterator[str]:
    """Break a sentence for standard output into lines in a style of `Paint`, each behind an indent."""
    paint, width = stdout_paint(), stdout_width()
    room = None if width is None else max(width - indent, 1)
    yield from (" " * indent + paint(style, line) for line in wrapped(text, room))


def _on_stderr(text: str, used: int = 0) -> str:
    """Break a message into lines that fit the terminal; `used` columns of the first one are taken."""
    lines: list[str] = []
    for number, line in enumerate(text.split("\n")):
        indent = len(line) - len(line.lstrip(" "))
        lines += wrapped(line, _width(sys.stderr), used=0 if number else used, indent=2 * indent)
    return "\n".join(lines)


def label(text: str, style: str, message: str) -> None:
    """Print a message on standard error, behind a label in a style of `Paint`."""
    message = _on_stderr(message, cells(text) + 1)
    click.echo(f"{stderr_paint()(style, text)} {message}", err=True, color=has_colour(sys.stderr))


def show_error(error: AjsyncError, *, where: str = "", told: set[Problem] | None = None) -> None:
    """Print an error on standard error, and each problem of the files on a line of its own, as editors and CI read it.

    Quotes from files, bucket or server are escaped, so that they neither control a terminal nor begin a line. `where`
    names the one of several runs that the error ended. Problems in `told` are only counted; the others are added to it.
    """
    texts = error.problems if isinstance(error, ConfigurationError) else (error,)
    in_run = f"{where}: " if where else ""
    if isinstance(error, ConfigurationError) and any(problem.location.line for problem in error.problems):
        told = set() if told is None else told
        if new := [escape(str(problem)) for problem in error.problems if problem not in told]:
            click.echo("\n".join(new), err=True)
        told.update(error.problems)
        files = len({problem.location.file for problem in error.problems})
        again = len(error.problems) - len(new)
        above = f", {again:,} of them {plural(again, 'is', 'are')} shown above" if again else ""
        rest = " The search ended there; there may be more." if error.stopped else ""
        count = f"{counted(len(error.problems), 'problem')} in {counted(files, 'file')}{above}."
        label("Error:", "alarm", f"{in_run}{count}{rest}")
        return
    label("Error:", "alarm", in_run + "\n".join(escape(str(text)) for text in texts))


def say(text: str) -> None:
    """Print a text that is not an error on standard error."""
    if not verbosity.quiet:
        click.echo(_on_stderr(text), err=True)


def warn(text: str) -> None:
    """Print a warning on standard error."""
    if not verbosity.quiet:
        label("Warning:", "warning", text)


def conclude(text: str) -> None:
    """Print on standard output what was done. It is not data, so --quiet leaves it out."""
    if not verbosity.quiet:
        click.echo("\n".join(told(text)))


def confirm(question: str, otherwise: str) -> None:
    """Ask on the terminal; unless the answer is yes, say `otherwise` and end the command with 1."""
    if not click.confirm(_on_stderr(question), err=True):
        say(otherwise)
        raise click.exceptions.Exit(1)


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show a progress bar on a terminal after a while; yields a function that takes how many more are done.

    A bar is drawn by moving the cursor, so a terminal that wants no colours gets no bar either.
    """
    if verbosity.quiet or not has_colour(sys.stderr):
        yield lambda _count: None
        return
    with ExitStack() as stack:
        done, began = 0, time.monotonic()
        advance: Callable[[int], None] | None = None

        def count(more: int) -> None:
            nonlocal done, advance
            done += more
            if advance is not None:
                advance(more)
            elif time.monotonic() - began > _PATIENCE_SECONDS:
                advance = stack.enter_context(_bar(what, total, began))
                advance(done)

        yield count


@contextmanager
def _bar(what: str, total: int, began: float) -> Iterator[Callable[[int], None]]:
    from rich.console import Console  # importing it takes a tenth of a second, longer than most applies
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total)
        bar.tasks[0].start_time = began
        yield lambda count: bar.advance(task, count)
