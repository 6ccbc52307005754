"""The last results of each part of the bench, in a file beside this one, and how each was measured."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from tests.bench.report import Line
from tests.nats_server import nats_server_binary

FILE = Path(__file__).with_name("results.json")


@dataclass(frozen=True, slots=True)
class Machine:
    """What the figures of a part depend on beside the code."""

    processor: str
    cores: int
    memory: int
    """GiB."""
    kernel: str
    python: str
    nats_py: str
    nats_server: str


@dataclass(frozen=True, slots=True)
class Result:
    """What one part measured."""

    lines: tuple[Line, ...]
    machine: Machine
    commit: str
    """Of ajsync."""
    began: str
    """UTC, to the minute."""
    seconds: int
    load: tuple[float, float]
    """How many processes wanted a core in the minute before the start, and in that before the end."""


def read(file: Path = FILE) -> dict[str, Result]:
    """The results by the name of their part; none if there is no file."""
    if not file.exists():
        return {}
    return {name: _result(value) for name, value in json.loads(file.read_text()).items()}


def merge(name: str, result: Result, file: Path = FILE) -> None:
    """Replace the result of one part, and keep the others."""
    results = {**read(file), name: result}
    file.write_text(json.dumps({each: asdict(results[each]) for each in sorted(results)}, indent=1) + "\n")


def this_machine() -> Machine:
    """The machine that this process runs on, and the versions that it uses."""
    server = subprocess.run([nats_server_binary(), "--version"], check=True, capture_output=True, text=True).stdout
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return Machine(
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)),
        memory=round(memory / 2**30),
        kernel=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        nats_py=version("nats-py"),
        nats_server=server.rpartition(" ")[2].strip().removeprefix("v"),
    )


def this_commit() -> str:
    """The commit of this checkout, with `-dirty` if files in it have changed; empty where git does not know it.

    What the bench itself writes does not count: the parts that come after the first would all be dirty.
    """
    commit = _git("rev-parse", "--short", "HEAD")
    written = (f":(exclude,top){each}" for each in ("docs/performance.md", "tests/bench/results.json"))
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", ":(top)", *written)
    return f"{commit}-dirty" if changed else commit


def _git(*arguments: str) -> str:
    command = ("git", "-C", str(FILE.parent), *arguments)
    return subprocess.run(command, check=False, capture_output=True, text=True).stdout.strip()


def now() -> str:
    """This minute."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M")


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _result(value: Mapping[str, object]) -> Result:
    fields = dict(value)
    lines, machine, load = fields.pop("lines"), fields.pop("machine"), fields.pop("load")
    return Result(
        lines=tuple(Line(*each) for each in lines),  # type: ignore[attr-defined]  # as `merge` wrote it
        machine=Machine(**machine),  # type: ignore[arg-type]
        load=tuple(load),  # type: ignore[arg-type]
        **fields,  # type: ignore[arg-type]
    )
