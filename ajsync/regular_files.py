"""Files that are read as a whole: never a device, which has no end, nor a pipe, for which one would wait for ever.

A pipe that is named on the command line is one of a shell's `<(...)`, and is read.
"""

from __future__ import annotations

import errno
import stat
from pathlib import Path

LARGEST = 1 << 20
"""Bytes of a file that holds a context, credentials or a seed: a thousand times what such a file is long."""


class UnfitFileError(OSError):
    """A file that is not one to read; `strerror` says why, as for every other reason why a file cannot be read."""


def read_regular(path: Path, limit: int = LARGEST, *, pipe: bool = False) -> bytes:
    """The bytes of a file, or with `pipe` of a pipe.

    Raises UnfitFileError if it is no regular file or longer than `limit`, and OSError.
    """
    check_regular(path, pipe=pipe)
    with path.open("rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise UnfitFileError(errno.EFBIG, f"it is larger than {limit:,} bytes", str(path))
    return data


def check_regular(path: Path, *, pipe: bool = False) -> None:
    """See that a file can be opened without waiting and has an end; a folder is left to the system's own words."""
    mode = path.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or (pipe and stat.S_ISFIFO(mode))):
        raise UnfitFileError(errno.EINVAL, "it is not a regular file", str(path))
