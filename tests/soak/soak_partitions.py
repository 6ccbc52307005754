"""For five minutes two schedulers on a cluster are cut off from some of its nodes or all, while streams change their
leaders and nodes are killed and paused: each fire has one task and one work item."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import nats
import nats.errors
import pytest

from ajsync.asyncjobs.names import CONFIGURATION_STREAM, ELECTIONS_STREAM, TASKS_STREAM
from tests.scheduler.ha.cluster import Cluster, cluster, whole
from tests.scheduler.ha.ledger import QUEUE_STREAM
from tests.scheduler.ha.members import Member
from tests.scheduler.ha.proxy import Proxy, proxy_to
from tests.scheduler.ha.stage import Stage, every_second, make_streams

pytestmark = pytest.mark.anyio
SECONDS = 300
STREAMS = (TASKS_STREAM, ELECTIONS_STREAM, CONFIGURATION_STREAM, QUEUE_STREAM)


@dataclass(frozen=True, slots=True)
class Scene:
    """What can be struck."""

    nodes: Cluster
    stage: Stage
    proxies: list[list[Proxy]]
    """Of each scheduler, one to each node."""


async def test_whatever_is_cut_off_each_fire_happens_once(tmp_path: Path) -> None:
    seed = random.randrange(10**6)
    dice = random.Random(seed)
    async with _played(tmp_path) as scene:
        await scene.stage.leads()
        blows = 0
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            await asyncio.sleep(dice.uniform(0.5, 4))
            await dice.choice(BLOWS)(scene, dice)
            blows += 1
        await whole(scene.stage.client, STREAMS)
        verdict = await scene.stage.finish()
        print(f"\nseed {seed}: {blows} blows in {SECONDS} s: {verdict}")
        assert verdict.clean, f"seed {seed}: {verdict}\n{scene.stage.logs()}"


@asynccontextmanager
async def _played(folder: Path) -> AsyncIterator[Scene]:
    with cluster(folder / "nodes") as nodes:
        async with AsyncExitStack() as stack:
            (folder / "stage").mkdir()
            client = await nats.connect([node.url for node in nodes.nodes.values()], max_reconnect_attempts=-1)
            stack.push_async_callback(client.close)
            proxies = [[await stack.enter_async_context(proxy_to(port)) for port in nodes.ports] for _ in range(2)]
            members = [
                Member(folder / "stage", f"S{number}", ",".join(each.url for each in own), "--timeout", "60s")
                for number, own in enumerate(proxies)
            ]
            stage = Stage(client, members, {})
            await client.subscribe("CHORIA_AJ.T.*", cb=stage.see)
            await make_streams(client, replicas=3)
            await stage.put(every_second())
            await stage.start(stack)
            yield Scene(nodes, stage, proxies)


async def _cut_off(scene: Scene, dice: random.Random) -> None:
    """One scheduler, or both, from one node or from all; connections hang, or are refused."""
    cut = [proxy for own in dice.choice((scene.proxies, scene.proxies[:1], scene.proxies[1:])) for proxy in own]
    if dice.random() < 0.3:
        cut = [dice.choice(cut)]
    hang = dice.random() < 0.6
    for proxy in cut:
        if hang:
            proxy.swallow()
        else:
            proxy.refuse()
    await asyncio.sleep(dice.choice((3, 6, 10, 16)))
    for proxy in cut:
        proxy.mend()


async def _step_down(scene: Scene, dice: random.Random) -> None:
    subject = dice.choice((*(f"STREAM.LEADER.STEPDOWN.{stream}" for stream in STREAMS), "META.LEADER.STEPDOWN"))
    try:
        await scene.stage.client.request(f"$JS.API.{subject}", b"", timeout=2)
    except (TimeoutError, nats.errors.Error):
        return  # there is no leader just now


async def _strike_node(scene: Scene, dice: random.Random) -> None:
    node = dice.choice([*scene.nodes.nodes.values()])
    seconds = dice.choice((3, 6, 10))
    if dice.random() < 0.5:
        node.stop(dice.choice((signal.SIGKILL, signal.SIGTERM)))
        await asyncio.sleep(seconds)
        node.start()
    else:
        assert node.process is not None
        node.process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(seconds)
        node.process.send_signal(signal.SIGCONT)


async def _pause(scene: Scene, dice: random.Random) -> None:
    member = dice.choice([*scene.stage.members.values()])
    member.signal(signal.SIGSTOP)
    await asyncio.sleep(dice.choice((1, 4, 12)))
    member.signal(signal.SIGCONT)


BLOWS: tuple[Callable[[Scene, random.Random], Awaitable[None]], ...] = (
    *(_cut_off, _cut_off, _step_down, _step_down, _strike_node, _strike_node),
    _pause,
)
