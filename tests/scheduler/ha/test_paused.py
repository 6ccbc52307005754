"""A leader that stood still asks whether it still leads before it writes again what was refused."""

from __future__ import annotations

import asyncio
import signal
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from ajsync.asyncjobs.ids import fire_task_id
from ajsync.asyncjobs.model import Managed
from ajsync.asyncjobs.names import TASKS_STREAM
from ajsync.timestamp import NANOSECONDS
from ajsync.transport.connection import Connection, connect
from ajsync.transport.context import context_for_server
from ajsync.transport.publisher import Write, publish_one
from tests.nats_server import NatsServer
from tests.scheduler.fires import change_stream, make_queue
from tests.scheduler.ha.members import Member
from tests.scheduler.ha.stage import until
from tests.scheduler.running import put, running, stored_watermark, tasks
from tests.scheduler.test_open_fires import LARGE, QUEUE_STREAM, kept_from_the_tasks
from tests.tasks import OWNER
from tests.waiting import WAIT_SECONDS

pytestmark = pytest.mark.anyio
REFUSED = 3


async def test_a_leader_that_was_paused_makes_nothing_again_that_was_made_and_finished_meanwhile(
    tmp_path: Path, server: NatsServer
) -> None:
    leader = Member(tmp_path, "one", server.url, "--takeover-after", "2s")
    async with connect(context_for_server(server.url)) as connection, AsyncExitStack() as stack:
        stack.callback(leader.end)
        leader.start()
        await until(lambda: leader.said("Became leader"), "it leads", lambda: leader.log)
        await make_queue(connection)
        for stream in (TASKS_STREAM, QUEUE_STREAM):  # and not two minutes
            await change_stream(connection, stream, duplicate_window=NANOSECONDS // 2)
        await kept_from_the_tasks(connection)
        await put(connection, "STUCK", task_type="stuck", payload=LARGE, managed=Managed(OWNER, catchup="none"))
        stand_by = await stack.enter_async_context(running(server.url, "two", takeover_after=2.0))
        async with asyncio.timeout(WAIT_SECONDS):
            while len((await stored_watermark(connection)).open) < REFUSED:
                await asyncio.sleep(0.05)
        leader.signal(signal.SIGSTOP)
        await until(lambda: stand_by.leads, "the other takes over", lambda: leader.log)
        refused = {fire_task_id(name, due) for name, due in (await stored_watermark(connection)).open}
        assert len(refused) >= REFUSED
        await kept_from_the_tasks(connection, False)
        async with asyncio.timeout(WAIT_SECONDS):
            while not refused <= await _made(connection):
                await asyncio.sleep(0.05)
            await _ids_are_forgotten(connection)
        for stream in (TASKS_STREAM, QUEUE_STREAM):  # by workers that discard what is finished
            await connection.jetstream_request(f"STREAM.PURGE.{stream}")
        leader.signal(signal.SIGCONT)
        await until(lambda: leader.said("Lost leadership"), "it steps down", lambda: leader.log)
        leader.signal(signal.SIGTERM)
        assert await asyncio.to_thread(leader.reap) == 0
        assert not refused & await _made(connection)
        assert stand_by.leads


async def _made(connection: Connection) -> set[str]:
    return {task.id for task in await tasks(connection)}


async def _ids_are_forgotten(connection: Connection) -> None:
    """Wait until the tasks' stream takes again what it has taken before this began."""
    probe = Write("CHORIA_AJ.T.PROBE", b"{}", {"Nats-Msg-Id": "probe"})
    await publish_one(connection, probe, timeout=5)
    while (await publish_one(connection, probe, timeout=5)).duplicate:
        await asyncio.sleep(0.05)
