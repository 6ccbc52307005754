"""The bucket, made and read from within the test: quicker than a process for each look."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import nats
from nats.js.errors import NotFoundError

from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.asyncjobs.names import CONFIGURATION_STREAM, SCHEDULE_SUBJECT
from ajsync.transport.connection import connect
from ajsync.transport.context import context_for_server
from tests.waiting import PATIENCE


def make_bucket(url: str) -> None:
    """Make the bucket as `ajsync init --bucket` does."""

    async def make() -> None:
        async with connect(context_for_server(url)) as connection:
            await ConfigurationBucket.create(connection)

    asyncio.run(make())


def stored(url: str) -> dict[str, dict[str, Any]]:
    """The schedules in the bucket, by name; none where there is no bucket.

    Reads without a consumer: `apply` would take one for a Go scheduler, and update by a delete and a create.
    """

    async def read() -> dict[str, dict[str, Any]]:
        client = await nats.connect(url)
        jetstream = client.jetstream(timeout=PATIENCE)
        try:
            state = (await jetstream.stream_info(CONFIGURATION_STREAM, subjects_filter=f"{SCHEDULE_SUBJECT}*")).state
            messages = [
                (subject, await jetstream.get_last_msg(CONFIGURATION_STREAM, subject))
                for subject in state.subjects or {}
            ]
        except NotFoundError:
            return {}
        finally:
            await client.close()
        return {
            subject.removeprefix(SCHEDULE_SUBJECT): json.loads(message.data)
            for subject, message in messages
            if message.data  # else it is the marker of a delete
        }

    return asyncio.run(read())
