"""The users of docs/permissions.md while streams are missing or full: commands say so, and ask for nothing else.

The scheduler's user is in tests/scheduler/test_permissions_in_trouble.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from ajsync.asyncjobs.names import CONFIGURATION_STREAM, ELECTIONS_STREAM, TASKS_STREAM
from ajsync.transport.connection import Connection, connect
from tests.conftest import StartServer
from tests.docs.test_permissions_of_commands import NEEDS, fill_as, run
from tests.docs.users import SHOWN, context, refused_subjects, serve_accounts
from tests.scheduler.fires import change_stream

pytestmark = pytest.mark.usefixtures("passwords")

QUEUE = "CHORIA_AJ_Q_EMAIL"
NO_BUCKET = (7, "The bucket CHORIA_AJ_CONFIGURATION does not exist")
NO_TASKS = (7, "no stream takes tasks")
FULL = "maximum bytes exceeded"
BACKFILL = next(command for command in NEEDS if command.startswith("backfill"))

Change = Callable[[Connection], Awaitable[object]]


def deleted(stream: str) -> Change:
    return lambda admin: admin.jetstream_request(f"STREAM.DELETE.{stream}")


def full(stream: str) -> Change:
    return lambda admin: change_stream(admin, stream, discard="new", max_bytes=1)


SCENES: dict[str, tuple[Change, dict[str, tuple[int, str]]]] = {
    "missing-queue": (
        deleted(QUEUE),
        {
            "lint --online": (3, "the queue EMAIL does not exist"),
            "status": (0, ""),
            "info": (0, ""),
            BACKFILL: (1, "the queue EMAIL does not exist"),
            "run NAME": (1, "ajc queues add EMAIL"),
            "apply --yes": (0, ""),
        },
    ),
    "full-queue": (full(QUEUE), {"info": (0, ""), BACKFILL: (6, FULL), "run NAME": (1, FULL)}),
    "full-tasks": (full(TASKS_STREAM), {"info": (0, ""), BACKFILL: (6, FULL), "run NAME": (7, FULL)}),
    "missing-tasks": (
        deleted(TASKS_STREAM),
        {
            "status": (0, ""),
            "info": (0, "missing"),
            "history NAME": (0, "have no task"),
            "history --mine": (0, "have no task"),
            BACKFILL: NO_TASKS,
            "run NAME": NO_TASKS,
            "apply --yes": (0, ""),
        },
    ),
    "missing-elections": (
        deleted(ELECTIONS_STREAM),
        {"status": (0, "No scheduler leads"), "info": (0, "No scheduler leads")},
    ),
    "missing-bucket": (
        deleted(CONFIGURATION_STREAM),
        {
            "status": NO_BUCKET,
            "info": (0, "missing"),
            "plan": NO_BUCKET,
            "history NAME": NO_BUCKET,
            BACKFILL: NO_BUCKET,
            "run NAME": NO_BUCKET,
            "apply --yes": NO_BUCKET,
        },
    ),
}
"""What an administrator does, and for each command its exit code and what it says."""


def user_of(command: str) -> str:
    """The user of the page for a command, with what it needs besides."""
    if command.startswith("apply"):
        return SHOWN["ajsync-apply"]
    listed = "\n".join(f'"{subject}"' for subject in NEEDS[command])
    return SHOWN["ajsync-plan"].replace("publish: [", f"publish: [\n{listed}\n")


@pytest.mark.parametrize("scene", SCENES)
def test_each_command_tells_of_a_failure_with_the_permissions_of_the_page(
    start_server: StartServer, home: Path, tmp_path: Path, scene: str
) -> None:
    spoil, expected = SCENES[scene]
    users = {f"user-{number}": command for number, command in enumerate(expected)}
    server = serve_accounts(start_server, home, {name: user_of(command) for name, command in users.items()})

    async def prepare() -> None:
        for name in users:
            await fill_as(f"admin-{name}")
            async with connect(context(f"admin-{name}")) as admin:
                await spoil(admin)

    asyncio.run(prepare())
    for name, command in users.items():
        done = run(tmp_path, command, name)
        code, told = expected[command]
        assert done.returncode == code, (command, done.stderr)
        assert told.casefold() in (done.stdout + done.stderr).casefold(), (command, done.stdout, done.stderr)
        assert refused_subjects(server, name) == [], command
