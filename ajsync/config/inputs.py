"""What a configuration is made from: the files and patterns that a load looks at, and how they are at one moment."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

from ajsync.config.files import Folder, Unusable

_MOST_LINKS = 40
"""Linux follows as many for one path."""


@dataclass(slots=True)
class Inputs:
    """All that a load looks at. The load fills it as it goes, also one that ends with an error."""

    folder: Folder | None = None
    """Of the project; None until its file is known."""
    patterns: tuple[str, ...] = ()
    """Which files hold schedules."""
    files: set[Path] = field(default_factory=set)
    """What is named one by one, whether it is there or not: the project's file, payload files."""

    def state(self) -> bytes:
        """A digest that differs once another load would see something else; no file is read for it.

        Each name is followed through its links, so that it does not matter how another content came to stand there.
        """
        paths, problems = self._look()
        digest = blake2b("\n".join(problems).encode(errors="surrogateescape"), digest_size=16)
        for name in sorted(map(os.fsencode, paths)):
            digest.update(_status(name))
        return digest.digest()

    def watched(self) -> Watched:
        """The folders in which something happens when one of the files, or a link on the way to it, changes."""
        paths, _ = self._look()
        roots = {self.folder.root(pattern) for pattern in self.patterns} if self.folder else set()
        parents = {path.parent for path in paths}
        shallow = {each for each in parents if each.is_dir()}
        # Most files are in few folders: the way to a folder is gone once, and the way to a file only if it is a link.
        for path in (*roots, *parents, *filter(os.path.islink, paths)):
            shallow.update(_way(path))
        deep = {root for root in roots if root.is_dir()}
        return Watched(frozenset(deep), frozenset(shallow - deep))

    def _look(self) -> tuple[set[Path], list[str]]:
        """The files that are named or matched, and why a pattern cannot be followed."""
        paths, problems = set(self.files), []
        if self.folder is not None:
            for pattern in self.patterns:
                try:
                    paths.update(self.folder.expand(pattern))
                except (Unusable, RecursionError) as error:
                    problems.append(str(error))
        return paths, problems


@dataclass(frozen=True, slots=True)
class Watched:
    """Folders to listen to."""

    deep: frozenset[Path] = frozenset()
    """With all below them: where a new schedules file may appear."""
    shallow: frozenset[Path] = frozenset()
    """Without what is below them: where single files are, and the links that lead to them."""

    def identities(self) -> frozenset[tuple[str, int, int]]:
        """Which folders these are now: one that was replaced under its name is another."""
        return frozenset(_identities((*self.deep, *self.shallow)))


def _identities(folders: tuple[Path, ...]) -> Iterator[tuple[str, int, int]]:
    for folder in folders:
        try:
            status = folder.stat()
        except OSError:
            continue  # gone meanwhile
        yield str(folder), status.st_dev, status.st_ino


def _status(name: bytes) -> bytes:
    """What tells one content under a name from another. A change of the mode counts: it may become readable."""
    try:
        found = os.stat(name)  # noqa: PTH116 - a thousand of them each second
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        return b"%s\0%d\0" % (name, getattr(error, "errno", None) or 0)
    numbers = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
    return b"%s\0%d,%d,%d,%d,%d\0" % (name, *numbers)


def _way(path: Path) -> Iterator[Path]:
    """The folders that hold what leads to `path`: each link on the way to it, and in the end itself.

    Of what is not there, the last folder that is.
    """
    here, rest, links = Path(path.anchor), deque(path.parts[1:]), 0
    while rest:
        part = rest.popleft()
        if part == "..":
            here = here.parent
            continue
        step = here / part
        try:
            target = step.readlink()
        except OSError:  # no link
            if not step.exists():
                break
            if not rest:
                yield here
            here = step
            continue
        yield here
        links += 1
        if links > _MOST_LINKS:
            return
        if target.is_absolute():
            here = Path(target.anchor)
        rest.extendleft(reversed(target.parts[1:] if target.is_absolute() else target.parts))
    else:
        return
    yield here if here.is_dir() else here.parent
