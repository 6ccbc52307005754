"""For five minutes the server and the leader are killed, paused and brought back at random, the one amid the other."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.nats_server import NatsServer
from tests.scheduler.ha.cluster import cluster
from tests.scheduler.ha.stage import every_second, schedule, stage
from tests.soak.blows import strike

pytestmark = pytest.mark.anyio
SECONDS = 300
SCHEDULES = 200


async def test_whatever_comes_together_each_fire_happens_once(tmp_path: Path, server: NatsServer) -> None:
    await _play(tmp_path, [server])


async def test_the_same_on_a_cluster(tmp_path: Path) -> None:
    with cluster(tmp_path) as found:
        await _play(tmp_path, [*found.nodes.values()])


async def _play(folder: Path, servers: Sequence[NatsServer]) -> None:
    seed = random.randrange(10**6)
    dice = random.Random(seed)
    tasks = [schedule(f"MANY_{number}", "@every 1s", jitter=1) for number in range(SCHEDULES)]
    ports, replicas = [each.port for each in servers], len(servers)
    options = ("--replicas", str(replicas))
    setting = stage(folder / "stage", ports, [*every_second(), *tasks], *options, schedulers=3, replicas=replicas)
    async with setting as scene:
        await scene.leads()
        blows = 0
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            await strike(scene, dice.choice(servers), dice)
            blows += 1
        verdict = await scene.finish()
        print(f"\nseed {seed}: {blows} blows in {SECONDS} s: {verdict}")
        assert verdict.clean, f"seed {seed}: {verdict}\n{scene.logs()}"
