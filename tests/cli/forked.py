"""Run many command lines of ajsync, each in a process of its own with streams as a shell can leave them.

Run as a program: it imports the commands once and forks for each, since a new interpreter takes much longer than they.
"""

from __future__ import annotations

import importlib
import io
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TIMEOUT_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of a command."""

    code: int
    output: bytes
    errors: bytes


def run_forked(folder: Path, commands: Sequence[str], way: str = "plain", encoding: str = "utf-8") -> dict[str, Ended]:
    """Run commands in `folder`, their streams set up in one of `WAYS`, in this encoding."""
    words = [sys.executable, "-m", "tests.cli.forked", str(folder), way, encoding, *commands]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        words, env=environment, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, done.stderr
    found: list[list[Any]] = json.loads(done.stdout)
    return {
        command: Ended(code, output.encode("latin-1"), errors.encode("latin-1"))
        for command, (code, output, errors) in zip(commands, found, strict=True)
    }


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


def _become(command: str, way: str, encoding: str, output: str, errors: str) -> int:
    from ajsync.cli.main import main

    for path, descriptor in ((output, 1), (errors, 2)):
        os.dup2(os.open(path, os.O_WRONLY), descriptor)
    WAYS[way]()
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        stream = _stream(descriptor, encoding)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    sys.argv = ["ajsync", *command.split()]
    code = 1
    try:
        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    return code


def _run(command: str, way: str, encoding: str) -> tuple[int, str, str]:
    with tempfile.NamedTemporaryFile() as output, tempfile.NamedTemporaryFile() as errors:
        child = os.fork()
        if child == 0:
            code = 99
            try:
                code = _become(command, way, encoding, output.name, errors.name)
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        return code, Path(output.name).read_bytes().decode("latin-1"), Path(errors.name).read_bytes().decode("latin-1")


if __name__ == "__main__":
    from ajsync.cli.main import COMMANDS

    folder, way, encoding, *commands = sys.argv[1:]
    for name in COMMANDS:
        importlib.import_module(f"ajsync.cli.{name}")
    for name in ("ajsync.cli.session", "ajsync.inspect.history", "ajsync.reconcile.single", "rich.table", "jsonschema"):
        importlib.import_module(name)
    os.chdir(folder)
    print(json.dumps([_run(command, way, encoding) for command in commands]))
