"""The stand-ins for the Go scheduler do what the real one was recorded to do."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest

from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.asyncjobs.names import CONFIGURATION_STREAM, ELECTIONS_STREAM, SCHEDULE_SUBJECT
from ajsync.asyncjobs.streams import make_stream
from ajsync.transport.connection import connect
from ajsync.transport.context import context_for_server
from tests.go_watcher import go_watcher
from tests.messages import hear
from tests.nats_server import NatsServer
from tests.recorded import normal, recorded
from tests.scheduler import go_scheduler
from tests.scheduler.go_scheduler import GoScheduler
from tests.waiting import until

pytestmark = pytest.mark.anyio

SCHEDULER: dict[str, Any] = recorded("scheduler.json")


async def test_after_each_write_as_many_timers_fire_as_with_the_real_scheduler(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        await ConfigurationBucket.create(connection)
        async with go_watcher(connection) as watcher:
            for number, step in enumerate(SCHEDULER["steps"], 1):
                name = step["wrote"]["name"]
                deleted = "schedule" not in step["wrote"]
                data = b"" if deleted else json.dumps(step["wrote"]).encode()
                await connection.request(
                    SCHEDULE_SUBJECT + name, data, headers={"KV-Operation": "DEL"} if deleted else None
                )
                await watcher.until_taken(number)
                fires = {each: timers.count("@every 1s") for each, timers in watcher.timers.items()}
                wanted = {each: count for each, count in step["fires_each_second"].items() if each != "BEACON"}
                assert {each: count for each, count in fires.items() if count} == wanted


async def test_the_consumer_is_the_one_that_was_recorded_from_the_server(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        await ConfigurationBucket.create(connection)
        async with go_watcher(connection):
            found = await connection.jetstream_request(f"CONSUMER.LIST.{CONFIGURATION_STREAM}")
    (ours,) = (each["config"] for each in found["consumers"])
    (theirs,) = recorded("streams.json")[CONFIGURATION_STREAM]["consumers"]
    same = {member: value for member, value in theirs.items() if member not in ("name", "deliver_subject")}
    assert {member: ours[member] for member in same} == same


async def test_the_election_is_written_as_by_the_real_scheduler(
    server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = SCHEDULER["election"]
    monkeypatch.setattr(go_scheduler, "CAMPAIGN_SECONDS", 0.05)
    async with connect(context_for_server(server.url)) as connection:
        await make_stream(connection, ELECTIONS_STREAM)
        messages = await hear(connection.client, "$KV.CHORIA_AJ_ELECTIONS.>")
        stand_in = GoScheduler(connection.client, wanted[0]["data"])
        stand_in.start()
        await until(lambda: len(messages) >= len(wanted))
        await stand_in.stop()
    assert normal(messages)[: len(wanted)] == wanted


def test_the_real_scheduler_deletes_nothing_when_it_stops() -> None:
    revisions = [int(each["headers"]["Nats-Expected-Last-Subject-Sequence"]) for each in SCHEDULER["election"]]
    assert all(later == revision + 1 for revision, later in pairwise(revisions))
    assert all(each["data"] for each in SCHEDULER["election"])
