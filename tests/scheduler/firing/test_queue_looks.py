"""A queue that takes no work items is missing only if the server says so."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest

from ajsync.errors import UnreachableError
from ajsync.scheduler.firing.queue_looks import QueueFinding, QueueLooks
from ajsync.transport.connection import Connection, connect
from ajsync.transport.context import context_for_server
from tests.nats_server import NatsServer
from tests.scheduler.fires import make_queue
from tests.scheduler.ha.cluster import cluster, leader_of

pytestmark = pytest.mark.anyio

MISSING = QueueFinding(True, "The queue EMAIL does not exist")


async def test_a_queue_is_there_if_a_stream_takes_its_work_items(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        looks = QueueLooks(connection)
        assert await looks.look("EMAIL") == MISSING
        await make_queue(connection, subjects=["CHORIA_AJ.Q.OTHER.>"])
        assert await looks.look("EMAIL") == MISSING
        await connection.jetstream_request("STREAM.DELETE.CHORIA_AJ_Q_EMAIL")
        await make_queue(connection)
        assert await looks.look("EMAIL") == QueueFinding(False, "the queue does not answer")


async def test_all_who_ask_at_once_share_a_look(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        looks = QueueLooks(connection)
        first = looks.look("EMAIL")
        assert looks.look("EMAIL") is first
        assert looks.look("OTHER") is not first
        await first
        assert looks.look("EMAIL") is not first
        looks.cancel()


async def test_a_server_that_is_gone_does_not_make_a_queue_missing(server: NatsServer) -> None:
    async with connect(context_for_server(server.url), reconnect_timeout=None) as connection:
        server.stop()
        found = await QueueLooks(connection).look("EMAIL")
        assert not found.is_missing
        assert "STREAM.INFO.CHORIA_AJ_Q_EMAIL" in found.text


async def make_queue_in_cluster(connection: Connection) -> None:
    """Make a queue of one replica, once the cluster has a leader."""
    async with asyncio.timeout(60):
        while True:
            with suppress(UnreachableError):
                await make_queue(connection)
                return
            await asyncio.sleep(0.1)


async def test_in_a_cluster_a_queue_whose_only_node_is_away_is_not_missing(tmp_path: Path) -> None:
    with cluster(tmp_path) as nodes:
        first = context_for_server(nodes.nodes["N1"].url)
        async with connect(first, reconnect_timeout=None) as connection:
            await make_queue_in_cluster(connection)
            home = await leader_of(connection.client, "CHORIA_AJ_Q_EMAIL")
        other = next(node for name, node in nodes.nodes.items() if name != home)
        async with connect(context_for_server(other.url), reconnect_timeout=None) as connection:
            looks = QueueLooks(connection)
            nodes.nodes[home].stop()
            assert not (await looks.look("EMAIL")).is_missing
            async with asyncio.timeout(120):  # until the other two have a leader
                while not (await looks.look("NOPE")).is_missing:
                    await asyncio.sleep(0.1)
            assert not (await looks.look("EMAIL")).is_missing
