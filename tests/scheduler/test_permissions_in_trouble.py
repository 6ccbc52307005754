"""The scheduler's user in docs/permissions.md while streams are missing or full: it needs no more, and goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from ajsync.asyncjobs.election import ELECTION_SUBJECT
from ajsync.asyncjobs.names import CONFIGURATION_STREAM, ELECTIONS_STREAM, TASKS_STREAM
from ajsync.asyncjobs.streams import make_stream
from ajsync.scheduler.firing import queue_looks
from ajsync.scheduler.scheduler import Scheduler
from ajsync.scheduler.settings import Settings
from ajsync.transport.connection import Connection, connect
from tests.conftest import StartServer
from tests.docs.users import API, SHOWN, context, refused_subjects, serve_accounts
from tests.scheduler.fires import change_stream, make_queue
from tests.scheduler.running import put
from tests.waiting import PATIENCE, until

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("passwords")]

USER = "ajsync-scheduler"
BLOCK = SHOWN[USER]
QUEUE = "CHORIA_AJ_Q_BAD"
STREAMS = (CONFIGURATION_STREAM, ELECTIONS_STREAM, TASKS_STREAM)
ONE_BY_ONE = BLOCK.replace(
    f'"{API}STREAM.INFO.*"', "\n".join(f'"{API}STREAM.INFO.{stream}"' for stream in (*STREAMS, "CHORIA_AJ_Q_GOOD"))
)
"""The user whose queues are named one by one, and one of them is not."""

Change = Callable[[Connection], Awaitable[object]]
Seen = Callable[[Scheduler], bool]


def deleted(stream: str) -> Change:
    return lambda admin: admin.jetstream_request(f"STREAM.DELETE.{stream}")


def made(stream: str) -> Change:
    return lambda admin: make_stream(admin, stream)


def full(stream: str, **limits: int) -> Change:
    return lambda admin: change_stream(admin, stream, discard="new", **limits)


def problem(name: str, text: str) -> Seen:
    return lambda scheduler: text in getattr(scheduler.records.all_problems().get(name), "problem", "")


def ended_in(state: str, *names: str) -> Seen:
    return lambda scheduler: {*names} <= {each.name for each in scheduler.records.recent() if each.state == state}


def counted(scheduler: Scheduler) -> bool:
    """A fire without a queue ends as an error that is counted, and none is left open."""
    errors = b'schedule_error_count{queue="BAD",type="email:new"} 0'
    is_open = scheduler.watermark is None or "BAD" in {each[0] for each in scheduler.watermark.unsettled}
    return ended_in("queue_error", "BAD")(scheduler) and errors not in scheduler.metrics.exposition() and not is_open


def election_trouble(scheduler: Scheduler) -> str:
    return scheduler.leadership.trouble if scheduler.leadership is not None else ""


def no_problem(scheduler: Scheduler) -> bool:
    return not scheduler.records.problem_count


@dataclass(frozen=True, slots=True)
class Scene:
    """A failure that the scheduler handles."""

    spoil: Change
    """What an administrator does while the scheduler runs."""
    seen: Seen
    """What the scheduler makes of it."""
    mend: Change
    goes_on: Seen
    fires_on: bool = True
    """Other schedules fire meanwhile."""
    moves_on: bool = True
    """The watermark moves meanwhile."""
    refused: str = ""
    """All that the server refuses."""
    stands_by: bool = False
    """Another leads when it begins."""


SCENES = {
    "missing-queue": Scene(deleted(QUEUE), counted, lambda admin: make_queue(admin, "BAD"), ended_in("created", "BAD")),
    "full-queue": Scene(
        full(QUEUE, max_bytes=1),
        problem("BAD", "maximum bytes exceeded"),
        full(QUEUE, max_bytes=-1),
        no_problem,
    ),
    "full-tasks": Scene(
        full(TASKS_STREAM, max_bytes=1),
        problem("GOOD", "maximum bytes exceeded"),
        full(TASKS_STREAM, max_bytes=-1),
        no_problem,
        fires_on=False,
    ),
    "missing-tasks": Scene(
        deleted(TASKS_STREAM),
        problem("GOOD", "no stream takes this subject"),
        made(TASKS_STREAM),
        no_problem,
        fires_on=False,
    ),
    "missing-elections": Scene(
        deleted(ELECTIONS_STREAM),
        lambda scheduler: "stream not found" in election_trouble(scheduler),
        made(ELECTIONS_STREAM),
        lambda scheduler: not election_trouble(scheduler),
        fires_on=False,
        moves_on=False,
        refused=f"{API}STREAM.CREATE.{ELECTIONS_STREAM}",
        stands_by=True,
    ),
    "missing-bucket": Scene(
        deleted(CONFIGURATION_STREAM),
        problem("ajsync.watermark", "the watermark is not written"),
        made(CONFIGURATION_STREAM),
        lambda scheduler: not scheduler.records.watermark_problem,
        fires_on=False,
        moves_on=False,
    ),
}


@asynccontextmanager
async def scheduling(user: str, *, stands_by: bool = False) -> AsyncIterator[tuple[Connection, Scheduler]]:
    """A scheduler of this user that fires two schedules into two queues, and an administrator of its account."""
    async with connect(context(f"admin-{user}")) as admin, connect(context(user)) as connection:
        for stream in STREAMS:
            await make_stream(admin, stream)
        for queue in ("GOOD", "BAD"):
            await make_queue(admin, queue)
            await put(admin, queue, queue=queue, owner=None)
        if stands_by:
            await admin.request(ELECTION_SUBJECT, b"another", timeout=PATIENCE)
        scheduler = Scheduler(connection, Settings("one"))
        stop = asyncio.Event()
        job = asyncio.create_task(scheduler.run(stop))
        try:
            await until(lambda: scheduler.role.loaded if stands_by else ended_in("created", "GOOD", "BAD")(scheduler))
            yield admin, scheduler
        finally:
            stop.set()
            await asyncio.wait_for(job, 30)
            await connection.client.flush()


def fired(scheduler: Scheduler, name: str) -> int:
    """When the last fire of a schedule was due that has made its task."""
    return max(each.due for each in scheduler.records.recent() if (each.name, each.state) == (name, "created"))


def settled(scheduler: Scheduler) -> int:
    """The instant of the watermark."""
    return scheduler.watermark.instant if scheduler.watermark is not None else 0


async def fires_again(scheduler: Scheduler, name: str = "GOOD") -> None:
    """Wait until a schedule has fired once more, and the watermark is beyond that."""
    before = fired(scheduler, name)
    await until(lambda: before < fired(scheduler, name) <= settled(scheduler))


async def play(name: str, scene: Scene) -> None:
    """Let a failure happen to a scheduler, and end it again."""
    async with scheduling(name, stands_by=scene.stands_by) as (admin, scheduler):
        await scene.spoil(admin)
        await until(lambda: scene.seen(scheduler), lambda: (name, scheduler.records.problems))
        if scene.fires_on:
            await fires_again(scheduler)
        if scene.moves_on:
            before = settled(scheduler)
            await until(lambda: before < settled(scheduler))
        await scene.mend(admin)
        await until(lambda: scene.goes_on(scheduler), lambda: (name, scheduler.records.problems))
        assert not scheduler.presence.presence.trouble
        assert "Permissions" not in scheduler.outcomes.trouble


async def test_each_failure_is_seen_with_the_permissions_of_the_page_and_ends_when_it_is_mended(
    start_server: StartServer, home: Path
) -> None:
    server = serve_accounts(start_server, home, dict.fromkeys(SCENES, BLOCK))
    await asyncio.gather(*(play(name, scene) for name, scene in SCENES.items()))
    for name, scene in SCENES.items():
        assert {*refused_subjects(server, name)} == ({scene.refused} if scene.refused else set()), name


async def test_a_missing_queue_that_may_not_be_looked_for_counts_as_missing_after_some_time(
    start_server: StartServer, home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert ONE_BY_ONE != BLOCK
    monkeypatch.setattr(queue_looks, "LEADERLESS_SECONDS", 1.5)
    server = serve_accounts(start_server, home, {USER: ONE_BY_ONE})
    async with scheduling(USER) as (admin, scheduler):
        await deleted(QUEUE)(admin)
        await until(lambda: problem("BAD", "we may not see whether the queue exists")(scheduler))
        assert not ended_in("queue_error", "BAD")(scheduler)
        await fires_again(scheduler)
        await until(lambda: counted(scheduler))
        await fires_again(scheduler)
        await make_queue(admin, "BAD")
        await until(lambda: next(each.state for each in scheduler.records.recent() if each.name == "BAD") == "created")
        await fires_again(scheduler, "BAD")
        # What it knew of the queue is forgotten: it is given as much time again.
        await deleted(QUEUE)(admin)
        await until(lambda: problem("BAD", "we may not see whether the queue exists")(scheduler))
    asked = f"does not let us ask {API}STREAM.INFO.{QUEUE}: Permissions Violation"
    assert any("counts as missing, because nothing takes its work items" in each for each in caplog.messages)
    assert any(asked in each and "The page 'Permissions'" in each for each in caplog.messages)
    assert {*refused_subjects(server, USER)} == {f"{API}STREAM.INFO.{QUEUE}"}
