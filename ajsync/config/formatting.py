"""Format a file of a project: its members in the order of the reference, indented by two spaces, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ajsync.config.arrange import arranged
from ajsync.config.document import parse_document
from ajsync.config.files import Folder
from ajsync.config.layout import Irregular, with_final_break
from ajsync.config.nodes import MAX_FILE_SIZE
from ajsync.config.order import in_order, project_order, schedules_order
from ajsync.config.project import PROJECT_FILE
from ajsync.errors import ConfigurationError, Location, Problem
from ajsync.files import read_regular

_WRITTEN_OUT = "write it in another way, or order this file by hand"


@dataclass(frozen=True, slots=True)
class FormattedFile:
    """A file of a project, as it is and as it should be."""

    path: Path
    shown: str
    """The name of the file in messages."""
    before: bytes
    after: bytes

    @property
    def changes(self) -> bool:
        """Whether it is not formatted yet."""
        return self.before != self.after


def format_files(paths: Iterable[Path], folder: Folder, project: Path) -> list[FormattedFile]:
    """Read and format files of a project without writing them; `project` is the path of its `ajsync.yaml`.

    Raises ConfigurationError with the problems of all files.
    """
    found = []
    problems: list[Problem] = []
    for path in dict.fromkeys(paths):
        shown = folder.shown(path)
        refused = folder.refuses(path, spelled=True)
        if refused is not None:
            problems.append(Problem(Location(shown), f"leads {refused.where}", refused.hint))
            continue
        try:
            before = read_regular(path, MAX_FILE_SIZE)
        except OSError as error:
            problems.append(Problem(Location(shown), f"cannot be read: {error.strerror}", "name a readable file"))
            continue
        after = formatted(before, shown, problems, is_project=path == project)
        if after is not None:
            found.append(FormattedFile(path, shown, before, after))
    if problems:
        raise ConfigurationError(set(problems))
    return found


def formatted(data: bytes, file: str, problems: list[Problem], *, is_project: bool = False) -> bytes | None:
    """The formatted bytes of a schedules file or of `ajsync.yaml`; None, with problems, if it cannot be formatted.

    What the file means never changes: the values of both texts are compared as the loader reads them, in the order of
    their members wherever that matters.
    """
    found = list[Problem]()
    document = parse_document(data, file, found)
    member, order = ("owner", project_order()) if is_project else ("schedules", schedules_order())
    if not found and (document is None or not isinstance(document.value, dict) or member not in document.value):
        what = f"an {PROJECT_FILE}" if is_project else "a schedules file"
        found.append(Problem(Location(file), f"is not {what}", f"it has no member {member}: name another file"))
    if document is None or found:
        problems += found
        return None
    try:
        text = arranged(with_final_break(data.decode("utf-8-sig")), order)
    except Irregular as irregular:
        line, what = irregular.args
        problems.append(Problem(Location(file, line + 1, 1), f"cannot be formatted: {what}", _WRITTEN_OUT))
        return None
    result = text.encode()
    again = parse_document(result, file, found)
    if again is None or found or in_order(again.value, order) != in_order(document.value, order):
        message = "cannot be formatted: in the order of the reference it would mean something else"
        problems.append(Problem(Location(file), message, "write out what an alias stands for, or order it by hand"))
        return None
    if len(result) > MAX_FILE_SIZE:
        problems.append(Problem(Location(file), "would be too large with its new indentation", "use several files"))
        return None
    return result
