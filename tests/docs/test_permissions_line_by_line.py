"""Each line of each of the four users in docs/permissions.md: what it allows is used, and what it lacks is refused.

Every user stands on the server once whole and once without each of its lines, in an account of its own, and does what
it is for. What the server then refuses must be just what the missing line would have allowed.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import nats
import pytest

from ajsync.asyncjobs.applied import Origin
from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.asyncjobs.model import ScheduledTask
from ajsync.asyncjobs.pausing import Settled
from ajsync.errors import AjsyncError
from ajsync.reconcile.apply import recreate
from ajsync.reconcile.apply.apply import apply
from ajsync.reconcile.apply.record import record_apply
from ajsync.reconcile.apply.recreate import finish_interrupted
from ajsync.reconcile.apply.writing import KeyWrite, write_keys
from ajsync.reconcile.pause import Owners, pause, resume
from ajsync.reconcile.reconciler import Goal, propose
from ajsync.transport.connection import Connection, connect
from tests.conftest import StartServer
from tests.docs.users import OWNER, PASSWORD, SHOWN, allows, context, refused_subjects, serve_accounts
from tests.go_watcher import go_watcher
from tests.nats_server import NatsServer
from tests.tasks import task

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("passwords")]

LINE = re.compile(r'^ +("[$C].*")$', re.MULTILINE)
INBOX = re.compile(r'(?<=subscribe: \[)(\s*")(_INBOX\w+)(?=\.>")')
NOBODY = "allowed.to.nobody"
FASTER_WITH = "DIRECT.GET"
"""What the page says to do without it: the same, more slowly."""


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """An apply soon gives up a watcher that it must not look at."""
    monkeypatch.setattr(recreate, "WATCHER_SECONDS", 1.0)


async def look(connection: Connection) -> None:
    """What the user for `plan` is for."""
    bucket = await ConfigurationBucket.open(connection)
    plan = (await propose(bucket, Goal(OWNER, {}))).plan
    assert {change.name for change in plan.changes} == {"A", "B"}


async def change(connection: Connection) -> None:
    """What the user for `apply` is for, beside a Go scheduler."""
    bucket = await ConfigurationBucket.open(connection)
    await finish_interrupted(bucket, OWNER)
    _raise_for(await pause(bucket, ["B"], Owners((OWNER,)), by="ann", reason="why"))
    desired = {name: ours(name, "@hourly") for name in ("A", "C")}
    plan = (await propose(bucket, Goal(OWNER, desired))).plan
    result = await apply(bucket, plan, now=1)
    if result.error is not None:
        raise result.error
    await record_apply(bucket, plan, result, Origin("me"), now=1)
    _raise_for(await pause(bucket, ["C"], Owners((OWNER,)), by="ann", reason="why"))
    _raise_for(await resume(bucket, ["C"], Owners((OWNER,))))
    live = await bucket.read()
    assert {name: entry.task and entry.task.schedule for name, entry in live.entries.items()} == {
        "A": "@hourly",
        "C": "@hourly",
    }


def _raise_for(settled: Sequence[Settled]) -> None:
    for each in settled:
        if each.error is not None:
            raise each.error


async def make(connection: Connection) -> None:
    """What the user that makes the bucket is for."""
    _, made = await ConfigurationBucket.create(connection)
    assert made


@dataclass(frozen=True, slots=True)
class User:
    """A user of the page whose work is done here; that of the scheduler is in tests/scheduler/test_permissions.py."""

    work: Callable[[Connection], Awaitable[None]]
    has_bucket: bool = True
    beside_go: bool = False


USERS = {
    "ajsync-plan": User(look),
    "ajsync-apply": User(change, beside_go=True),
    "ajsync-init": User(make, has_bucket=False),
}


def ours(name: str, schedule: str) -> ScheduledTask:
    return task(name, schedule=schedule, owner=OWNER, queue="DEFAULT", task_type="x")


def without_each_line(user: str) -> Mapping[str, tuple[str, str]]:
    """The name of the user without a line → the line, and what is left."""
    block = SHOWN[user]
    return {f"{user}-{number}": (line, block.replace(line, "")) for number, line in enumerate(LINE.findall(block))}


@asynccontextmanager
async def prepared(name: str, user: User) -> AsyncIterator[None]:
    """What the user finds: the bucket with two schedules, and a Go scheduler that watches it."""
    async with connect(context(f"admin-{name}")) as admin:
        if not user.has_bucket:
            yield
            return
        bucket, _ = await ConfigurationBucket.create(admin)
        await write_keys(bucket, [KeyWrite(each, 0, ours(each, "@daily")) for each in ("A", "B")])
        if not user.beside_go:
            yield
            return
        async with go_watcher(admin) as watcher:
            await watcher.until("A", ["@daily"])
            await watcher.until("B", ["@daily"])
            yield


async def worked(name: str, user: User) -> bool:
    """Let a user do its work; whether it could."""
    async with prepared(name, user), connect(context(name)) as connection:
        try:
            await user.work(connection)
        except AjsyncError:
            return False
        finally:
            await connection.client.flush()
        return True


@pytest.mark.parametrize("user", USERS)
async def test_each_line_is_used_and_needed(start_server: StartServer, home: Path, user: str) -> None:
    missing = without_each_line(user)
    assert missing
    server = serve_accounts(
        start_server, home, {user: SHOWN[user], **{name: left for name, (_, left) in missing.items()}}
    )
    names = [user, *missing]
    results = dict(zip(names, await asyncio.gather(*(worked(name, USERS[user]) for name in names)), strict=True))
    assert results.pop(user)
    assert refused_subjects(server, user) == []
    for name, (line, _) in missing.items():
        found = refused_subjects(server, name)
        assert found, line
        assert all(allows(line, subject) for subject in found), (line, found)
        assert results[name] == (FASTER_WITH in line), line


async def test_each_user_gets_answers_at_its_own_inbox_alone(start_server: StartServer, home: Path) -> None:
    """The line `subscribe`: with it another inbox is refused, and with another line this one is."""
    server = serve_accounts(start_server, home, SHOWN)
    moved = {f"{name}-moved": INBOX.sub(r"\1_INBOX_elsewhere", block) for name, block in SHOWN.items()}
    other = serve_accounts(start_server, home / "other", moved)
    assert len(SHOWN) == 4
    for name, block in SHOWN.items():
        ((_, own),) = INBOX.findall(block)
        assert await violations(server, name, [f"{own}.x"]) == []
        denied = [">", "_INBOX.>", "_INBOX_elsewhere.>", "$KV.>", "$JS.>", "$JS.API.>", "$SYS.>", "CHORIA_AJ.>"]
        assert len(await violations(server, name, denied)) == len(denied), name
        assert len(await violations(other, f"{name}-moved", [f"{own}.x"])) == 1


async def violations(server: NatsServer, name: str, subjects: list[str]) -> list[str]:
    """What the server refuses a user that subscribes to these."""
    found: list[str] = []

    async def on_error(error: Exception) -> None:
        found.append(str(error))

    client = await nats.connect(server.url, user=name, password=PASSWORD, error_cb=on_error)
    try:
        for subject in [*subjects, NOBODY]:
            await client.subscribe(subject)
        async with asyncio.timeout(30):  # the server answers in order, so that the other refusals have come before
            while not any(NOBODY in each for each in found):
                await asyncio.sleep(0.01)
    finally:
        await client.close()
    return [each for each in found if "subscription" in each and NOBODY not in each]
