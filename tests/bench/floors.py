"""The least that each measured thing can cost: what the libraries beneath it take for the same bytes.

Run as a process (`python -m tests.bench.floors plan FOLDER URL`, `apply FOLDER URL WRITES` or `hold URL`), so that it
pays for its imports as a command does. WRITES is a file with the messages to publish, one of JSON in each line.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import nats
import yaml
from nats.aio.client import Client
from nats.aio.msg import Msg

from ajsync.transport.publisher import Write
from ajsync.transport.window import WINDOW

BUCKET = "CHORIA_AJ_CONFIGURATION"


@dataclass(frozen=True, slots=True)
class PlainFire:
    """What one fire publishes, already encoded."""

    task: Write
    event_subject: str
    event: bytes
    item: Write


def load_files(folder: Path) -> int:
    """Read every schedules file with PyYAML's C loader; returns how many there were."""
    paths = sorted((folder / "schedules").glob("*.yaml"))
    for path in paths:
        with path.open("rb") as file:
            yaml.load(file, Loader=yaml.CSafeLoader)
    return len(paths)


async def read_keys(client: Client) -> dict[str, bytes]:
    """Read every key of the bucket by one watch."""
    watcher = await (await client.jetstream().key_value(BUCKET)).watchall()
    found: dict[str, bytes] = {}
    async for update in watcher:
        if update is None:
            break
        found[update.key] = update.value or b""
    await watcher.stop()  # type: ignore[no-untyped-call]  # nats-py's
    return found


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


async def fire(client: Client, fires: Sequence[PlainFire]) -> tuple[float, list[float]]:
    """Publish each task, and on its ack its event and its work item, in a window, with one shared reply inbox.

    Returns the seconds until the last work item's ack, and until each task's.
    """
    inbox = client.new_inbox()
    settled = 0
    lateness: list[float] = []
    progress = asyncio.Event()

    async def acknowledge(msg: Msg) -> None:
        nonlocal settled
        assert b'"error"' not in msg.data, msg.data
        _, kind, index = msg.subject.rsplit(".", 2)
        if kind == "t":
            lateness.append(time.perf_counter() - began)
            each = fires[int(index)]
            await client.publish(each.event_subject, each.event)
            await client.publish(each.item.subject, each.item.data, f"{inbox}.i.{index}", dict(each.item.headers))
        else:
            settled += 1
            progress.set()

    subscription = await client.subscribe(f"{inbox}.*.*", cb=acknowledge)
    await client.flush()
    began = time.perf_counter()
    for index, each in enumerate(fires):
        while index - settled >= WINDOW:
            progress.clear()
            await progress.wait()
        await client.publish(each.task.subject, each.task.data, f"{inbox}.t.{index}", dict(each.task.headers))
    while settled < len(fires):
        progress.clear()
        await progress.wait()
    seconds = time.perf_counter() - began
    await subscription.unsubscribe()
    return seconds, lateness


async def _plan(folder: Path, url: str) -> None:
    load_files(folder)
    client = await nats.connect(url)
    await read_keys(client)
    await client.close()


async def _apply(folder: Path, url: str, writes: Path) -> None:
    load_files(folder)
    client = await nats.connect(url)
    await read_keys(client)
    found = [json.loads(line) for line in writes.read_bytes().splitlines()]
    await publish(client, [Write(subject, data.encode(), headers) for subject, data, headers in found])
    await client.close()


async def _hold(url: str) -> None:
    """Keep every value as it is stored, on a connection, and do nothing."""
    client = await nats.connect(url)
    held = await read_keys(client)
    print(f"Loaded {len(held)}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    if sys.argv[1] == "plan":
        asyncio.run(_plan(Path(sys.argv[2]), sys.argv[3]))
    elif sys.argv[1] == "apply":
        asyncio.run(_apply(Path(sys.argv[2]), sys.argv[3], Path(sys.argv[4])))
    else:
        asyncio.run(_hold(sys.argv[2]))
