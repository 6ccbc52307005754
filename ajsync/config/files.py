"""The files of a project: how messages name them, how patterns are expanded to them, how their bytes are read."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import pairwise, takewhile
from pathlib import Path, PurePosixPath

from ajsync.config.nodes import MAX_FILE_SIZE
from ajsync.config.wording import shown

_MAGIC = frozenset("*?[")
_ENDINGS = (".yaml", ".yml")
_SCHEDULES = re.compile(rb"""^\{?["']?schedules["']?[ \t]*:""", re.MULTILINE)
"""What every schedules file has, and hardly any other file of YAML."""


class Unusable(Exception):
    """A file or folder that cannot be used; `str()` is the reason, in the operating system's words if it is its own."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a file is not read."""

    where: str
    """To where it leads."""
    what: str
    """What it is."""
    hint: str


OUTSIDE = Refusal("out of the project's folder", "a link out of the folder", "copy the file into the folder")


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

    def refuses(self, path: Path, *, besides: Path | None = None, spelled: bool = False) -> Refusal | None:
        """Why a file must not be read: once all symbolic links are followed it is outside of the folder, or hidden.

        Links within the folder are followed, of which ConfigMaps are made, and so is one that leads to the folder
        itself. Names that begin with a dot hold what is not for others: `.git`, `.env`, `.ssh`. Those that a pattern
        spells are no surprise (`spelled`), and neither are those of the folder of another file, `besides` which this
        one is; but nothing of `.git` is ever read.
        """
        if "\0" in str(path):
            return OUTSIDE
        real, root = Path(os.path.realpath(path)), Path(os.path.realpath(self.path))
        if not real.is_relative_to(root):
            return OUTSIDE
        named = Path(os.path.normpath(path))
        allowed = set(self._parts(named) if spelled else () if besides is None else self._parts(besides))
        for part in (*real.relative_to(root).parts, *self._parts(named)):
            if part.lower() == ".git" or (_is_hidden(part) and part not in allowed):
                return _hidden(part)
        return None

    def _parts(self, path: Path) -> tuple[str, ...]:
        return path.relative_to(self.path).parts if path.is_relative_to(self.path) else ()

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
            # Two of ** side by side say no more than one.
            parts = tuple(part for part, following in pairwise((*parts, "")) if not part == following == "**")
            search = _Search(lambda folder: self.refuses(folder, spelled=True) is None)
            return list(search.expand(self.path, (*parts, "*") if parts[-1] == "**" else parts))
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
                    if real in known or path.suffix not in _ENDINGS or self.refuses(path) is not None:
                        continue
                    if _has_schedules(path):
                        found.setdefault(real, path)
        return sorted(found.values())


def _has_schedules(path: Path) -> bool:
    try:
        return _SCHEDULES.search(read_file(path, MAX_FILE_SIZE)) is not None
    except Unusable:
        return False


class _Search:
    """One search for what a pattern matches."""

    def __init__(self, enters: Callable[[Path], bool]) -> None:
        """`enters` says of a link to a folder whether to go on in there."""
        self._enters = enters
        self._seen: set[tuple[int, int, int]] = set()
        """The folders that were searched for as many parts, since links may lead round in circles."""

    def expand(self, folder: Path, parts: tuple[str, ...]) -> Iterator[Path]:
        """What is matched in a folder; also a link to a folder that is not entered, which is a mistake to be told."""
        first, rest = parts[0], parts[1:]
        if not _MAGIC.intersection(first):
            path = folder / first
            if rest and path.is_dir():
                yield from self._go_on(path, rest)
            elif not rest and os.path.lexists(path):
                yield path
            return
        status = folder.stat()
        key = (status.st_dev, status.st_ino, len(parts))
        if key in self._seen:
            return
        self._seen.add(key)
        if first == "**":
            yield from self.expand(folder, rest)
        for name in sorted(os.listdir(folder)):  # noqa: PTH208 - names are all that is needed, and most do not match
            path = folder / name
            if name.startswith(".") and not first.startswith("."):
                continue
            if first == "**":
                if path.is_dir():
                    yield from self._go_on(path, parts)
            elif fnmatchcase(name, first):
                if rest:
                    if path.is_dir():
                        yield from self._go_on(path, rest)
                elif first != "*" or not path.is_dir():  # a folder that is named like a file is a mistake to be told
                    yield path

    def _go_on(self, folder: Path, parts: tuple[str, ...]) -> Iterator[Path]:
        if folder.is_symlink() and not self._enters(folder):
            yield folder
        else:
            yield from self.expand(folder, parts)


def _is_hidden(part: str) -> bool:
    """Whether a name begins with one dot; with two it is of a volume of Kubernetes."""
    return part.startswith(".") and not part.startswith("..")


def _hidden(part: str) -> Refusal:
    where = f"to {shown(part)}, and nothing with such a name is read"
    return Refusal(where, f"a file that leads {where}", "copy the file to a name without a dot in front")


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
