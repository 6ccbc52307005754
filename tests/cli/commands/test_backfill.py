"""`ajsync backfill`: what it shows and asks, and what is there after it was killed."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

import ajsync as api
from ajsync.asyncjobs.backfill import past_dues
from ajsync.asyncjobs.model import encode_scheduled_task
from ajsync.asyncjobs.names import TASKS_STREAM
from ajsync.timestamp import to_nanoseconds
from tests.cli.launcher import launcher
from tests.cli.processes import ajsync, background, wait_until
from tests.cli.terminals import Terminal
from tests.nats_server import NatsServer
from tests.scheduler.fires import counts, make_queue
from tests.tasks import OWNER, task
from tests.values import put_values

ITEMS = "CHORIA_AJ_Q_EMAIL"
Run = Callable[..., subprocess.CompletedProcess[str]]
BERLIN = task("BERLIN", schedule="CRON_TZ=Europe/Berlin 30 2 * * *")
MINUTES = task("MINUTES", schedule="* * * * *")


@pytest.fixture
def run(server: NatsServer, tmp_path: Path) -> Run:
    """Run `ajsync backfill` against a server with two schedules and their queue."""

    async def fill() -> None:
        async with api.connect(server=server.url) as client:
            await client.prepare()
            await make_queue(client.connection)

    asyncio.run(fill())
    put_values(server.url, {each.name: encode_scheduled_task(each) for each in (BERLIN, MINUTES)})

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return ajsync(tmp_path, "backfill", *arguments, "--server", server.url)

    return run


def recorded(server: NatsServer) -> list[api.RecordedAction]:
    """What the log has of the owner of the schedules."""

    async def read() -> list[api.RecordedAction]:
        async with api.connect(server=server.url) as client:
            return [*await client.actions(OWNER)]

    return asyncio.run(read())


def made(server: NatsServer) -> tuple[int, int]:
    """How many tasks there are, and how many work items were ever made."""

    async def count() -> tuple[int, int]:
        async with api.connect(server=server.url) as client:
            return (await counts(client.connection, TASKS_STREAM))[0], (await counts(client.connection, ITEMS))[1]

    return asyncio.run(count())


def test_days_are_those_of_the_schedule_and_a_dry_run_makes_nothing(run: Run, server: NatsServer) -> None:
    """On 25 October 2026 there was a 02:30 in summer time and one in winter time."""
    days = ("BERLIN", "--from", "2026-10-24", "--to", "2026-10-25")
    shown = run(*days, "--dry-run")
    assert (shown.returncode, made(server)) == (0, (0, 0))
    assert [" ".join(line.split()) for line in shown.stdout.splitlines()] == [
        "Name First (UTC) Last Due Exist Missing",
        "BERLIN Sat 2026-10-24 00:30:00 UTC Sun 2026-10-25 01:30:00 UTC 3 0 3",
    ]
    there = run(*days, "--dry-run", "--timezone", "Europe/Berlin").stdout
    assert "Sat 2026-10-24 02:30:00 +02:00  Sun 2026-10-25 02:30:00 +01:00" in there
    assert run(*days, "--yes").stdout.endswith("Made 3 tasks.\n")
    assert [(each.action, each.tasks, each.names) for each in recorded(server)] == [("backfill", 3, ("BERLIN",))]
    assert made(server) == (3, 3)
    assert run(*days, "--yes").stdout.endswith("Nothing is missing.\n")
    assert len(recorded(server)) == 1
    assert run("BERLIN", "--from", "2026-10-24T01:00:00Z", "--to", "2026-10-24T02:00:00Z", "--yes").stdout == (
        "Nothing was due then.\n"
    )
    document = json.loads(run(*days, "--timezone", "UTC", "--yes", "--json").stdout)
    assert document == {
        "schedules": [{"name": "BERLIN", "due": 3, "missing": []}],
        "made": 0,
        "refused": {},
        "left": 0,
    }


def test_schedules_are_selected_as_in_other_commands(run: Run, server: NatsServer) -> None:
    days = ("--from", "2026-10-24T00:00:00Z", "--to", "2026-10-24T02:00:00Z", "--yes")
    chosen = ("--queue", "EMAIL", "--name", "BER*")
    left = run(*chosen, *days)
    assert (left.returncode, left.stdout) == (0, "Nothing was due then.\n")
    assert "Left alone: 1 schedule of other owners; --owner selects those of one." in left.stderr
    assert run(*chosen, "--owner", "team", *days).stdout.endswith("Made 1 task.\n")
    nothing = run("--queue", "REPORTS", *days)
    assert (nothing.returncode, nothing.stdout) == (0, "Nothing was due then.\n")
    assert "no schedule" in nothing.stderr.lower()
    assert made(server) == (1, 1)


def test_the_document_names_what_is_missing(run: Run) -> None:
    first = to_nanoseconds(datetime(2026, 10, 25, 0, 30, tzinfo=UTC))
    [one] = past_dues(BERLIN, first, first)
    shown = run("BERLIN", "--from", "2026-10-25T00:30:00Z", "--to", "2026-10-25T00:30:00Z", "--dry-run", "--json")
    assert json.loads(shown.stdout)["schedules"][0]["missing"] == [
        {"due": "2026-10-25T02:30:00+02:00", "id": one.task_id}
    ]


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("BERLIN", "--from", "2026-10-24"), 64, "pass --yes, or --dry-run"),
        (("--from", "2026-10-24", "--yes"), 64, "Name the schedules, or select some"),
        (("BERLIN", "--queue", "EMAIL", "--from", "2026-10-24", "--yes"), 64, "but not both"),
        (("BERLIN", "--from", "2026-10-24", "--to", "2100-01-01", "--yes"), 64, "--to is in the future"),
        (("BERLIN", "--from", "2026-10-24", "--to", "2026-10-23", "--yes"), 64, "--from is later than --to"),
        (("BERLIN", "--from", "2100-10-24", "--yes"), 64, "--from is later than now"),
        (("BERLIN", "--from", "2014-05-13", "--yes"), 64, "before 2014-05-13T16:53:20Z: choose a later start"),
        (("BERLIN", "--from", "noon", "--yes"), 64, "write for example 2026-03-29"),
        (("MINUTES", "--from", "2020-01-01", "--yes"), 64, "choose a shorter time"),
        (("BERLINN", "--from", "2026-10-24", "--yes"), 1, "Did you mean BERLIN?"),
    ],
)
def test_what_cannot_be_done_is_said(
    run: Run, server: NatsServer, arguments: tuple[str, ...], code: int, told: str
) -> None:
    refused = run(*arguments)
    assert (refused.returncode, refused.stdout) == (code, "")
    assert told in refused.stderr
    assert made(server) == (0, 0)


def test_it_asks_on_a_terminal(run: Run, server: NatsServer, tmp_path: Path) -> None:
    command = ("backfill", "BERLIN", "--from", "2026-10-24", "--to", "2026-10-25", "--server", server.url)
    for answer, code, count in (("n\r", 1, 0), ("y\r", 0, 3)):
        terminal = Terminal(launcher(), *command, folder=tmp_path)
        terminal.wait_for("Make 3 tasks of 1 schedule on nats://127.0.0.1:")
        assert terminal.end(answer) == code
        assert made(server) == (count, count)


def test_after_it_was_killed_the_next_one_makes_the_rest_once(run: Run, server: NatsServer, tmp_path: Path) -> None:
    options = ("--from", "2026-11-20", "--to", "2026-11-24", "--yes", "--server", server.url)
    with background(tmp_path, "backfill", "MINUTES", *options) as process:
        wait_until(lambda: made(server)[0] > 0, process)
        process.send_signal(signal.SIGKILL)
        process.wait()
    done = run("MINUTES", "--from", "2026-11-20", "--to", "2026-11-24", "--yes")
    assert done.returncode == 0, done.stderr
    assert made(server) == (5 * 1440, 5 * 1440)


def test_history_shows_what_was_made_of_a_time_before_the_schedule_was_stored(
    run: Run, server: NatsServer, tmp_path: Path
) -> None:
    made_now = replace(BERLIN, created_at=time.time_ns())
    put_values(server.url, {"BERLIN": encode_scheduled_task(made_now)})
    days = ("--from", "2026-10-24", "--to", "2026-10-24", "--yes")
    assert "would be from before the schedule was stored" in run("BERLIN", *days).stderr
    shown = json.loads(ajsync(tmp_path, "history", "BERLIN", "--last", "200", "--json", "--server", server.url).stdout)
    assert [(each["due"], each["state"]) for each in shown["fires"]] == [("2026-10-24T02:30:00+02:00", "new")]
