"""The commit that a project's files come from, according to git."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from ajsync.asyncjobs.applied import COMMIT_ID, Commit
from ajsync.git.program import output_of, run_git
from ajsync.timestamp import NANOSECONDS

_HEAD = re.compile(rb"([0-9]{1,11}) ([0-9a-f]+)\n")
_ENTRY = re.compile(rb"\d+ blob (?P<id>[0-9a-f]+)\t(?P<name>.+)", re.DOTALL)
_HASHES = {40: "sha1", 64: "sha256"}
"""The hash functions by the length of an id in hex; a repository uses one of them."""
_ENDINGS = (".yaml", ".yml")


class Checkout:
    """The repository around a folder, if there is one. Worktrees and submodules count, too."""

    def __init__(self, folder: Path, environ: Mapping[str, str] = os.environ) -> None:
        self.folder = folder
        self._environ = environ

    def head(self) -> Commit | None:
        """The checked out commit with its time; None without git, a repository or a commit."""
        found = _HEAD.fullmatch(self._output("rev-list", "--max-count=1", "--timestamp", "HEAD", "--"))
        if found is None or not COMMIT_ID.fullmatch(found[2].decode()):
            return None
        return Commit(found[2].decode(), int(found[1]) * NANOSECONDS)

    def branch(self) -> str:
        """The checked out branch; empty if there is none, as on most build machines."""
        found = self._output("symbolic-ref", "--quiet", "--short", "HEAD")
        return found.decode("utf-8", "replace").strip()

    def user(self) -> str:
        """The user that git names in commits, preferably the address; empty if none is configured."""
        for name in ("user.email", "user.name"):
            if found := self._output("config", "--get", name).decode("utf-8", "replace").strip():
                return found
        return ""

    def descends(self, later: str, earlier: str) -> bool | None:
        """Whether the commit `later` has `earlier` among its ancestors; None if git does not know both of them.

        It is None, too, instead of False in a shallow clone, where the history may be cut off.
        """
        found = run_git(self.folder, "merge-base", "--is-ancestor", earlier, later, environ=self._environ)
        if found is None or found[0] not in (0, 1):
            return None
        if found[0] == 0:
            return True
        return False if self._output("rev-parse", "--is-shallow-repository").strip() == b"false" else None

    def is_dirty(self, sources: Iterable[Path]) -> bool:
        """Whether one of these files differs from the commit, or a YAML file of the folder is gone.

        Other files of the repository do not count, because what is applied does not depend on them. The files are
        compared here and not by git, which would run the filters that a repository's configuration names.
        """
        listing = self._output("ls-tree", "-r", "-z", "HEAD")
        entries = [found for line in listing.split(b"\0") if (found := _ENTRY.fullmatch(line))]
        held = {os.fsdecode(found["name"]): found["id"].decode() for found in entries}
        root = os.path.realpath(self.folder)
        for source in sources:
            path = os.path.relpath(os.path.realpath(source), root)
            if path not in held or not _is_held(source, held[path]):
                return True
        return any(name.endswith(_ENDINGS) and not os.path.lexists(self.folder / name) for name in held)

    def _output(self, *arguments: str) -> bytes:
        return output_of(self.folder, *arguments, environ=self._environ) or b""


def _is_held(source: Path, oid: str) -> bool:
    """Whether a file is the object with this id, even if git converted its line ends at the checkout."""
    try:
        data = source.read_bytes()
    except OSError:
        return False
    return any(_object_id(each, len(oid)) == oid for each in (data, data.replace(b"\r\n", b"\n")))


def _object_id(data: bytes, digits: int) -> str:
    return hashlib.new(_HASHES[digits], b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
