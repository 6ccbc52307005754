"""A reader of the bucket: what it has read before and what it reads now are together what the bucket holds."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable

import pytest

from ajsync.asyncjobs.bucket import BucketReader, ConfigurationBucket
from ajsync.asyncjobs.model import encode_scheduled_task
from ajsync.asyncjobs.names import CONFIGURATION_STREAM, SCHEDULE_SUBJECT
from ajsync.asyncjobs.pause import PAUSE_SUBJECT
from ajsync.errors import UnreachableError
from ajsync.transport.connection import Connection, connect
from ajsync.transport.context import context_for_server
from ajsync.transport.publisher import Write, publish_all
from ajsync.transport.walk import Walk
from tests.nats_server import NatsServer
from tests.tasks import task

pytestmark = pytest.mark.anyio

NAMES = tuple("ABCDEF")
VALUE = encode_scheduled_task(task("A"))


async def store(connection: Connection, subject: str, data: bytes | None) -> None:
    """Write a key, or delete it."""
    headers = {"KV-Operation": "DEL"} if data is None else {}
    (answer,) = await publish_all(connection, [Write(subject, data or b"", headers)])
    assert not answer.error


async def purge(connection: Connection, subject: str) -> None:
    """Remove every message of a key."""
    await connection.jetstream_request(f"STREAM.PURGE.{CONFIGURATION_STREAM}", {"filter": subject})


async def make_anew(connection: Connection) -> None:
    """Delete the bucket, and make it again."""
    await connection.jetstream_request(f"STREAM.DELETE.{CONFIGURATION_STREAM}")
    await ConfigurationBucket.create(connection)


def change(chance: random.Random) -> Callable[[Connection], Awaitable[None]]:
    """Any change of the bucket."""
    name = chance.choice(NAMES)
    subject = chance.choice((SCHEDULE_SUBJECT, SCHEDULE_SUBJECT, PAUSE_SUBJECT)) + name
    value = encode_scheduled_task(task(name, queue=chance.choice(("DEFAULT", "EMAIL"))))
    pause = b'{"paused":{"since":"2026-01-01T00:00:00Z","by":"me","reason":"x"},"task":' + value + b"}"
    put = pause if subject.startswith(PAUSE_SUBJECT) else value
    return chance.choice(
        (
            lambda connection: store(connection, subject, put),
            lambda connection: store(connection, subject, put),
            lambda connection: store(connection, subject, None),
            lambda connection: store(connection, subject, b"not JSON"),
            lambda connection: store(connection, "$KV.CHORIA_AJ_CONFIGURATION.ajsync.other", b"x"),
            lambda connection: purge(connection, subject),
            make_anew if chance.random() < 0.2 else lambda connection: purge(connection, subject),
        )
    )


@pytest.mark.parametrize("seed", range(6))
async def test_reads_one_after_the_other_bring_what_one_read_brings(server: NatsServer, seed: int) -> None:
    chance = random.Random(seed)
    async with connect(context_for_server(server.url)) as connection:
        bucket, _ = await ConfigurationBucket.create(connection)
        reader = BucketReader(connection)
        known: dict[str, object] = {}
        for _ in range(60):
            for _ in range(chance.choice((0, 1, 1, 2, 5))):
                await change(chance)(connection)
            found, changed = await reader.read()
            whole = await bucket.read()
            assert found == whole
            state = {name: (whole.entries.get(name), whole.deleted.get(name)) for name in NAMES}
            if changed is not None:
                assert {name for name in NAMES if state[name] != known.get(name, (None, None))} <= changed
            known = dict(state)


async def test_only_what_was_written_since_is_read(server: NatsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    async with connect(context_for_server(server.url)) as connection:
        await ConfigurationBucket.create(connection)
        reader = BucketReader(connection)
        for name in NAMES:
            await store(connection, SCHEDULE_SUBJECT + name, VALUE)
        assert (await reader.read())[1] is None
        taken: list[int] = []
        receive = Walk._receive

        def counting(self: Walk, batch: int, headers: bytes, data: bytes) -> None:
            before = self.position
            receive(self, batch, headers, data)
            if self.position != before:
                taken.append(self.position)

        monkeypatch.setattr(Walk, "_receive", counting)
        assert (await reader.read())[1] == set()
        await store(connection, SCHEDULE_SUBJECT + "B", VALUE)
        assert (await reader.read())[1] == {"B"}
        assert taken == [len(NAMES) + 1]


async def test_after_a_read_that_failed_everything_is_read(server: NatsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    async with connect(context_for_server(server.url)) as connection:
        await ConfigurationBucket.create(connection)
        reader = BucketReader(connection)
        await store(connection, SCHEDULE_SUBJECT + "A", VALUE)
        await reader.read()
        await store(connection, SCHEDULE_SUBJECT + "B", VALUE)

        async def refuse(self: Walk) -> None:
            await original(self)
            raise UnreachableError("the connection was lost")

        original = Walk.to_end
        monkeypatch.setattr(Walk, "to_end", refuse)
        with pytest.raises(UnreachableError):
            await reader.read()
        monkeypatch.setattr(Walk, "to_end", original)
        found, changed = await reader.read()
        assert changed is None
        assert {*found.entries} == {"A", "B"}


async def test_a_stream_that_has_lost_what_was_read_is_read_as_a_whole(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        await ConfigurationBucket.create(connection)
        reader = BucketReader(connection)
        await store(connection, SCHEDULE_SUBJECT + "A", VALUE)
        await reader.read()
        assert reader._stream._tail is not None
        reader._stream._tail._walk.position = 1000  # as after a restore of an older state
        await store(connection, SCHEDULE_SUBJECT + "B", VALUE)
        found, changed = await reader.read()
        assert changed is None
        assert {*found.entries} == {"A", "B"}
