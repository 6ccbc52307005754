"""Queues are made as the Go tool makes them, once and whole, and what exists is never changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ajsync.asyncjobs.names import CONFIGURATION_STREAM
from ajsync.asyncjobs.queue_store import make_queue, survey_queues
from ajsync.asyncjobs.queues import (
    QueueSettings,
    QueueSurvey,
    differences,
    queue_consumer,
    queue_stream,
    settings_of,
    stated,
)
from ajsync.asyncjobs.streams import make_stream
from ajsync.errors import ConflictError
from ajsync.timestamp import NANOSECONDS
from ajsync.transport.connection import Connection, connect
from ajsync.transport.context import context_for_server
from tests.nats_server import NatsServer
from tests.recorded import recorded

pytestmark = pytest.mark.anyio

GOLDEN = recorded("streams.json")
EMAIL = QueueSettings("EMAIL")
"""As `ajc queues add EMAIL` made the recorded one."""
LIMITED = QueueSettings("LIMITED", 10, 60 * NANOSECONDS, 5, 3600 * NANOSECONDS, 1000, discard_old=True)
SETTINGS = st.builds(
    QueueSettings,
    name=st.just("Q"),
    max_tries=st.sampled_from([-1, 1, 10]),
    max_runtime=st.integers(NANOSECONDS, 10**15),
    max_concurrent=st.integers(1, 2**31 - 1),
    max_age=st.sampled_from([0, 120 * NANOSECONDS]),
    max_entries=st.integers(0, 2**31 - 1),
    discard_old=st.booleans(),
)


@pytest.fixture
async def connection(server: NatsServer) -> AsyncIterator[Connection]:
    """A connection to a server with the bucket."""
    async with connect(context_for_server(server.url)) as connection:
        await make_stream(connection, CONFIGURATION_STREAM)
        yield connection


async def configurations(connection: Connection, name: str) -> tuple[dict[str, object], dict[str, object]]:
    """The configurations of a queue's stream and consumer."""
    stream = await connection.jetstream_request(f"STREAM.INFO.CHORIA_AJ_Q_{name}")
    consumer = await connection.jetstream_request(f"CONSUMER.INFO.CHORIA_AJ_Q_{name}.WORKERS")
    return stream["config"], consumer["config"]


async def test_a_queue_is_made_exactly_as_the_go_tool_makes_it(connection: Connection) -> None:
    await make_queue(connection, EMAIL)
    wanted = GOLDEN["CHORIA_AJ_Q_EMAIL"]
    for found, golden in zip(
        await configurations(connection, "EMAIL"), (wanted["config"], wanted["consumers"][0]), strict=True
    ):
        assert {key: found.get(key) for key in golden if key != "metadata"} == {
            key: value for key, value in golden.items() if key != "metadata"
        }
        assert not [key for key in found if key not in (*golden, "metadata") and found[key]]


async def test_what_is_made_is_what_was_declared(connection: Connection) -> None:
    for queue in (EMAIL, LIMITED):
        await make_queue(connection, queue)
        assert settings_of(queue.name, *await configurations(connection, queue.name)) == queue
    assert await survey_queues(connection, [LIMITED, EMAIL]) == QueueSurvey()


@given(SETTINGS)
def test_the_settings_of_a_queue_come_back(queue: QueueSettings) -> None:
    assert settings_of("Q", queue_stream(queue), queue_consumer(queue)) == queue
    assert [*differences(queue, queue)] == []


@given(SETTINGS, SETTINGS)
def test_each_difference_is_named(one: QueueSettings, other: QueueSettings) -> None:
    told = [text.split(" is ")[0] for text in differences(one, other)]
    assert told == [name for name in QueueSettings.__slots__ if getattr(one, name) != getattr(other, name)]


def test_differences_and_settings_are_said_in_words() -> None:
    assert [*differences(replace(LIMITED, name="EMAIL"), EMAIL)] == [
        "max_tries is -1 and not 10",
        "max_runtime is 1h and not 1m",
        "max_concurrent is 100 and not 5",
        "max_age is 0 and not 1h",
        "max_entries is 0 and not 1000",
        "discard_old is false and not true",
    ]
    assert stated(EMAIL) == ""
    assert stated(replace(EMAIL, max_tries=3, max_runtime=90 * NANOSECONDS)) == "max_tries 3, max_runtime 1m30s"


async def test_it_is_said_what_is_missing_and_what_is_different(connection: Connection) -> None:
    await make_queue(connection, EMAIL)
    declared = [LIMITED, replace(EMAIL, max_tries=10), QueueSettings("A")]
    assert await survey_queues(connection, declared) == QueueSurvey(
        missing=(QueueSettings("A"), LIMITED), different=(("EMAIL", "max_tries is -1 and not 10"),)
    )


async def test_what_exists_is_not_changed(connection: Connection) -> None:
    await make_queue(connection, EMAIL)
    before = await configurations(connection, "EMAIL")
    await make_queue(connection, replace(LIMITED, name="EMAIL"))
    assert await configurations(connection, "EMAIL") == before


async def test_a_queue_that_was_left_without_its_consumer_is_made_whole(connection: Connection) -> None:
    await connection.jetstream_request("STREAM.CREATE.CHORIA_AJ_Q_EMAIL", queue_stream(EMAIL))
    assert (await survey_queues(connection, [EMAIL])).missing == (EMAIL,)
    await make_queue(connection, EMAIL)
    assert await survey_queues(connection, [EMAIL]) == QueueSurvey()


async def test_two_can_make_it_at_once(connection: Connection, server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as other:
        await asyncio.gather(*(make_queue(each, LIMITED) for each in (connection, other) for _ in range(5)))
    assert await survey_queues(connection, [LIMITED]) == QueueSurvey()


async def test_a_stream_of_its_name_with_other_subjects_is_no_queue_and_it_is_said_what_to_do(
    connection: Connection,
) -> None:
    await connection.jetstream_request(f"STREAM.CREATE.{EMAIL.stream}", {"name": EMAIL.stream, "subjects": ["mail.>"]})
    with pytest.raises(ConflictError, match=r"takes mail\.> and not CHORIA_AJ\.Q\.EMAIL\.>.*delete that stream"):
        await make_queue(connection, EMAIL)
    body = {"stream_name": EMAIL.stream, "config": queue_consumer(EMAIL), "action": "create"}
    await connection.jetstream_request(f"CONSUMER.CREATE.{EMAIL.stream}.WORKERS", body)
    ((name, told),) = (await survey_queues(connection, [EMAIL])).different
    assert name == "EMAIL"
    assert "takes mail.> and not CHORIA_AJ.Q.EMAIL.>" in told


async def test_subjects_that_another_stream_has_are_named(connection: Connection) -> None:
    other = {"name": "OTHER", "subjects": ["CHORIA_AJ.Q.EMAIL.new"]}
    await connection.jetstream_request("STREAM.CREATE.OTHER", other)
    with pytest.raises(ConflictError, match=r'nats stream ls --subject "CHORIA_AJ\.Q\.EMAIL\.>"'):
        await make_queue(connection, EMAIL)
    other = {"name": "ELSE", "subjects": ["$KV.CHORIA_AJ_ELECTIONS.x"]}
    await connection.jetstream_request("STREAM.CREATE.ELSE", other)
    with pytest.raises(ConflictError, match="another stream takes"):
        await make_stream(connection, "KV_CHORIA_AJ_ELECTIONS")
