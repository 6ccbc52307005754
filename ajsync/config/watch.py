"""Notice when the files of a configuration change: edits, an editor's rename, a swap of the links that lead to them."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from watchfiles import awatch

from ajsync.config.configuration import Configuration

_DEBOUNCE_MILLISECONDS = 1000
"""At most so long are changes gathered that keep coming: a checkout of a branch is one change."""
_STEP_MILLISECONDS = 100
"""So long must nothing change before the change counts as whole: an editor writes, renames and deletes."""

Identity = frozenset[tuple[str, int, int]]


@dataclass(frozen=True, slots=True)
class Folders:
    """Where to look for changes."""

    deep: frozenset[Path]
    """With all below them: where a new schedules file may appear."""
    shallow: frozenset[Path]
    """Without what is below them: where single files are, and the links that lead to a folder."""


def folders_of(configuration: Configuration) -> Folders:
    """The folders in which a change may change the configuration; those that do not exist yet by their parents."""
    deep = {folder for folder in configuration.folders if folder.is_dir()}
    missing = [folder for folder in configuration.folders if folder not in deep]
    shallow = {source.parent for source in configuration.sources if source.parent.is_dir()}
    shallow |= {next(parent for parent in folder.parents if parent.is_dir()) for folder in missing}
    # A link is swapped in the folder that holds it: `..data` of a ConfigMap, the worktree of a git-sync.
    links = {link.parent for path in (*deep, *configuration.sources) for link in _links(path)}
    return Folders(frozenset(deep), frozenset((shallow | links) - deep))


class FileWatcher:
    """Sets `changed` whenever something changes in the folders that `current` names, until `stop` is set."""

    def __init__(self, current: Callable[[], Folders], stop: asyncio.Event) -> None:
        self.changed = asyncio.Event()
        self._current = current
        self._stop = stop
        self._restart = asyncio.Event()

    async def run(self) -> None:
        """Watch until stopped; folders that are replaced, appear or go away are followed.

        `changed` is set too once a watch has begun.
        """
        while not self._stop.is_set():
            folders = self._current()
            identity = _identity(folders)
            self._restart = asyncio.Event()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._watch(folders.deep, identity, recursive=True))
                group.create_task(self._watch(folders.shallow, identity, recursive=False))
                group.create_task(self._end_with_stop())
                await asyncio.sleep(_STEP_MILLISECONDS / 1000)
                # What changed before the watch began, which it does at once, went unseen: look once more.
                self.changed.set()

    async def _watch(self, folders: frozenset[Path], identity: Identity, *, recursive: bool) -> None:
        if not folders:
            return
        outputs = set(_outputs())
        async for _ in awatch(
            *folders,
            watch_filter=lambda _, path: _identify(path) not in outputs,
            debounce=_DEBOUNCE_MILLISECONDS,
            step=_STEP_MILLISECONDS,
            stop_event=self._restart,
            recursive=recursive,
        ):
            self.changed.set()
            if _identity(self._current()) != identity:
                self._restart.set()

    async def _end_with_stop(self) -> None:
        stop, restart = (asyncio.ensure_future(event.wait()) for event in (self._stop, self._restart))
        await asyncio.wait((stop, restart), return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        restart.cancel()
        self._restart.set()


def _identity(folders: Folders) -> Identity:
    """Which folders these are now: one that was replaced under its name is another."""
    return frozenset(_identified(folders))


def _identified(folders: Folders) -> Iterator[tuple[str, int, int]]:
    for folder in (*folders.deep, *folders.shallow):
        try:
            status = folder.stat()
        except OSError:
            continue  # gone meanwhile
        yield str(folder), status.st_dev, status.st_ino


def _outputs() -> Iterator[tuple[int, int]]:
    """The files that this process logs to: in a folder that is watched each line would be a change."""
    for descriptor in (1, 2):
        with suppress(OSError):
            status = os.fstat(descriptor)
            if stat.S_ISREG(status.st_mode):
                yield status.st_dev, status.st_ino


def _identify(path: str) -> tuple[int, int] | None:
    try:
        status = Path(path).stat()
    except OSError:
        return None  # gone
    return status.st_dev, status.st_ino


def _links(path: Path) -> Iterator[Path]:
    """The symbolic links on the way to `path`, and those that they lead through."""
    for part in (path, *path.parents):
        seen: set[Path] = set()
        while part.is_symlink() and part not in seen:
            seen.add(part)
            yield part
            part = part.parent / part.readlink()
