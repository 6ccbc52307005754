"""A watch for tests: what it has told so far, and what the keys hold by its word."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from ajsync.asyncjobs.names import CONFIGURATION_STREAM, SCHEDULE_SUBJECT
from ajsync.transport.connection import Connection
from ajsync.transport.publisher import Write, publish_all
from ajsync.transport.watch import KeyChange, Watch
from tests.waiting import until


class Watched(Watch):
    """A watch that keeps what it tells."""

    def __init__(self, connection: Connection, *more: str) -> None:
        self.seen: list[KeyChange] = []
        super().__init__(connection, CONFIGURATION_STREAM, [f"{SCHEDULE_SUBJECT}*", *more], self.seen.append)

    def told(self) -> list[tuple[str, bytes | None]]:
        """What was told so far: names and values, None for what was deleted."""
        return [(seen.subject.removeprefix(SCHEDULE_SUBJECT), seen.data) for seen in self.seen]

    def state(self) -> dict[str, bytes]:
        """What the keys hold by its word."""
        return {name: data for name, data in dict(self.told()).items() if data is not None}

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something holds."""
        await until(condition, lambda: self.told()[-20:])


@asynccontextmanager
async def watching(connection: Connection, *more: str) -> AsyncIterator[Watched]:
    """A watch of the schedules, and of more subjects, that runs until the block ends."""
    watch = Watched(connection, *more)
    running = asyncio.create_task(watch.run())
    try:
        yield watch
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert running.cancelled(), running.exception()


async def put(connection: Connection, values: dict[str, bytes]) -> None:
    """Store values under the keys of these names."""
    writes = [Write(SCHEDULE_SUBJECT + name, data, {}) for name, data in values.items()]
    assert not [answer.error for answer in await publish_all(connection, writes) if answer.error]


async def delete(connection: Connection, name: str) -> None:
    """Delete the key of a name."""
    (answer,) = await publish_all(connection, [Write(SCHEDULE_SUBJECT + name, b"", {"KV-Operation": "DEL"})])
    assert not answer.error
