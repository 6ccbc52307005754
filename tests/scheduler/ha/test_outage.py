"""A server that goes away and comes back, buckets that are made anew, and times in which no scheduler was alive."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from ajsync.asyncjobs.election import ELECTION_SUBJECT
from ajsync.asyncjobs.names import CONFIGURATION_STREAM, ELECTIONS_STREAM
from ajsync.asyncjobs.streams import stream_configuration
from tests.nats_server import NatsServer
from tests.scheduler.ha.ledger import QUEUE
from tests.scheduler.ha.outage import play_outage
from tests.scheduler.ha.stage import Stage, every_second, make_stream, queue_configuration, stage
from tests.waiting import PATIENCE

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


async def test_restarts_of_the_server_lose_and_double_nothing(tmp_path: Path, server: NatsServer) -> None:
    async with stage(tmp_path / "stage", [server.port], every_second()) as scene:
        for sig in (signal.SIGTERM, signal.SIGKILL):
            await scene.leads()
            server.stop(sig)
            server.start()
        await scene.leads()
        await _judge(scene)


async def test_what_falls_due_while_the_server_is_gone_follows_the_policies(tmp_path: Path, server: NatsServer) -> None:
    await play_outage(tmp_path, server, seconds=9)  # longer than a lease is held without an answer


@pytest.mark.parametrize("expired", [False, True], ids=["while-its-key-holds", "after-its-key-expired"])
async def test_the_only_scheduler_comes_back_and_makes_good_what_it_missed(
    expired: bool, tmp_path: Path, server: NatsServer
) -> None:
    async with stage(tmp_path / "stage", [server.port], every_second(), schedulers=1) as scene:
        leader = await scene.leads()
        leader.signal(signal.SIGKILL)
        leader.reap()
        if expired:
            await scene.expire()
        leader.start()
        await scene.leads()
        await _judge(scene)


async def test_a_leader_that_died_between_refresh_and_watermark_is_known_for_one_of_ours(
    tmp_path: Path, server: NatsServer
) -> None:
    async with stage(tmp_path / "stage", [server.port], every_second(), schedulers=1) as scene:
        leader = await scene.leads()
        leader.signal(signal.SIGKILL)
        leader.reap()
        if await scene.election_revision() == await scene.key_revision():
            await scene.client.jetstream(timeout=PATIENCE).publish(ELECTION_SUBJECT, leader.name.encode())
        await scene.expire()
        leader.start()
        await scene.leads()
        await _judge(scene)


async def test_buckets_that_are_made_anew_lose_and_double_nothing(tmp_path: Path, server: NatsServer) -> None:
    tasks = every_second()
    async with stage(tmp_path / "stage", [server.port], tasks) as scene:
        for stream in (ELECTIONS_STREAM, CONFIGURATION_STREAM):
            await scene.leads()
            await scene.client.request(f"$JS.API.STREAM.DELETE.{stream}", timeout=5)
            await scene.fires()
            await make_stream(scene.client, stream_configuration(stream))
            if stream == CONFIGURATION_STREAM:
                await scene.put(tasks)
            await scene.leads()
            await scene.fires(seconds=3)
        await _judge(scene)


async def test_what_a_dead_leader_began_is_finished_whatever_the_policy(tmp_path: Path, server: NatsServer) -> None:
    tasks = every_second("none")
    async with stage(tmp_path / "stage", [server.port], tasks, "--grace", "1s", schedulers=1) as scene:
        leader = await scene.leads()
        await make_stream(scene.client, queue_configuration(QUEUE, max_msgs=1), update=True)
        await scene.fires(seconds=2)
        leader.signal(signal.SIGKILL)
        leader.reap()
        await make_stream(scene.client, queue_configuration(QUEUE), update=True)
        await asyncio.sleep(2)  # so that some fires fall due without a leader, and the grace for them is over
        leader.start()
        verdict = await scene.finish()
        assert verdict.lost, "nothing was let go: this shows nothing"
        assert not [*verdict.without_item, *verdict.doubled], f"{verdict}\n{scene.logs()}"


async def _judge(scene: Stage) -> None:
    verdict = await scene.finish()
    assert verdict.clean, f"{verdict}\n{scene.logs()}"
    print(verdict)
