"""A guard for standard output and standard error: no text of others can become a command to a build machine.

GitHub's runner takes a line that begins with `::` for a command, even after spaces, and ends a line at a carriage
return too. It and Azure's look for `##[…]`, Azure's and TeamCity's for `##word[…]`, anywhere in a line. GitLab's folds
the text between markers that contain control characters. Such text can come from the name of a file, a key, a schedule
or an option, or from an error of a library that quotes one, so the guard sees all output.

It is always on, because the output of a container can reach a build machine that the container does not know of. Its
replacements mean the same in JSON and in YAML's double quotes.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from typing import Any, TextIO, cast

import click

_INVISIBLE = "\u00ad\u180e\u200b-\u200f\u2060-\u2064\ufeff"
"""Readers drop a byte order mark, and .NET ignores all of these when it compares by culture."""
_BYTE = "\udc80-\udcff"
"""A byte that is not UTF-8, as `surrogateescape` decodes it: in another encoding it can be a space or a letter."""
_COMMANDS = re.compile(
    rf"(?:^|(?<=[\r\n]))(?P<before>(?:[^\S\r\n]|[{_INVISIBLE}{_BYTE}])*:)[{_INVISIBLE}{_BYTE}]*:"
    rf"|(?P<words>##[\w{_BYTE}]*)\["
)
_LEAD = re.compile(rf"(?:[^\S\r\n]|[{_INVISIBLE}{_BYTE}])*:")
"""How a line begins that may be a command in spite of invisible characters between its colons."""
_UNSEEN = re.compile(rf"[\s{_INVISIBLE}{_BYTE}]")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_WORD = re.compile(rf"##[\w{_BYTE}]*$")
_KEPT = 40
"""How many characters at the end of a long line can be the beginning of a command."""


class _Guard:
    """Replaces commands in text as it is written, and remembers how the current line begins."""

    def __init__(self, *, controls: bool) -> None:
        self.controls = controls
        """Whether control characters pass, as a terminal needs for colours."""
        self.commands = False
        """Whether commands pass, because they are our own."""
        self._line = ""

    def checked(self, text: str) -> str:
        if not (self.controls or text.replace("\n", "").isprintable()):  # a quick check that nearly all text passes
            text = _CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
        # The part of the line that is already written holds no command, so only the new part changes.
        whole = self._line + text
        if not whole.isascii() or "::" in whole or "##" in whole:
            # Line by line, because a command does not span lines, and few lines of a long plan can hold one.
            lines = whole.split("\n")
            for number, line in enumerate(lines):
                if "::" in line or "##" in line or (not line.isascii() and ("\r" in line or _LEAD.match(line))):
                    lines[number] = _COMMANDS.sub(self._harmless, line)
            whole = "\n".join(lines)
        written = whole[len(self._line) :]
        self._line = _beginning(whole[whole.rfind("\n") + 1 :].rpartition("\r")[2])
        return written

    def _harmless(self, found: re.Match[str]) -> str:
        if found["words"]:
            return found["words"] + "\\u005b"
        return found[0] if self.commands else found["before"] + "\\u003a"


def _beginning(line: str) -> str:
    """Return a line, or a shorter one that can become the same commands."""
    if len(line) <= _KEPT:
        return line
    if _WORD.search(line):
        return "##"  # a bracket after any word makes it a command
    return line[-_KEPT:] if _UNSEEN.sub("", line) in ("", ":") else "x" + line[-_KEPT:]


class _GuardedBytes:
    """The binary stream below a text stream, to which click writes directly if it does not trust an encoding."""

    def __init__(self, stream: Any, guard: _Guard) -> None:
        self._stream = stream
        self._guard = guard

    def write(self, data: bytes) -> int:
        text = bytes(data).decode("utf-8", "surrogateescape")
        self._stream.write(self._guard.checked(text).encode("utf-8", "surrogateescape"))
        return len(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _GuardedStream:
    """A stream of text with a guard; everything else is the stream's own."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.guard = _Guard(controls=stream.isatty())

    @property
    def buffer(self) -> Any:
        return _GuardedBytes(self._stream.buffer, self.guard)

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(
                f"a stream of text takes no {type(text).__name__}"
            )  # this is how click finds out whether a stream takes text
        self._stream.write(self.guard.checked(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def guard_output() -> None:
    """Guard everything that this process prints from now on."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and not isinstance(stream, _GuardedStream):
            setattr(sys, name, cast("TextIO", _GuardedStream(stream)))


def print_commands(text: str) -> None:
    """Print our own commands to a workflow, which `reconcile.render.github` makes, on standard output."""
    guard = getattr(sys.stdout, "guard", _Guard(controls=True))
    guard.commands = True
    try:
        click.echo(text)
    finally:
        guard.commands = False
