"""Writers that change keys of the bucket while a test reads it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ajsync.asyncjobs.names import SCHEDULE_SUBJECT
from ajsync.errors import UnreachableError
from ajsync.transport.connection import connect
from ajsync.transport.context import context_for_server


class Writers:
    """What they did so far."""

    def __init__(self) -> None:
        self.writes = 0


@asynccontextmanager
async def writing(url: str, names: list[str], *, count: int = 2, pause: float = 0.0) -> AsyncIterator[Writers]:
    """While the block runs, so many writers put these keys again and again, each in turn; one at least has done so."""
    writers = Writers()
    began = asyncio.Event()

    async def write(number: int) -> None:
        async with connect(context_for_server(url), name=f"writer {number}") as connection:
            while True:
                for name in names:
                    try:
                        await connection.request(SCHEDULE_SUBJECT + name, b"{}")
                    except UnreachableError:  # while a cluster elects a leader
                        continue
                    writers.writes += 1
                    began.set()
                    await asyncio.sleep(pause)

    tasks = [asyncio.create_task(write(number)) for number in range(count)]
    try:
        await asyncio.wait_for(began.wait(), 30)
        yield writers
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(each, asyncio.CancelledError) for each in ended), ended
