"""What schedules files come to, kept from one load to the next for as long as nothing that it came from has changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from ajsync.asyncjobs.model import ScheduledTask
from ajsync.asyncjobs.size import MAX_PAYLOAD
from ajsync.config.digest import row_text
from ajsync.config.for_each import Combination, told
from ajsync.config.members import Members
from ajsync.config.nodes import MAX_FILE_SIZE
from ajsync.config.project import Project
from ajsync.config.versions import FileVersion
from ajsync.config.wording import shown
from ajsync.errors import Location, Problem

_LARGEST = max(MAX_FILE_SIZE, MAX_PAYLOAD)


@dataclass(frozen=True, slots=True)
class LoadedSchedule:
    """One schedule of a file."""

    name: str
    location: Location
    """The place of its name."""
    task: ScheduledTask | None
    """None if something in it is wrong."""
    suspended: bool
    queue_named: bool
    """Whether the schedule or its defaults name a queue."""
    key: str
    """Its name as the file has it, with placeholders."""
    combination: Combination | None
    """The values that made it, if it has `for_each`."""

    @property
    def origin(self) -> str:
        """What it comes from, in words."""
        return shown(self.key) if self.combination is None else f"{shown(self.key)} for {told(self.combination)}"


@dataclass(frozen=True)
class FileContent:
    """What one schedules file comes to."""

    entries: list[LoadedSchedule] = field(default_factory=list)
    used: frozenset[str] = frozenset()
    """The variables that it uses."""
    versions: Mapping[Path, FileVersion] = field(default_factory=dict)
    """What it was made from: the file itself, and its payload files."""

    @cached_property
    def tasks(self) -> dict[str, ScheduledTask]:
        """The desired schedules by name, without suspended ones."""
        return {each.name: each.task for each in self.entries if each.task is not None and not each.suspended}

    @cached_property
    def rows(self) -> dict[str, str]:
        """The parts of the digest's text that are of those schedules."""
        return {name: row_text(task) for name, task in self.tasks.items()}

    @cached_property
    def locations(self) -> dict[str, Location]:
        """Where each name is."""
        return {each.name: each.location for each in self.entries}

    @cached_property
    def suspended(self) -> frozenset[str]:
        """The names of those that are suspended."""
        return frozenset(each.name for each in self.entries if each.suspended)

    @cached_property
    def without_queue(self) -> frozenset[str]:
        """The names of those for which nothing names a queue."""
        return frozenset(each.name for each in self.entries if not each.queue_named)

    @property
    def is_current(self) -> bool:
        """Whether everything that was read is still as it was."""
        return all(version.is_current(path, _LARGEST) for path, version in self.versions.items())


class FileCache:
    """The contents of the files of one project; a file with a problem is read each time."""

    def __init__(self) -> None:
        self._project: Project | None = None
        self._kept: dict[Path, tuple[Members, FileContent]] = {}

    def forget(self) -> None:
        """Have every file read again."""
        self._kept = {}

    def contents(
        self,
        project: Project,
        read: Callable[[Path, Members, list[Problem]], FileContent],
        files: Mapping[Path, Members],
        named: set[Path],
        problems: list[Problem],
    ) -> list[FileContent]:
        """The content of each file, for which `files` has these defaults.

        `read` reads one. `named` gets the payload files, and `problems` what is wrong.
        """
        if project != self._project:
            self._project, self._kept = project, {}
        kept: dict[Path, tuple[Members, FileContent]] = {}
        contents: list[FileContent] = []
        for path, defaults in files.items():
            known = self._kept.get(path)
            if known is not None and known[0] == defaults and known[1].is_current:
                named |= known[1].versions.keys() - {path}
                content, whole = known[1], True
            else:
                before = len(problems)
                content = read(path, defaults, problems)
                whole = len(problems) == before
            if whole:
                kept[path] = defaults, content
            contents.append(content)
        self._kept = kept
        return contents
