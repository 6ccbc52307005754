"""The tutorial, done as it is written: each command in its terminal, and what it prints compared with the page."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from docs.draw.steady import steady
from docs.draw.terminal import on_terminal
from tests.cli.launcher import with_launcher
from tests.cli.processes import DEADLINE_SECONDS, wait_until
from tests.docs.pages import DOCS, Block, blocks

PAGE = DOCS / "tutorial.md"
OTHER_TERMINAL = re.compile(r"# in a (?:second|third|fourth) terminal, until Ctrl-C\n(.*)\n\Z")
CONTEXT = Path(".config", "nats", "context", "ajsync-dev.json")


def steps() -> list[Block]:
    """The blocks to type, from the top of the page to its end."""
    return sorted([*blocks(PAGE, "sh"), *blocks(PAGE, "console")], key=lambda block: block.line)


def screens(block: Block) -> Iterator[tuple[str, str]]:
    """Each command of a block, and what it prints."""
    for screen in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        command, _, output = screen.partition("\n")
        yield command, output


def comparable(text: str) -> str:
    """What a command prints, without what differs from run to run."""
    text = re.sub(r"(?<=\{time\})(?:  \d+){3}$", "  {counts}", steady(text), flags=re.MULTILINE)
    text = re.sub(r"^DEFAULT +\d+( +\d+ +\d+) +[\d.]+ \w+", r"DEFAULT  {count}\1  {size}", text, flags=re.MULTILINE)
    text = re.sub(r"\b\d+ (?=failed\b|tasks\b)", "{count} ", text)
    return re.sub(" {2,}", "  ", text).strip()  # the widths of columns differ, too


def is_as_shown(shown: str, expected: str) -> bool:
    """Whether a command has printed what the page shows, where a line with an ellipsis stands for any lines."""
    parts = re.split(r"^…$", comparable(expected), flags=re.MULTILINE)
    return re.fullmatch(".*".join(map(re.escape, parts)), comparable(shown), re.DOTALL) is not None


def environment() -> Mapping[str, str]:
    """This Python and its `ajsync` come first on the PATH; colours are not compared.

    The folder of contexts is named because `ajc` does not look at HOME.
    """
    path = with_launcher(os.environ["PATH"])
    return {**os.environ, "PATH": path, "XDG_CONFIG_HOME": str(Path.home() / ".config"), "NO_COLOR": "1"}


def run(folder: Path, script: str) -> None:
    """Run a script that has to succeed."""
    done = subprocess.run(
        ["sh", "-e", "-c", "\n".join(line for line in script.splitlines() if not line.startswith("pip install"))],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def running(folder: Path, command: str, until: Path) -> Iterator[None]:
    """Run a command in a terminal of its own while the block runs, which begins once there is a certain file."""
    with subprocess.Popen(["sh", "-c", f"exec {command}"], cwd=folder, env=environment(), text=True) as process:
        try:
            wait_until(until.exists, process)
            yield
        finally:
            process.terminate()


def play(folder: Path, home: Path, *, end: str = "What next", instead: Mapping[str, str] | None = None) -> None:
    """Type what the page says, up to a heading, with other commands `instead` of some of those that go on running."""
    text = PAGE.read_text()
    last = text[: text.index(f"\n## {end}\n")].count("\n") + 1
    first, *others = (block for block in steps() if block.line < last)
    run(folder, first.text)
    folder /= "tutorial"
    with ExitStack() as terminals:
        for block in others:
            if block.language == "console":
                for command, expected in screens(block):
                    shown = shown_at_last(folder, command, expected)
                    assert is_as_shown(shown, expected), f"{block}: {command}\n{shown}"
            elif found := OTHER_TERMINAL.match(block.text):
                command = (instead or {}).get(found[1], found[1])
                terminals.enter_context(running(folder, command, home / CONTEXT))
            else:
                run(folder, block.text)


def shown_at_last(folder: Path, command: str, expected: str) -> str:
    """What a command prints, once that is what the page shows; otherwise what it printed last."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        shown = on_terminal("sh", "-c", command, folder=folder, environment=environment(), columns=110)
        if is_as_shown(shown, expected) or time.monotonic() > deadline:
            return shown
        time.sleep(0.2)


@pytest.mark.slow
def test_the_tutorial_goes_as_it_is_written(tmp_path: Path, home: Path) -> None:
    play(tmp_path, home)
    assert not (home / CONTEXT).exists()


@pytest.mark.skipif(shutil.which("ajc") is None, reason="there is no ajc on the PATH")
def test_the_worker_of_ajc_does_too(tmp_path: Path, home: Path) -> None:
    (command,) = re.findall(r"`(ajc [^`]+ tasks process [^`]+)`", PAGE.read_text())
    play(tmp_path, home, end="The work fails", instead={"python worker.py ./report.sh": command})


def test_a_screen_is_compared_but_for_what_differs_from_run_to_run() -> None:
    shown = "1 schedule: 1 failing\n\nREPORT  expired  Sun 2026-11-29 21:41:30   ≤ 42 ms\n    3 failed since today\n"
    assert is_as_shown(
        shown, shown.replace("42 ms", "1.2 s").replace("21:41:30", "21:42").replace("3 failed", "2 failed")
    )
    assert is_as_shown(shown, "1 schedule: 1 failing\n…\n    1 failed since today\n")
    assert not is_as_shown(shown, "1 schedule: 1 late\n…\n    1 failed since today\n")
    assert not is_as_shown(shown, "1 schedule: 1 failing\n")
