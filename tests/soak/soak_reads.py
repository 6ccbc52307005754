"""For two minutes each, one server and three replicas are read while others write: no key is missing, none is old."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.transport.connection import connect
from ajsync.transport.context import context_for_server
from tests.nats_server import NatsServer
from tests.scheduler.ha.cluster import cluster
from tests.transport.test_reading import made
from tests.transport.watched import delete, put
from tests.transport.writers import writing

pytestmark = pytest.mark.anyio
SECONDS = 120
STABLE = [f"N{number}" for number in range(400)]
HOT = ["HOT"]
SLOW = [f"S{number}" for number in range(100)]


async def test_reads_of_one_server_are_whole(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        await ConfigurationBucket.create(connection)
    await _read([server])


async def test_reads_of_three_replicas_are_whole(tmp_path: Path) -> None:
    with cluster(tmp_path / "nodes") as found:
        nodes = [*found.nodes.values()]
        async with connect(context_for_server(nodes[0].url)) as connection:
            await made(connection)
        await _read(nodes)


async def _read(servers: Sequence[NatsServer]) -> None:
    """Two writers hammer one key, one writes a hundred in turn; each read follows a write and a delete of our own."""
    async with AsyncExitStack() as stack:
        urls = [server.url for server in servers]
        connections = [await stack.enter_async_context(connect(context_for_server(url))) for url in urls]
        await put(connections[0], dict.fromkeys((*STABLE, *HOT, *SLOW), b"{}"))
        buckets = [await ConfigurationBucket.open(each) for each in connections]
        hot = await stack.enter_async_context(writing(urls[0], HOT))
        slow = await stack.enter_async_context(writing(urls[-1], SLOW, count=1, pause=0.02))
        reads, took, longest = 0, 0.0, 0.0
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            gone, there = STABLE[reads % 399], STABLE[399]
            await put(connections[0], {there: b"%d" % reads})
            await delete(connections[0], gone)
            last = await buckets[0].get(f"scheduled_tasks.{there}")
            began = time.monotonic()
            found = await buckets[reads % len(buckets)].read()
            seconds = time.monotonic() - began
            assert {*STABLE, *HOT, *SLOW} - found.entries.keys() == {gone}
            assert gone in found.deleted
            assert last is not None
            assert found.entries[there].revision == last.revision
            await put(connections[0], {gone: b"{}"})
            reads, took, longest = reads + 1, took + seconds, max(longest, seconds)
            await asyncio.sleep(0)
    print(f"\n{reads} reads of {len(servers)} server(s) beside {hot.writes + slow.writes} writes, none short or old")
    print(f"{took / reads * 1000:.1f} ms each, {longest * 1000:.0f} ms at most")
