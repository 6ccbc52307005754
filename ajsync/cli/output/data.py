"""Shows the data of a command: as a table for people, or as a document in JSON or YAML for machines.

A table that is too long for the terminal is shown through $PAGER, as git does.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from json import dumps, loads
from pathlib import Path
from typing import Any, TypeVar

import click

from ajsync.cli.options.report import Report
from ajsync.cli.output.streams import speaks_utf8
from ajsync.cli.output.terminal import verbosity
from ajsync.errors import UsageError, WriteError
from ajsync.files import write_private
from ajsync.fitting import cells
from ajsync.text import visible

F = TypeVar("F", bound=Callable[..., Any])


def output_option(what: str, *short: str) -> Callable[[F], F]:
    """Give a command the argument `output`: `table`, `json` or `yaml`.

    `what` describes the document; `short` has further names of --json, which is how the Go tool spells `-o json`.
    """

    def decorate(function: F) -> F:
        with_json = click.option(*short, "--json", "as_json", is_flag=True, is_eager=True, help="As -o json.")(function)
        return click.option(
            "-o",
            "--output",
            type=click.Choice(["table", "json", "yaml"]),
            callback=_chosen,
            help=f"For people, or {what}. [default: table]",
        )(with_json)

    return decorate


def format_option(*formats: str, help: str) -> Callable[[F], F]:
    """Give a command the argument `style`, one of `formats`, if there are more than a table and a document."""

    def decorate(function: F) -> F:
        with_json = click.option("--json", "as_json", is_flag=True, is_eager=True, help="As -o json.")(function)
        return click.option(
            *("-o", "--output", "--format", "style"),
            type=_Format(formats),
            callback=lambda ctx, param, style: _chosen(ctx, param, style, formats[0]),
            help=f"{help} [default: {formats[0]}]",
        )(with_json)

    return decorate


def change_format_option(markdown: str) -> Callable[[F], F]:
    """Give a command that shows a plan or its result the argument `style`; `markdown` says what Markdown is for."""
    help = f"For people, machines, {markdown}, or a workflow's annotations."
    return format_option("text", "json", "yaml", "markdown", "github", help=help)


class _Format(click.Choice[str]):
    """A choice in which `table` is another name for the first format, the one for people."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Choose the format."""
        return super().convert(self.choices[0] if value == "table" else value, param, ctx)


def show(output: str, document: Callable[[], Any], table: Callable[[], Iterable[str]]) -> None:
    """Print the document or the table, as `output` says; a long table goes through the pager."""
    if output == "table":
        page(table())
    else:
        echo_data(encoded(output, document()))


def encoded(output: str, document: Any) -> str:
    """Encode a document as `json` or `yaml`, without a line end; nothing in it can confuse a terminal."""
    text = dumps(document, indent=2, ensure_ascii=False)
    # JSON escapes all control characters of ASCII but this one. The other check takes fifty times as long.
    is_plain = text.isascii() and "\x7f" not in text
    if not (is_plain or text.replace("\n", "").isprintable()):
        text = dumps(document, indent=2)
    if output == "json":
        return text
    from ajsync.config.emit import emit_compact

    return emit_compact(loads(text))  # JSON has replaced tuples and subclasses with plain types


def echo_data(text: str, *, nl: bool = True) -> None:
    """Print data on standard output in UTF-8, whatever the locale is, since a program reads it next."""
    click.echo(text if speaks_utf8(sys.stdout) else text.encode(), nl=nl)


def check_reports(reports: Iterable[Report], *others: Path | None) -> None:
    """Check before anything is done that each report has its own file, different from the other files.

    Raises UsageError.
    """
    taken = {other.absolute() for other in others if other is not None}
    for report in reports:
        why = "it is also named for something else" if report.path.absolute() in taken else _why_unfit(report.path)
        if why:
            raise UsageError(f"The report cannot be written to {visible(str(report.path))}: {why}.")
        taken.add(report.path.absolute())


def _why_unfit(path: Path) -> str:
    """Why a report cannot be written to a file, as far as can be seen without writing it; empty if it can."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        mode = stat.S_IFREG
    except OSError as error:
        return str(error.strerror)
    if stat.S_ISLNK(mode):
        return "it is a symbolic link, and nothing is written through one"
    if not stat.S_ISREG(mode):  # it would be replaced, even if it is /dev/null
        return "it is not a regular file"
    if not path.parent.is_dir():
        return "there is no such folder"
    return "" if os.access(path.parent, os.W_OK | os.X_OK) else "no file can be made in its folder"


def write_report(path: Path, text: str) -> None:
    """Write what a command shows to a file in UTF-8, all or nothing, with mode 0600 because it may hold payloads.

    Raises WriteError if it cannot be written, for example because it is a link.
    """
    try:
        write_private(path, f"{text}\n".encode(errors="backslashreplace"))
    except OSError as error:
        raise WriteError(f"The report cannot be written to {visible(str(path))}: {error.strerror or error}.") from None


def _chosen(ctx: click.Context, _param: click.Parameter, output: str | None, default: str = "table") -> str:
    if ctx.params.pop("as_json"):  # it is eager, so it is processed before --output
        if output not in (None, "json"):
            raise click.UsageError(f"--json means -o json: it cannot be combined with -o {output}.", ctx)
        return "json"
    return output or default


def page(lines: Iterable[str]) -> None:
    """Print lines with their colours; through the pager if the terminal has too few rows."""
    lines = list(lines)
    if not lines:
        return
    text = "\n".join(lines)
    if not (_too_low(lines) and _shown_by_pager(text)):
        click.echo(text, color=True)


def _too_low(lines: Sequence[str]) -> bool:
    """Whether a person sits at a terminal that is too low for these lines and the prompt below them."""
    # Without a terminal to type on, as in some CI jobs, the user could not leave the pager.
    if verbosity.no_pager or not (sys.stdin.isatty() and sys.stdout.isatty()) or os.environ.get("TERM") == "dumb":
        return False
    width, height = shutil.get_terminal_size()
    return sum(max(-(-cells(line) // max(width, 1)), 1) for line in lines) >= height


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
            command.append("-R")  # for colours, whatever other options the user has set
        else:
            environment["LESS"] = "FRX"  # as git does: end at once if all fits, and leave the text on the screen
    try:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, env=environment)
    except OSError:
        return False
    # Ctrl-C belongs to the pager while it runs. It is ignored only from here on, so that the pager does not inherit
    # that.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        process.communicate(text.encode(errors="backslashreplace") + b"\n")  # leaving before the end is not an error
    finally:
        signal.signal(signal.SIGINT, before)
    return True
