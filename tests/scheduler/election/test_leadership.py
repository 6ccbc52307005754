"""Who takes the election's key, and from where its term has to fire: the key and the watermark as others left them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.asyncjobs.election import ELECTION_SUBJECT, GO_CAMPAIGN_SECONDS, Election, Lease
from ajsync.asyncjobs.names import CONFIGURATION_SUBJECT, ELECTIONS_STREAM
from ajsync.asyncjobs.streams import make_stream
from ajsync.scheduler.election import leadership
from ajsync.scheduler.election import lease_history as holders
from ajsync.scheduler.election.leadership import Leadership, Term
from ajsync.scheduler.election.watermark import WATERMARK_KEY, Watermark, encode_watermark
from ajsync.scheduler.monitor.metrics import Metrics
from ajsync.transport.connection import Connection, connect
from ajsync.transport.context import context_for_server
from ajsync.transport.publisher import Write, publish_one
from tests.nats_server import NatsServer

pytestmark = pytest.mark.anyio

INSTANT = 1_700_000_000 * 10**9
QUICK = 0.3
"""Seconds, instead of three, after which a silent leader of ours is replaced."""


@dataclass
class Scene:
    """A server with the key and the watermark, and one of ours that campaigns."""

    connection: Connection
    ours: Leadership
    foreign: int = 0
    """How often it heard that a leader that is not ours has the key."""

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

    def campaign(self) -> asyncio.Task[Term | None]:
        """Campaign until the key is ours."""
        return asyncio.create_task(self.ours.campaign(asyncio.Event()))

    async def sees(self, holder: str) -> None:
        """Wait until it has seen who holds the key, as it is now."""
        await asyncio.sleep(2 * leadership.POLL_SECONDS)
        assert self.ours.holder == holder


@pytest.fixture
async def scene(server: NatsServer) -> AsyncIterator[Scene]:
    async with connect(context_for_server(server.url)) as connection:
        bucket, _ = await ConfigurationBucket.create(connection)
        await make_stream(connection, ELECTIONS_STREAM)

        def on_foreign() -> None:
            found.foreign += 1

        async def make_again() -> None:
            raise AssertionError

        ours = Leadership(
            bucket,
            "ours",
            takeover_after=QUICK,
            metrics=Metrics("ours"),
            on_watermark=lambda _: None,
            on_foreign=on_foreign,
            make_stream=make_again,
        )
        found = Scene(connection, ours)
        yield found


def goes_on(term: Term | None) -> bool:
    """Whether it fires at once what is due since the watermark; else it waits, and lets go of all that."""
    assert term is not None
    assert (term.after, term.wait) in ((INSTANT, 0), (None, GO_CAMPAIGN_SECONDS))
    return term.after == INSTANT


async def test_a_leader_that_dies_before_its_first_watermark_is_replaced_as_any_other(scene: Scene) -> None:
    await scene.take("one", 0)
    await scene.mark("one", 1)
    campaign = scene.campaign()
    await scene.take("two", 1)
    assert goes_on(await asyncio.wait_for(campaign, 5))
    assert scene.foreign == 0


async def test_one_that_has_just_begun_has_its_time_for_the_first_watermark(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leadership, "POLL_SECONDS", 0.01)
    scene.ours._takeover_after = 1.0
    await scene.take("one", 0)
    await scene.mark("one", 1)
    campaign = scene.campaign()
    await asyncio.sleep(0.9)
    await scene.take("two", 1)
    begun = asyncio.get_running_loop().time()
    assert goes_on(await asyncio.wait_for(campaign, 5))
    assert asyncio.get_running_loop().time() - begun > 0.9


@pytest.mark.parametrize("unseen", [0, 2])
async def test_after_a_leader_that_died_without_a_watermark_for_long_the_next_goes_on_from_the_last(
    scene: Scene, unseen: int
) -> None:
    await scene.take("one", 0)
    await scene.mark("one", 1)
    for revision in range(1, 4):
        await scene.take("one", revision)
    campaign = scene.campaign()
    await scene.sees("one")
    for revision in range(4, 4 + unseen):
        await scene.take("one", revision)
    await scene.expire()
    assert goes_on(await asyncio.wait_for(campaign, 5))
    assert scene.foreign == 0


async def test_who_knows_that_much_tells_the_next_with_each_write(scene: Scene) -> None:
    await scene.take_as_go("go")
    await scene.expire()
    await scene.take("one", 0, since=1)
    await scene.mark("one", 2)
    assert goes_on(await asyncio.wait_for(scene.campaign(), 5))
    assert (await Election(scene.connection, "x").read()).since == 1
    assert await scene.ours.check()
    assert (await Election(scene.connection, "x").read()).since == 1
    await scene.ours.give_back()
    assert (await Election(scene.connection, "x").read()).since == 1


async def test_nothing_is_known_where_nobody_has_looked_meanwhile(scene: Scene) -> None:
    await scene.take("one", 0)
    await scene.mark("one", 1)
    for revision in range(1, 4):
        await scene.take("one", revision)
    await scene.expire()
    assert not goes_on(await asyncio.wait_for(scene.campaign(), 5))
    assert (await Election(scene.connection, "x").read()).since == 4


@pytest.mark.parametrize("again", [1, 2])
async def test_a_term_of_a_go_scheduler_breaks_it(scene: Scene, again: int) -> None:
    """But for its first write, after which it does not fire."""
    await scene.take("one", 0)
    await scene.mark("one", 1)
    campaign = scene.campaign()
    await scene.sees("one")
    for _ in range(again):
        await scene.take_as_go("go")
    await scene.sees("go")
    await scene.expire()
    assert goes_on(await asyncio.wait_for(campaign, 5)) == (again == 1)
    assert bool(scene.foreign) == (again == 2)


async def test_a_term_of_a_go_scheduler_that_nobody_saw_breaks_it_too(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holders, "_FOREIGN_TERM_SECONDS", 0.2)
    monkeypatch.setattr(leadership, "POLL_SECONDS", 0.5)
    await scene.take("one", 0)
    await scene.mark("one", 1)
    campaign = scene.campaign()
    await asyncio.sleep(0.25)  # after the first look
    await scene.take_as_go("go")
    await scene.take_as_go("go")
    await scene.expire()
    assert not goes_on(await asyncio.wait_for(campaign, 5))


async def test_one_of_ours_that_waits_for_a_go_scheduler_is_not_taken_for_silent(scene: Scene) -> None:
    await scene.take("one", 0)
    await scene.mark("one", 1)
    await scene.take_as_go("go")
    await scene.take_as_go("go")
    await scene.expire()
    await scene.take("two", 0, since=3)
    campaign = scene.campaign()
    await asyncio.sleep(3 * QUICK)
    assert not campaign.done()
    assert scene.foreign == 0
    await scene.expire()
    assert not goes_on(await asyncio.wait_for(campaign, 5))


@pytest.mark.parametrize(("since", "known"), [(0, True), (3, False)])
async def test_a_key_that_is_given_back_says_what_its_holder_knew(scene: Scene, since: int, known: bool) -> None:
    await scene.mark("one", 1)
    for revision in range(3):
        await scene.take("one", revision)
    await scene.take("two", 3, since=since)
    assert await Election(scene.connection, "two").give_back(4, since, timeout=5)
    assert goes_on(await asyncio.wait_for(scene.campaign(), 5)) == known


async def test_another_scheduler_of_the_same_name_is_warned_about_and_an_earlier_life_is_not(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    def warnings() -> list[str]:
        return [text for text in caplog.messages if "Another scheduler of the name" in text]

    await scene.take("ours", 0)
    looks = 0
    read = scene.ours._election.read

    async def counting(**kwargs: float) -> Lease:
        nonlocal looks
        looks += 1
        return await read(**kwargs)

    scene.ours._election.read = counting  # type: ignore[method-assign]  # only to know that it has looked
    campaign = scene.campaign()

    async def looked(times: int) -> None:
        until = looks + times
        while looks < until:
            await asyncio.sleep(0.01)

    await looked(3)
    assert warnings() == []
    for revision in (1, 2):
        await scene.take("ours", revision)
        await looked(2)
    assert len(warnings()) == 1
    assert "the name ours leads" in warnings()[0]
    campaign.cancel()
