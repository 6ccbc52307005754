"""Standard streams and a working directory in bad shape: closed, full, in another encoding, or gone.

A message that cannot be printed does not make a command fail: if standard error is full the exit code tells enough, and
output to a stream that is closed, or whose reader has left, is not wanted. Characters that cannot be encoded are
spelled out.
"""

from __future__ import annotations

import codecs
import errno
import io
import os
import sys
from typing import Any

PLAIN = "ajsync.plain"
"""The name, for `errors=`, of our handler for characters that an encoding lacks."""
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
"""The characters beyond ASCII in our own tables and sentences."""
_FAILED = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EPIPE, errno.EBADF))


def prepare_streams() -> None:
    """Make the streams of this process safe to write to, whatever is at the other end."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            # It takes the descriptor that the caller has closed, the lowest free one, before a socket does.
            setattr(sys, name, open(os.open(os.devnull, os.O_RDWR), mode, encoding="utf-8", closefd=False))  # noqa: SIM115
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=PLAIN)
    if sys.stderr is sys.__stderr__ and isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr = _with_file(sys.stderr, _Forgiving, line_buffering=True)
    # Otherwise click ends every command with 1 when the reader has left, whatever the command has done.
    if sys.stdout is sys.__stdout__ and isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout = _with_file(sys.stdout, _Readerless, line_buffering=sys.stdout.line_buffering)


def speaks_utf8(stream: Any) -> bool:
    """Whether a stream of text takes any character; one without an encoding, as in a test, does."""
    encoding = getattr(stream, "encoding", None)
    return not encoding or codecs.lookup(encoding).name == "utf-8"


def in_plain_signs(text: str) -> str:
    """Spell our own signs in ASCII: click would write them in UTF-8 to a stream of ASCII."""
    return text.translate({ord(sign): spelled for sign, spelled in _SPELLED.items()})


GONE = "The working directory no longer exists: change to one that does."
"""The error of a command that needs a working directory."""


def working_folder_is_gone() -> bool:
    """Whether the working directory of this process has been deleted."""
    try:
        os.getcwd()  # noqa: PTH109 - Path.cwd() does the same
    except FileNotFoundError:
        return True
    return False


def give_up_output() -> None:
    """Keep the interpreter from trying again, when it ends, to write what standard output has refused."""
    file = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    if isinstance(file, _Readerless):
        file.given_up = True


class _Forgiving(io.FileIO):
    """A file that ignores what it cannot write."""

    def write(self, data: Any) -> int:
        try:
            written: int | None = super().write(data)
        except OSError as error:
            if error.errno not in _FAILED:
                raise
            written = None
        return len(data) if written is None else written


class _Readerless(io.FileIO):
    """A file that ignores a missing reader; a full disk is still an error."""

    given_up = False

    def write(self, data: Any) -> int | None:  # type: ignore[override]  # None if a pipe is full and may not wait
        try:
            return len(data) if self.given_up else super().write(data)
        except BrokenPipeError:
            return len(data)


def _with_file(stream: io.TextIOWrapper, kind: type[io.FileIO], *, line_buffering: bool) -> io.TextIOWrapper:
    file = io.BufferedWriter(kind(stream.fileno(), "wb", closefd=False))
    return io.TextIOWrapper(file, stream.encoding, PLAIN, line_buffering=line_buffering)


def _plain(error: UnicodeError) -> tuple[str | bytes, int]:
    """Spell out what an encoding lacks: our own signs in ASCII, anything else escaped as in JSON and YAML."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    from json import dumps  # few terminals need it

    text = "".join(_SPELLED.get(char) or dumps(char)[1:-1] for char in error.object[error.start : error.end])
    return text, error.end


codecs.register_error(PLAIN, _plain)
