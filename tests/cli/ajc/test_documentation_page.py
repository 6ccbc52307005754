"""The commands of the Go tool's page "Scheduled Tasks" with `ajsync` in place of `ajc`: each shows what the page shows.

tests/golden/documentation-page.txt has them as the page has them, but for a misspelt `view`, for two members of the
JSON that newer versions of `ajc` spell and fill otherwise, and for the delete, which the page has in its text.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.launcher import with_launcher
from tests.cli.processes import DEADLINE_SECONDS, wait_until
from tests.recorded import GOLDEN, Normaliser

PAGE = GOLDEN / "documentation-page.txt"
HOST = "dev1.example.net"
LAID_OUT = {"ajsync info": ["Election        Leader", f"task_scheduler  {HOST}"]}
"""What a command shows in a table of its own instead: of the elections, who leads."""


def steps() -> list[tuple[str, list[str]]]:
    """Each command of the page, as `ajsync`, and the lines that it shows."""
    found: list[tuple[str, list[str]]] = []
    for line in PAGE.read_text().splitlines():
        if line.startswith("$ ajc "):
            found.append((line.replace("$ ajc ", "ajsync "), []))
        else:
            found[-1][1].append(line)
    return found


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("│").split("│")]


def holds(output: list[str], line: str) -> bool:
    """Whether a line that the page shows is there; a line of a table may have more columns, and so wider ones."""
    if line == "..." or set(line) <= set("╭─┬┼╮├┤╰┴╯"):
        return True
    if line.startswith("│"):
        return any(cells(line) == cells(ours)[: len(cells(line))] for ours in output if ours.startswith("│"))
    return line.rstrip() in [ours.rstrip() for ours in output]


@pytest.fixture
def environment(home: Path) -> dict[str, str]:
    """Where `ajsync` is found, and a host of the page's name."""
    tools = home / "bin"
    tools.mkdir()
    (tools / "hostname").write_text(f"#!/bin/sh\necho {HOST}\n")
    (tools / "hostname").chmod(0o700)
    return {**os.environ, "PATH": f"{tools}{os.pathsep}{with_launcher(os.environ['PATH'])}"}


@contextmanager
def staying(command: str, folder: Path, environment: dict[str, str]) -> Iterator[Callable[[], str]]:
    """Run a command that stays, until the block ends; yields what it has printed so far."""
    log = folder / "log"
    with (
        log.open("w") as output,
        subprocess.Popen(["sh", "-c", f"exec {command}"], cwd=folder, env=environment, stderr=output) as process,
    ):
        try:
            wait_until(lambda: "Became leader" in log.read_text(), None)
            yield log.read_text
            process.send_signal(signal.SIGTERM)
            assert process.wait(DEADLINE_SECONDS) == 0
        finally:
            process.kill()


def test_each_command_of_the_page_shows_what_the_page_shows(tmp_path: Path, environment: dict[str, str]) -> None:
    done: list[str] = []
    todo = iter(steps())

    def run(command: str, shown: list[str]) -> None:
        ended = subprocess.run(
            ["sh", "-c", command],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=DEADLINE_SECONDS,
        )
        assert ended.returncode == 0, (command, ended.stderr)
        compare(command, ended.stdout, shown)

    def compare(command: str, output: str, shown: list[str]) -> None:
        shown = LAID_OUT.get(command, shown)
        ours = Normaliser().text(output).splitlines()
        assert [line for line in Normaliser().text("\n".join(shown)).splitlines() if not holds(ours, line)] == [], (
            command,
            output,
        )
        done.append(command.split(" --monitor")[0])

    for command, shown in todo:
        if " scheduler " not in command:
            run(command, shown)
            continue
        # The page's port may be taken here.
        with staying(command.replace("8080", "0"), tmp_path, environment) as log:
            compare(command, log(), shown)
            for following, its_output in todo:  # the rest of the page is beside the running scheduler
                run(following, its_output)
    assert len(done) == len(steps())
