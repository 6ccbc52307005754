"""The configuration bucket: made as asyncjobs makes it, and read whole or not at all."""

from __future__ import annotations

import asyncio

import pytest

from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.asyncjobs.model import encode_scheduled_task
from ajsync.asyncjobs.names import CONFIGURATION_STREAM, SCHEDULE_SUBJECT
from ajsync.errors import BucketNotFoundError, UnreachableError
from ajsync.transport.connection import connect
from ajsync.transport.context import context_for_server
from ajsync.transport.publisher import Write, publish_all
from tests.nats_server import NatsServer
from tests.recorded import recorded
from tests.tasks import task
from tests.transport.watched import delete, put

pytestmark = pytest.mark.anyio

GOLDEN = recorded("streams.json")


async def test_a_missing_bucket_is_an_error_that_says_how_to_make_it(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        with pytest.raises(BucketNotFoundError, match="ajsync init --bucket"):
            await ConfigurationBucket.open(connection)


async def test_the_bucket_is_made_exactly_as_asyncjobs_makes_it(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        bucket, made = await ConfigurationBucket.create(connection)
        again, made_again = await ConfigurationBucket.create(connection)
        assert (made, made_again) == (True, False)
        assert bucket.target == again.target
        info = await connection.jetstream_request(f"STREAM.INFO.{CONFIGURATION_STREAM}")
        config = {key: value for key, value in info["config"].items() if key != "metadata"}
        wanted = {key: value for key, value in GOLDEN[CONFIGURATION_STREAM]["config"].items() if key != "metadata"}
        # Members that later servers add keep their defaults.
        assert {key: config.get(key) for key in wanted} == wanted
        assert not [key for key in config if key not in wanted and config[key]]


async def test_an_empty_bucket_is_read_as_empty(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        bucket, _ = await ConfigurationBucket.create(connection)
        found = await bucket.read()
        assert (found.entries, found.deleted) == ({}, {})


async def test_tasks_delete_markers_and_broken_values_are_read_with_their_revisions(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        bucket, _ = await ConfigurationBucket.create(connection)
        await put(connection, {"A": encode_scheduled_task(task("A")), "B": b"{", "C": encode_scheduled_task(task("C"))})
        await put(connection, {"EMPTY": b""})
        await delete(connection, "C")
        found = await bucket.read()
        assert found.entries["A"].task == task("A")
        assert found.entries["A"].revision == 1
        assert found.entries["B"].task is None
        assert found.entries["B"].problem.startswith("not JSON: ")
        assert found.entries["EMPTY"].problem.startswith("not JSON: ")
        assert found.deleted == {"C": 5}
        assert set(found.entries) == {"A", "B", "EMPTY"}


async def test_other_keys_of_the_bucket_are_not_schedules(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        bucket, _ = await ConfigurationBucket.create(connection)
        await publish_all(connection, [Write("$KV.CHORIA_AJ_CONFIGURATION.ajsync.watermark", b"{}", {})])
        await publish_all(connection, [Write(f"{SCHEDULE_SUBJECT}A.B", b"{}", {})])
        assert (await bucket.read()).entries == {}


async def test_many_batches_make_one_read(server: NatsServer) -> None:
    names = [f"N{number}" for number in range(5000)]
    async with connect(context_for_server(server.url)) as connection:
        await ConfigurationBucket.create(connection)
        await put(connection, {name: encode_scheduled_task(task(name)) for name in names})
        bucket = await ConfigurationBucket.open(connection)
        found = await bucket.read()
        assert sorted(found.entries) == sorted(names)
        assert {name: entry.task for name, entry in found.entries.items()} == {name: task(name) for name in names}


async def test_a_server_that_goes_away_is_an_error_and_not_an_empty_bucket(server: NatsServer) -> None:
    async with connect(context_for_server(server.url), reconnect_timeout=1) as connection:
        bucket, _ = await ConfigurationBucket.create(connection)
        await put(connection, {"A": encode_scheduled_task(task("A"))})
        server.stop()
        with pytest.raises(UnreachableError):
            await bucket.read()


async def test_a_server_that_restarts_in_the_middle_is_read_again(server: NatsServer) -> None:
    names = [f"N{number}" for number in range(20_000)]
    async with connect(context_for_server(server.url)) as connection:
        await ConfigurationBucket.create(connection)
        await put(connection, {name: encode_scheduled_task(task(name)) for name in names})
        bucket = await ConfigurationBucket.open(connection)
        reading = asyncio.create_task(bucket.read())
        heard = connection.client.stats["in_msgs"]
        while connection.client.stats["in_msgs"] < heard + 100:  # it is in the midst of it
            await asyncio.sleep(0)
        await asyncio.to_thread(server.restart)
        assert len((await reading).entries) == len(names)


async def test_the_last_value_of_a_key_is_got_with_its_revision(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        bucket, _ = await ConfigurationBucket.create(connection)
        assert await bucket.get("scheduled_tasks.A") is None
        await put(connection, {"A": b"one"})
        await put(connection, {"A": b"two"})
        found = await bucket.get("scheduled_tasks.A")
        assert found is not None
        assert (found.revision, found.data, found.deleted) == (2, b"two", False)
        await delete(connection, "A")
        found = await bucket.get("scheduled_tasks.A")
        assert found is not None
        assert (found.revision, found.deleted) == (3, True)
