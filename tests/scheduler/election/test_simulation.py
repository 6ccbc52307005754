"""The simulated key does what the stream of a real server does, so what is proved with it holds there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from ajsync.asyncjobs.election import ELECTION_SUBJECT, TTL_SECONDS, Election
from ajsync.asyncjobs.names import ELECTIONS_STREAM
from ajsync.asyncjobs.streams import make_stream
from ajsync.errors import UnreachableError
from ajsync.transport.connection import Connection, connect
from ajsync.transport.context import context_for_server
from ajsync.transport.publisher import Write, publish_one
from tests.nats_server import NatsServer
from tests.scheduler.election.simulation import Key, SimulatedElection, World, now, simulated

pytestmark = pytest.mark.anyio

STEPS = (
    ("read",),
    ("last revision",),
    ("take", 1, 0),
    ("take", 0, 0),
    ("read",),
    ("take", 0, 0),
    ("take", 1, 1),
    ("read",),
    ("take", 2, 3),
    ("read",),
    ("go", 3),
    ("read",),
    ("take", 3, 3),
    ("give back", 3, 0),
    ("give back", 4, 2),
    ("read",),
    ("last revision",),
    ("take", 0, 0),
    ("take", 5, 5),
    ("read",),
    ("expire",),
    ("read",),
    ("last revision",),
    ("take", 6, 0),
    ("take", 0, 6),
    ("read",),
    ("last revision",),
)
"""What is asked, and with which revision and `since`."""


async def play(election: Election, go: Callable[[int], Awaitable[Any]], expire: Callable[[], Awaitable[Any]]) -> Any:
    """What is answered to each step."""
    answers: list[Any] = []
    for what, *values in STEPS:
        match what:
            case "read":
                answers.append(await election.read())
            case "last revision":
                answers.append(await election.last_revision())
            case "take":
                answers.append(await election.take(*values, timeout=5))
            case "give back":
                answers.append(await election.give_back(*values, timeout=5))
            case "go":
                answers.append(await go(*values))
            case "expire":
                await expire()
    return answers


async def on_a_server(connection: Connection) -> Any:
    async def go(revision: int) -> int:
        headers = {"Nats-Expected-Last-Subject-Sequence": str(revision)}
        return (await publish_one(connection, Write(ELECTION_SUBJECT, b"ours", headers), timeout=5)).sequence

    async def expire() -> None:
        await connection.jetstream_request(f"STREAM.PURGE.{ELECTIONS_STREAM}")

    await make_stream(connection, ELECTIONS_STREAM)
    return await play(Election(connection, "ours"), go, expire)


def in_simulation() -> Any:
    found: list[Any] = []

    @simulated
    async def run() -> None:
        world = World()

        async def go(revision: int) -> int | None:
            return world.key.write("ours", revision, None)

        async def expire() -> None:
            world.key.expire()

        found.extend(await play(SimulatedElection(world, "ours"), go, expire))

    run()
    return found


async def test_what_a_server_answers_the_simulation_answers(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        assert await on_a_server(connection) == await asyncio.to_thread(in_simulation)


@simulated
async def test_a_simulated_key_expires_after_its_time() -> None:
    key = Key()
    key.write("one", 0, 0)
    await asyncio.sleep(TTL_SECONDS - 0.001)
    assert key.read().holder == "one"
    await asyncio.sleep(0.002)
    assert (key.read().holder, key.read().revision) == (None, 0)


@simulated
async def test_what_is_lost_on_the_way_is_stored_or_not_and_is_not_answered() -> None:
    world = World()
    election = SimulatedElection(world, "one")
    election.cut_off = True
    with pytest.raises(UnreachableError):
        await election.take(0, 0, timeout=2)
    election.cut_off, election.deaf = False, True
    with pytest.raises(UnreachableError):
        await election.take(0, 0, timeout=2)
    assert (now(), world.key.writes) == (4.0, [(2.0, "one", 1)])


def test_a_simulation_in_which_nothing_can_happen_any_more_fails() -> None:
    @simulated
    async def hang() -> None:
        await asyncio.Event().wait()

    with pytest.raises(AssertionError, match="never comes"):
        hang()
