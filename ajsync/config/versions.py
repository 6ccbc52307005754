"""Which version of a file was read, and whether the file is still the same."""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from ajsync.files import read_regular
from ajsync.timestamp import NANOSECONDS

FileStatus: TypeAlias = tuple[int, ...]

_STEP = 2 * NANOSECONDS
"""The steps in which some file systems count time, in nanoseconds. Within a step a file can change without a trace."""


def file_status(path: Path | str) -> FileStatus:
    """A value that identifies the content of a file, with links followed. Its change time also shows that it became
    readable."""
    try:
        found = os.stat(path)  # noqa: PTH116 - called for a thousand files each second
    except (OSError, ValueError) as error:  # ValueError: not a possible name
        return (getattr(error, "errno", None) or 0,)
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


@dataclass(frozen=True, slots=True)
class FileVersion:
    """The version of a file that was read."""

    status: FileStatus
    digest: bytes
    """SHA-256 of its bytes."""
    settled: bool
    """Whether every later change shows in its status, because it had not changed for a while when it was read."""
    real: str
    """Its path with all links followed: the status is the same if a link stands in the place of a folder that moved."""

    def is_current(self, path: Path, limit: int) -> bool:
        """Whether the file still is as it was read. Its bytes are read only if the status cannot tell."""
        if file_status(path) != self.status or os.path.realpath(path) != self.real:
            return False
        try:
            return self.settled or hashlib.sha256(read_regular(path, limit)).digest() == self.digest
        except OSError:
            return False


def read_version(path: Path, limit: int) -> tuple[bytes, FileVersion]:
    """The bytes of a file, and their version. Raises as `read_regular`."""
    # Before the bytes, so that it is never that of a later version.
    now, status, real = time.time_ns(), file_status(path), os.path.realpath(path)
    data = read_regular(path, limit)
    return data, FileVersion(status, hashlib.sha256(data).digest(), max(status[-2:]) < now - _STEP, real)
