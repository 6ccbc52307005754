"""`ajsync add` and `ajsync delete`, and the same commands as `ajc` spells them."""

from __future__ import annotations

import gc
import io
import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ajsync.cli.main import main
from tests.cli.commands.inspected import HOSTILE
from tests.cli.launcher import launcher
from tests.nats_server import NatsServer
from tests.values import put_values

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command of ajsync in an empty folder: its `main`, in this process, since others start slowly."""

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["ajsync", *arguments])
        monkeypatch.setattr(sys, "stdin", io.StringIO())
        monkeypatch.setattr(gc, "disable", lambda: None)  # what a command may do to its process, and not to the tests'
        with pytest.raises(SystemExit) as ended:
            main()
        assert isinstance(ended.value.code, int)
        return subprocess.CompletedProcess(arguments, ended.value.code, *capsys.readouterr())

    return call


@pytest.fixture
def run(call: Run, server: NatsServer) -> Run:
    """The same against a server with the bucket."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return call(*arguments, "--server", server.url)

    assert run("init", "--bucket").returncode == 0
    return run


def test_what_is_added_is_shown_as_ajc_shows_it_and_stored_as_ajc_stores_it(run: Run) -> None:
    options = ("--payload", '{"to":"x"}', "--tries", "3", "--timezone", "Europe/Malta")
    added = run("add", "FULL", "*/5 * * * *", "email:new", *options)
    assert added.returncode == 0, added.stderr
    head, *rows = added.stdout.splitlines()
    assert head.startswith("Scheduled Task FULL created at ")
    assert rows[:6] == [
        "",
        "             Schedule: CRON_TZ=Europe/Malta */5 * * * *",
        "                Queue: DEFAULT",
        "            Task Type: email:new",
        "              Payload: 16 B",
        "        Maximum Tries: 3",
    ]
    stored = json.loads(run("view", "FULL", "--json").stdout)
    del stored["created_at"]
    assert stored == {
        "name": "FULL",
        "schedule": "CRON_TZ=Europe/Malta */5 * * * *",
        "queue": "DEFAULT",
        "task_type": "email:new",
        "payload": "IntcInRvXCI6XCJ4XCJ9Ig==",  # as recorded from ajc
        "max_tries": 3,
    }


def test_what_is_added_is_data_where_that_is_asked_for(run: Run) -> None:
    added = run("add", "A", "@daily", "email:new", "-o", "json")
    assert added.returncode == 0
    assert added.stdout == run("view", "A", "--json").stdout


def test_a_payload_file_is_carried_byte_for_byte(run: Run, tmp_path: Path) -> None:
    (tmp_path / "payload").write_bytes(b"\x00\xff\n")
    assert run("add", "A", "@daily", "a", "--payload-file", "payload").returncode == 0
    assert json.loads(run("view", "A", "--json").stdout)["payload"] == "AP8K"
    assert run("add", "B", "@daily", "a", "--payload-file", "payload", "--payload", "x").returncode == 64


def test_what_cannot_be_added_ends_with_the_code_of_its_reason(run: Run) -> None:
    assert run("add", "A", "every 10m", "a").returncode == 0
    for code, said, arguments in (
        (5, "already exists", ("A", "@daily", "a")),
        (3, "61 is above the maximum", ("B", "61 * * * *", "a")),
        (3, "too short", ("B", "@daily", "a", "--deadline", "10s")),
        (3, "duration", ("B", "@daily", "a", "--deadline", "soon")),
        (3, 'The name "a:b" is not valid', ("a:b", "@daily", "a")),
        (64, "--tries", ("B", "@daily", "a", "--tries", "-1")),
        (64, "Missing argument", ("B", "@daily")),
        (64, "--payload-file", ("B", "@daily", "a", "--payload", "\udcff")),
    ):
        done = run("add", *arguments)
        assert (done.returncode, done.stdout) == (code, ""), arguments
        assert said in done.stderr
        assert "Traceback" not in done.stderr
    assert run("list", "--names").stdout == "A\n"


def test_what_files_own_is_deleted_only_by_naming_the_owner(run: Run) -> None:
    run("add", "A", "@daily", "a", "--owner", "team")
    refused = run("delete", "A", "--force")
    assert refused.returncode == 5
    assert "--owner team" in refused.stderr
    done = run("delete", "A", "--force", "--owner", "team")
    assert (done.returncode, done.stdout) == (0, "Removed Scheduled Task A\n")
    missing = run("delete", "A", "-f")
    assert (missing.returncode, missing.stdout) == (1, "")
    assert "There is no schedule 'A'" in missing.stderr


def test_an_owner_whom_others_wrote_does_not_steer_the_terminal(run: Run, server: NatsServer) -> None:
    run("add", "A", "@daily", "a", "--owner", "team")
    value = {**json.loads(run("view", "A", "--json").stdout), "ajsync": {"owner": f"{HOSTILE}\n::error::x"}}
    put_values(server.url, {"A": json.dumps(value).encode()})
    refused = run("delete", "A", "--force")
    assert refused.returncode == 5
    assert refused.stderr.removesuffix("\n").isprintable()
    assert "\\x1b[2J" in refused.stderr


def test_without_a_terminal_delete_wants_force(run: Run) -> None:
    run("add", "A", "@daily", "a")
    done = run("delete", "A")
    assert done.returncode == 64
    assert "--force" in done.stderr
    assert run("list", "--names").stdout == "A\n"
    done = run("delete", "B")
    assert done.returncode == 1
    assert "no schedule" in done.stderr


@pytest.mark.parametrize(("answer", "left"), [("y\n", ""), ("n\n", "A\n")])
def test_on_a_terminal_delete_asks(run: Run, server: NatsServer, answer: str, left: str) -> None:
    run("add", "A", "@daily", "email:new")
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [launcher(), "delete", "A", "--server", server.url],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    while b"Delete A (@daily, email:new)?" not in shown:
        shown += os.read(ours, 4096)
    os.write(ours, answer.encode())
    assert process.wait(60) == (1 if left else 0)
    os.close(ours)
    assert run("list", "--names").stdout == left


def test_the_list_names_what_cannot_fire_and_what_cannot_be_read(run: Run, server: NatsServer) -> None:
    run("add", "GOOD", "@daily", "a", "--owner", "team")
    value = json.loads(run("view", "GOOD", "--json").stdout)
    bad = {**value, "name": "BAD", "schedule": "61 * * * *"}
    put_values(server.url, {"BAD": json.dumps(bad).encode(), "BROKEN": b"{"})
    done = run("list")
    good = next(line for line in done.stdout.splitlines() if "GOOD" in line)
    assert "│ team " in good
    assert "00:00:00 UTC │" in good
    assert "│ error " in next(line for line in done.stdout.splitlines() if "BAD" in line)
    assert "BAD: cannot be computed: minute: 61 is above the maximum" in done.stderr
    assert "BROKEN: not JSON" in done.stderr


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        *(("new", "add"), ("a", "add"), ("rm", "delete"), ("del", "delete"), ("ls", "list"), ("show", "view")),
        *(("v", "view"), ("t c ls", "list"), ("tasks cron new", "add"), ("task c rm", "delete")),
    ],
)
def test_the_aliases_of_ajc_are_those_commands(call: Run, spelling: str, name: str) -> None:
    done = call(*spelling.split(), "--help")
    assert done.returncode == 0
    assert f" {name} [OPTIONS]" in done.stdout.splitlines()[0]


def test_a_script_for_ajc_may_use_its_flags_where_it_likes(call: Run, home: Path, server: NatsServer) -> None:
    contexts = home / ".config" / "nats" / "context"
    contexts.mkdir(parents=True)
    (contexts / "THERE.json").write_text(json.dumps({"url": server.url}))
    for line in (
        "--context THERE tasks cron ls",  # makes the bucket, as ajc does
        "task --context=THERE cron new A daily email:new --queue=EMAIL --tries=3 --no-debug --deadline=1d",
        "t c --context THERE v A -j",
        "task cron view A --no-json --context THERE --debug",
        "task cron list --names --verify x --context THERE",
        "task cron del A --no-force -f --context THERE",
    ):
        done = call(*line.split())
        assert done.returncode == 0, (line, done.stderr)
    refused = call("task", "cron", "delete", "A", "-f", "--context", "THERE")
    assert refused.returncode == 1


def test_the_signing_flags_of_ajc_may_stand_before_the_command_too(run: Run) -> None:
    for words in (("tasks", "--sign", "x", "--verify", "y", "cron"), ("task", "cron", "--sign", "x", "--verify", "y")):
        assert run(*words, "list").stdout == "No Scheduled Tasks found\n"
        refused = run(*words, "scheduler", "one")
        assert refused.returncode == 3
        assert "The signing seed x cannot be read" in refused.stderr


def test_help_and_aliases_import_no_command(tmp_path: Path) -> None:
    script = "import sys; from ajsync.cli.main import cli; cli(['--help'], standalone_mode=False); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path, check=True)
    modules = done.stdout.splitlines()[-1].split()
    assert {name for name in modules if name.startswith("ajsync.")} == {
        *("ajsync.cli", "ajsync.cli.commands", "ajsync.cli.group", "ajsync.cli.main"),
        *(f"ajsync.cli.options{name}" for name in ("", ".environ", ".shared", ".times", ".values", ".var")),
        *("ajsync.cli.output", "ajsync.cli.output.terminal"),
        *("ajsync.errors", "ajsync.fitting", "ajsync.safety", "ajsync.text", "ajsync.version"),
    }


def test_a_delete_tells_programs_what_it_deleted(run: Run) -> None:
    run("add", "A", "@daily", "a")
    done = run("delete", "A", "--force", "--json")
    assert (done.returncode, json.loads(done.stdout)) == (0, {"name": "A", "deleted": True})
