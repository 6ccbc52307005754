"""The election's key: one holder at a time, who refreshes it by its revision and can give it back."""

from __future__ import annotations

import asyncio
import json

import pytest

from ajsync.asyncjobs.election import ELECTION_SUBJECT, Election, Lease
from ajsync.asyncjobs.names import ELECTION_HEADER, ELECTIONS_STREAM
from ajsync.asyncjobs.streams import make_stream, stream_configuration
from ajsync.errors import UnreachableError
from ajsync.transport.connection import connect
from ajsync.transport.context import context_for_server
from ajsync.transport.messages import last_message
from tests.messages import hear
from tests.nats_server import NatsServer
from tests.recorded import normal, recorded, without
from tests.waiting import until

pytestmark = pytest.mark.anyio


async def test_a_key_that_nobody_holds_is_taken_by_one_and_its_value_is_the_plain_name(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        await make_stream(connection, ELECTIONS_STREAM)
        one, two = Election(connection, "one.example.net"), Election(connection, "two.example.net")
        assert await one.read() == Lease(None, 0)
        assert await one.last_revision() == 0
        assert await one.take(0, 0, timeout=5) == 1
        assert await two.take(0, 0, timeout=5) is None
        assert await two.read() == Lease("one.example.net", 1, since=0)
        found = await last_message(connection, ELECTIONS_STREAM, ELECTION_SUBJECT)
        assert found is not None
        assert found.data == b"one.example.net"


async def test_a_refresh_needs_the_revision_of_the_one_before(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        await make_stream(connection, ELECTIONS_STREAM)
        one = Election(connection, "one")
        assert await one.take(0, 0, timeout=5) == 1
        assert await one.take(1, 0, timeout=5) == 2
        assert await one.take(1, 0, timeout=5) is None
        assert await one.last_revision() == 2


async def test_a_key_that_was_given_back_can_be_taken_at_once(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        await make_stream(connection, ELECTIONS_STREAM)
        one, two = Election(connection, "one"), Election(connection, "two")
        revision = await one.take(0, 0, timeout=5)
        assert revision == 1
        assert not await two.give_back(7, 0, timeout=5)
        assert await one.give_back(revision, 0, timeout=5)
        assert await two.read() == Lease(None, 2, given_back=True, since=0)
        # A Go scheduler creates over a delete marker, too: with its revision, as nats.go does.
        assert await two.take(2, 0, timeout=5) == 3


async def test_the_key_is_written_as_a_go_scheduler_writes_it_and_as_ajc_was_shown_it(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        await make_stream(connection, ELECTIONS_STREAM)
        messages = await hear(connection.client, "$KV.CHORIA_AJ_ELECTIONS.>")
        election = Election(connection, "dev1.example.net")
        for revision in range(3):
            assert await election.take(revision, 0, timeout=5) == revision + 1
        assert await election.give_back(3, 0, timeout=5)
        await until(lambda: len(messages) == 4)
    taken, deleted = normal(messages[:3]), normal(messages[3:])
    assert [without(each, ELECTION_HEADER) for each in taken] == recorded("scheduler.json")["election"][:3]
    accepted = recorded("accepted.json")
    # It stopped when it had written the key once.
    deleted[0]["headers"]["Nats-Expected-Last-Subject-Sequence"] = "1"
    assert [taken[0], *deleted] == accepted["election"]
    assert "task_scheduler: dev1.example.net" in accepted["led_by"]
    assert not [line for line in accepted["led_by_after_its_stop"] if "task_scheduler" in line]


async def test_a_win_is_announced_as_the_go_scheduler_does(server: NatsServer) -> None:
    announced = recorded("events.jsonl")[0]
    async with connect(context_for_server(server.url)) as connection:
        events = await connection.client.subscribe("CHORIA_AJ.E.>")
        await Election(connection, "dev1.example.net").announce()
        msg = await events.next_msg(5)
        assert msg.subject == announced["subject"]
        event, wanted = json.loads(msg.data), json.loads(announced["data"])
        assert list(event) == list(wanted)
        for member in ("type", "name", "component"):
            assert event[member] == wanted[member]


async def test_a_key_that_the_server_says_has_expired_was_not_given_back(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        markers = {"max_age": 10**9, "allow_msg_ttl": True, "subject_delete_marker_ttl": 60 * 10**9}
        config = {**stream_configuration(ELECTIONS_STREAM), **markers, "duplicate_window": 10**9}
        await connection.jetstream_request(f"STREAM.CREATE.{ELECTIONS_STREAM}", config)
        election = Election(connection, "one")
        assert await election.take(0, 0, timeout=5) == 1
        async with asyncio.timeout(60):
            while (held := await election.read()).holder is not None:
                await asyncio.sleep(0.05)
        assert (held.revision, held.given_back) == (2, False)


async def test_without_the_bucket_nobody_can_be_elected(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        with pytest.raises(UnreachableError):
            await Election(connection, "one").read()
