"""For five minutes files change and break below three processes that follow them and fire, while these and the server
are killed, paused and brought back; then the bucket is as the files are, and each fire happened once."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import nats
import pytest

from ajsync.timestamp import NANOSECONDS
from tests.nats_server import NatsServer
from tests.scheduler.ha.members import Member
from tests.scheduler.ha.stage import Stage, make_streams, until
from tests.soak.blows import strike
from tests.soak.files import Files, is_untouched, put_of_nobody

pytestmark = pytest.mark.anyio
SECONDS = 300
EACH = [f"EACH_{number}" for number in range(10)]
FIRES = ", ".join(f"{name}: {{schedule: '@every 1s', task_type: {name}, queue: HA, catchup: all}}" for name in EACH)
BROKEN = 0.3
"""So often what cannot be read comes before an edit, for a moment: who starts then would end."""


async def test_the_bucket_becomes_equal_to_the_files_and_each_fire_happens_once(
    tmp_path: Path, server: NatsServer
) -> None:
    seed = random.randrange(10**6)
    dice = random.Random(seed)
    print(f"\nseed {seed}")
    project = tmp_path / "project"
    project.mkdir()
    files = Files(project, dice, FIRES)
    async with _followers(tmp_path, project, server) as scene:
        await put_of_nobody(server.url)
        await scene.leads()
        blows = 0
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            if dice.random() < BROKEN:
                files.write(broken=True)
                await asyncio.sleep(dice.random())
            files.change()
            await strike(scene, server, dice)
            blows += 1
        files.change()
        await until(
            lambda: files.in_bucket(server.url) == files.schedules, "the bucket is as the files are", scene.logs
        )
        assert await is_untouched(server.url)
        verdict = await scene.finish()
        print(f"{blows} blows in {SECONDS} s: {verdict}")
        assert verdict.clean, f"{verdict}\n{scene.logs()}"


@asynccontextmanager
async def _followers(folder: Path, project: Path, server: NatsServer) -> AsyncIterator[Stage]:
    async with AsyncExitStack() as stack:
        client = await nats.connect(server.url, reconnect_time_wait=0.2, max_reconnect_attempts=-1, error_cb=_ignore)
        stack.push_async_callback(client.close)
        command = ("apply", "--yes", "--watch", "--scheduler")
        options = ("--timeout", "20s", "--config", str(project / "ajsync.yaml"))
        members = [Member(folder, name, server.url, *options, command=command) for name in ("S1", "S2", "S3")]
        scene = Stage(client, members, {})
        scene.intervals = dict.fromkeys(EACH, NANOSECONDS)
        await client.subscribe("CHORIA_AJ.T.*", cb=scene.see)
        await make_streams(client)
        await scene.start(stack)
        yield scene


async def _ignore(_error: Exception) -> None:
    """The server goes away now and then."""
