"""ajsync in a process of its own, which is forked off from one that has imported the commands before.

A new interpreter takes some ten times as long to import them as most commands take to run. `tests.cli.launcher` is the
same for shells.
"""

from __future__ import annotations

import io
import os
import pkgutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import connection, get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Lock
from typing import IO, NoReturn

import ajsync

DEADLINE_SECONDS = 60.0
"""Much longer than anything here takes, even on a machine that does five other things."""
_IMPORTED = [each.name for each in pkgutil.walk_packages(ajsync.__path__, "ajsync.") if each.name != "ajsync.__main__"]


Stream = str | int
"""What a command reads or prints to: a path, or a descriptor of this process."""
_READING = Lock()
"""Held to look at what has ended: multiprocessing also does so at each start, and the second to ask gets no answer."""


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of a command."""

    code: int
    output: bytes
    errors: bytes


class Running:
    """A command that was started, with the methods of `subprocess.Popen` that tests need."""

    stdout: IO[str] | None = None
    """What it prints, where that is a pipe."""
    stderr: IO[str] | None = None

    def __init__(self, words: Sequence[str], process: BaseProcess) -> None:
        self._words = words
        self._process = process
        assert process.pid is not None
        self.pid = process.pid

    @property
    def sentinel(self) -> int:
        """A descriptor that can be read from once it has ended."""
        return self._process.sentinel

    @property
    def returncode(self) -> int | None:
        """Its exit code, or the signal that ended it as a negative number; None while it runs."""
        return self.poll()

    def poll(self) -> int | None:
        """As `returncode`."""
        with _READING:
            return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; its exit code. Raises TimeoutExpired after `timeout` seconds."""
        connection.wait([self.sentinel], timeout)
        code = self.poll()
        if code is None:
            raise subprocess.TimeoutExpired(self._words, timeout or 0.0)
        return code

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Read its pipes until it ends."""
        with ThreadPoolExecutor(2) as pool:
            reading = [pool.submit(stream.read) if stream else None for stream in (self.stdout, self.stderr)]
            try:
                self.wait(timeout)
            except subprocess.TimeoutExpired:
                self.kill()  # or what reads would never end
                raise
            output, errors = (each.result() if each else "" for each in reading)
        return output, errors

    def send_signal(self, sig: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, sig)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def close(self) -> None:
        """Give back the pipes; it must have ended."""
        for stream in (self.stdout, self.stderr):
            if stream is not None:
                stream.close()


def run_forked(folder: Path, commands: Sequence[str], way: str = "plain", encoding: str = "utf-8") -> dict[str, Ended]:
    """Run commands in `folder` one after the other, their streams set up in one of `WAYS`, in this encoding."""
    return {
        command: run_command(folder, command.split(), os.environ, way=way, encoding=encoding) for command in commands
    }


def run_command(
    folder: Path,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    *,
    way: str = "plain",
    encoding: str = "utf-8",
) -> Ended:
    """Run `ajsync` with these arguments to its end. What an interpreter reads from the environment has no effect."""
    with tempfile.NamedTemporaryFile() as output, tempfile.NamedTemporaryFile() as errors:
        streams = (os.devnull, output.name, errors.name)
        process = start_command(folder, arguments, environment, streams, way=way, encoding=encoding)
        try:
            code = process.wait(DEADLINE_SECONDS)
        except subprocess.TimeoutExpired as error:
            process.kill()
            process.wait()
            raise subprocess.TimeoutExpired(error.cmd, DEADLINE_SECONDS, output.read(), errors.read()) from None
        return Ended(code, output.read(), errors.read())


def start_command(
    folder: Path,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    streams: tuple[Stream, Stream, Stream],
    *,
    way: str = "plain",
    encoding: str = "utf-8",
) -> Running:
    """Start `ajsync` with these arguments; what a descriptor stands for stays open here, too."""
    words = ["ajsync", *arguments]
    sent = [each if isinstance(each, str) else connection.Connection(os.dup(each)) for each in streams]
    process = _FORKS.Process(target=_become, args=(str(folder), words, dict(environment), way, encoding, sent))
    with _READING:
        process.start()
    for each in sent:
        if not isinstance(each, str):
            each.close()
    return Running(words, process)


def _open_at(path: str, descriptor: int) -> None:
    os.dup2(os.open(path, os.O_RDWR), descriptor)


def _without_reader() -> None:
    reader, writer = os.pipe()
    os.dup2(writer, 1)
    os.close(reader)
    os.close(writer)


def _in_a_folder_that_is_gone() -> None:
    gone = tempfile.mkdtemp(dir=".")
    os.chdir(gone)
    Path("../" + Path(gone).name).rmdir()


WAYS: dict[str, Callable[[], object]] = {
    "plain": lambda: None,
    "closed": lambda: os.closerange(0, 2),
    "no-errors": lambda: os.close(2),
    "errors-full": lambda: _open_at("/dev/full", 2),
    "full": lambda: _open_at("/dev/full", 1),
    "pipe": _without_reader,
    "gone": _in_a_folder_that_is_gone,
}


def _stream(descriptor: int, encoding: str) -> io.TextIOWrapper | None:
    """What the interpreter would make of a descriptor when it starts."""
    try:
        os.fstat(descriptor)
    except OSError:
        return None
    errors = "backslashreplace" if descriptor == 2 else "strict"
    return open(descriptor, "w" if descriptor else "r", encoding=encoding, errors=errors, closefd=False)


def _become(
    folder: str,
    words: list[str],
    environment: dict[str, str],
    way: str,
    encoding: str,
    streams: Sequence[str | connection.Connection],
) -> NoReturn:
    """Be the command from here on, in a process that was forked for it."""
    from ajsync.cli.main import main

    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    warnings.simplefilter("error")
    os.chdir(folder)
    for descriptor, stream in enumerate(streams):
        if isinstance(stream, str):
            _open_at(stream, descriptor)
        else:
            os.dup2(stream.fileno(), descriptor)
            stream.close()
    WAYS[way]()
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        opened = _stream(descriptor, encoding)
        setattr(sys, name, opened)
        setattr(sys, f"__{name}__", opened)
    sys.argv = words
    code = 99
    try:
        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:  # noqa: BLE001 - shown, as an interpreter would
        traceback.print_exc()
    finally:
        os._exit(code)  # without what multiprocessing does at the end, which looks at the streams once more


_FORKS = get_context("forkserver")
_FORKS.set_forkserver_preload([__name__, *_IMPORTED, "jsonschema", "rich.console"])
