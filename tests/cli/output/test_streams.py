"""Every command with streams that are closed, full or in another encoding, and in a folder that is gone."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from ajsync.asyncjobs.model import Managed
from ajsync.cli.commands import COMMANDS
from tests.cli.commands.inspected import fill
from tests.cli.forked import Ended, run_forked
from tests.cli.processes import DEADLINE_SECONDS, ajsync
from tests.nats_server import NatsServer
from tests.tasks import task
from tests.values import put

TEXT = "é → \U0001f600 ≤ ─"
FILE = f"schedules: {{ODD: {{schedule: '@daily', task_type: 't:t', queue: EMAIL, description: '{TEXT}'}}}}\n"
OFFLINE = (
    "comment none.md",
    "validate",
    "lint",
    "fmt --check",
    "fmt --diff",
    "completion bash",
    "--help",
    "next --files",
    "timeline --files",
    "validate --nosuch",
)
ONLINE = (
    "plan",
    "plan --format markdown",
    "plan -o json",
    "apply",
    "list",
    "list -o yaml",
    "view TICK",
    "view NOSUCH",
    "next",
    "status",
    "timeline",
    "history TICK",
    "info",
    "export",
    "run LOST",
    "backfill TICK --from 2026-11-01T00:00:00Z --to 2026-11-01T01:00:00Z --dry-run",
    "pause TICK --reason why --owner nobody",
    "resume NOSUCH",
    "add TICK @daily t",
    "delete TICK --force",
    "init --bucket",
    "task cron ls",
)
STAYING = {"scheduler", "dev", "tail"}
NEED_FOLDER = ("validate", "lint", "fmt", "next --files", "timeline --files", "plan", "apply", "export", "init", "dev")


@dataclass(frozen=True, slots=True)
class Stage:
    """A folder with a project, and a server with schedules of its and others."""

    folder: Path
    at: str
    expected: dict[str, Ended]
    """What becomes of each command where nothing is amiss."""

    def run(self, way: str = "plain", encoding: str = "utf-8") -> dict[str, Ended]:
        """Run all commands so."""
        return run_forked(self.folder, [*self.expected], way, encoding)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One for all tests: no command here changes anything that another shows."""
    folder = tmp_path_factory.mktemp("streams")
    (folder / "ajsync.yaml").write_text("owner: team\nfiles: [a.yaml]\n")
    (folder / "other.yaml").write_text("owner: other\nfiles: [none.yaml]\n")
    (folder / "none.yaml").write_text("schedules: {}\n")
    (folder / "a.yaml").write_text(FILE)
    server = NatsServer(folder / "nats")
    server.start()
    fill(server.url)
    at = f"--server {server.url}"
    yield Stage(folder, at, run_forked(folder, [*OFFLINE, *(f"{command} {at}" for command in ONLINE)]))
    server.stop()


def check(found: dict[str, Ended]) -> None:
    """See that nobody was surprised."""
    for command, ended in found.items():
        told = f"{command}: {ended.code}\n{ended.errors.decode('utf-8', 'backslashreplace')}"
        for word in ("Traceback", "Unexpected", "Exception", "AttributeError"):
            assert word not in told, told
        errors = [line for line in ended.errors.splitlines() if line.startswith(b"Error:")]
        assert len(errors) <= 1, told


def test_no_command_is_left_out() -> None:
    tried = {command.split()[0] for command in (*OFFLINE, *ONLINE)}
    assert COMMANDS.keys() - STAYING <= tried | {"log"}


def codes(found: dict[str, Ended]) -> dict[str, int]:
    """The exit code of each command."""
    return {command: ended.code for command, ended in found.items()}


@pytest.mark.parametrize("way", ["closed", "no-errors", "errors-full"])
def test_a_command_whose_words_nobody_takes_ends_with_the_same_code(stage: Stage, way: str) -> None:
    found = stage.run(way)
    check(found)
    assert codes(found) == codes(stage.expected)


def test_that_a_reader_has_left_is_not_told(stage: Stage) -> None:
    found = stage.run("pipe")
    check(found)
    assert codes(found) == codes(stage.expected)
    for command, ended in found.items():
        if not command.startswith("run"):  # which tells the new ID of a task
            assert ended.errors == stage.expected[command].errors, command


def test_a_command_whose_output_cannot_be_written_says_so_in_one_line_at_the_most(stage: Stage) -> None:
    found = stage.run("full")
    check(found)
    for command, ended in found.items():
        assert ended.code in {stage.expected[command].code, 1} - {0}, (command, ended)
        if not stage.expected[command].code:
            assert b"Standard output cannot be written: No space left on device." in ended.errors, command


def test_in_a_folder_that_is_gone_a_command_goes_on_without_it_or_says_so(stage: Stage) -> None:
    found = stage.run("gone")
    check(found)
    for command, ended in found.items():
        if not command.startswith(NEED_FOLDER):
            assert ended.code == stage.expected[command].code, (command, ended)
        elif "--nosuch" not in command:
            assert ended.code == 64, (command, ended)
            assert ended.errors.startswith(b"Error: The working directory no longer exists"), ended.errors


GONE = b"Error: The working directory no longer exists: change to one that does.\n"


@pytest.mark.parametrize("name", ["AJC", "other"])
def test_in_a_folder_that_is_gone_no_server_is_taken_that_nobody_has_named(
    stage: Stage, home: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    contexts = home / ".config" / "nats" / "context"
    contexts.mkdir(parents=True)
    (contexts / f"{name}.json").write_text(json.dumps({"url": stage.at.split()[1]}))
    if name != "AJC":
        monkeypatch.setenv("CONTEXT", name)
    further = ("lint --bucket", "scheduler", "task cron rm TICK --force", "task cron scheduler one")
    found = run_forked(stage.folder, [*ONLINE, *further], "gone")
    assert {command: (ended.code, ended.errors, ended.output) for command, ended in found.items()} == dict.fromkeys(
        found, (64, GONE, b"")
    )
    looking = [command for command in ONLINE if not command.startswith(NEED_FOLDER)]
    for command, ended in run_forked(stage.folder, [f"{each} --context {name}" for each in looking], "gone").items():
        assert ended.code == stage.expected[command.replace(f"--context {name}", stage.at)].code, (command, ended)
    at = run_forked(stage.folder, [f"lint --bucket {stage.at}"], "gone")
    assert GONE not in at.popitem()[1].errors


def test_an_encoding_that_lacks_characters_has_them_spelled_out(stage: Stage) -> None:
    found = stage.run(encoding="ascii")
    check(found)
    assert codes(found) == codes(stage.expected)


def test_data_is_utf_8_in_any_locale(stage: Stage) -> None:
    odd = task("WIDE", managed=Managed("other", description=TEXT))
    put(stage.at.split()[1], [odd])
    lines = [f"{each} {stage.at}" for each in ("view WIDE --json", "list -o yaml", "view WIDE", "plan -o json")]
    lines.append(f"export -c other.yaml {stage.at}")
    viewed, listed, shown, planned, exported = run_forked(stage.folder, lines, encoding="latin-1").values()
    assert json.loads(viewed.output.decode())["ajsync"]["description"] == TEXT
    assert TEXT in {each["ajsync"].get("description") for each in yaml.safe_load(listed.output.decode())}
    assert "é -> \\ud83d\\ude00 <= -" in shown.output.decode("latin-1")
    assert json.loads(planned.output.decode())["format"] == 1
    assert yaml.safe_load(exported.output.decode())["schedules"]["WIDE"]["description"] == TEXT


def test_a_real_shell_that_closes_what_it_likes_gets_no_traceback(stage: Stage) -> None:
    python = f"{sys.executable} -m ajsync list {stage.at}"
    for shell, code in (
        (f"{python} <&- >&-", 0),
        (f"{python} 2>&-", 0),
        (f"{python} >/dev/full", 1),
        (f"{python} >&3", 0),
    ):
        done = subprocess.run(
            ["/bin/bash", "-c", f"exec 3> >(true); sleep 0.2; {shell}"],
            cwd=stage.folder,
            capture_output=True,
            timeout=DEADLINE_SECONDS,
        )
        assert done.returncode == code, done.stderr
        assert b"Traceback" not in done.stderr
    latin = ajsync(stage.folder, "list", *stage.at.split(), PYTHONIOENCODING="latin-1", PYTHONUTF8="0")
    assert latin.returncode == 0, latin.stderr
