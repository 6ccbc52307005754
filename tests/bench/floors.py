"""The least that each measured command can cost: what the libraries beneath it take for the same bytes.

Run as a process (`python -m tests.bench.floors FOLDER URL`), so that it pays for its imports as a command does.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

import nats
import yaml
from nats.aio.client import Client
from nats.aio.msg import Msg

from ajsync.asyncjobs.publisher import WINDOW, Write

BUCKET = "CHORIA_AJ_CONFIGURATION"


def load_files(folder: Path) -> int:
    """Read every schedules file with PyYAML's C loader; returns how many there were."""
    paths = sorted((folder / "schedules").glob("*.yaml"))
    for path in paths:
        with path.open("rb") as file:
            yaml.load(file, Loader=yaml.CSafeLoader)
    return len(paths)


async def read_keys(url: str) -> int:
    """Read every key of the bucket by one watch; returns how many there were."""
    client = await nats.connect(url)
    watcher = await (await client.jetstream().key_value(BUCKET)).watchall()
    count = 0
    async for update in watcher:
        if update is None:
            break
        count += 1
    await watcher.stop()  # type: ignore[no-untyped-call]  # nats-py's
    await client.close()
    return count


async def publish(client: Client, writes: Sequence[Write]) -> None:
    """Publish `writes` with one shared reply inbox and a window, and wait for every acknowledgement."""
    inbox = client.new_inbox()
    acknowledged = 0
    progress = asyncio.Event()

    async def acknowledge(msg: Msg) -> None:
        nonlocal acknowledged
        assert b'"error"' not in msg.data, msg.data
        acknowledged += 1
        progress.set()

    subscription = await client.subscribe(f"{inbox}.*", cb=acknowledge)
    for index, write in enumerate(writes):
        while index - acknowledged >= WINDOW:
            progress.clear()
            await progress.wait()
        await client.publish(write.subject, write.data, f"{inbox}.{index}", dict(write.headers))
    while acknowledged < len(writes):
        progress.clear()
        await progress.wait()
    await subscription.unsubscribe()


if __name__ == "__main__":
    load_files(Path(sys.argv[1]))
    asyncio.run(read_keys(sys.argv[2]))
