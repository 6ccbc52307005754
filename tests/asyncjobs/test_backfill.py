"""A backfill makes each missing task once and whole, whatever was there, and whatever interrupted the one before."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from nacl.signing import SigningKey
from nats.aio.msg import Msg

from ajsync.asyncjobs import backfill
from ajsync.asyncjobs.backfill import MissingTask, find_missing, make_missing, past_dues
from ajsync.asyncjobs.model import ScheduledTask
from ajsync.asyncjobs.names import TASKS_STREAM
from ajsync.asyncjobs.signing import Signer
from ajsync.asyncjobs.streams import make_stream
from ajsync.asyncjobs.task_store import item_write, load_task, task_write
from ajsync.asyncjobs.tasks import StoredTask, encode_task, task_for_fire
from ajsync.errors import NotFoundError, StoredValueError, UnreachableError, UsageError
from ajsync.timestamp import NANOSECONDS, to_nanoseconds
from ajsync.transport.connection import Connection, connect
from ajsync.transport.context import context_for_server
from ajsync.transport.publisher import publish_all
from tests.nats_server import NatsServer
from tests.scheduler.fires import change_stream, counts, make_queue
from tests.tasks import is_signed, task
from tests.waiting import until

pytestmark = pytest.mark.anyio

NIGHT = to_nanoseconds(datetime(2026, 11, 24, 2, tzinfo=UTC))
MINUTE = 60 * NANOSECONDS
ITEMS = "CHORIA_AJ_Q_EMAIL"
EACH_MINUTE = task("A", schedule="* * * * *", deadline=MINUTE)


@pytest.fixture
async def connection(server: NatsServer) -> AsyncIterator[Connection]:
    """A connection to a server with the stream of tasks and one queue."""
    async with connect(context_for_server(server.url)) as connection:
        await make_stream(connection, TASKS_STREAM)
        await make_queue(connection)
        yield connection


async def missing(
    connection: Connection, minutes: int = 3, scheduled: ScheduledTask = EACH_MINUTE
) -> list[MissingTask]:
    """What is missing of so many minutes."""
    return await find_missing(connection, past_dues(scheduled, NIGHT, NIGHT + (minutes - 1) * MINUTE))


async def put(connection: Connection, stored: StoredTask, *, enqueue: bool) -> None:
    """Store a task, and enqueue it or not."""
    writes = [task_write(stored, 0), *([item_write(stored)] if enqueue else [])]
    assert all(answer.sequence for answer in await publish_all(connection, writes))


async def test_tasks_are_those_that_a_scheduler_makes_but_for_a_deadline_that_counts_from_now(
    connection: Connection,
) -> None:
    heard: list[Msg] = []

    async def hear(msg: Msg) -> None:
        heard.append(msg)

    await connection.client.subscribe("CHORIA_AJ.E.task_state.*", cb=hear)
    before = time.time_ns()
    done = await make_missing(connection, await missing(connection))
    assert (done.made, done.exist, done.refused, done.left) == (3, 0, {}, 0)
    for number in range(3):
        fired = task_for_fire(EACH_MINUTE, NIGHT + number * MINUTE)
        made = await load_task(connection, fired.id)
        assert made is not None
        assert before + MINUTE <= made.deadline <= time.time_ns() + MINUTE
        assert made == replace(fired, deadline=made.deadline)
    assert await counts(connection, ITEMS) == (3, 3)
    await until(lambda: len(heard) == 3)


async def test_without_a_deadline_there_is_none(connection: Connection) -> None:
    scheduled = replace(EACH_MINUTE, deadline=0)
    await make_missing(connection, await missing(connection, 1, scheduled))
    made = await load_task(connection, task_for_fire(scheduled, NIGHT).id)
    assert made == task_for_fire(scheduled, NIGHT)


async def test_tasks_are_signed(connection: Connection) -> None:
    await make_missing(connection, await missing(connection, 1), sign=Signer(bytes(32)).sign)
    made = await load_task(connection, task_for_fire(EACH_MINUTE, NIGHT).id)
    assert made is not None
    assert is_signed(made, SigningKey(bytes(32)).verify_key.encode().hex())


@pytest.mark.parametrize("state", ["complete", "expired", "active", "retry", "terminated", "of the future"])
async def test_a_task_that_a_worker_has_seen_is_not_made_again(connection: Connection, state: str) -> None:
    await put(connection, replace(task_for_fire(EACH_MINUTE, NIGHT), state=state), enqueue=False)
    assert [each.past.due for each in await missing(connection, 2)] == [NIGHT + MINUTE]


@pytest.mark.parametrize("state", ["new", "queue_error"])
async def test_a_task_that_waits_in_no_queue_is_made_whole(connection: Connection, state: str) -> None:
    half = replace(task_for_fire(EACH_MINUTE, NIGHT), state=state)
    await put(connection, half, enqueue=False)
    found = await missing(connection, 1)
    assert [each.sequence for each in found] == [1]
    done = await make_missing(connection, found)
    assert (done.made, done.left) == (1, 0)
    made = await load_task(connection, half.id)
    assert made is not None
    assert (made.state, made.deadline > time.time_ns()) == ("new", True)
    assert await counts(connection, ITEMS) == (1, 1)
    assert await missing(connection, 1) == []


async def test_a_task_that_waits_in_its_queue_is_left_alone(connection: Connection) -> None:
    await put(connection, task_for_fire(EACH_MINUTE, NIGHT), enqueue=True)
    assert await missing(connection, 1) == []


async def test_a_task_of_a_queue_that_is_gone_is_made_for_the_one_of_now(connection: Connection) -> None:
    await make_queue(connection, "OLD")
    await put(connection, replace(task_for_fire(EACH_MINUTE, NIGHT), queue="OLD"), enqueue=True)
    assert await missing(connection, 1) == []
    await connection.jetstream_request("STREAM.DELETE.CHORIA_AJ_Q_OLD")
    done = await make_missing(connection, await missing(connection, 1))
    assert done.made == 1
    made = await load_task(connection, task_for_fire(EACH_MINUTE, NIGHT).id)
    assert made is not None
    assert made.queue == "EMAIL"


@pytest.mark.parametrize("data", [b"", b"{", b'{"id":"x"}', encode_task(StoredTask("x", "t", "a.b>*", 0))])
async def test_whatever_else_has_the_id_of_a_task_is_left_alone(connection: Connection, data: bytes) -> None:
    await connection.request(f"CHORIA_AJ.T.{task_for_fire(EACH_MINUTE, NIGHT).id}", data)
    assert await missing(connection, 1) == []


async def test_somebody_who_is_faster_is_not_overwritten(connection: Connection) -> None:
    found = await missing(connection, 2)
    await put(connection, task_for_fire(EACH_MINUTE, NIGHT), enqueue=True)
    done = await make_missing(connection, found)
    assert (done.made, done.exist) == (1, 1)
    assert await counts(connection, ITEMS) == (2, 2)


async def test_two_at_once_make_each_task_once(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backfill, "AT_ONCE", 7)
    found = await missing(connection, 50)
    both = await asyncio.gather(make_missing(connection, found), make_missing(connection, found))
    assert sum(done.made for done in both) >= 50  # one may have met its own deadline in the other's task
    assert await counts(connection, TASKS_STREAM) == (50, 50)
    assert (await counts(connection, ITEMS))[1] == 50


async def test_a_queue_that_does_not_exist_ends_it_before_anything_is_made(connection: Connection) -> None:
    with pytest.raises(NotFoundError, match="ajc queues add NOPE"):
        await missing(connection, 3, replace(EACH_MINUTE, queue="NOPE"))
    assert await counts(connection, TASKS_STREAM) == (0, 0)


async def test_a_server_without_the_stream_of_tasks_is_an_error(connection: Connection) -> None:
    await connection.jetstream_request(f"STREAM.DELETE.{TASKS_STREAM}")
    with pytest.raises(UnreachableError, match="No stream takes tasks"):
        await missing(connection)


async def test_what_a_full_queue_has_refused_is_made_later(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfill, "AT_ONCE", 4)
    await change_stream(connection, ITEMS, max_msgs=6)
    done = await make_missing(connection, await missing(connection, 20))
    assert (done.made, len(done.refused), done.left) == (6, 2, 12)
    assert {*done.refused.values()} == {"maximum messages exceeded"}
    for task_id in done.refused:
        flagged = await load_task(connection, task_id)
        assert flagged is not None
        assert (flagged.state, flagged.last_err) == ("queue_error", "maximum messages exceeded")
    await change_stream(connection, ITEMS, max_msgs=-1)
    done = await make_missing(connection, await missing(connection, 20))
    assert (done.made, done.refused, done.left) == (14, {}, 0)
    assert (await counts(connection, ITEMS))[0] == 20
    assert await missing(connection, 20) == []


async def test_it_ends_between_two_batches_and_the_next_one_goes_on(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfill, "AT_ONCE", 4)
    stop, counted = asyncio.Event(), list[int]()

    def on_done(count: int) -> None:
        counted.append(count)
        stop.set()

    done = await make_missing(connection, await missing(connection, 10), on_done=on_done, stop=stop)
    assert (done.made, done.left, counted) == (4, 6, [4])
    done = await make_missing(connection, await missing(connection, 10), on_done=counted.append)
    assert (done.made, done.left, counted) == (6, 0, [4, 4, 2])
    assert await counts(connection, ITEMS) == (10, 10)


async def test_a_server_that_restarts_meanwhile_loses_and_doubles_nothing(
    connection: Connection, server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfill, "AT_ONCE", 50)
    found = await missing(connection, 1000)
    restarted = list[int]()

    def restart(count: int) -> None:
        if not restarted and count:
            server.stop()
            server.start()
            restarted.append(count)

    done = await make_missing(connection, found, on_done=restart)
    assert restarted
    assert done.left == 0
    assert (await counts(connection, TASKS_STREAM))[0] == 1000
    assert (await counts(connection, ITEMS))[0] == 1000


def test_a_schedule_of_which_no_task_can_be_made_is_refused() -> None:
    with pytest.raises(StoredValueError, match="queue"):
        past_dues(replace(EACH_MINUTE, queue="a.b"), NIGHT, NIGHT + MINUTE)


def test_both_ends_count_and_there_is_a_limit() -> None:
    assert [each.due - NIGHT for each in past_dues(EACH_MINUTE, NIGHT, NIGHT + MINUTE)] == [0, MINUTE]
    assert [each.due - NIGHT for each in past_dues(EACH_MINUTE, NIGHT + 1, NIGHT + MINUTE)] == [MINUTE]
    assert len(past_dues(EACH_MINUTE, NIGHT, NIGHT + 99_999 * MINUTE)) == 100_000
    with pytest.raises(UsageError, match="A was due 100,001 times"):
        past_dues(EACH_MINUTE, NIGHT, NIGHT + 100_000 * MINUTE)


def test_a_time_that_no_id_can_hold_is_refused() -> None:
    first = 1_400_000_000 * NANOSECONDS
    assert past_dues(EACH_MINUTE, first, first + MINUTE)[0].task_id.startswith("0000")
    with pytest.raises(UsageError, match="before 2014-05-13T16:53:20Z: choose a later start"):
        past_dues(EACH_MINUTE, first - 1, first + MINUTE)


def test_of_an_hour_that_the_clocks_repeat_each_fire_is_there() -> None:
    """Berlin went from 03:00 to 02:00 on 25 October 2026, and a scheduler fires at both 02:30."""
    scheduled = task("A", schedule="CRON_TZ=Europe/Berlin 30 2 * * *")
    first = to_nanoseconds(datetime(2026, 10, 25, 0, tzinfo=UTC))
    dues = [each.due - first for each in past_dues(scheduled, first, first + 120 * MINUTE)]
    assert dues == [30 * MINUTE, 90 * MINUTE]
