"""The files of a project: how messages name them, how patterns are expanded to them, how their bytes are read."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import takewhile
from pathlib import Path, PurePosixPath

from ajsync.config.nodes import MAX_FILE_SIZE

_MAGIC = frozenset("*?[")
_ENDINGS = (".yaml", ".yml")
_SCHEDULES = re.compile(rb"""^\{?["']?schedules["']?[ \t]*:""", re.MULTILINE)
"""What every schedules file has, and hardly any other file of YAML."""


class Unusable(Exception):
    """A file or folder that cannot be used; `str()` is the reason, in the operating system's words if it is its own."""


@dataclass(frozen=True, slots=True)
class Folder:
    """The folder of `ajsync.yaml`, as seen from where the command was started. Both paths are absolute."""

    path: Path
    start: Path

    def shown(self, path: Path) -> str:
        """A file as messages name it: from the working directory, or in full if it is not below that."""
        return path.relative_to(self.start).as_posix() if path.is_relative_to(self.start) else str(path)

    def source(self, path: Path) -> str:
        """A file of the project as the bucket names it, the same wherever a checkout lies."""
        return path.relative_to(self.path).as_posix()

    def contains(self, path: Path) -> bool:
        """Whether a file is in the folder once all symbolic links are followed, of which ConfigMaps are made."""
        return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(self.path))

    def root(self, pattern: str) -> Path:
        """The folder below which a pattern can match."""
        fixed = takewhile(lambda part: not _MAGIC.intersection(part), PurePosixPath(pattern).parts[:-1])
        return self.path.joinpath(*fixed)

    def expand(self, pattern: str) -> list[Path]:
        """The files that a pattern matches. Raises `Unusable` where a folder cannot be listed.

        Names that begin with a dot are matched only by a pattern that spells the dot, as in a shell. This is not only
        habit: Kubernetes mounts a ConfigMap as links to `..data/NAME`, and `..data` is a link to a folder `..2026_…`;
        looking into those would read each file three times. Python's own glob will not do: it passes over folders that
        it cannot list, and schedules that are passed over would be deleted.
        """
        try:
            parts = PurePosixPath(pattern).parts
            return list(_expand(self.path, (*parts, "*") if parts[-1] == "**" else parts, set()))
        except OSError as error:
            raise Unusable(f"{error.filename} cannot be listed: {error.strerror}") from None

    def overlooked(self, patterns: Collection[str], read: Iterable[Path]) -> list[Path]:
        """The files that look like schedules files, where the patterns find theirs, and are not among those `read`.

        Such a file was renamed or moved, or is new, and what it holds would be deleted or never be. Beside the project
        file, and below the folders of patterns; there none where a pattern ends in `.yml`: whoever wrote it thought of
        the endings.
        """
        alike = {"*.yaml", "*.yml"}
        if not any(pattern.endswith(".yml") for pattern in patterns):
            roots = [(pattern, self.root(pattern)) for pattern in patterns]
            alike |= {re.sub(r"\.yaml$", ".yml", pattern) for pattern, root in roots if root == self.path}
            alike |= {f"{self.source(root)}/**/*.y*ml" for _, root in roots if root != self.path}
        known = {os.path.realpath(path) for path in read}
        found: dict[str, Path] = {}
        for pattern in sorted(alike):
            with suppress(Unusable):  # no pattern needs to look in there
                for path in self.expand(pattern):
                    real = os.path.realpath(path)
                    if real not in known and path.suffix in _ENDINGS and self.contains(path) and _has_schedules(path):
                        found.setdefault(real, path)
        return sorted(found.values())


def _has_schedules(path: Path) -> bool:
    try:
        return _SCHEDULES.search(read_file(path, MAX_FILE_SIZE)) is not None
    except Unusable:
        return False


def _expand(folder: Path, parts: tuple[str, ...], seen: set[tuple[int, int, int]]) -> Iterator[Path]:
    """`seen` has the folders that were searched for as many parts, since links may lead round in circles."""
    first, rest = parts[0], parts[1:]
    if not _MAGIC.intersection(first):
        path = folder / first
        if rest and path.is_dir():
            yield from _expand(path, rest, seen)
        elif not rest and os.path.lexists(path):
            yield path
        return
    status = folder.stat()
    key = (status.st_dev, status.st_ino, len(parts))
    if key in seen:
        return
    seen.add(key)
    if first == "**":
        yield from _expand(folder, rest, seen)
    for name in sorted(os.listdir(folder)):  # noqa: PTH208 - names are all that is needed, and most do not match
        path = folder / name
        if name.startswith(".") and not first.startswith("."):
            continue
        if first == "**":
            if path.is_dir():
                yield from _expand(path, parts, seen)
        elif fnmatchcase(name, first):
            if rest:
                if path.is_dir():
                    yield from _expand(path, rest, seen)
            elif first != "*" or not path.is_dir():  # a folder that is named like a file is a mistake to be told
                yield path


def read_file(path: Path, limit: int) -> bytes:
    """The bytes of a file. Raises `Unusable` if it is longer than `limit` bytes, or cannot be read."""
    try:
        status = path.stat()
        # A pipe would let the command wait for ever.
        if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):
            raise Unusable("Not a regular file")
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise Unusable(error.strerror or str(error)) from None
    if len(data) > limit:
        raise Unusable(f"larger than {limit:,} bytes")
    return data
