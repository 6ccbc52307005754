"""Beside a Go scheduler: leadership passes in both directions, and both never fire at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from ajsync.asyncjobs.election import ELECTION_SUBJECT
from ajsync.asyncjobs.model import encode_scheduled_task
from ajsync.asyncjobs.names import (
    CONFIGURATION_STREAM,
    CONFIGURATION_SUBJECT,
    ELECTIONS_STREAM,
    SCHEDULE_SUBJECT,
    TASKS_STREAM,
)
from ajsync.asyncjobs.streams import make_stream
from ajsync.scheduler.election.role import RoleState
from ajsync.scheduler.election.watermark import WATERMARK_KEY, Watermark, encode_watermark
from ajsync.scheduler.overview import status_of
from ajsync.scheduler.scheduler import Scheduler
from ajsync.scheduler.settings import Settings
from ajsync.timestamp import NANOSECONDS as SECOND
from ajsync.transport.connection import Connection, connect
from ajsync.transport.context import context_for_server
from ajsync.transport.messages import last_message
from ajsync.transport.publisher import Write, publish_one
from tests.nats_server import NatsServer
from tests.scheduler.go_scheduler import GoScheduler
from tests.tasks import task
from tests.waiting import until

pytestmark = pytest.mark.anyio

DAY = 86400 * SECOND
LEASE_SECONDS = 60.0
"""The server lets a key expire after its ten seconds, and no clock of a test makes them shorter; a campaign of the Go
scheduler follows, and a machine may do other things."""


@asynccontextmanager
async def running(connection: Connection, name: str, *, takeover_after: float = 3.0) -> AsyncIterator[Scheduler]:
    """One of ours, until the block ends; then it is stopped by its signal."""
    scheduler = Scheduler(connection, Settings(name, takeover_after=takeover_after))
    stop = asyncio.Event()
    job = asyncio.create_task(scheduler.run(stop))
    try:
        yield scheduler
    finally:
        stop.set()
        await job


def made_by(scheduler: Scheduler) -> list[float]:
    """When that was due, in seconds since 1970, of which it has made the last tasks."""
    return [record.due / 1e9 for record in scheduler.records.recent() if record.state == "created"]


async def leading(connection: Connection, name: str) -> GoScheduler:
    """A Go scheduler that leads already."""
    go = GoScheduler(connection.client, name)
    go.start(at_once=True)
    async with asyncio.timeout(LEASE_SECONDS):
        await go.leads.wait()
    return go


async def prepare(connection: Connection) -> None:
    """The streams, a queue, and a schedule that is due every second."""
    for stream in (CONFIGURATION_STREAM, ELECTIONS_STREAM, TASKS_STREAM):
        await make_stream(connection, stream)
    queue = {"name": "CHORIA_AJ_Q_EMAIL", "subjects": ["CHORIA_AJ.Q.EMAIL.>"], "retention": "workqueue"}
    await connection.jetstream_request("STREAM.CREATE.CHORIA_AJ_Q_EMAIL", queue)
    value = encode_scheduled_task(task("TICK", schedule="@every 1s"))
    await publish_one(connection, Write(f"{SCHEDULE_SUBJECT}TICK", value, {}), timeout=5)


@pytest.mark.slow
async def test_leadership_passes_to_a_go_scheduler_and_back_and_both_never_fire_at_once(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection, connect(context_for_server(server.url)) as other:
        await prepare(connection)
        go = GoScheduler(other.client, "go1")
        async with running(connection, "ours1") as ours:
            await until(lambda: ours.leads, seconds=LEASE_SECONDS)
            go.start(at_once=True)
            await until(lambda: len(ours.records.recent()) >= 2)
            first_of_ours = [record.due / 1e9 for record in ours.records.recent()]
            assert go.fired == []
        first_of_ours = [record.due / 1e9 for record in ours.records.recent()] or first_of_ours
        async with asyncio.timeout(LEASE_SECONDS):
            await go.leads.wait()
        async with running(connection, "ours2") as ours:
            await until(lambda: len(go.fired) >= 2)
            assert not ours.leads
            await go.stop()
            stopped_at = time.time()
            held = await last_message(connection, ELECTIONS_STREAM, ELECTION_SUBJECT)
            assert held is not None
            assert held.data == b"go1"
            await until(lambda: ours.leads, seconds=LEASE_SECONDS)
            # Its key ran out first, and then another Go scheduler would have waited for one campaign.
            assert time.time() - held.stored_at / 1e9 > 10 + 7
            await until(lambda: bool(made_by(ours)))
            second_of_ours = made_by(ours)
        assert max(first_of_ours) < min(go.fired)
        assert max(go.fired) <= stopped_at
        # The phase of an @every is another one there, so of what fell due while it led, or may have, nothing is made.
        assert min(second_of_ours) > stopped_at + 7


async def test_a_go_scheduler_that_leads_is_never_pushed_aside_by_silence(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection, connect(context_for_server(server.url)) as other:
        await prepare(connection)
        # A watermark of an earlier term under the very name that the Go scheduler has.
        async with running(connection, "host1") as ours:
            await until(lambda: ours.leads, seconds=LEASE_SECONDS)
        go = await leading(other, "host1")
        async with running(connection, "host2", takeover_after=1.0) as ours:
            fired = len(go.fired)
            # Three of its fires take twice the time after which one of ours would be replaced.
            await until(lambda: ours.leads or len(go.fired) >= fired + 3)
            assert not ours.leads
            assert not ours.records.recent()
        await go.stop()


async def test_a_stand_by_beside_a_go_scheduler_lets_go_of_what_falls_due_in_its_term(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection, connect(context_for_server(server.url)) as other:
        await prepare(connection)
        mark = Watermark("ours1", time.time_ns() - 30 * DAY, election=0)
        await connection.request(f"{CONFIGURATION_SUBJECT}{WATERMARK_KEY}", encode_watermark(mark))
        go = await leading(other, "go1")
        async with running(connection, "ours2") as ours:
            await until(lambda: ours.role.loaded and ours.agenda.position >= time.time_ns() - 60 * SECOND)
            assert not ours.leads
        await go.stop()


async def test_a_go_scheduler_is_waited_for_too_where_the_election_lost_its_stream(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection, connect(context_for_server(server.url)) as other:
        await prepare(connection)
        go = await leading(other, "go1")
        async with running(connection, "ours1") as ours:
            await until(lambda: ours.leadership is not None and ours.leadership.holder == "go1")
            await go.stop()
            await connection.jetstream_request(f"STREAM.DELETE.{ELECTIONS_STREAM}")
            await until(lambda: ours.leads or ours.role.state is RoleState.WAITING)
            assert not ours.leads
            assert status_of(ours).role is ours.role.state
