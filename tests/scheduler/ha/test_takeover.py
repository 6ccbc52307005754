"""A change of leaders loses nothing, doubles nothing and is soon over, whatever befalls the leader."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ajsync.timestamp import NANOSECONDS
from tests.conftest import StartServer
from tests.nats_server import NatsServer
from tests.scheduler.ha.stage import every_second, make_queue, schedule, stage
from tests.scheduler.ha.takeover import BLOWS, Blow, play

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
ROUNDS = {"cut off": 2}
"""One for each way of being cut off; for the other blows one."""


@pytest.mark.parametrize("blow", BLOWS, ids=lambda blow: blow.name.replace(" ", "-"))
async def test_another_takes_over_and_each_fire_happens_once(
    blow: Blow, tmp_path: Path, start_server: StartServer
) -> None:
    # Each on a server of its own, at the same time: most of it is waiting.
    await asyncio.gather(
        *(play(blow, ROUNDS.get(blow.name, 1), number, tmp_path, start_server().port) for number in (2, 3))
    )


async def test_a_leader_whose_fires_are_refused_is_not_taken_for_silent(tmp_path: Path, server: NatsServer) -> None:
    refused = schedule("REFUSED", "@every 1s", queue="FULL")
    setting = stage(tmp_path / "stage", [server.port], [*every_second(), refused], "--takeover-after", "2s")
    async with setting as scene:
        await make_queue(scene.client, "FULL", max_msgs=1)
        leader = await scene.leads()
        began_at = await scene.watermark()
        await scene.fires(seconds=6)
        assert await scene.holder() == leader.name
        assert await scene.watermark() >= began_at + 4 * NANOSECONDS, "it does not move on"
        assert not any(member.said("silent") for member in scene.members.values())
