"""What docs/permissions.md says that some commands need besides: it is enough, and each line of it is needed."""

from __future__ import annotations

import asyncio
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Literal

import pytest

import ajsync
from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.asyncjobs.election import ELECTION_SUBJECT
from ajsync.asyncjobs.names import ELECTIONS_STREAM
from ajsync.asyncjobs.streams import make_stream
from ajsync.errors import NotPermittedError
from ajsync.reconcile.apply.writing import KeyWrite, write_keys
from tests.cli.processes import DEADLINE_SECONDS, background
from tests.cli.processes import ajsync as run_ajsync
from tests.conftest import StartServer
from tests.docs.pages import rows
from tests.docs.users import OWNER, PAGE, PASSWORD, SHOWN, write_contexts
from tests.nats_server import NatsServer
from tests.scheduler.fires import make_queue
from tests.tasks import task

pytestmark = pytest.mark.usefixtures("passwords")

NEEDS = {
    command.strip("`"): re.findall("`([^`]+)`", subjects.replace("OWNER", OWNER))
    for command, subjects in rows(PAGE, "What some commands need besides")
}
WITH_QUEUES = {
    command.strip("`"): re.findall("`([^`]+)`", subjects) for command, subjects in rows(PAGE, "Declared queues")
}
QUEUES_ONE_LESS = [(command, subject) for command, subjects in WITH_QUEUES.items() for subject in subjects]
ONE_LESS = [(command, subject) for command, subjects in NEEDS.items() for subject in subjects]
LISTENS = {
    command.strip("`"): re.findall("`([^`]+)`", subjects) for command, subjects in rows(PAGE, "Listening to events")
}
LISTENS_ONE_LESS = [(command, subject) for command, subjects in LISTENS.items() for subject in subjects]
AN_HOUR = 3600 * 10**9


def serve(
    start_server: StartServer,
    home: Path,
    subjects: list[str],
    name: str = "ajsync-plan",
    *,
    operation: Literal["publish", "subscribe"] = "publish",
) -> NatsServer:
    """A server with a user of the page who may use these subjects also, and all that the commands look at."""
    listed = "\n".join(f'"{subject}"' for subject in subjects)
    user = SHOWN[name].replace(f"{operation}: [", f"{operation}: [\n{listed}\n")
    server = start_server(f"authorization {{ users: [ {{ user: admin, password: {PASSWORD} }}, {user} ] }}")
    write_contexts(home, server, {"admin": "_INBOX.>", name: user})
    asyncio.run(fill_as("admin"))
    return server


async def fill_as(admin: str) -> None:
    """Make all that the commands look at, as the administrator of this name."""
    async with ajsync.connect(context=admin) as client:
        await client.prepare()
        await make_stream(client.connection, ELECTIONS_STREAM)
        await client.connection.request(ELECTION_SUBJECT, b"leader")
        await make_queue(client.connection, "EMAIL")
        made = task("A", schedule="* * * * *", queue="EMAIL", created_at=time.time_ns() - AN_HOUR)
        await write_keys(await ConfigurationBucket.open(client.connection), [KeyWrite("A", 0, made)])


def run(folder: Path, command: str, user: str = "ajsync-plan") -> subprocess.CompletedProcess[str]:
    """Run the command of a row as the user, in a project whose schedule a Go scheduler does not know in full."""
    (folder / "ajsync.yaml").write_text("owner: team\nfiles: [schedules.yaml]\n")
    (folder / "schedules.yaml").write_text(
        "schedules: {A: {schedule: '@daily', queue: EMAIL, task_type: x, jitter: 30s}}\n"
    )
    return run_ajsync(folder, *command.replace("NAME", "A").split(), "--context", user)


def refused(server: NatsServer) -> bool:
    return '" - Publish Violation' in server.log


@pytest.mark.parametrize("command", NEEDS)
def test_a_command_works_with_what_the_page_says(
    start_server: StartServer, home: Path, tmp_path: Path, command: str
) -> None:
    server = serve(start_server, home, NEEDS[command])
    done = run(tmp_path, command)
    assert done.returncode == 0, done.stderr
    assert not refused(server)


@pytest.mark.parametrize(("command", "subject"), ONE_LESS)
def test_each_permission_of_a_command_is_needed(
    start_server: StartServer, home: Path, tmp_path: Path, command: str, subject: str
) -> None:
    server = serve(start_server, home, [each for each in NEEDS[command] if each != subject])
    run(tmp_path, command)
    assert refused(server)


@pytest.mark.parametrize("command", LISTENS)
def test_a_command_listens_with_what_the_page_says(
    start_server: StartServer, home: Path, tmp_path: Path, command: str
) -> None:
    server = serve(start_server, home, LISTENS[command], operation="subscribe")
    with background(tmp_path, command, "--context", "ajsync-plan") as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("Following 1 schedule")
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE_SECONDS) == 0
    assert "Violation" not in server.log


@pytest.mark.parametrize(("command", "subject"), LISTENS_ONE_LESS)
def test_each_subject_that_a_command_listens_to_is_needed(
    start_server: StartServer, home: Path, tmp_path: Path, command: str, subject: str
) -> None:
    others = [each for each in LISTENS[command] if each != subject]
    server = serve(start_server, home, others, operation="subscribe")
    done = run_ajsync(tmp_path, command, "--context", "ajsync-plan")
    assert done.returncode == NotPermittedError.exit_code
    assert f"does not let us listen to {subject}" in done.stderr
    assert "Subscription Violation" in server.log


def run_with_queues(folder: Path, command: str, user: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a project that declares a queue that exists and one that is missing."""
    (folder / "ajsync.yaml").write_text(f"owner: {OWNER}\nfiles: [schedules.yaml]\nqueues: {{EMAIL: , NEW: }}\n")
    (folder / "schedules.yaml").write_text("schedules: {B: {schedule: '@daily', queue: NEW, task_type: x}}\n")
    return run_ajsync(folder, *command.split(), "--context", user)


@pytest.mark.parametrize("command", WITH_QUEUES)
def test_declared_queues_are_looked_at_and_made_with_what_the_page_says(
    start_server: StartServer, home: Path, tmp_path: Path, command: str
) -> None:
    user = f"ajsync-{command.split()[0]}"
    server = serve(start_server, home, WITH_QUEUES[command], user)
    done = run_with_queues(tmp_path, command, user)
    assert done.returncode == 0, done.stderr
    assert not refused(server)


@pytest.mark.parametrize(("command", "subject"), QUEUES_ONE_LESS)
def test_each_permission_for_declared_queues_is_needed(
    start_server: StartServer, home: Path, tmp_path: Path, command: str, subject: str
) -> None:
    user = f"ajsync-{command.split()[0]}"
    server = serve(start_server, home, [each for each in WITH_QUEUES[command] if each != subject], user)
    assert run_with_queues(tmp_path, command, user).returncode == NotPermittedError.exit_code
    assert refused(server)
