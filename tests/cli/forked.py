"""ajsync in a process of its own, which is forked off from one that has imported the commands before.

A new interpreter takes some ten times as long to import them as most commands take to run.
"""

from __future__ import annotations

import io
import os
import pkgutil
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import NoReturn

import ajsync

DEADLINE_SECONDS = 60.0
"""Much longer than anything here takes, even on a machine that does five other things."""
_IMPORTED = [each.name for each in pkgutil.walk_packages(ajsync.__path__, "ajsync.") if each.name != "ajsync.__main__"]


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of a command."""

    code: int
    output: bytes
    errors: bytes


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
        process = start_command(
            folder, arguments, environment, (os.devnull, output.name, errors.name), way=way, encoding=encoding
        )
        process.join(DEADLINE_SECONDS)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(["ajsync", *arguments], DEADLINE_SECONDS, output.read(), errors.read())
        code = process.exitcode
        process.close()
        return Ended(code, output.read(), errors.read())


def start_command(
    folder: Path,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    streams: tuple[str, str, str],
    *,
    way: str = "plain",
    encoding: str = "utf-8",
) -> BaseProcess:
    """Start `ajsync` with these arguments, and the paths of what it reads and prints to."""
    words = ["ajsync", *arguments]
    process = _FORKS.Process(target=_become, args=(str(folder), words, dict(environment), way, encoding, streams))
    process.start()
    return process


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
    folder: str, words: list[str], environment: dict[str, str], way: str, encoding: str, streams: tuple[str, str, str]
) -> NoReturn:
    """Be the command from here on, in a process that was forked for it."""
    from ajsync.cli.main import main

    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    warnings.simplefilter("error")
    os.chdir(folder)
    for descriptor, path in enumerate(streams):
        _open_at(path, descriptor)
    WAYS[way]()
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        stream = _stream(descriptor, encoding)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
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
_FORKS.set_forkserver_preload([*_IMPORTED, "jsonschema", "rich.console"])
