"""Put values into the bucket behind ajsync's back, and look at what it wrote there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress

import nats
from nats.aio.client import Client
from nats.js.errors import NotFoundError

from ajsync.asyncjobs.model import ScheduledTask, encode_scheduled_task
from ajsync.asyncjobs.names import CONFIGURATION_STREAM, SCHEDULE_SUBJECT
from tests.messages import Message
from tests.waiting import PATIENCE


def put(url: str, tasks: Iterable[ScheduledTask]) -> None:
    """Store scheduled tasks as they are."""
    put_values(url, {task.name: encode_scheduled_task(task) for task in tasks})


def put_values(url: str, values: dict[str, bytes], *, prefix: str = SCHEDULE_SUBJECT) -> None:
    """Store any values under the keys of these names, or under others that begin with `prefix`."""

    async def store() -> None:
        client = await nats.connect(url)
        for name, value in values.items():
            await client.jetstream(timeout=PATIENCE).publish(prefix + name, value)
        await client.close()

    asyncio.run(store())


async def messages(client: Client) -> dict[int, Message]:
    """The messages of the bucket, by their revisions; none if there is no bucket."""
    found = {}
    with suppress(NotFoundError):
        last = (await client.jetstream(timeout=PATIENCE).stream_info(CONFIGURATION_STREAM)).state.last_seq
        for revision in range(1, last + 1):
            with suppress(NotFoundError):  # a later revision of its key has replaced it
                message = await client.jetstream(timeout=PATIENCE).get_msg(CONFIGURATION_STREAM, revision)
                data = (message.data or b"").decode()
                found[revision] = Message(message.subject or "", dict(message.headers or {}), data)
    return found


def written(url: str) -> dict[int, Message]:
    """The same, with a connection of its own."""

    async def read() -> dict[int, Message]:
        client = await nats.connect(url)
        found = await messages(client)
        await client.close()
        return found

    return asyncio.run(read())
