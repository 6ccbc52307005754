"""Put values into the bucket behind ajsync's back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import nats

from ajsync.asyncjobs.model import ScheduledTask, encode_scheduled_task

_SUBJECT = "$KV.CHORIA_AJ_CONFIGURATION.scheduled_tasks."


def put(url: str, tasks: Iterable[ScheduledTask]) -> None:
    """Store scheduled tasks as they are."""
    put_values(url, {task.name: encode_scheduled_task(task) for task in tasks})


def put_values(url: str, values: dict[str, bytes]) -> None:
    """Store any values under the keys of these names."""

    async def store() -> None:
        client = await nats.connect(url)
        for name, value in values.items():
            await client.jetstream().publish(_SUBJECT + name, value)
        await client.close()

    asyncio.run(store())
