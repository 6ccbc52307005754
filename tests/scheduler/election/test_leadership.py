"""The election on a real server: the same rules as in the simulation, with the key and the watermark as they are
stored."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.asyncjobs.election import ELECTION_SUBJECT, GO_CAMPAIGN_SECONDS, Election, Lease
from ajsync.asyncjobs.names import CONFIGURATION_SUBJECT, ELECTIONS_STREAM
from ajsync.asyncjobs.streams import make_stream
from ajsync.scheduler.clock import Clock
from ajsync.scheduler.election.leadership import Leadership, Term
from ajsync.scheduler.election.watermark import WATERMARK_KEY, Watermark, encode_watermark
from ajsync.scheduler.election.watermark_store import WatermarkReader
from ajsync.transport.connection import Connection, connect
from ajsync.transport.context import context_for_server
from ajsync.transport.publisher import Write, publish_one
from tests.nats_server import NatsServer
from tests.waiting import until

pytestmark = pytest.mark.anyio

INSTANT = 1_700_000_000 * 10**9


@dataclass
class Scene:
    """A server with the key and the watermark, and one of ours that campaigns, by a clock that the test moves."""

    connection: Connection
    ours: Leadership = field(init=False)
    ahead: float = 0.0
    """Seconds that have passed on the monotonic clock without waiting."""

    async def take(self, name: str, revision: int, since: int = 0) -> None:
        """One of ours writes the key."""
        assert await Election(self.connection, name).take(revision, since, timeout=5)

    async def take_as_go(self, name: str) -> None:
        """A Go scheduler writes the key."""
        await publish_one(self.connection, Write(ELECTION_SUBJECT, name.encode(), {}), timeout=5)

    async def mark(self, leader: str, election: int) -> None:
        """One of ours writes the watermark."""
        data = encode_watermark(Watermark(leader, INSTANT, election))
        await publish_one(self.connection, Write(f"{CONFIGURATION_SUBJECT}{WATERMARK_KEY}", data, {}), timeout=5)

    async def expire(self) -> None:
        """The key expires, which only looks like this."""
        await self.connection.jetstream_request(f"STREAM.PURGE.{ELECTIONS_STREAM}")

    async def lease(self) -> Lease:
        """The key as it is now."""
        return await Election(self.connection, "x").read()

    def campaign(self) -> asyncio.Task[Term | None]:
        """Campaign until the key is ours."""
        return asyncio.create_task(self.ours.campaign(asyncio.Event()))


@pytest.fixture
async def scene(server: NatsServer) -> AsyncIterator[Scene]:
    async with connect(context_for_server(server.url)) as connection:
        bucket, _ = await ConfigurationBucket.create(connection)
        await make_stream(connection, ELECTIONS_STREAM)

        async def make_again() -> None:
            raise AssertionError

        found = Scene(connection)
        found.ours = Leadership(
            Election(connection, "ours"),
            WatermarkReader(bucket, lambda: None).read,
            name="ours",
            takeover_after=3600.0,
            clock=Clock(monotonic=lambda: time.monotonic() + found.ahead),
            is_connected=lambda: connection.is_connected,
            make_stream=make_again,
            on_campaign=lambda _: None,
            on_watermark=lambda _: None,
            on_go_leader=lambda _revision: None,
        )
        yield found


async def won(campaign: asyncio.Task[Term | None]) -> Term:
    async with asyncio.timeout(30):
        term = await campaign
    assert term is not None
    return term


async def test_a_silent_leader_is_replaced_and_the_next_learns_what_it_knew(scene: Scene) -> None:
    await scene.take_as_go("go")
    await scene.expire()
    await scene.take("one", 0, since=1)
    await scene.mark("one", 2)
    campaign = scene.campaign()
    await until(lambda: scene.ours.holder == "one")
    looks = 0

    def wait_longer() -> bool:
        nonlocal looks
        looks += 1
        scene.ahead += 900.0
        return campaign.done()

    await until(wait_longer)
    assert looks >= 4, "a pause of this process is no silence of the leader"
    term = await won(campaign)
    assert (term.kind, term.after, term.wait, term.stored.revision) == ("silent", INSTANT, 0, 1)
    assert await scene.lease() == Lease("ours", 3, since=1)
    assert await scene.ours.check()
    assert await scene.lease() == Lease("ours", 4, since=1)
    await scene.ours.give_back()
    assert await scene.lease() == Lease(None, 5, given_back=True, since=1)
    assert (await won(scene.campaign())).kind == "handover"


@pytest.mark.parametrize("writes", [1, 2])
async def test_a_go_scheduler_is_waited_for_once_it_may_have_fired(scene: Scene, writes: int) -> None:
    await scene.take("one", 0)
    await scene.mark("one", 1)
    campaign = scene.campaign()
    await until(lambda: scene.ours.holder == "one")
    for _ in range(writes):
        await scene.take_as_go("go")
    await until(lambda: scene.ours.holder == "go")
    await scene.expire()
    term = await won(campaign)
    assert (term.kind, term.wait) == ("vacant", 0 if writes == 1 else GO_CAMPAIGN_SECONDS)


async def test_a_refresh_of_a_key_that_is_gone_is_refused(scene: Scene) -> None:
    await won(scene.campaign())
    await scene.expire()
    assert not await scene.ours.check()
