"""One of ours that takes part in the election, as a process that tests kill, stop, pause and cut off."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.cli.forked import Running, start_command

_STOP_SECONDS = 60.0
"""Much longer than a stop takes."""


class Member:
    """A scheduler among others; its log is in a file, over all its starts."""

    def __init__(
        self, folder: Path, name: str, url: str, *options: str, command: Sequence[str] = ("scheduler",)
    ) -> None:
        """`command` is followed by the name."""
        self.name = name
        self.other_program: Sequence[str] = ()
        """The command line of another program, which is started instead."""
        self._arguments = [*command, name, "--server", url, *options]
        self._folder = folder
        self._log = folder / f"{name}.log"
        self._log.touch()
        self._process: Running | subprocess.Popen[bytes] | None = None
        self._seen = 0

    @property
    def running(self) -> int | None:
        """The id of its process; None where it is dead."""
        return self._process.pid if self._process is not None else None

    @property
    def log(self) -> str:
        """Everything that it has said."""
        return self._log.read_text()

    def mark_log(self) -> None:
        """From here on `said` looks."""
        self._seen = self._log.stat().st_size

    def said(self, text: str) -> bool:
        """Whether it has said this since the log was marked or it was started. It must still run."""
        assert self._process is None or self._process.poll() is None, f"{self.name} ended by itself:\n{self.log}"
        with self._log.open("rb") as log:
            log.seek(self._seen)
            return text.encode() in log.read()

    def start(self) -> None:
        """Start it, or start it again."""
        self.mark_log()
        with self._log.open("ab") as log:
            if self.other_program:
                self._process = subprocess.Popen(
                    self.other_program, cwd=self._folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
                )
            else:
                streams = (os.devnull, log.fileno(), log.fileno())
                self._process = start_command(self._folder, self._arguments, os.environ, streams)

    def signal(self, sig: int) -> None:
        """Send it a signal."""
        assert self._process is not None
        self._process.send_signal(sig)

    def reap(self) -> int:
        """Wait for its end; its exit status."""
        assert self._process is not None
        status = self._process.wait(_STOP_SECONDS)
        self._process = None
        return status

    def end(self) -> None:
        """Kill it if it runs, paused or not."""
        if self._process is not None:
            self.signal(signal.SIGKILL)
            self.reap()
