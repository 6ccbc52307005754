"""The real command as a process of its own: run to its end, or in the background until a condition holds."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from tests.cli.forked import DEADLINE_SECONDS, Running, run_command, start_command

__all__ = ["DEADLINE_SECONDS", "ajsync", "background", "silent_server", "wait_until"]


def ajsync(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `ajsync` in `folder` to its end."""
    ended = run_command(folder, arguments, {**os.environ, **environment})
    output, errors = (each.decode().replace("\r\n", "\n") for each in (ended.output, ended.errors))
    return subprocess.CompletedProcess(["ajsync", *arguments], ended.code, output, errors)


@contextmanager
def background(
    folder: Path, *arguments: str, stderr: IO[bytes] | int = subprocess.PIPE, **environment: str
) -> Iterator[Running]:
    """Run `ajsync` in `folder` while the block runs; what is left of it then is killed."""
    with ExitStack() as pipes:
        output, printed = _pipe(pipes)
        errors = None
        if stderr == subprocess.PIPE:
            errors, told = _pipe(pipes)
        else:
            told = stderr if isinstance(stderr, int) else stderr.fileno()
        process = start_command(folder, arguments, {**os.environ, **environment}, (os.devnull, printed, told))
    process.stdout, process.stderr = output, errors
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.close()


def _pipe(writers: ExitStack) -> tuple[IO[str], int]:
    """A pipe: the end to read from, and the one to write to, which `writers` closes."""
    reader, writer = os.pipe()
    writers.callback(os.close, writer)
    return os.fdopen(reader), writer


@contextmanager
def silent_server() -> Iterator[str]:
    """The address of a server that lets clients connect, and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"nats://127.0.0.1:{listener.getsockname()[1]}"


def wait_until(
    condition: Callable[[], bool],
    process: subprocess.Popen[str] | Running | None = None,
    *,
    seconds: float = DEADLINE_SECONDS,
) -> None:
    """Wait until something holds; it never will once the `process` that is to bring it about has ended."""
    deadline = time.monotonic() + seconds
    while not condition():
        if process is not None and process.poll() is not None:
            output, errors = process.communicate()
            raise AssertionError(f"it ended with {process.returncode}:\n{output}\n{errors}")
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.01)
