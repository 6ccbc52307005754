"""How much is said beside the data, how it ends when it is cut off, and what a terminal gets."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.commands.inspected import HOSTILE, fill
from tests.cli.launcher import launcher
from tests.cli.processes import ajsync, background, silent_server
from tests.cli.terminals import Terminal, on_terminal
from tests.nats_server import NatsServer
from tests.tasks import task
from tests.values import put

SCHEDULES = "schedules:\n" + "".join(f"  S{n:02}: {{schedule: '@daily', task_type: a}}\n" for n in range(40))


@pytest.fixture
def project(project: Path, server: NatsServer) -> Path:
    """Forty schedules that are not applied, beside those of `inspected`."""
    fill(server.url)
    (project / "ajsync.yaml").write_text("owner: us\nfiles: [a.yaml]\n")
    (project / "a.yaml").write_text(SCHEDULES)
    return project


@pytest.fixture
def silent() -> Iterator[str]:
    """A server that never answers."""
    with silent_server() as url:
        yield url


def test_quiet_leaves_the_data_and_the_errors(project: Path, server: NatsServer) -> None:
    at = ("--server", server.url)
    applied = ajsync(project, "apply", "--yes", "--quiet", *at)
    assert applied.stdout.rstrip().endswith("0 unchanged.")  # the plan is data
    assert applied.stderr == ""
    listed = ajsync(project, "--quiet", "list", *at)
    assert "S00" in listed.stdout
    assert listed.stderr == ""
    assert ajsync(project, "validate", "--quiet").stdout == ""
    assert ajsync(project, "delete", "S00", "--owner", "us", "--force", "--quiet", *at).stdout == ""
    assert "There is no schedule S00" in ajsync(project, "view", "S00", "--quiet", *at).stderr


@pytest.mark.parametrize("place", ["before", "after"])
def test_verbose_tells_what_is_done_before_and_after_the_command(project: Path, server: NatsServer, place: str) -> None:
    words = ("list", "--names", "--server", server.url)
    done = ajsync(project, *(("--verbose", *words) if place == "before" else (*words, "--verbose")))
    assert done.stdout.splitlines()[0] == "BAD"
    told = [line.split("] ", 1)[1] for line in done.stderr.splitlines() if line.startswith("INFO[")]
    assert told[0] == f"connecting to {server.url}"
    assert told[1].startswith(f"connected to {server.url}, nats-server 2.")
    assert told[2].startswith("read 7 keys of CHORIA_AJ_CONFIGURATION in ")
    assert "DEBUG" not in done.stderr


def test_verbose_tells_what_was_read_from_files_and_written(project: Path, server: NatsServer) -> None:
    told = ajsync(project, "apply", "--yes", "--verbose", "--server", server.url).stderr
    assert "read 40 schedules from 2 files in " in told
    assert "wrote 40 keys to CHORIA_AJ_CONFIGURATION in " in told


def test_debug_tells_each_request_also_as_ajc_spells_the_command(project: Path, server: NatsServer) -> None:
    told = ajsync(project, "task", "cron", "list", "--debug", "--server", server.url)
    assert "asking $JS.API.STREAM.INFO.KV_CHORIA_AJ_CONFIGURATION" in told.stderr
    assert told.returncode == 0


@pytest.mark.parametrize("style", ["text", "json"])
def test_what_others_wrote_does_not_steer_the_terminal_from_the_logs(
    project: Path, server: NatsServer, style: str
) -> None:
    put(server.url, [task("EVIL", queue=f"{HOSTILE}\n::error::x", schedule="@daily", created_at=1)])
    words = ("scheduler", "one", "--log-format", style, "--server", server.url)
    with background(project, *words) as process:
        assert process.stderr is not None
        lines = [process.stderr.readline()]
        while "Loaded" not in lines[-1]:
            lines.append(process.stderr.readline())
            assert lines[-1], lines
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    assert all(line.removesuffix("\n").isprintable() for line in lines)
    assert not any(line.startswith("::error::") for line in lines)
    assert sum("'EVIL' is not valid" in line for line in lines) == 1


def test_quiet_and_verbose_exclude_each_other(project: Path) -> None:
    assert ajsync(project, "--quiet", "validate", "--verbose").returncode == 64


def test_an_unexpected_error_is_one_line_and_a_traceback_with_debug(project: Path, server: NatsServer) -> None:
    for option, traceback in (("--verbose", False), ("--debug", True)):
        with Path(os.devnull).open() as unwritable:  # nobody gives a command an output that is open for reading only
            done = subprocess.run(
                [launcher(), "info", option, "--server", server.url],
                stdout=unwritable,
                stderr=subprocess.PIPE,
                text=True,
            )
        assert done.returncode == 1
        assert "Bad file descriptor" in done.stderr
        assert ("Traceback" in done.stderr) == traceback
        assert ("--debug for a traceback" in done.stderr) != traceback


def test_a_reader_who_leaves_early_is_no_error(project: Path, server: NatsServer) -> None:
    many = "schedules:\n" + "".join(f"  S{n:04}: {{schedule: '@daily', task_type: a}}\n" for n in range(3000))
    (project / "a.yaml").write_text(many)
    assert ajsync(project, "apply", "--yes", "--server", server.url).returncode == 0
    with background(project, "list", "--json", "--server", server.url) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "[\n"
        process.stdout.close()
        process.wait(60)
        assert process.stderr is not None
        assert "rror" not in process.stderr.read()


def test_ctrl_c_ends_with_130_and_a_line(project: Path, silent: str) -> None:
    terminal = Terminal(launcher(), "list", "--verbose", "--server", silent, "--timeout", "1h", folder=project)
    terminal.wait_for("connecting to")
    assert terminal.end("\x03") == 130
    # The terminal shows the key once it has sent the signal, and the command may be faster.
    assert sorted(terminal.shown.splitlines()[-2:]) == ["Interrupted.", "^C"]


def test_ctrl_c_at_a_question_ends_with_130_and_the_end_of_input_with_1(project: Path, server: NatsServer) -> None:
    for key, code, line in (("\x03", 130, "Interrupted."), ("\x04", 1, "Aborted.")):
        terminal = Terminal(launcher(), "delete", "TICK", "--owner", "team", "--server", server.url, folder=project)
        terminal.wait_for("[y/N]: ")
        assert terminal.end(key) == code
        # A key that is pressed again, because the machine is slow, may be echoed once more.
        assert [each for each in terminal.shown.splitlines() if each not in ("", "^C")][-1] == line


def test_a_command_that_there_is_not_names_the_nearest(project: Path) -> None:
    done = ajsync(project, "aply")
    assert done.returncode == 64
    assert "There is no command 'aply'. Did you mean" in done.stderr
    assert "ajsync apply'?" in done.stderr


class TestPager:
    def test_a_list_that_is_higher_than_the_terminal_goes_through_it_with_its_colours(
        self, project: Path, server: NatsServer, tmp_path: Path
    ) -> None:
        assert ajsync(project, "apply", "--yes", "--server", server.url).returncode == 0
        pager = tmp_path / "pager"
        pager.write_text('#!/bin/sh\necho "paged: $1"\nexec cat\n')
        pager.chmod(0o755)

        def shown(*words: str, lines: int = 24) -> str:
            terminal = Terminal(
                launcher(),
                *words,
                "--server",
                server.url,
                folder=project,
                lines=lines,
                environment={"PAGER": f"{pager} x"},
            )
            assert terminal.end() == 0
            return terminal.shown

        text = shown("plan")  # there is nothing to do
        assert "paged:" not in text
        (project / "a.yaml").write_text(SCHEDULES.replace("@daily", "@hourly"))
        for command in ("list", "next", "timeline", "plan"):
            text = shown(command)
            assert text.startswith("paged: x"), command
            assert "\x1b[" in text
        assert "paged:" not in shown("list", lines=500)
        assert "paged:" not in shown("list", "--no-pager")
        assert "paged:" not in shown("view", "S00")

    def test_it_is_less_if_nothing_else_is_said(self, project: Path, server: NatsServer) -> None:
        if not any((Path(folder) / "less").exists() for folder in os.environ["PATH"].split(os.pathsep)):
            pytest.skip("less is not installed")
        environment = {"PAGER": "less", "LESS": ""}
        terminal = Terminal(
            launcher(), "timeline", "--server", server.url, folder=project, lines=10, environment=environment
        )
        terminal.wait_for(":\x1b[K")
        terminal.type("\x03")  # it is the pager's, and ends nothing
        assert terminal.end("q") == 0, terminal.shown
        assert "\x1b[1m" in terminal.shown
        assert "ESC[" not in terminal.shown

    def test_a_pager_that_there_is_not_is_done_without(self, project: Path, server: NatsServer) -> None:
        terminal = Terminal(
            launcher(),
            "timeline",
            "--server",
            server.url,
            folder=project,
            lines=10,
            environment={"PAGER": "/nowhere/pager"},
        )
        assert terminal.end() == 0
        assert "schedules in the bucket" in terminal.shown


COMMANDS = {
    "--help": 0,
    "validate": 0,
    "lint": 0,
    "plan": 0,
    "apply --yes": 0,
    "list": 0,
    "view TICK": 0,
    "view NOSUCH": 1,
    "next": 0,
    "timeline": 0,
    "history TICK": 0,
    "info": 0,
    "run TICK": 0,
    "add NEW @daily a": 0,
    "delete NEW --force": 0,
    "export": 0,
    "plan --nosuch": 64,
    "completion bash": 0,
}


def test_no_command_writes_escape_codes_with_no_color(project: Path, server: NatsServer) -> None:
    for command, code in COMMANDS.items():
        words = command.split()
        to_server = words[0] not in ("--help", "validate", "completion")
        at = ("--server", server.url) if to_server else ()
        shown = on_terminal(*words, *at, code=code, folder=project, NO_COLOR="1")
        assert "\x1b" not in shown, command
