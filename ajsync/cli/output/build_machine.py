"""Standard output and standard error as build machines read them: nothing that others wrote becomes a command there.

GitHub's runner takes each line that begins with `::` for a command, whatever space is before it, and it ends a line at
a carriage return too. It and Azure's look for `##[…]`, Azure's and TeamCity's for `##word[…]`, anywhere in a line.
GitLab's folds what stands between markers that have control characters in them. Such a line can come from the name of a
file, a key, a schedule or an option, or from an error of a library that quotes one. So the guard is where all of it
passes.

It is always on, for a container's output reaches a build machine that the container knows nothing of. What is written
instead means the same in JSON and in YAML's double quotes.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast

import click

_INVISIBLE = "\u00ad\u180e\u200b-\u200f\u2060-\u2064\ufeff"
"""A mark of byte order is taken off by readers, and .NET passes over all of these where it compares by culture."""
_COMMANDS = re.compile(
    rf"(?:^|(?<=[\r\n]))(?P<before>(?:[^\S\r\n]|[{_INVISIBLE}])*:)[{_INVISIBLE}]*:|(?P<words>##\w*)\["
)
_UNSEEN = re.compile(rf"[\s{_INVISIBLE}]")
_UNSEEN_IN_BYTES = re.compile(r"[\s\x80-\xff]")
_INVISIBLE_IN_BYTES = r"(?:\xc2\xad|\xe1\xa0\x8e|\xe2\x80[\x8b-\x8f]|\xe2\x81[\xa0-\xa4]|\xef\xbb\xbf)*"
_COMMANDS_IN_BYTES = re.compile(
    r"(?:^|(?<=[\r\n]))(?P<before>[ \t\x0b\x0c\x1c-\x1f\x80-\xff]*:)"
    + _INVISIBLE_IN_BYTES
    + r":|(?P<words>##[\w\x80-\xff]*)\["
)
"""Of bytes it is not known which of them are a space."""
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_CONTROLS_IN_BYTES = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_WORD = re.compile(r"##[\w\x80-\xff]*$")
_KEPT = 40
"""Characters of a long line that may be the beginning of a command."""


class _Guard:
    """Looks at text as it is written; knows how the line that is under way begins."""

    def __init__(self, *, controls: bool) -> None:
        self.controls = controls
        """Whether control characters pass: a terminal needs them for colours."""
        self.commands = False
        """Whether what is written now are commands of our own."""
        self._line = ""

    def checked(self, text: str, *, is_bytes: bool = False) -> str:
        if not self.controls:
            text = (_CONTROLS_IN_BYTES if is_bytes else _CONTROLS).sub(_as_escape, text)
        pattern = _COMMANDS_IN_BYTES if is_bytes else _COMMANDS
        # What was written of this line already holds no command any more, so only what is new is replaced.
        whole = self._line + text
        if "::" in whole or "##" in whole or not whole.isascii():
            whole = pattern.sub(self._harmless, whole)
        written = whole[len(self._line) :]
        self._line = _beginning(re.split(r"[\r\n]", whole)[-1], _UNSEEN_IN_BYTES if is_bytes else _UNSEEN)
        return written

    def _harmless(self, found: re.Match[str]) -> str:
        if found["words"]:
            return found["words"] + "\\u005b"
        return found[0] if self.commands else found["before"] + "\\u003a"


def _as_escape(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def _beginning(line: str, unseen: re.Pattern[str]) -> str:
    """A line, or a short one that can become the same commands."""
    if len(line) <= _KEPT:
        return line
    if _WORD.search(line):
        return "##"  # whatever word follows it, a bracket makes it a command
    return line[-_KEPT:] if unseen.sub("", line) in ("", ":") else "x" + line[-_KEPT:]


class _GuardedBytes:
    """The bytes below a stream; click writes them itself where it does not trust an encoding."""

    def __init__(self, stream: Any, guard: _Guard) -> None:
        self._stream = stream
        self._guard = guard

    def write(self, data: bytes) -> int:
        text = bytes(data).decode("latin-1")
        self._stream.write(self._guard.checked(text, is_bytes=True).encode("latin-1"))
        return len(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _GuardedStream:
    """A stream of text that a guard looks at; all else is the stream's own."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.guard = _Guard(controls=stream.isatty())

    @property
    def buffer(self) -> Any:
        return _GuardedBytes(self._stream.buffer, self.guard)

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"a stream of text takes no {type(text).__name__}")  # as click asks, to tell it from bytes
        self._stream.write(self.guard.checked(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def guard_output() -> None:
    """Let all that this process prints from now on pass by a guard."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and not isinstance(stream, _GuardedStream):
            setattr(sys, name, cast("TextIO", _GuardedStream(stream)))


def print_commands(text: str) -> None:
    """Print commands of our own for a workflow, as `reconcile.render.github` makes them, on standard output."""
    with _commands():
        click.echo(text)


@contextmanager
def _commands() -> Iterator[None]:
    stream: object = sys.stdout
    if not isinstance(stream, _GuardedStream):
        yield
        return
    stream.guard.commands = True
    try:
        yield
    finally:
        stream.guard.commands = False
