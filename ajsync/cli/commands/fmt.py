"""`ajsync fmt`: order and indent the files of a project, and keep their comments."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from difflib import unified_diff
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ajsync.cli.options.shared import config_option
from ajsync.cli.output.data import echo_data, encoded, format_option, page
from ajsync.cli.output.terminal import conclude, say, stdout_paint
from ajsync.errors import WriteError
from ajsync.files import check_unlinked, rewrite
from ajsync.text import counted, escape, plural, visible

if TYPE_CHECKING:
    from ajsync.config.formatting import FormattedFile

_CHANGES = 2
"""The exit code for changes, where asked for."""
_HEADING = 2
"""How many lines of a diff name the file."""
_STYLES = {"+": "new", "-": "old", "@": "faint"}


@click.command()
@click.argument("files", nargs=-1, metavar="[FILE]...", type=click.Path(path_type=Path))
@click.option("--check", is_flag=True, help="Change nothing; end with 2 if a file is not formatted.")
@click.option("--diff", is_flag=True, help="Change nothing; show what would change.")
@format_option("text", "json", "yaml", help="For people, or the files as a document.")
@config_option
def command(files: tuple[Path, ...], check: bool, diff: bool, style: str, config: Path | None) -> None:
    """Order and indent the files, and keep their comments.

    These are ajsync.yaml and all schedules files of the project, or the named ones. The members of a schedule, of
    defaults and of ajsync.yaml get the order of the reference, each indented by two spaces. Comments move with their
    member. Schedules keep their order, and so does everything in a payload. Values and their spelling do not change.

    Nothing is written if one of the files is not YAML.

    \b
    Examples:
      ajsync fmt
      ajsync fmt --diff schedules/email.yaml
      ajsync fmt --check -o json
    """
    from ajsync.config import list_files
    from ajsync.config.formatting import format_files

    folder, all_files = list_files(Path.cwd(), project=config)
    named = [Path(os.path.normpath(folder.start / file)) for file in files]
    found = format_files(named or all_files, folder, all_files[0])
    changed = [file for file in found if file.changes]
    if not (check or diff):
        for file in changed:
            _carefully(check_unlinked, file, folder.path)
        for file in changed:
            _carefully(rewrite, file, file.before, file.after, folder.path)
            if style == "text":
                conclude(f"Formatted {visible(file.shown)}.")
    if style != "text":
        echo_data(encoded(style, {"files": [_document(file, diff=diff) for file in found]}))
    elif not changed:
        conclude(f"{counted(len(found), 'file')} {plural(len(found), 'is', 'are')} formatted.")
    elif check or diff:
        names = [f"{visible(file.shown)} is not formatted." for file in changed]
        page([line for file in changed for line in _diff(file)] if diff else names)
        of = f"{len(changed):,} of {counted(len(found), 'file')}"
        say(f"{of} {plural(len(changed), 'is', 'are')} not formatted. 'ajsync fmt' does it.")
    if check and changed:
        raise click.exceptions.Exit(_CHANGES)


def _carefully(function: Callable[..., None], file: FormattedFile, *arguments: object) -> None:
    """Call a function that reads or writes a file. Raises WriteError instead of OSError."""
    try:
        function(file.path, *arguments)
    except OSError as error:
        raise WriteError(f"{visible(file.shown)} cannot be written: {error.strerror}.") from None


def _document(file: FormattedFile, *, diff: bool) -> dict[str, object]:
    """Return what a program gets for a file: whether it was formatted before, and the diff if asked for."""
    told: dict[str, object] = {"file": file.shown, "formatted": not file.changes}
    return told | {"diff": "".join(f"{line}\n" for line in _difference(file))} if diff else told


def _diff(file: FormattedFile) -> Iterator[str]:
    """Return the lines of a unified diff for people: coloured, and with nothing that could control their terminal."""
    paint = stdout_paint()
    for number, line in enumerate(_difference(file)):
        style = "strong" if number < _HEADING else _STYLES.get(line[:1], "")
        yield paint(style, escape(line.removesuffix("\r")))


def _difference(file: FormattedFile) -> Iterator[str]:
    """Return the lines of a unified diff."""
    before, after = (data.decode().split("\n") for data in (file.before, file.after))
    if before[-1]:
        before[-1:] = [f"{before[-1]}\n\\ No newline at end of file", ""]
    for line in unified_diff(before[:-1], after[:-1], f"a/{file.shown}", f"b/{file.shown}", lineterm=""):
        yield from line.split("\n")
