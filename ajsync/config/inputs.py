"""The inputs of a configuration: the files and patterns that a load looks at, and their state."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from ajsync.config.files import Folder, Unlistable
from ajsync.config.versions import FileStatus, file_status
from ajsync.files import way

FileState: TypeAlias = tuple[list[str], dict[str, FileStatus]]
"""The errors of patterns, and the status of each file by its path."""


@dataclass(slots=True)
class Inputs:
    """Everything that a load looks at. The load fills it, even if it ends with an error."""

    folder: Folder | None = None
    """The project's folder; None until `ajsync.yaml` is found."""
    patterns: tuple[str, ...] = ()
    """The patterns of schedules files."""
    files: set[Path] = field(default_factory=set)
    """Files that are named, whether or not they exist: `ajsync.yaml`, payload files and calendars."""

    def state(self) -> FileState:
        """A value that changes whenever a load would see something else. It reads no file.

        Links are followed, so a change is seen however the content was replaced.
        """
        names, problems = self._look()
        return problems, {name: file_status(name) for name in names}

    def watched(self) -> Watched:
        """The folders in which something changes when one of the files, or a link on the path to it, changes."""
        paths = {*map(Path, self._look()[0])}
        roots = {self.folder.root(pattern) for pattern in self.patterns} if self.folder else set()
        parents = {path.parent for path in paths}
        shallow = {each for each in parents if each.is_dir()}
        # Most files are in few folders, so the path to each folder is followed once, and that to a file only if it is a
        # link.
        for path in (*roots, *parents, *filter(os.path.islink, paths)):
            shallow.update(_way(path))
        deep = {root for root in roots if root.is_dir()}
        return Watched(frozenset(deep), frozenset(shallow - deep))

    def _look(self) -> tuple[set[str], list[str]]:
        """The named and matched files, and the errors of patterns."""
        names, problems = {*map(str, self.files)}, []
        if self.folder is not None:
            for pattern in self.patterns:
                try:
                    names.update(self.folder.expand_names(pattern))
                except (Unlistable, RecursionError) as error:
                    problems.append(str(error))
        return names, problems


@dataclass(frozen=True, slots=True)
class Watched:
    """Folders to watch."""

    deep: frozenset[Path] = frozenset()
    """Folders to watch recursively, where a new schedules file may appear."""
    shallow: frozenset[Path] = frozenset()
    """Folders to watch without those below them, because they contain single files or links to them."""

    def identities(self) -> frozenset[tuple[str, int, int]]:
        """The identities of the folders, to notice that one was replaced."""
        found = set()
        for folder in (*self.deep, *self.shallow):
            with suppress(OSError):  # it has disappeared
                status = folder.stat()
                found.add((str(folder), status.st_dev, status.st_ino))
        return frozenset(found)


def _way(path: Path) -> Iterator[Path]:
    """The folders that contain the links on the path to `path`, and the one that contains `path` itself.

    If some part of the path does not exist, the last folder that exists is among them.
    """
    here = Path(path.anchor)
    for step in way(path):
        if step.is_symlink():
            yield step.parent
        elif step.exists():
            here = step
        else:
            yield here if here.is_dir() else here.parent
            return
    yield here.parent
