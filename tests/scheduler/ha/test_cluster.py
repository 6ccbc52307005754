"""Two schedulers on a cluster of three servers, with three replicas of everything: no node is missed."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ajsync.asyncjobs.names import CONFIGURATION_STREAM, ELECTIONS_STREAM, TASKS_STREAM
from tests.scheduler.ha.cluster import NODES, Cluster, cluster, leader_of, move_leader, whole
from tests.scheduler.ha.ledger import QUEUE_STREAM
from tests.scheduler.ha.stage import Stage, every_second, stage

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
STREAMS = (TASKS_STREAM, ELECTIONS_STREAM, CONFIGURATION_STREAM, QUEUE_STREAM)


async def test_the_loss_of_a_node_that_leads_no_stream_loses_and_doubles_nothing(tmp_path: Path) -> None:
    async with _played(tmp_path) as (nodes, scene):
        for stream in STREAMS:
            await move_leader(scene.client, stream, "N1")
        nodes.nodes["N2"].stop()
        await scene.fires(seconds=3)
        nodes.nodes["N2"].start()
        await whole(scene.client, STREAMS)


async def test_the_loss_of_the_node_that_leads_tasks_and_elections_loses_and_doubles_nothing(tmp_path: Path) -> None:
    async with _played(tmp_path) as (nodes, scene):
        node = await leader_of(scene.client, TASKS_STREAM)
        await move_leader(scene.client, ELECTIONS_STREAM, node)
        nodes.nodes[node].stop()
        await scene.fires(seconds=3)
        nodes.nodes[node].start()
        await whole(scene.client, STREAMS)


async def test_a_restart_of_all_nodes_one_after_the_other_loses_and_doubles_nothing(tmp_path: Path) -> None:
    async with _played(tmp_path) as (nodes, scene):
        for node in nodes.nodes.values():
            node.stop(signal.SIGTERM)
            node.start()
            await whole(scene.client, STREAMS)
            await scene.leads()


async def test_a_restart_of_all_nodes_at_once_loses_and_doubles_nothing(tmp_path: Path) -> None:
    async with _played(tmp_path) as (nodes, scene):
        for node in nodes.nodes.values():
            node.stop()
        for node in nodes.nodes.values():
            node.start()
        await whole(scene.client, STREAMS)


@asynccontextmanager
async def _played(folder: Path) -> AsyncIterator[tuple[Cluster, Stage]]:
    """Schedulers that fire on a whole cluster; after the block they go on, and everything is judged."""
    with cluster(folder) as nodes:
        setting = stage(folder / "stage", nodes.ports, every_second(), "--replicas", "3", replicas=len(NODES))
        async with setting as scene:
            await whole(scene.client, STREAMS)
            await scene.leads()
            yield nodes, scene
            await scene.leads()
            await scene.fires(seconds=3)
            verdict = await scene.finish()
            assert verdict.clean, f"{verdict}\n{scene.logs()}"
            print(verdict)
