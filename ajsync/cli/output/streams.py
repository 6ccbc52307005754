"""The standard streams and the working directory as a command may find them: closed, full, in another encoding, gone.

What cannot be said is no reason to fail: where standard error takes nothing the exit code tells, and a stream that the
caller has closed, or whose reader has left, is one whose output nobody wants. What cannot be encoded is spelled out.
"""

from __future__ import annotations

import codecs
import errno
import io
import os
import sys
from typing import Any

PLAIN = "ajsync.plain"
"""The name of our way with characters that an encoding does not have, for `errors=`."""
_SPELLED = {
    **dict.fromkeys("─━═", "-"),
    **dict.fromkeys("│┃║", "|"),
    **dict.fromkeys("╭╮╰╯├┤┬┴┼┌┐└┘", "+"),
    **dict.fromkeys("▏▎▍▌▋▊▉█▁▂▃▄▅▆▇", "#"),
    "…": "...",
    "→": "->",
    "≤": "<=",
    "—": "-",
}
"""What our own tables and sentences have beyond ASCII."""
_FAILED = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EPIPE, errno.EBADF))


def prepare_streams() -> None:
    """Make the streams of this process fit to be written to, whatever is at their other end."""
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            setattr(sys, name, _nowhere(descriptor))
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=PLAIN)
    if sys.stderr is sys.__stderr__ and isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr = _with_file(sys.stderr, _Forgiving, line_buffering=True)
    # Before click sees that the reader has left, which ends every command with 1, whatever it has done.
    if sys.stdout is sys.__stdout__ and isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout = _with_file(sys.stdout, _Readerless, line_buffering=sys.stdout.line_buffering)


def speaks_utf8(stream: Any) -> bool:
    """Whether a stream of text takes any character; one without an encoding, as of a test, does."""
    encoding = getattr(stream, "encoding", None)
    return not encoding or codecs.lookup(encoding).name == "utf-8"


GONE = "The working directory does not exist any more: change into one that does."
"""What is said where a command cannot do without it."""


def working_folder_is_gone() -> bool:
    """Whether somebody has deleted the working directory under this process."""
    try:
        os.getcwd()  # noqa: PTH109 - Path.cwd() is no more
    except FileNotFoundError:
        return True
    return False


def give_up_output() -> None:
    """Let the interpreter not try once more, when it ends, what standard output has not taken: it would say so too."""
    file = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    if isinstance(file, _Readerless):
        file.given_up = True


class _Forgiving(io.FileIO):
    """A file that takes what it cannot write for written."""

    def write(self, data: Any) -> int:
        try:
            written: int | None = super().write(data)
        except OSError as error:
            if error.errno not in _FAILED:
                raise
            written = None
        return len(data) if written is None else written


class _Readerless(io.FileIO):
    """A file that takes for written what nobody is there to read; that a disk is full remains an error."""

    given_up = False

    def write(self, data: Any) -> int | None:  # type: ignore[override]  # None where a pipe that is full may not wait
        try:
            return len(data) if self.given_up else super().write(data)
        except BrokenPipeError:
            return len(data)


def _with_file(stream: io.TextIOWrapper, kind: type[io.FileIO], *, line_buffering: bool) -> io.TextIOWrapper:
    file = io.BufferedWriter(kind(stream.fileno(), "wb", closefd=False))
    return io.TextIOWrapper(file, stream.encoding, PLAIN, line_buffering=line_buffering)


def _nowhere(descriptor: int) -> io.TextIOWrapper:
    """A stream in the place of one that the caller has closed; a socket must not come into its place."""
    opened = os.open(os.devnull, os.O_RDWR)
    if opened != descriptor:
        try:
            os.fstat(descriptor)
        except OSError:
            os.dup2(opened, descriptor)
            os.close(opened)
            opened = descriptor
    return open(opened, "r" if descriptor == 0 else "w", encoding="utf-8", closefd=False)


def _plain(error: UnicodeError) -> tuple[str | bytes, int]:
    """Spell out what an encoding does not have: our own signs in ASCII, all else as JSON and YAML escape it."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = "".join(_SPELLED.get(char) or _escaped(char) for char in error.object[error.start : error.end])
    return text, error.end


def _escaped(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{int.from_bytes(units[at : at + 2], 'big'):04x}" for at in range(0, len(units), 2))


codecs.register_error(PLAIN, _plain)
