"""Reads and writes files as a whole: never a device or a pipe, never through a link.

A device has no end, and reading a pipe may wait without end; only a pipe that the command line names, such as a shell's
`<(...)`, is read. A checkout can hold links, and through one that leads to a key or a shell's profile, that file would
be overwritten. The functions raise OSError with a reason to show, unless they say otherwise.
"""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from ajsync.errors import WriteError

LARGEST = 1 << 20
"""The most bytes of a file with a context, credentials or a seed: a thousand times the usual size."""
_MOST_LINKS = 40
"""Linux follows this many links in one path."""


class UnfitFileError(OSError):
    """A file must not be read; `strerror` says why, as for any other reason why a file cannot be read."""


def read_regular(path: Path, limit: int = LARGEST, *, pipe: bool = False) -> bytes:
    """The bytes of a file, or with `pipe` also of a pipe.

    Raises UnfitFileError if it is not a regular file or longer than `limit`, and OSError.
    """
    check_regular(path, pipe=pipe)
    with path.open("rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise UnfitFileError(errno.EFBIG, f"it is larger than {limit:,} bytes", str(path))
    return data


def check_regular(path: Path, *, pipe: bool = False) -> None:
    """Check that a file can be opened without waiting and has an end; for a folder the system's own error follows."""
    mode = path.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or (pipe and stat.S_ISFIFO(mode))):
        raise UnfitFileError(errno.EINVAL, "it is not a regular file", str(path))


def way(path: Path) -> Iterator[Path]:
    """Yield each folder, link and file through which the system reaches an absolute path, whether or not they exist."""
    at, rest, links = Path(path.anchor), deque(path.parts[1:]), 0
    while rest:
        part = rest.popleft()
        if part == "..":
            at = at.parent
            continue
        here = at / part
        yield here
        try:
            target = here.readlink()
        except OSError:  # not a link
            at = here
            continue
        links += 1
        if links > _MOST_LINKS:
            return
        if target.is_absolute():
            at = Path(target.anchor)
        rest.extendleft(reversed(target.parts[1:] if target.is_absolute() else target.parts))


def write_private(path: Path, data: bytes) -> None:
    """Write a file that only its owner can read, completely or not at all."""
    check_way(path)
    if path.is_symlink():
        raise _link(path)
    # mkstemp makes the file with mode 0600, so there is no instant at which others could open it.
    descriptor, name = tempfile.mkstemp(prefix=".ajsync-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def rewrite(path: Path, before: bytes, data: bytes, folder: Path) -> None:
    """Replace the content of a file below a folder, completely or not at all; the file keeps its mode.

    Nothing is written if the file has changed since it was read, or if it or a folder in its path is a link.
    """
    check_unlinked(path, folder)
    check_regular(path)
    with path.open("r+b") as file:  # fails if the file must not be written, although it could be replaced
        if file.read(len(before) + 1) != before:
            raise UnfitFileError(errno.EBUSY, "it has changed since it was read", str(path))
        status = os.fstat(file.fileno())
    descriptor, name = tempfile.mkstemp(prefix=".ajsync-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as copy:
            copy.write(data)
            copy.flush()
            os.fchmod(descriptor, stat.S_IMODE(status.st_mode))
            with suppress(PermissionError):  # only root can give a file to somebody else
                os.fchown(descriptor, status.st_uid, status.st_gid)
            os.fsync(descriptor)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def check_unlinked(path: Path, folder: Path) -> None:
    """Check that a file is below a folder, and that neither it nor a folder in its path is a link."""
    place = os.path.relpath(path.absolute(), folder.absolute())
    if os.path.realpath(path) != os.path.normpath(Path(os.path.realpath(folder), place)):
        told = "there is a symbolic link in its path, and nothing is written through one"
        raise OSError(errno.ELOOP, told, str(path))


def write_new(texts: Mapping[Path, str]) -> None:
    """Write each text to its new file in UTF-8, and make missing folders.

    Raises WriteError if a file cannot be written or already exists; then none of the files is left.
    """
    written: list[Path] = []
    path = Path()
    try:
        for path, text in texts.items():
            check_way(path)
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as stream:
                written.append(path)
                stream.write(text)
    except BaseException as error:
        for each in written:
            each.unlink(missing_ok=True)
        if isinstance(error, OSError):
            none = f" None of the {len(texts)} files was written." if len(texts) > 1 else ""
            raise WriteError(f"{path} cannot be written: {error.strerror}.{none}") from None
        raise


def make_folder(folder: Path) -> None:
    """Make a folder and its parents if they are missing; a folder that is a link is refused."""
    if folder.is_symlink():
        raise _link(folder)
    folder.mkdir(parents=True, exist_ok=True)


def check_way(path: Path) -> None:
    """Check that a relative path stays below the working directory, unless the path itself says otherwise."""
    if not path.is_absolute() and ".." not in path.parts:
        folder = os.path.realpath(path.parent)
        if not Path(folder).is_relative_to(os.path.realpath(".")):
            told = f"{path.parent} is a symbolic link that leads out of the working directory"
            raise OSError(errno.ELOOP, told, str(path))


def check_no_links(folder: Path) -> None:
    """Check that neither a folder nor anything below it is a link."""
    if folder.is_symlink():
        raise _link(folder)
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(parent, name)
            if path.is_symlink():
                raise _link(path)


def _link(path: Path) -> OSError:
    return OSError(errno.ELOOP, f"{path} is a symbolic link, and nothing is written through one", str(path))
