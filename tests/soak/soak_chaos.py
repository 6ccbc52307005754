"""For five minutes the server and the leader are killed, paused and brought back at random, the one amid the other."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from ajsync.errors import UnreachableError
from tests.nats_server import NatsServer
from tests.scheduler.ha.cluster import cluster
from tests.scheduler.ha.members import Member
from tests.scheduler.ha.stage import Stage, every_second, schedule, stage, until

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
            await asyncio.sleep(dice.choice((0.1, 1, 3, 6)) * dice.random())
            struck = dice.choice([_restart, _restart, _pause_server, _kill, _kill, _pause])
            await struck(scene, dice.choice(servers), dice)
            blows += 1
            for member in scene.members.values():
                member.said("")  # it runs
        verdict = await scene.finish()
        print(f"\nseed {seed}: {blows} blows in {SECONDS} s: {verdict}")
        assert verdict.clean, f"seed {seed}: {verdict}\n{scene.logs()}"


async def _restart(_scene: Stage, server: NatsServer, dice: random.Random) -> None:
    server.stop(dice.choice((signal.SIGKILL, signal.SIGTERM)))
    await asyncio.sleep(dice.choice((0, 0.3, 4)) * dice.random())
    server.start()


async def _pause_server(_scene: Stage, server: NatsServer, dice: random.Random) -> None:
    assert server.process is not None
    server.process.send_signal(signal.SIGSTOP)
    await asyncio.sleep(dice.choice((0.3, 8)) * dice.random())
    server.process.send_signal(signal.SIGCONT)


async def _kill(scene: Stage, _server: NatsServer, dice: random.Random) -> None:
    member = await _somebody(scene, dice)
    member.signal(dice.choice((signal.SIGKILL, signal.SIGTERM)))
    await asyncio.to_thread(member.reap)
    await asyncio.sleep(dice.choice((0, 2)) * dice.random())
    await _start(scene, member)


async def _start(scene: Stage, member: Member) -> None:
    """Start it as whoever supervises it does: where the server is away at its start, a scheduler ends."""
    while True:
        member.start()
        try:
            await until(lambda: member.said("Loaded"), f"{member.name} loads", scene.logs)
        except AssertionError:
            if member.reap() != UnreachableError.exit_code:
                raise
        else:
            return


async def _pause(scene: Stage, _server: NatsServer, dice: random.Random) -> None:
    member = await _somebody(scene, dice)
    member.signal(signal.SIGSTOP)
    await asyncio.sleep(dice.choice((0.5, 6)) * dice.random())
    member.signal(signal.SIGCONT)


async def _somebody(scene: Stage, dice: random.Random) -> Member:
    """The leader mostly."""
    leader = scene.members.get(await scene.holder() or "")
    return leader if leader is not None and dice.random() < 0.7 else dice.choice([*scene.members.values()])
