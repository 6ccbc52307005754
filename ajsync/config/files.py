"""The files of a project: their names in messages, the patterns that match them, and their bytes."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import translate
from itertools import pairwise, takewhile
from pathlib import Path, PurePosixPath
from typing import Any

from ajsync.config.nodes import MAX_FILE_SIZE
from ajsync.config.wording import flow, shown
from ajsync.errors import Location, Problem
from ajsync.files import read_regular

_MAGIC = frozenset("*?[")
_ENDINGS = (".yaml", ".yml")
_SCHEDULES = re.compile(rb"""^\{?["']?schedules["']?[ \t]*:""", re.MULTILINE)
"""Every schedules file has this, and hardly any other YAML file does."""
_BRACES = re.compile(r"\{([^{}]*,[^{}]*)\}")
_MOST_ALTERNATIVES = 5


class Unlistable(Exception):
    """A folder cannot be listed; `str()` says which and why."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a file is not read."""

    where: str
    """Where the path leads, for the text "leads …"."""
    hint: str


_OUTSIDE = Refusal("out of the project's folder", "copy the file into the folder")


@dataclass(frozen=True, slots=True)
class Pattern:
    """One entry of `files`."""

    match: str
    """A path in the project's folder, which may contain `*`, `?`, `[abc]` and `**`."""
    location: Location
    optional: bool = False
    """Whether it may match nothing. Otherwise that is an error, because its schedules would be deleted."""
    defaults: dict[str, Any] | None = None
    """The defaults of the files that it matches; None if it gives none, which is not the same as an empty mapping."""


@dataclass(frozen=True, slots=True)
class Folder:
    """The folder of `ajsync.yaml` (`path`), as seen from the working directory (`start`). Both paths are absolute."""

    path: Path
    start: Path

    def shown(self, path: Path) -> str:
        """The name of a file in messages: relative to the working directory, or in full if it is elsewhere."""
        return path.relative_to(self.start).as_posix() if path.is_relative_to(self.start) else str(path)

    def source(self, path: Path) -> str:
        """The name of a file in the bucket, which is the same in every checkout."""
        return path.relative_to(self.path).as_posix()

    def refuses(
        self, path: Path, *, besides: Path | None = None, spelled: bool = False, real: str | None = None
    ) -> Refusal | None:
        """Why a file must not be read, if with all symbolic links followed it is outside the folder or hidden.

        Links within the folder are followed, because ConfigMaps consist of them, and so is a link to the folder itself.
        Names that begin with a dot, such as `.git`, `.env` and `.ssh`, are often private. They are allowed if a pattern
        spells them out (`spelled`), or if they are on the path to the folder `besides`; but nothing in `.git` is read.
        `real` is the path with all links followed, if that is known.
        """
        if "\0" in str(path):
            return _OUTSIDE
        followed, root = Path(real or os.path.realpath(path)), Path(os.path.realpath(self.path))
        if not followed.is_relative_to(root):
            return _OUTSIDE
        named = Path(os.path.normpath(path))
        allowed = set(self._parts(named) if spelled else () if besides is None else self._parts(besides))
        for part in (*followed.relative_to(root).parts, *self._parts(named)):
            # Names with two dots come from Kubernetes volumes.
            hidden = part.startswith(".") and not part.startswith("..") and part not in allowed
            if hidden or part.lower() == ".git":
                where = f"to {shown(part)}, and files with such a name are not read"
                return Refusal(where, "copy the file to a name without a leading dot")
        return None

    def _parts(self, path: Path) -> tuple[str, ...]:
        return path.relative_to(self.path).parts if path.is_relative_to(self.path) else ()

    def root(self, pattern: str) -> Path:
        """The folder below which a pattern can match."""
        fixed = takewhile(lambda part: not _MAGIC.intersection(part), PurePosixPath(pattern).parts[:-1])
        return self.path.joinpath(*fixed)

    def expand(self, pattern: str) -> list[Path]:
        """The files that a pattern matches. Raises `Unlistable` if a folder cannot be listed.

        As in a shell, only a pattern that spells out the dot matches a name that begins with one. There is a second
        reason: Kubernetes mounts a ConfigMap as links to `..data/NAME`, and `..data` is a link to a folder `..2026_…`,
        so each file would be found three times. Python's own glob skips folders that it cannot list, and the schedules
        in skipped files would be deleted.
        """
        return [Path(name) for name in self.expand_names(pattern)]

    def expand_names(self, pattern: str) -> list[str]:
        """The same as strings, which are faster than paths for callers that look at a thousand files each second."""
        try:
            parts = PurePosixPath(pattern).parts
            # Several ** in a row mean the same as one.
            parts = tuple(part for part, following in pairwise((*parts, "")) if not part == following == "**")
            return list(self._search(str(self.path), (*parts, "*") if parts[-1] == "**" else parts, set()))
        except OSError as error:
            raise Unlistable(f"{error.filename} cannot be listed: {error.strerror}") from None

    def _search(self, folder: str, parts: tuple[str, ...], seen: set[tuple[int, int, int]]) -> Iterator[str]:
        """What matches in a folder, including what will be a problem: a link that is not followed, or a folder.

        `seen` has the folders that were searched, with the number of parts left, because links may form a circle.
        """
        first, rest = parts[0], parts[1:]
        if not _MAGIC.intersection(first):
            named = Path(folder, first)
            if not rest:
                if os.path.lexists(named):
                    yield str(named)
            elif named.is_dir():
                yield from self._search_below(str(named), named.is_symlink(), rest, seen)
            return
        status = Path(folder).stat()
        key = (status.st_dev, status.st_ino, len(parts))
        if key in seen:
            return
        seen.add(key)
        if first == "**":
            yield from self._search(folder, rest, seen)
            rest = parts
        matches = re.compile("" if first == "**" else translate(first)).match
        with os.scandir(folder) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
        for entry in entries:
            name = entry.name
            if (name.startswith(".") and not first.startswith(".")) or not matches(name):
                continue
            path, linked = entry.path, entry.is_symlink()
            if not rest and first != "*":
                yield path
            elif Path(path).is_dir() if linked else entry.is_dir():  # asking an entry about a link can fail
                if rest:
                    yield from self._search_below(path, linked, rest, seen)
            elif not rest:
                yield path

    def _search_below(
        self, folder: str, linked: bool, parts: tuple[str, ...], seen: set[tuple[int, int, int]]
    ) -> Iterator[str]:
        if linked and self.refuses(Path(folder), spelled=True) is not None:
            yield folder
        else:
            yield from self._search(folder, parts, seen)

    def unmatched(self, patterns: Collection[str], read: Iterable[Path]) -> list[Path]:
        """Files that look like schedules files but were not `read`.

        Such a file may have been renamed or moved, so that its schedules would be deleted, or it is new and was
        forgotten. The search covers the project's folder and the folders of the patterns, but not the latter if a
        pattern ends in `.yml`, because its author has thought about the endings.
        """
        alike = {"*.yaml", "*.yml"}
        if not any(pattern.endswith(".yml") for pattern in patterns):
            roots = [(pattern, self.root(pattern)) for pattern in patterns]
            alike |= {re.sub(r"\.yaml$", ".yml", pattern) for pattern, root in roots if root == self.path}
            alike |= {f"{self.source(root)}/**/*.y*ml" for _, root in roots if root != self.path}
        read = {*read}
        known: set[str] = set()
        found: dict[str, Path] = {}
        for pattern in sorted(alike):
            with suppress(Unlistable):  # if a pattern needs an unreadable folder, that is an error elsewhere
                for path in self.expand(pattern):
                    if path in read:  # true for nearly all; following the links of a path takes long
                        continue
                    known = known or {*map(os.path.realpath, read)}
                    real = os.path.realpath(path)
                    if real in known or path.suffix not in _ENDINGS or self.refuses(path) is not None:
                        continue
                    with suppress(OSError):
                        if _SCHEDULES.search(read_regular(path, MAX_FILE_SIZE)):
                            found.setdefault(real, path)
        return sorted(found.values())


def unmatched_problem(pattern: Pattern, folder: Folder, *, given: bool) -> Problem:
    """The problem of a pattern that matches no file; `given` says whether `files` is set."""
    message = f"the pattern {shown(pattern.match)} matches no file"
    hint = _pattern_hint(pattern.match, folder)
    if not hint:
        hint = "add a file, even if it only contains `schedules: {}`, "
        alone = f"{{match: {flow(pattern.match)}, optional: true}}"
        hint += f"remove the pattern, or allow it to match nothing: {alone}" if given else "or set `files`"
    return Problem(pattern.location, message, hint)


def _pattern_hint(match: str, folder: Folder) -> str:
    """What to write for a pattern in the notation of another tool; "" if unknown."""
    if match.startswith("!"):
        return "a pattern cannot exclude files: remove it, and make the other patterns narrower"
    if match.startswith("~"):
        return "~ is not expanded: write a path relative to the folder of the project"
    if braces := _BRACES.search(match):
        alternatives = braces[1].split(",")[:_MOST_ALTERNATIVES]
        each = [flow(match[: braces.start()] + one.strip() + match[braces.end() :]) for one in alternatives]
        return f"braces are not expanded: write a pattern for each, {', '.join(each)}"
    if "\\" in match and _matches(folder, forward := match.replace("\\", "/")):
        return f"separate folders by /: {flow(forward)}"
    other = re.sub(r"\.(ya?ml)$", lambda ending: ".yml" if ending[1] == "yaml" else ".yaml", match)
    if other != match and _matches(folder, other):
        return f"there are files with the other ending: write {flow(other)}"
    root = folder.root(match)
    if not os.path.lexists(root) and root != folder.path:
        return (
            f"there is no folder {folder.shown(root)}: correct the path, remove the pattern, "
            f"or allow it to match nothing: {{match: {flow(match)}, optional: true}}"
        )
    return ""


def _matches(folder: Folder, match: str) -> bool:
    try:
        return bool(folder.expand(match))
    except Unlistable:
        return False
