"""The results of reading schedules files, kept from one load to the next while nothing they were made from changes."""

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
    """None if something in the schedule is wrong."""
    suspended: bool
    queue_named: bool
    """Whether the schedule or its defaults name a queue."""
    key: str
    """Its name as the file has it, with placeholders."""
    combination: Combination | None
    """The combination that it was made from, if it has `for_each`."""

    @property
    def origin(self) -> str:
        """Where the schedule comes from, in words."""
        return shown(self.key) if self.combination is None else f"{shown(self.key)} for {told(self.combination)}"


@dataclass(frozen=True)
class FileContent:
    """The result of reading one schedules file."""

    entries: list[LoadedSchedule] = field(default_factory=list)
    used: frozenset[str] = frozenset()
    """The variables that the file uses."""
    versions: Mapping[Path, FileVersion] = field(default_factory=dict)
    """The files that it was made from: the file itself, and its payload files."""

    @cached_property
    def tasks(self) -> dict[str, ScheduledTask]:
        """The desired schedules by name, without suspended ones."""
        return {each.name: each.task for each in self.entries if each.task is not None and not each.suspended}

    @cached_property
    def rows(self) -> dict[str, str]:
        """The parts of the digest's text for the desired schedules."""
        return {name: row_text(task) for name, task in self.tasks.items()}

    @cached_property
    def locations(self) -> dict[str, Location]:
        """The place of each name."""
        return {each.name: each.location for each in self.entries}

    @cached_property
    def suspended(self) -> frozenset[str]:
        """The names of suspended schedules."""
        return frozenset(each.name for each in self.entries if each.suspended)

    @cached_property
    def without_queue(self) -> frozenset[str]:
        """The names of schedules for which nothing names a queue."""
        return frozenset(each.name for each in self.entries if not each.queue_named)

    @property
    def is_current(self) -> bool:
        """Whether all files that were read are unchanged."""
        return all(version.is_current(path, _LARGEST) for path, version in self.versions.items())


class FileCache:
    """The contents of the files of one project. A file with a problem is read each time."""

    def __init__(self) -> None:
        self._project: Project | None = None
        self._kept: dict[Path, tuple[Members, FileContent]] = {}

    def forget(self) -> None:
        """Forget everything, so that every file is read again."""
        self._kept = {}

    def contents(
        self,
        project: Project,
        read: Callable[[Path, Members, list[Problem]], FileContent],
        files: Mapping[Path, Members],
        named: set[Path],
        problems: list[Problem],
    ) -> list[FileContent]:
        """The content of each file; `files` has the defaults for each.

        `read` reads one file. Payload files are added to `named`, and problems to `problems`.
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
