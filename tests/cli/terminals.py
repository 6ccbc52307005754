"""A real terminal for a command, and somebody who reads and types there."""

from __future__ import annotations

import codecs
import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from tests.cli.forked import start_command
from tests.cli.processes import DEADLINE_SECONDS


class Terminal:
    """A command on a terminal of its own, 80 columns wide."""

    def __init__(
        self,
        *command: str | Path,
        folder: Path | None = None,
        lines: int = 24,
        environment: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._ours, theirs = _open_terminal(lines)
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            env=_environment(environment),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # so that Ctrl-C reaches it
        )
        os.close(theirs)
        self.shown = ""
        """Everything that was printed until now."""
        self._decoder = _decoder()

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._ours, keys.encode())

    def wait_for(self, text: str, *, after: int = 0) -> None:
        """Read until a text has been printed, behind the first `after` characters."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while text not in self.shown[after:]:
            assert time.monotonic() < deadline, self.shown
            if select.select([self._ours], [], [], 0.2)[0]:
                assert self._read(), self.shown

    def end(self, keys: str = "") -> int:
        """Read until the command ends, and return its exit code; press keys, and again every second.

        Once is not enough: what is typed in the instant before a program reads the keyboard may reach nobody.
        """
        deadline = time.monotonic() + DEADLINE_SECONDS
        pressed = 0.0
        while self.process.poll() is None and time.monotonic() < deadline:
            if time.monotonic() - pressed > 1:
                self.type(keys)
                pressed = time.monotonic()
            if select.select([self._ours], [], [], 0.1)[0]:
                self._read()
        self.process.kill()
        while self._read():
            pass
        os.close(self._ours)
        return self.process.wait()

    def _read(self) -> bool:
        try:
            piece = os.read(self._ours, 65536)
        except OSError:  # the process has ended, and with it the terminal
            return False
        self.shown += self._decoder.decode(piece)
        return bool(piece)


def on_terminal(
    *arguments: str, code: int = 0, folder: Path | None = None, columns: int = 80, **environment: str
) -> str:
    """What `ajsync` prints on a terminal, without a pager."""
    ours, theirs = _open_terminal(24, columns)
    name = os.ttyname(theirs)
    process = start_command(
        folder or Path.cwd(),
        arguments,
        _environment({"PAGER": "cat", **environment}),
        (name, name, name),
        encoding=environment.get("PYTHONIOENCODING", "utf-8"),
    )
    shown, decoder = "", _decoder()
    deadline = time.monotonic() + DEADLINE_SECONDS
    while select.select([ours], [], [], 0)[0] or (process.poll() is None and time.monotonic() < deadline):
        if select.select([ours], [], [], 0.05)[0]:
            shown += decoder.decode(os.read(ours, 65536))
    process.kill()
    ended = process.wait()
    os.close(theirs)
    os.close(ours)
    assert ended == code, shown
    return shown


def _open_terminal(lines: int, columns: int = 80) -> tuple[int, int]:
    """Both ends of a terminal, the one to type at and to read from first."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    return ours, theirs


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    """The environment of a command on a terminal, without what says that this has another size."""
    without_size = {name: value for name, value in os.environ.items() if name not in ("LINES", "COLUMNS")}
    return {**without_size, "TERM": "xterm", "LC_ALL": "C.UTF-8", "PYTHONWARNINGS": "error", **more}


def _decoder() -> codecs.IncrementalDecoder:
    """What makes text of pieces, one of which may end within a character."""
    return codecs.getincrementaldecoder("utf-8")("replace")
