"""After a pause of the process nothing is written until it is known that this scheduler still leads."""

from __future__ import annotations

import time

import pytest

from ajsync.asyncjobs.names import TASKS_STREAM
from ajsync.timestamp import NANOSECONDS
from ajsync.transport.connection import connect
from ajsync.transport.context import context_for_server
from tests.nats_server import NatsServer
from tests.scheduler.fires import change_stream, counts, fire, firing, make_queue
from tests.waiting import until


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
