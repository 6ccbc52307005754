"""`ajsync tail` as a user runs it: a real process, a real server, and events as schedulers and workers publish them."""

from __future__ import annotations

import asyncio
import json
import select
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ajsync.asyncjobs.events import LEADER_ELECTION_SUBJECT, leader_elected_event
from ajsync.asyncjobs.ids import fire_task_id, new_id
from ajsync.asyncjobs.model import Managed
from ajsync.asyncjobs.tasks import StoredTask, task_for_fire
from ajsync.timestamp import NANOSECONDS, parse_timestamp, to_datetime
from ajsync.transport.connection import connect
from ajsync.transport.context import context_for_server
from tests.cli.commands.inspected import HOSTILE, fill
from tests.cli.forked import Running
from tests.cli.launcher import launcher
from tests.cli.processes import DEADLINE_SECONDS, ajsync, background, wait_until
from tests.cli.terminals import Terminal
from tests.nats_server import NatsServer
from tests.tasks import task
from tests.values import put
from tests.worker import tell

HOUR = 3600 * NANOSECONDS
NOW = time.time_ns()
DUE = NOW // HOUR * HOUR
MAIL = task("MAIL", schedule="@hourly", created_at=1, managed=Managed("team", labels=(("tier", "gold"),)))
REPORT = task("REPORT", schedule="@hourly", queue="REPORTS", created_at=1)
FIRED = task_for_fire(MAIL, DUE)

Tail = Callable[..., Any]


@pytest.fixture
def filled(server: NatsServer) -> NatsServer:
    """A server with these two schedules, and others of all kinds."""
    fill(server.url)
    put(server.url, [MAIL, REPORT])
    return server


def publish(server: NatsServer, *tasks: StoredTask, leader: str = "") -> None:
    """Publish the events of tasks, and that a scheduler leads."""

    async def main() -> None:
        async with connect(context_for_server(server.url)) as connection:
            if leader:
                await connection.client.publish(LEADER_ELECTION_SUBJECT, leader_elected_event(leader, 1))
            for each in tasks:
                await tell(connection, each)

    asyncio.run(main())


@contextmanager
def tailing(folder: Path, server: NatsServer, *arguments: str) -> Iterator[Running]:
    """Run the command, once it hears everything."""
    with background(folder, "tail", *arguments, "--server", server.url) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        assert line.startswith("Following "), line + process.stderr.read()
        yield process


def read(process: Running, count: int) -> list[str]:
    """The next lines that it prints; not those that say that no scheduler runs, which come after ten seconds."""
    assert process.stdout is not None
    lines: list[str] = []
    while len(lines) < count:
        line = process.stdout.readline()
        assert line, lines
        if '"event": "silent"' not in line and "No scheduler of ajsync" not in line:
            lines.append(line)
    return lines


def test_a_line_tells_of_each_fire_and_of_what_becomes_of_it(tmp_path: Path, filled: NatsServer) -> None:
    error = f"no {HOSTILE}"
    with tailing(tmp_path, filled, "--timezone", "Europe/Malta") as process:
        publish(filled, FIRED, replace(FIRED, state="retry", tries=2, last_err=error), leader=f"one{HOSTILE}")
        head, leads, fired, failed = read(process, 4)
        process.send_signal(signal.SIGINT)
        assert process.wait(DEADLINE_SECONDS) == 0
        assert process.stdout is not None
        assert process.stdout.read() == ""
    for line in (head, leads, fired, failed):
        assert line.rstrip("\n").isprintable(), repr(line)
    assert head.split() == ["Time", "Outcome", "Schedule", "Due", "After", "Queue"]
    assert '"one\\x1b[2J' in leads
    assert leads.endswith(" leads now\n")
    parts = [part for part in fired.rstrip("\n").split("  ") if part]
    assert parts[1:3] == ["new", "MAIL"]
    assert parts[-1].strip() == "EMAIL"
    assert parts[3].endswith((":00:00 +01:00", ":00:00 +02:00"))
    assert [part for part in failed.split("  ") if part][1:3] == ["retry", "MAIL"]
    assert "  try 2  " in failed
    assert '"no \\x1b[2J' in failed


def test_a_program_gets_an_object_a_line(tmp_path: Path, filled: NatsServer) -> None:
    of_go = replace(task_for_fire(REPORT, DUE), id=new_id(DUE // NANOSECONDS))
    with tailing(tmp_path, filled, "-o", "json") as process:
        publish(filled, FIRED, replace(FIRED, state="terminated", tries=1, last_err=HOSTILE), of_go, leader="one")
        lines = read(process, 4)
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE_SECONDS) == 0
    assert all(line.rstrip("\n").isprintable() for line in lines)
    leads, fired, failed, guessed = map(json.loads, lines)
    assert (leads["event"], leads["leader"]) == ("leader", "one")
    assert parse_timestamp(fired.pop("at")) >= NOW
    lateness = fired.pop("lateness_seconds")
    assert lateness >= (NOW - DUE) / NANOSECONDS
    assert fired == {
        "event": "task",
        "name": "MAIL",
        "may_be": [],
        "owner": "team",
        "labels": {"tier": "gold"},
        "queue": "EMAIL",
        "task_type": "email:new",
        "task_id": fire_task_id("MAIL", DUE),
        "due": to_datetime(DUE).isoformat(),
        "state": "new",
        "tries": 0,
        "last_error": None,
    }
    assert (failed["state"], failed["tries"], failed["last_error"]) == ("terminated", 1, HOSTILE)
    assert failed["lateness_seconds"] is None
    assert (guessed["name"], guessed["may_be"], guessed["due"]) == (None, ["REPORT"], None)


def test_only_what_is_named_or_selected_is_told(tmp_path: Path, filled: NatsServer) -> None:
    other = task_for_fire(REPORT, DUE)
    choices = (["REPORT"], ["--queue", "REPORTS"], ["--name", "REP*"], ["-l", "tier!=gold"])
    with ExitStack() as stack:
        running = [stack.enter_context(tailing(tmp_path, filled, "-o", "json", *each)) for each in choices]
        gold = stack.enter_context(tailing(tmp_path, filled, "-o", "json", "--owner", "team"))
        publish(filled, FIRED, other)
        for each in running:
            assert json.loads(read(each, 1)[0])["name"] == "REPORT"
        assert json.loads(read(gold, 1)[0])["name"] == "MAIL"


def test_names_that_are_not_there_are_refused_and_a_selection_may_fill_later(
    tmp_path: Path, filled: NatsServer
) -> None:
    done = ajsync(tmp_path, "tail", "REPORTX", "--server", filled.url)
    assert (done.returncode, "Did you mean REPORT?" in done.stderr) == (1, True)
    assert ajsync(tmp_path, "tail", "REPORT", "--queue", "A", "--server", filled.url).returncode == 64
    with background(tmp_path, "tail", "-o", "json", "--queue", "LATER", "--server", filled.url) as process:
        assert process.stderr is not None
        assert "No schedule in the bucket matches --queue LATER" in process.stderr.readline()
        assert process.stderr.readline().startswith("Following 0 schedules")
        later = task("LATER", schedule="@hourly", queue="LATER", created_at=1)
        put(filled.url, [later])

        def told() -> bool:
            publish(filled, task_for_fire(later, DUE))
            assert process.stdout is not None
            return bool(select.select([process.stdout], [], [], 0.1)[0])

        wait_until(told, process)
        assert json.loads(read(process, 1)[0])["name"] == "LATER"


def test_without_a_bucket_or_a_server_it_says_so(tmp_path: Path, server: NatsServer) -> None:
    assert "bucket CHORIA_AJ_CONFIGURATION does not exist" in ajsync(tmp_path, "tail", "--server", server.url).stderr
    server.stop()
    assert ajsync(tmp_path, "tail", "--server", server.url).returncode == 7


def test_it_comes_back_after_a_restart_and_says_what_it_has_not_heard(tmp_path: Path, filled: NatsServer) -> None:
    with tailing(tmp_path, filled) as process, tailing(tmp_path, filled, "-o", "json") as for_program:
        filled.restart()
        assert process.stderr is not None
        told = ""
        while "is not shown, because the connection was lost. 'ajsync status'" not in told:
            told = process.stderr.readline()
            assert told
        lost = json.loads(read(for_program, 1)[0])
        assert (lost["event"], lost["count"]) == ("not_heard", None)
        assert lost["since"] < lost["until"]
        publish(filled, FIRED)
        assert json.loads(read(for_program, 1)[0])["name"] == "MAIL"
        assert "MAIL" in read(process, 2)[1]


def test_it_ends_when_its_reader_leaves_though_nothing_happens(tmp_path: Path, filled: NatsServer) -> None:
    with tailing(tmp_path, filled) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(DEADLINE_SECONDS) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_it_can_be_stopped_while_its_reader_does_not_read(tmp_path: Path, filled: NatsServer) -> None:
    many = [replace(FIRED, state="retry", last_err="x" * 300) for _ in range(2000)]
    with tailing(tmp_path, filled, "-o", "json") as process:
        publish(filled, *many)
        publish(filled, *many)
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE_SECONDS) == 0


def test_on_a_terminal_a_day_has_a_line_and_a_long_name_does_not_push_the_rest_away(
    tmp_path: Path, filled: NatsServer
) -> None:
    long = task("L" * 200, schedule="@hourly", created_at=1)
    put(filled.url, [long])
    terminal = Terminal(launcher(), "tail", "--server", filled.url, folder=tmp_path)
    terminal.wait_for("Following ")
    terminal.wait_for("After")
    publish(filled, replace(task_for_fire(long, DUE), state="terminated", last_err="boom" + " and more" * 99))
    terminal.wait_for("boom")
    assert terminal.end("\x03") == 0
    shown = terminal.shown.splitlines()
    assert any(" (UTC)" in line and str(to_datetime(NOW).year) in line for line in shown)
    (line,) = [line for line in shown if "boom" in line]
    assert "LLLLLLLL…" in line
    assert "…" in line.partition("boom")[2]
    assert not any(other.startswith((" and", "and", "more")) for other in shown)
    assert "terminated" in line
