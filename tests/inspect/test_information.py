"""What the server's descriptions tell: those that the Go tool's own streams have."""

from __future__ import annotations

import pytest

from ajsync.asyncjobs.names import ELECTIONS_STREAM, TASKS_STREAM
from ajsync.asyncjobs.streams import make_stream
from ajsync.inspect.information import queue_names, read_information, storage_of, workers_of
from ajsync.transport.connection import Connection, connect
from ajsync.transport.context import context_for_server
from tests.nats_server import NatsServer
from tests.recorded import recorded
from tests.waiting import PATIENCE

GOLDEN = recorded("streams.json")
STATE = {"messages": 3, "bytes": 921, "first_ts": "2026-11-23T14:31:15Z", "last_ts": "2026-11-23T14:31:16.5Z"}


def queue_config(name: str) -> dict[str, object]:
    """How the Go tool makes a queue."""
    return {
        **GOLDEN["CHORIA_AJ_Q_EMAIL"]["config"],
        "name": f"CHORIA_AJ_Q_{name}",
        "subjects": [f"CHORIA_AJ.Q.{name}.>"],
    }


async def make_queue(connection: Connection, name: str) -> None:
    await connection.jetstream_request(f"STREAM.CREATE.CHORIA_AJ_Q_{name}", queue_config(name))
    consumer = GOLDEN["CHORIA_AJ_Q_EMAIL"]["consumers"][0]
    await connection.jetstream_request(
        f"CONSUMER.DURABLE.CREATE.CHORIA_AJ_Q_{name}.WORKERS",
        {"stream_name": f"CHORIA_AJ_Q_{name}", "config": consumer},
    )


def test_a_stream_of_the_go_tool_is_read_field_for_field() -> None:
    storage = storage_of({"config": GOLDEN["CHORIA_AJ_Q_EMAIL"]["config"], "state": STATE})
    assert (storage.entries, storage.bytes, storage.memory, storage.replicas) == (3, 921, False, 1)
    assert (storage.max_age_seconds, storage.max_entries, storage.discard_old) == (0, -1, False)
    assert (storage.first, storage.last) == ("2026-11-23T14:31:15Z", "2026-11-23T14:31:16.5Z")


def test_an_empty_stream_has_no_ages() -> None:
    config = GOLDEN["CHORIA_AJ_TASKS"]["config"]
    storage = storage_of({"config": config, "state": {**STATE, "messages": 0, "first_ts": "0001-01-01T00:00:00Z"}})
    assert (storage.first, storage.last, storage.discard_old) == (None, None, True)


def test_the_workers_of_the_go_tool_are_read_field_for_field() -> None:
    config = GOLDEN["CHORIA_AJ_Q_DEFAULT"]["consumers"][0]
    workers = workers_of({"config": config, "num_pending": 5, "num_ack_pending": 2, "num_redelivered": 1})
    assert (workers.max_tries, workers.max_run_time_seconds, workers.max_concurrent) == (100, 60, 100)
    assert (workers.waiting, workers.in_progress, workers.redelivered) == (5, 2, 1)


@pytest.mark.anyio
async def test_on_an_empty_account_everything_is_missing_and_nothing_is_made(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        for _ in range(2):
            found = await read_information(connection)
            assert (found.tasks, found.configuration, found.elections) == (None, None, None)
            assert (found.leaders, found.queues) == ({}, ())


@pytest.mark.anyio
async def test_leaders_and_queues_with_their_backlog_are_found(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        for stream in (TASKS_STREAM, ELECTIONS_STREAM):
            await make_stream(connection, stream)
        for name in ("ZULU", "EMAIL"):
            await make_queue(connection, name)
        await connection.jetstream_request("STREAM.CREATE.CHORIA_AJ_Q_IDLE", queue_config("IDLE"))
        await connection.client.jetstream(timeout=PATIENCE).publish("$KV.CHORIA_AJ_ELECTIONS.task_scheduler", b"dev1")
        await connection.client.jetstream(timeout=PATIENCE).publish("CHORIA_AJ.Q.EMAIL.1", b"{}")
        found = await read_information(connection)
        assert found.leaders == {"task_scheduler": "dev1"}
        assert [queue.name for queue in found.queues] == ["EMAIL", "IDLE", "ZULU"]
        email, idle, zulu = (queue.workers for queue in found.queues)
        assert email is not None
        assert (email.waiting, email.in_progress) == (1, 0)
        assert idle is None
        assert zulu is not None
        assert zulu.waiting == 0
        assert await queue_names(connection) == {"EMAIL", "IDLE", "ZULU"}
