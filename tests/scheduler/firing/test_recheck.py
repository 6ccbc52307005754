"""What a stream has acknowledged and lost is stored again, and what a worker has finished and deleted is not."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from ajsync.asyncjobs.names import TASKS_STREAM
from ajsync.asyncjobs.streams import make_stream
from ajsync.asyncjobs.tasks import StoredTask, decode_task, encode_task, task_subject, work_item_subject
from ajsync.errors import UnreachableError
from ajsync.scheduler.agenda.agenda import Fire
from ajsync.scheduler.firing.prepare import Preparer
from ajsync.scheduler.firing.recheck import LOOK_BACK, Recheck
from ajsync.scheduler.monitor.metrics import Metrics
from ajsync.scheduler.monitor.records import Records
from ajsync.timestamp import NANOSECONDS as SECOND
from ajsync.transport.connection import Connection, connect
from ajsync.transport.context import context_for_server
from ajsync.transport.messages import last_message
from tests.nats_server import NatsServer
from tests.recorded import recorded
from tests.scheduler.fires import HOUR, counts, fire, firing, handle, make_queue, stored
from tests.scheduler.ha.cluster import cluster, leader_of, move_leader
from tests.scheduler.running import leading, put, wait_for_tasks
from tests.waiting import until

pytestmark = pytest.mark.anyio

EMAIL_STREAM = "CHORIA_AJ_Q_EMAIL"
ONES = 'ajsync_scheduler_restored_total{what="%s"}'


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is waited for longer than a test needs."""
    monkeypatch.setattr("ajsync.scheduler.firing.recheck.SURE_AFTER_SECONDS", 0.1)
    monkeypatch.setattr("ajsync.scheduler.firing.recheck._POLL_SECONDS", 0.1)
    monkeypatch.setattr("ajsync.scheduler.firing.recheck._RETRY_SECONDS", 0.1)
    monkeypatch.setattr("ajsync.scheduler.firing.recheck.SETTLED_WITHIN_SECONDS", 0.2)


class Looked:
    """A recheck of these fires, and what it counts."""

    def __init__(self, connection: Connection, fires: Sequence[Fire], **options: int) -> None:
        self.metrics = Metrics("test")
        self.asked = 0
        self._fires = fires
        self.settled_until = options.get("settled_until", time.time_ns())
        self.recheck = Recheck(
            connection,
            self._between,
            Preparer("inbox").make_task,
            Records(self.metrics),
            settled_until=lambda: self.settled_until,
            give_up_after=options.get("give_up_after", HOUR),
            clock=time.time_ns,
        )

    def restored(self) -> tuple[int, int]:
        """How many tasks and work items were stored again."""
        return restored(self.metrics)

    def _between(self, after: int, until: int) -> Iterator[Fire]:
        self.asked += 1
        return iter([each for each in self._fires if after < each.due <= until])


def restored(metrics: Metrics) -> tuple[int, int]:
    """How many tasks and work items were stored again."""
    lines = dict(line.rsplit(" ", 1) for line in metrics.exposition().decode().splitlines() if line[0] != "#")
    return int(lines[ONES % "task"]), int(lines[ONES % "item"])


@asynccontextmanager
async def fired(server: NatsServer, *names: str, seconds_ago: int = 60) -> AsyncIterator[tuple[Connection, list[Fire]]]:
    """Fires that were stored, each with its work item."""
    async with connect(context_for_server(server.url)) as connection, firing(connection) as fires:
        await make_queue(connection)
        due = time.time_ns() - seconds_ago * SECOND
        made = [fire(name, due=due) for name in names]
        await fires.fire(*made)
        yield connection, made


def task_of(made: Fire) -> StoredTask:
    return Preparer("inbox").make_task(made)


async def lose(connection: Connection, stream: str, subject: str) -> None:
    """Have a stream lose the last message of a subject."""
    message = await last_message(connection, stream, subject)
    assert message is not None
    await connection.jetstream_request(f"STREAM.MSG.DELETE.{stream}", {"seq": message.revision})


async def lose_task(connection: Connection, made: Fire) -> None:
    await lose(connection, TASKS_STREAM, task_subject(task_of(made).id))


async def lose_item(connection: Connection, made: Fire) -> None:
    await lose(connection, EMAIL_STREAM, work_item_subject("EMAIL", task_of(made).id))


async def stored_task(connection: Connection, made: Fire) -> StoredTask | None:
    message = await last_message(connection, TASKS_STREAM, task_subject(task_of(made).id))
    return None if message is None else decode_task(message.data)


async def test_a_lost_task_whose_work_item_waits_is_made_again(server: NatsServer) -> None:
    async with fired(server, "LOST", "KEPT") as (connection, made):
        await lose_task(connection, made[0])
        looked = Looked(connection, made)
        await looked.recheck.look()
        assert await stored_task(connection, made[0]) == task_of(made[0])
        again = await stored(connection, TASKS_STREAM, task_subject(task_of(made[0]).id))
        assert again.headers == recorded("scheduler.json")["fire"][0]["headers"]  # never over another one
        assert await counts(connection, TASKS_STREAM) == (2, 3)
        assert await counts(connection, EMAIL_STREAM) == (2, 2)
        assert looked.restored() == (1, 0)


async def test_a_task_that_a_worker_has_finished_and_deleted_is_not_made_again(server: NatsServer) -> None:
    async with fired(server, "DONE") as (connection, made):
        await lose_task(connection, made[0])
        await lose_item(connection, made[0])
        looked = Looked(connection, made)
        await looked.recheck.look()
        assert await counts(connection, TASKS_STREAM) == (0, 1)
        assert looked.restored() == (0, 0)


async def test_nor_one_whose_worker_acknowledges_the_work_item_a_moment_later(
    server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ajsync.scheduler.firing.recheck.SURE_AFTER_SECONDS", 2.0)
    async with fired(server, "DONE") as (connection, made):
        await lose_task(connection, made[0])
        looked = Looked(connection, made)
        look = asyncio.create_task(looked.recheck.look())
        await until(lambda: looked.recheck._items != {} and all(each.done() for each in looked.recheck._items.values()))
        await lose_item(connection, made[0])
        await look
        assert await counts(connection, TASKS_STREAM) == (0, 1)


async def test_a_lost_work_item_is_sent_again_only_for_a_task_that_nobody_has_handled(server: NatsServer) -> None:
    async with fired(server, "NEW", "DONE") as (connection, made):
        for each in made:
            await lose_item(connection, each)
        done = replace(task_of(made[1]), state="complete")
        await handle(connection, done, encode_task(done))
        await forget_ids(server)
        looked = Looked(connection, made)
        await looked.recheck.look()
        assert await counts(connection, EMAIL_STREAM) == (1, 3)
        assert looked.restored() == (0, 1)


async def test_a_work_item_that_the_queue_remembers_is_not_lost(server: NatsServer) -> None:
    async with fired(server, "PURGED") as (connection, made):
        await connection.jetstream_request(f"STREAM.PURGE.{EMAIL_STREAM}")
        looked = Looked(connection, made)
        await looked.recheck.look()
        assert await counts(connection, EMAIL_STREAM) == (0, 1)
        assert looked.restored() == (0, 0)


@pytest.mark.parametrize("why", ["older than two minutes", "not settled", "past its deadline"])
async def test_what_is_not_looked_for(server: NatsServer, why: str) -> None:
    age = LOOK_BACK // SECOND + 10 if why == "older than two minutes" else 60
    async with fired(server, "LOST", seconds_ago=age) as (connection, made):
        await lose_task(connection, made[0])
        if why == "past its deadline":
            made = [fire("LOST", due=made[0].due, deadline=30 * SECOND)]
        options = {"settled_until": made[0].due - 1} if why == "not settled" else {}
        looked = Looked(connection, made, **options)
        await looked.recheck.look()
        assert looked.restored() == (0, 0)


async def test_it_waits_for_what_is_still_being_settled(server: NatsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ajsync.scheduler.firing.recheck.SETTLED_WITHIN_SECONDS", 30.0)
    async with fired(server, "HALF") as (connection, made):
        await lose_task(connection, made[0])
        looked = Looked(connection, made, settled_until=made[0].due - 1)
        look = asyncio.create_task(looked.recheck.look())
        await asyncio.sleep(0)
        assert looked.asked == 0
        looked.settled_until = time.time_ns()
        await look
        assert looked.restored() == (1, 0)


@pytest.mark.parametrize("gives_up", [False, True])
async def test_it_looks_until_the_server_answers_or_the_window_is_over(server: NatsServer, gives_up: bool) -> None:
    async with fired(server, "LOST") as (connection, made):
        await lose_task(connection, made[0])
        looked = Looked(connection, made, **({"give_up_after": 50 * SECOND} if gives_up else {}))
        server.stop()
        look = asyncio.create_task(looked.recheck.look())
        await until(lambda: bool(looked.recheck._errors._told))
        if gives_up:
            await asyncio.wait_for(look, 30)
        server.start()
        if not gives_up:
            await asyncio.wait_for(look, 30)
        assert looked.restored() == (int(not gives_up), 0)


async def test_a_leader_looks_after_a_reconnect(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        await make_queue(connection)
        async with leading(server.url) as scheduler:
            await put(connection, "A")
            first = (await wait_for_tasks(connection, 1))[0]
            await until(lambda: scheduler.clock() - first.created > 4 * SECOND)
            await lose(connection, TASKS_STREAM, task_subject(first.id))
            assert restored(scheduler.metrics) == (0, 0)
            server.restart()
            await until(lambda: restored(scheduler.metrics) == (1, 0))
            assert [each.id for each in await wait_for_tasks(connection, 1)].count(first.id) == 1


async def test_a_leader_looks_once_a_stream_has_another_leader(tmp_path: Path) -> None:
    with cluster(tmp_path) as nodes:
        async with connect(context_for_server(f"nats://127.0.0.1:{nodes.ports[0]}")) as connection:
            async with asyncio.timeout(60):
                while not await made_with_replicas(connection):
                    await asyncio.sleep(0.1)
            looked = Looked(connection, [])
            running = asyncio.create_task(looked.recheck.run())
            await until(lambda: looked.asked == 1)
            before = await leader_of(connection.client, TASKS_STREAM)
            await move_leader(connection.client, TASKS_STREAM, "N1" if before != "N1" else "N2")
            await until(lambda: looked.asked >= 2)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def made_with_replicas(connection: Connection) -> bool:
    """Make the stream of tasks with three replicas, as soon as the cluster can."""
    try:
        await make_stream(connection, TASKS_STREAM, replicas=3)
    except UnreachableError:
        return False
    return True


async def forget_ids(server: NatsServer) -> None:
    """Have the streams forget the ids of messages that are gone, as they do when their leader is lost."""
    server.restart()
