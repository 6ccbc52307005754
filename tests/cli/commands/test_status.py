"""`ajsync status` as a user runs it: real processes, a real server, and tasks as workers leave them."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from ajsync.asyncjobs.due import times_of
from ajsync.asyncjobs.election import ELECTION_SUBJECT
from ajsync.asyncjobs.history import previous_dues
from ajsync.asyncjobs.model import Managed, ScheduledTask
from ajsync.asyncjobs.names import CONFIGURATION_SUBJECT, ELECTION_HEADER
from ajsync.asyncjobs.task_store import task_write
from ajsync.asyncjobs.tasks import NO_RESPONDERS, task_for_fire
from ajsync.scheduler.election.watermark import WATERMARK_KEY, Watermark, encode_watermark
from ajsync.timestamp import NANOSECONDS
from ajsync.transport.connection import connect
from ajsync.transport.context import context_for_server
from ajsync.transport.publisher import publish_all
from tests.cli.commands.inspected import HOSTILE, fill
from tests.cli.processes import ajsync
from tests.cli.terminals import on_terminal
from tests.nats_server import NatsServer
from tests.tasks import task
from tests.values import put

Run = Callable[..., subprocess.CompletedProcess[str]]
EVERY = "@every 50h"
CREATED = time.time_ns() - 175 * 3600 * NANOSECONDS
"""So that nothing is due while a test runs."""
GOOD = task("GOOD", schedule=EVERY, created_at=CREATED, managed=Managed("team", labels=(("tier", "gold"),)))
FAILS = task("FAILS", schedule=EVERY, created_at=CREATED)
STUCK = task("STUCK", schedule=EVERY, queue="REPORTS", created_at=CREATED)
STATES = {GOOD: ["complete"], FAILS: ["terminated", "terminated", "complete"], STUCK: ["new", "new", "complete"]}


@pytest.fixture
def run(tmp_path: Path, server: NatsServer) -> Run:
    """Run `ajsync status` against a server with schedules that do well, fail and wait, and others of all kinds."""
    fill(server.url)
    put(server.url, STATES)
    asyncio.run(work(server.url))

    def run(*arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = ajsync(tmp_path, "status", *arguments, "--server", server.url)
        assert done.returncode == code, done.stdout + done.stderr
        for text in (done.stdout, done.stderr):
            assert all(char.isprintable() or char == "\n" for char in text), repr(text)
        return done

    return run


async def work(url: str, states: Mapping[ScheduledTask, list[str]] = STATES, error: str = f"no {HOSTILE}") -> None:
    """Store the tasks of the last fires."""
    async with connect(context_for_server(url)) as connection:
        writes = []
        for scheduled, ended in states.items():
            dues = previous_dues(times_of(scheduled), time.time_ns() + 1, scheduled.created_at)
            for state, due in zip(ended, dues, strict=False):
                last_err = error if state in ("terminated", "queue_error") else ""
                writes.append(task_write(replace(task_for_fire(scheduled, due), state=state, last_err=last_err), 0))
        await publish_all(connection, writes)


async def lead(url: str, name: str) -> None:
    """A scheduler takes the lead, and has settled everything."""
    async with connect(context_for_server(url)) as connection:
        await connection.request(ELECTION_SUBJECT, name.encode(), headers={ELECTION_HEADER: "0"})
        watermark = Watermark(name, time.time_ns(), 1)
        await connection.request(f"{CONFIGURATION_SUBJECT}{WATERMARK_KEY}", encode_watermark(watermark))


def test_status_shows_first_what_needs_somebody_and_what_to_do(run: Run, tmp_path: Path, server: NatsServer) -> None:
    done = run()
    first, second, emial, reports, _, head, *rows = done.stdout.splitlines()
    assert first.startswith("9 schedules: 1 not valid, 1 failing, ")
    assert second == "No scheduler leads, so nothing fires. To do: ajsync scheduler"
    missing = "does not exist, so no worker gets the tasks of 1 schedule. To do: ajc queues add"
    assert [emial, reports] == [f"The queue EMIAL {missing} EMIAL", f"The queue REPORTS {missing} REPORTS"]
    assert head.split()[:3] == ["Schedule", "Outcome", "Last"]
    shown = {row.split()[0]: row for row in rows}
    assert [*shown][:2] == ["BAD", "FAILS"]
    assert "2 failed since" in shown["FAILS"]
    assert 'Error: "no \\x1b[2J' in shown["FAILS"]
    assert shown["FAILS"].endswith("ajsync history FAILS")
    assert shown["STUCK"].endswith(" ajsync info")
    assert "No worker has taken it yet." in shown["STUCK"]
    assert shown["BAD"].endswith("ajsync view BAD")
    assert "BROKEN" in done.stderr

    failed = run("--failed", "--queue", "REPORTS").stdout
    assert "STUCK" in failed
    assert "GOOD" not in run("--failed").stdout
    assert run("GOOD", "--failed").stdout.splitlines()[0] == "1 schedule: 1 fine"

    terminal = on_terminal("status", "FAILS", "GOOD", "--server", server.url, folder=tmp_path)
    lines = [line.strip() for line in re.sub("\x1b\\[[0-9;]*m", "", terminal).splitlines()]
    row = next(number for number, line in enumerate(lines) if "FAILS" in line)
    todo = next(number for number, line in enumerate(lines) if line.endswith("ajsync history FAILS"))
    assert "Its handler has given it up for good." in " ".join(lines[row + 1 : todo])


def test_what_to_do_with_ajc_names_the_context_that_only_ajsync_reads_from_its_project(
    run: Run, server: NatsServer, tmp_path: Path, home: Path
) -> None:
    put(server.url, [once := task("ONCE", schedule=EVERY, queue="NONE", created_at=CREATED)])
    asyncio.run(work(server.url, {once: ["queue_error", "complete"]}, error=NO_RESPONDERS))
    contexts = home / ".config" / "nats" / "context"
    contexts.mkdir(parents=True)
    (contexts / "nats prod.json").write_text(json.dumps({"url": server.url}))
    (tmp_path / "ajsync.yaml").write_text("owner: team\ncontext: nats prod\n")
    for options, ajc in (((), "ajc --context 'nats prod'"), (("--server", server.url), "ajc")):
        row = ajsync(tmp_path, "status", "ONCE", *options).stdout.splitlines()[-1]
        assert f"  {ajc} queues add NONE && ajsync backfill ONCE --from" in row
        (shown,) = json.loads(ajsync(tmp_path, "status", "ONCE", "--json", *options).stdout)["schedules"]
        assert shown["to_do"].startswith(f"{ajc} queues add NONE")


def test_status_is_a_document_for_programs(run: Run) -> None:
    (found,) = json.loads(run("FAILS", "--json", "--timezone", "Europe/Malta").stdout)["schedules"]
    assert (found["verdict"], found["failures"], found["last"]["state"]) == ("failing", 2, "terminated")
    assert found["last"]["last_error"] == f"no {HOSTILE}"
    assert found["last_due"].endswith(("+01:00", "+02:00"))
    document = json.loads(run("-l", "tier=gold", "--json").stdout)
    assert [each["name"] for each in document["schedules"]] == ["GOOD"]
    assert document["missing_queues"] == {}
    assert json.loads(run("STUCK", "--json").stdout)["missing_queues"] == {"REPORTS": 1}
    assert document["counts"] == {
        **{"schedules": 1, "invalid": 0, "failing": 0, "late": 0, "unknown": 0, "paused": 0, "fine": 1},
    }
    assert document["scheduler"] == {
        "leader": None,
        "is_go": False,
        "watermark": None,
        "watermark_age_seconds": None,
        "late_fires": 0,
        "is_trouble": True,
        "stand_bys": 0,
    }


def test_check_is_a_line_for_a_monitor_and_ends_with_2_while_something_needs_somebody(
    run: Run, server: NatsServer
) -> None:
    assert run("GOOD", "--check", code=2).stdout.startswith("AJSYNC CRITICAL - No scheduler leads, so nothing fires; ")
    asyncio.run(lead(server.url, "one|two"))
    fine = run("GOOD", "--check").stdout
    assert fine.startswith("AJSYNC OK - 1 schedule: 1 fine | schedules=1 invalid=0 failing=0 ")
    assert fine.count("\n") == 1
    without_queue = run("LOST", "--check").stdout
    assert without_queue.startswith("AJSYNC OK - ")
    assert "; without a queue: EMIAL |" in without_queue
    assert "FAILS (failing)" in run("FAILS", "GOOD", "--check", code=2).stdout
    assert json.loads(run("FAILS", "--check", "--json", code=2).stdout)["counts"]["failing"] == 1


def test_a_name_that_is_not_there_and_names_with_options_are_refused(run: Run) -> None:
    assert "Did you mean FAILS?" in run("FAIL", code=1).stderr
    assert "but not both" in run("FAILS", "--queue", "EMAIL", code=64).stderr
    assert "No schedule in the bucket matches --queue NONE" in run("--queue", "NONE").stderr


def test_a_check_of_nothing_is_not_fine(run: Run, server: NatsServer) -> None:
    critical = run("--queue", "NONE", "--check", code=2).stdout
    assert critical.startswith("AJSYNC CRITICAL - No scheduler leads, so nothing fires; nothing to check: ")
    asyncio.run(lead(server.url, "one"))
    unknown = run("--queue", "NONE", "--check", code=1)
    assert unknown.stdout.startswith("AJSYNC UNKNOWN - nothing to check: no schedule is selected | schedules=0 ")
    assert "No schedule in the bucket matches --queue NONE" in unknown.stderr
    assert run("--queue", "NONE", "--check", "--json", code=1).stderr == unknown.stderr
    assert "Did you mean FAILS?" in run("FAIL", "--check", code=1).stderr


def test_a_paused_schedule_is_paused_and_needs_nobody(run: Run, tmp_path: Path, server: NatsServer) -> None:
    pausing = ajsync(tmp_path, "pause", "FAILS", "--reason", "disks", "--owner", "team", "--server", server.url)
    assert pausing.returncode == 0, pausing.stderr
    assert run("FAILS").stdout.splitlines()[0] == "1 schedule: 1 paused"
