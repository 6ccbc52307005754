"""Where the scenes take place: a copy of the example project, a server of its own, and the commands that run there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from docs.draw.terminal import on_terminal

_PROJECT = Path(__file__).parents[2] / "examples" / "quickstart"
_SECONDS = 120
PROGRAM = (sys.executable, "-m", "ajsync")


class Stage:
    """A copy of the example project, with a folder of its own for NATS contexts."""

    def __init__(self, folder: Path, program: Sequence[str] = PROGRAM) -> None:
        """`program` is what runs a command, whose words follow."""
        self._program = program
        self.schedules = folder / "quickstart" / "schedules"
        shutil.copytree(_PROJECT, self.schedules.parent)
        configuration = folder / "configuration"
        self.context = configuration / "nats" / "context" / "ajsync-dev.json"
        """The file that `ajsync dev` writes once its server answers."""
        settings = folder / "gitconfig"
        settings.write_text("[user]\n\temail = jane@example.net\n", encoding="utf-8")
        self._environment = {
            "XDG_CONFIG_HOME": str(configuration),
            "GIT_CEILING_DIRECTORIES": str(folder),
            "GIT_CONFIG_GLOBAL": str(settings),
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def show(self, *arguments: str, columns: int, answer: str) -> str:
        """What a command shows on a terminal, with the codes of colours; a question is answered with `answer`."""
        return on_terminal(
            *self._program,
            *arguments,
            folder=self.schedules.parent,
            environment=self._environment,
            columns=columns,
            answer=answer,
        )

    def call(self, *arguments: str) -> str:
        """Run a command that has to succeed; its output."""
        done = subprocess.run(
            [*self._program, *arguments],
            cwd=self.schedules.parent,
            env={**os.environ, **self._environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @contextmanager
    def running(self, *arguments: str, until: Callable[[], bool]) -> Iterator[None]:
        """Run a command in the background while the block runs, which begins once something holds."""
        with subprocess.Popen(
            [*self._program, *arguments],
            cwd=self.schedules.parent,
            env={**os.environ, **self._environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            try:
                deadline = time.monotonic() + _SECONDS
                while not until():
                    assert process.poll() is None, f"{arguments} has ended"
                    assert time.monotonic() < deadline, f"{arguments} took too long"
                    time.sleep(0.05)
                yield
            finally:
                process.terminate()

    def edit(self, file: str, old: str, new: str = "") -> None:
        """Replace a text that a schedules file has once."""
        path = self.schedules / file
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, old
        path.write_text(text.replace(old, new), encoding="utf-8")
