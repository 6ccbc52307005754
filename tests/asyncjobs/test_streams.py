"""The streams are made as asyncjobs makes them, once, and a subject's last message is read from the stream's leader."""

from __future__ import annotations

import asyncio

import pytest

from ajsync.asyncjobs.names import CONFIGURATION_STREAM, ELECTIONS_STREAM, TASKS_STREAM
from ajsync.asyncjobs.streams import make_stream
from ajsync.transport.connection import connect
from ajsync.transport.context import context_for_server
from ajsync.transport.errors import JetStreamError
from ajsync.transport.messages import last_message
from tests.nats_server import NatsServer
from tests.recorded import recorded

pytestmark = pytest.mark.anyio

GOLDEN = recorded("streams.json")
STREAMS = (CONFIGURATION_STREAM, ELECTIONS_STREAM, TASKS_STREAM)


@pytest.mark.parametrize("stream", STREAMS)
async def test_each_stream_is_made_exactly_as_asyncjobs_makes_it(server: NatsServer, stream: str) -> None:
    async with connect(context_for_server(server.url)) as connection:
        assert await make_stream(connection, stream)
        info = await connection.jetstream_request(f"STREAM.INFO.{stream}")
        config = {key: value for key, value in info["config"].items() if key != "metadata"}
        wanted = {key: value for key, value in GOLDEN[stream]["config"].items() if key != "metadata"}
        # Members that later servers add keep their defaults.
        assert {key: config.get(key) for key in wanted} == wanted
        assert not [key for key in config if key not in wanted and config[key]]


async def test_a_stream_that_is_there_is_left_as_it_is(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        await connection.jetstream_request(
            f"STREAM.CREATE.{TASKS_STREAM}", {"name": TASKS_STREAM, "subjects": ["CHORIA_AJ.T.*"], "max_msgs": 7}
        )
        assert not await make_stream(connection, TASKS_STREAM)
        info = await connection.jetstream_request(f"STREAM.INFO.{TASKS_STREAM}")
        assert info["config"]["max_msgs"] == 7


async def test_of_several_that_make_a_stream_at_once_at_most_one_has_made_it(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as one, connect(context_for_server(server.url)) as two:
        made = await asyncio.gather(
            make_stream(one, TASKS_STREAM), make_stream(two, TASKS_STREAM, memory=True), make_stream(one, TASKS_STREAM)
        )
        assert any(made)


async def test_replicas_that_the_server_cannot_give_are_an_error(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        with pytest.raises(JetStreamError, match="replicas > 1 not supported"):
            await make_stream(connection, TASKS_STREAM, replicas=3)


async def test_the_last_message_is_found_with_its_revision_and_time(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        await make_stream(connection, CONFIGURATION_STREAM)
        subject = "$KV.CHORIA_AJ_CONFIGURATION.x"
        assert await last_message(connection, CONFIGURATION_STREAM, subject) is None
        await connection.request(subject, b"1")
        await connection.request(subject, b"2")
        found = await last_message(connection, CONFIGURATION_STREAM, subject)
        assert found is not None
        assert (found.revision, found.data, found.deleted) == (2, b"2", False)
        assert found.stored_at > 1_700_000_000_000_000_000
        await connection.request(subject, b"", headers={"KV-Operation": "DEL"})
        found = await last_message(connection, CONFIGURATION_STREAM, subject)
        assert found is not None
        assert (found.revision, found.data, found.deleted) == (3, b"", True)


async def test_a_stream_that_is_missing_is_an_error_and_not_a_missing_message(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        with pytest.raises(JetStreamError, match="stream not found"):
            await last_message(connection, TASKS_STREAM, "CHORIA_AJ.T.x")
