#!/usr/bin/env python3
"""Run the quick start of the README as a user would.

With a wheel it is installed in a new environment, and the page is the one that the wheel carries as its description, so
nothing comes from the checkout. Otherwise `--page` is the page, and `--bin` the folder of the `ajsync` to run.
"""

import argparse
import contextlib
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from email import message_from_string
from pathlib import Path
from zipfile import ZipFile

DEADLINE_SECONDS = 60
CONTEXT = Path(".config", "nats", "context", "ajsync-dev.json")
SETTINGS = ("HOME", "LANG", "LC_ALL", "PATH", "TMPDIR")
"""What a user's shell has. Nothing else of the environment reaches the commands of a wheel, such as PYTHONPATH."""


class Session:
    """A user's terminals: a folder to begin in, and the environment of the commands."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self.environment = environment

    def run(self, script: str, *expected: str, silent: bool = True) -> str:
        """Run a block of the page to its end; what it prints, which has to contain what is expected.

        With `silent` there must be no messages beside it, such as warnings.
        """
        print(re.sub(r"^", "$ ", script, flags=re.MULTILINE), flush=True)
        done = subprocess.run(
            ["sh", "-e", "-c", script],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=DEADLINE_SECONDS,
        )
        print(done.stdout, done.stderr, sep="", flush=True)
        if silent and done.stderr:
            sys.exit("It printed messages.")
        if done.returncode:
            sys.exit(f"This ended with {done.returncode}.")
        for text in expected:
            if text not in done.stdout:
                sys.exit(f"It did not print {text!r}.")
        return done.stdout

    @contextlib.contextmanager
    def running(self, script: str) -> Iterator[subprocess.Popen[bytes]]:
        """Run a block in another terminal while the `with` block runs, and then stop it as a user does."""
        print(f"$ {script} &", flush=True)
        with subprocess.Popen(
            ["sh", "-c", f"exec {script}"], cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL
        ) as process:
            try:
                yield process
                process.terminate()
                if status := process.wait(DEADLINE_SECONDS):
                    sys.exit(f"'{script}' ended with {status}.")
            finally:
                process.kill()


def wait(condition: Callable[[], bool], process: subprocess.Popen[bytes], what: str) -> None:
    """Wait until something is so, or end when its process has ended or time is up."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        if process.poll() is not None:
            sys.exit(f"It ended with {process.returncode}, before {what}.")
        if time.monotonic() > deadline:
            sys.exit(f"After {DEADLINE_SECONDS} s there was no {what}.")
        time.sleep(0.3)


def quick_start(page: str) -> list[str]:
    """The commands of the quick start, one block each."""
    section = re.search(r"^## Quick start\n(.*?)^## ", page, re.MULTILINE | re.DOTALL)
    return [block.strip() for block in re.findall(r"^```sh\n(.*?)^```", section[1], re.M | re.S)] if section else []


def try_it(page: str, folder: Path, environment: dict[str, str]) -> None:
    """Do what the page says in an empty folder, and expect what the page promises."""
    make, dev, apply, again, heartbeat, scheduler, history = quick_start(page)
    Session(folder, environment).run(make, "Wrote ajsync.yaml")
    session = Session(folder / "my-schedules", environment)
    context = Path(environment["HOME"]) / CONTEXT
    with session.running(dev) as server:
        wait(context.exists, server, "context of the server")
        session.run(
            apply,
            "Valid: 2 schedules of my-team",
            "Plan: 1 to create",
            "Applied: 1 created.",
            "1 Scheduled Task(s)",
            '{"format":"pdf","recipients":["team@example.net"]}',
        )
        session.run(again, "No changes:")
        session.run(heartbeat, "Applied: 1 created.")
        with session.running(scheduler) as leader:
            # A fire that has no task yet is told of beside the table.
            wait(
                lambda: re.search(r"\bnew\b", session.run(history, silent=False)) is not None,
                leader,
                "task of HEARTBEAT",
            )
    if context.exists():
        sys.exit("The server has left its context behind.")


def install(wheel: Path, folder: Path) -> Path:
    """Install a wheel in a new environment, alone and then with its extras; the folder of its commands."""
    with ZipFile(wheel) as archive:
        (name,) = (each for each in archive.namelist() if each.endswith(".dist-info/METADATA"))
        head, _, page = archive.read(name).decode().partition("\n\n")
    released = message_from_string(head)["Version"]
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    commands = folder / "bin"
    outside = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    for requirement in (str(wheel), f"{wheel}[ics,monitor,server]"):
        pip = [str(commands / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", requirement]
        subprocess.run(pip, cwd=folder, env=outside, check=True)
        version = subprocess.run(
            [commands / "ajsync", "--version"], cwd=folder, env=outside, check=True, capture_output=True, text=True
        )
        if version.stdout.split() != ["ajsync", released]:
            sys.exit(f"{wheel.name} says that it is {version.stdout}")
    (commands.parent / "README.md").write_text(page)
    return commands


def main() -> None:
    """Read the arguments, and run the quick start in a folder that goes away."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("wheel", type=Path, nargs="?", help="a wheel to install")
    parser.add_argument("--page", type=Path, help="the page, without a wheel")
    parser.add_argument("--bin", type=Path, help="the folder of an ajsync, without a wheel")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ajsync-quick-start-") as temporary:
        folder = Path(temporary).resolve()
        environment = dict(os.environ)
        commands, page = options.bin, options.page
        if options.wheel:
            commands = install(options.wheel.resolve(), folder / "installed")
            page = commands.parent / "README.md"
            environment = {name: value for name, value in environment.items() if name in SETTINGS}
        home = folder / "home"
        home.mkdir()
        path = f"{commands}{os.pathsep}{environment['PATH']}"
        (folder / "work").mkdir()
        try_it(page.read_text(), folder / "work", {**environment, "HOME": str(home), "PATH": path})


if __name__ == "__main__":
    main()
