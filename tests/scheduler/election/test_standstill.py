"""A pause counts for each that looks, until it is forgiven."""

from __future__ import annotations

import math
import time

import pytest

from ajsync.asyncjobs.names import TASKS_STREAM
from ajsync.scheduler.clock import Clock, Standstill
from ajsync.timestamp import NANOSECONDS
from ajsync.transport.connection import connect
from ajsync.transport.context import context_for_server
from tests.nats_server import NatsServer
from tests.scheduler.fires import change_stream, counts, fire, firing, make_queue, until


class Clocks:
    """Both clocks of a host, which the test moves."""

    def __init__(self) -> None:
        self.monotonic = 100.0
        self.wall = 0.0

    def go_on(self, seconds: float, *, suspended: bool = False) -> None:
        """Let time pass; that of a suspended host only the wall clock knows."""
        self.wall += seconds
        self.monotonic += 0 if suspended else seconds

    def standstill(self, longest: float = 1.0) -> Standstill:
        """Made now."""
        return Standstill(longest, Clock(lambda: int(self.wall * NANOSECONDS), lambda: self.monotonic))


@pytest.mark.parametrize("suspended", [False, True])
def test_a_pause_counts_until_it_is_forgiven(suspended: bool) -> None:
    clocks = Clocks()
    seen = clocks.standstill()
    for _ in range(5):
        clocks.go_on(1.0)
        assert not seen.look()
    clocks.go_on(3.0, suspended=suspended)
    assert seen.look() == 3.0
    clocks.go_on(0.5)
    assert seen.look() == 3.0
    seen.forgive(3.0)
    assert not seen.look()


def test_two_pauses_add_up() -> None:
    clocks = Clocks()
    seen = clocks.standstill()
    for seconds in (3.0, 2.0):
        clocks.go_on(seconds)
        seen.look()
    assert seen.look() == 5.0


def test_a_pause_while_somebody_asks_is_not_forgiven_with_the_one_before() -> None:
    clocks = Clocks()
    seen = clocks.standstill()
    clocks.go_on(3.0)
    asked = seen.look()
    clocks.go_on(4.0)
    seen.forgive(asked)
    assert seen.look() == 4.0
    seen.forgive(4.0)
    assert not seen.look()


def test_a_clock_that_is_set_back_is_no_pause() -> None:
    clocks = Clocks()
    seen, never = clocks.standstill(), clocks.standstill(math.inf)
    clocks.wall -= 1000
    assert not seen.look()
    clocks.go_on(1000)
    assert seen.look()
    assert not never.look()


@pytest.mark.anyio
async def test_after_a_pause_a_firing_writes_nothing_before_it_may_and_then_all_of_it(server: NatsServer) -> None:
    ahead = 0
    async with (
        connect(context_for_server(server.url)) as connection,
        firing(connection, longest_pause=1.0, clock=lambda: time.time_ns() + ahead) as fires,
    ):
        await make_queue(connection)
        await change_stream(connection, TASKS_STREAM, max_msgs=1, discard="new")
        await fires.fire(fire("FIRST"))
        fires.start(fires.prepare(fire("REFUSED")))
        await until(lambda: bool(fires._later))
        ahead = 60 * NANOSECONDS
        await change_stream(connection, TASKS_STREAM, max_msgs=-1)
        fires.start(fires.prepare(fire("NEW")))
        await connection.client.flush()  # behind whatever was written
        assert await counts(connection, TASKS_STREAM) == (1, 1)
        paused = fires.stood_still()
        assert 60 <= paused < 61
        fires.still_ours(paused)
        await until(lambda: len(fires.outcomes) == 3)
        assert fires.states() == dict.fromkeys(("FIRST", "REFUSED", "NEW"), "created")
        ahead = 120 * NANOSECONDS
        fires.start(fires.prepare(fire("ABANDONED")))
        await connection.client.flush()
        assert [each.task.name for each in fires.abandon()] == ["ABANDONED"]
        fires.still_ours(fires.stood_still())  # a later term begins
        await fires.fire(fire("LAST"))
        assert await counts(connection, TASKS_STREAM) == (4, 4)
