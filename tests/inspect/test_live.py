"""What happens to the work of schedules is told as it happens: on a real server, with a stand-in for a worker."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.asyncjobs.events import (
    LEADER_ELECTION_SUBJECT,
    leader_elected_event,
    task_state_event,
    task_state_subject,
)
from ajsync.asyncjobs.fire_index import Guess
from ajsync.asyncjobs.ids import new_id
from ajsync.asyncjobs.model import ScheduledTask
from ajsync.asyncjobs.names import CONFIGURATION_SUBJECT, TASKS_STREAM
from ajsync.asyncjobs.streams import make_stream
from ajsync.asyncjobs.task_store import task_write
from ajsync.asyncjobs.tasks import StoredTask, task_for_fire
from ajsync.errors import NotPermittedError, UnreachableError
from ajsync.inspect.live import Follower, following
from ajsync.inspect.news import LeaderNews, MissedNews, News, NotHeard, OpenNews, SilentNews, TaskNews
from ajsync.reconcile.pause import Owners, pause
from ajsync.scheduler.election.watermark import WATERMARK_KEY, Watermark, encode_watermark
from ajsync.timestamp import NANOSECONDS as SECOND
from ajsync.transport.connection import Connection, connect
from ajsync.transport.context import context_for_server
from ajsync.transport.publisher import publish_all
from tests.conftest import StartServer
from tests.nats_server import NatsServer
from tests.scheduler.fires import make_queue
from tests.scheduler.ha.proxy import proxy_to
from tests.scheduler.running import delete, leading, put
from tests.waiting import until
from tests.worker import bad, good, tell, working

pytestmark = pytest.mark.anyio

HOUR = 3600 * SECOND
NOW = time.time_ns() // HOUR * HOUR
"""The last due instant of what is due each hour."""


class Heard:
    """What a follower has told."""

    def __init__(self, follower: Follower) -> None:
        self.follower = follower
        self.news: list[News] = []
        self.with_silence = False

    async def until(self, condition: Callable[[], object]) -> None:
        """Take news until a condition holds."""
        while not condition():
            found = await self.follower.take()
            # No scheduler runs in most tests, and after ten seconds that is news.
            self.news += [each for each in found if self.with_silence or not isinstance(each, SilentNews)]

    @property
    def tasks(self) -> list[tuple[str, str]]:
        """The schedule and the state of each task."""
        return [
            (each.schedule.name, each.outcome.state)
            for each in self.news
            if isinstance(each, TaskNews) and each.schedule
        ]


@asynccontextmanager
async def hearing(
    url: str, wanted: Callable[[ScheduledTask], bool] = lambda _task: True, *, most: int = 1000
) -> AsyncIterator[Heard]:
    """Follow a server on a connection of its own."""
    async with (
        connect(context_for_server(url), reconnect_timeout=None) as connection,
        following(connection, wanted, most=most) as follower,
    ):
        yield Heard(follower)


def hourly(scheduled: ScheduledTask, state: str = "new", **fields: Any) -> StoredTask:
    """The task of the last fire of a schedule that is due each hour."""
    return replace(task_for_fire(scheduled, NOW), state=state, **fields)


async def test_fires_and_what_becomes_of_them_are_told_in_their_order(
    connection: Connection, server: NatsServer
) -> None:
    await make_queue(connection, "EMAIL")
    await make_queue(connection, "REPORTS")
    await put(connection, "MAIL")
    await put(connection, "REPORT", queue="REPORTS")
    async with hearing(server.url) as heard, working(connection, "EMAIL", good), working(connection, "REPORTS", bad):
        async with leading(server.url, "one"):
            await heard.until(lambda: {("MAIL", "complete"), ("REPORT", "terminated")} <= {*heard.tasks})
        assert len(heard.follower) == 2
    assert [each.leader for each in heard.news if isinstance(each, LeaderNews)] == ["one"]
    for name, states in (("MAIL", ["new", "active", "complete"]), ("REPORT", ["new", "active", "terminated"])):
        told = [
            each for each in heard.news if isinstance(each, TaskNews) and each.schedule and each.schedule.name == name
        ]
        first = [each for each in told if each.outcome.due == told[0].outcome.due]
        assert [each.outcome.state for each in first] == states
        assert first[0].outcome.due % SECOND == 0
        assert first[0].outcome.lateness is not None
        assert first[0].outcome.lateness < 30 * SECOND
        assert first[-1].outcome.tries == 1
        assert {each.queue for each in first} == {"EMAIL" if name == "MAIL" else "REPORTS"}
        assert first[-1].outcome.last_error == ("no such host" if name == "REPORT" else "")


async def test_only_what_is_wanted_is_told(connection: Connection, server: NatsServer) -> None:
    wanted, _ = await put(connection, "WANTED", schedule="@hourly")
    other, _ = await put(connection, "OTHER", schedule="@hourly")
    async with hearing(server.url, lambda each: each.name == "WANTED") as heard:
        for each in (other, wanted):
            await tell(connection, hourly(each))
        await heard.until(lambda: heard.tasks)
    assert heard.tasks == [("WANTED", "new")]


async def test_a_schedule_is_followed_from_its_first_fire_on_and_its_tasks_after_its_last(
    connection: Connection, server: NatsServer
) -> None:
    async with hearing(server.url) as heard:
        scheduled = ScheduledTask("NEW", "@every 1s", "EMAIL", "email:new", created_at=time.time_ns())
        soon = task_for_fire(scheduled, time.time_ns() // SECOND * SECOND)
        await tell(connection, soon)  # the event overtakes the schedule
        await put(connection, "NEW", created_at=scheduled.created_at)
        await heard.until(lambda: heard.tasks == [("NEW", "new")])
        await delete(connection, "NEW")
        await until(lambda: len(heard.follower) == 0)
        await tell(connection, replace(soon, state="complete"))
        await heard.until(lambda: ("NEW", "complete") in heard.tasks)


async def test_the_tasks_of_a_paused_schedule_are_told(connection: Connection, server: NatsServer) -> None:
    scheduled, _ = await put(connection, "A", schedule="@hourly")
    async with hearing(server.url) as heard:
        await make_paused(connection, "A")
        await tell(connection, hourly(scheduled, "active"))
        await heard.until(lambda: ("A", "active") in heard.tasks)
    async with hearing(server.url) as heard:
        assert len(heard.follower) == 1
        await tell(connection, hourly(scheduled, "complete"))
        await heard.until(lambda: ("A", "complete") in heard.tasks)


async def test_a_task_with_a_random_id_is_told_with_the_schedules_that_may_have_made_it(
    connection: Connection, server: NatsServer
) -> None:
    scheduled, _ = await put(connection, "A", schedule="@hourly")
    async with hearing(server.url) as heard:
        of_nobody = replace(hourly(scheduled), id=new_id(NOW // SECOND + 1))
        of_go = replace(hourly(scheduled), id=new_id(NOW // SECOND))
        for each in (of_nobody, of_go):
            await tell(connection, each)
        await heard.until(lambda: heard.news)
    (only,) = heard.news
    assert isinstance(only, TaskNews)
    assert (only.schedule, only.guess, only.queue, only.task_type) == (None, Guess(1, ("A",)), "EMAIL", "email:new")
    assert (only.outcome.task_id, only.outcome.due, only.outcome.lateness) == (of_go.id, 0, None)
    assert only.outcome.at > NOW


async def settle(connection: Connection, instant: int, *open_fires: tuple[str, int]) -> None:
    """Write a watermark, as a leader does."""
    value = encode_watermark(Watermark("one", instant, 7, frozenset(open_fires)))
    await connection.request(f"{CONFIGURATION_SUBJECT}{WATERMARK_KEY}", value)


@asynccontextmanager
async def settling(connection: Connection) -> AsyncIterator[None]:
    """Write a watermark again and again."""

    async def lead() -> None:
        for instant in count(NOW):
            await settle(connection, instant)
            await asyncio.sleep(0.2)

    task = asyncio.create_task(lead())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait((task,))


async def test_a_fire_that_is_not_settled_for_a_while_is_told_once(connection: Connection, server: NatsServer) -> None:
    await put(connection, "A", schedule="@hourly")
    await put(connection, "B", schedule="@hourly")
    late, now = time.time_ns() - 11 * SECOND, time.time_ns()
    async with hearing(server.url, lambda each: each.name == "A") as heard:
        await settle(connection, now, ("A", late), ("A", now + HOUR), ("B", late), ("C", late))
        await heard.until(lambda: heard.news)
        await settle(connection, now + 1, ("A", late), ("A", late + 1))
        await heard.until(lambda: len(heard.news) == 2)
        await settle(connection, now + 2)
        await until(lambda: heard.follower._watermark and heard.follower._watermark.instant == now + 2)
        await until(lambda: not heard.follower._told_open)
        await settle(connection, now + 3, ("A", late))
        await heard.until(lambda: sum(isinstance(each, OpenNews) for each in heard.news) == 3)
    assert [(each.schedule.name, each.due) for each in heard.news if isinstance(each, OpenNews)] == [
        ("A", late),
        ("A", late + 1),
        ("A", late),
    ]


async def test_a_fire_that_was_open_and_is_settled_without_a_task_is_missed(
    connection: Connection, server: NatsServer
) -> None:
    made, _ = await put(connection, "MADE", schedule="@hourly")
    await put(connection, "LOST", schedule="@hourly")
    late, now = (time.time_ns() // SECOND - 11) * SECOND, time.time_ns()
    async with hearing(server.url) as heard:
        await settle(connection, now, ("MADE", late), ("LOST", late))
        await heard.until(lambda: len(heard.news) == 2)
        await make_stream(connection, TASKS_STREAM)
        await publish_all(connection, [task_write(task_for_fire(made, late), 0)])
        await settle(connection, now + 1)
        await heard.until(lambda: len(heard.news) == 3)
        await settle(connection, now + 2, ("LOST", late + 1))
        await heard.until(lambda: len(heard.news) == 4)
    assert isinstance(heard.news[3], OpenNews)
    missed = heard.news[2]
    assert isinstance(missed, MissedNews)
    assert (missed.schedule.name, missed.due) == ("LOST", late)


async def test_it_tells_once_that_nothing_is_settled_and_again_after_something_was(
    connection: Connection, server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ajsync.inspect.live.LATE_AFTER", SECOND)
    async with hearing(server.url) as heard:
        heard.with_silence = True
        await heard.until(lambda: heard.news)
        await settle(connection, NOW)
        await heard.until(lambda: len(heard.news) == 2)
        await connection.request(f"{CONFIGURATION_SUBJECT}{WATERMARK_KEY}", b"forged")
        await heard.until(lambda: len(heard.news) == 3)
    assert [each.since for each in heard.news if isinstance(each, SilentNews)] == [0, NOW, 0]


async def test_what_is_no_event_is_left_out(connection: Connection, server: NatsServer) -> None:
    scheduled, _ = await put(connection, "A", schedule="@hourly")
    good_one = hourly(scheduled, "active", last_err="\x1b[2J", tries=-3)
    async with hearing(server.url) as heard:
        for data in (b"", b"{", b"[]", b'{"type":"io.choria.asyncjobs.v1.task_state"}', leader_elected_event("x", 1)):
            await connection.client.publish(task_state_subject("x"), data)
        for data in (b"", task_state_event(good_one, 1, 1)):
            await connection.client.publish(LEADER_ELECTION_SUBJECT, data)
        await tell(connection, good_one)
        await heard.until(lambda: heard.news)
    (only,) = heard.news
    assert isinstance(only, TaskNews)
    assert (only.outcome.state, only.outcome.tries) == ("active", 0)


async def test_more_than_is_taken_is_left_out_and_counted(connection: Connection, server: NatsServer) -> None:
    scheduled, _ = await put(connection, "A", schedule="@hourly")
    async with hearing(server.url, most=2) as heard:
        for _ in range(5):
            await tell(connection, hourly(scheduled))
        await until(lambda: heard.follower._left_out and heard.follower._left_out.count == 3)
        await heard.until(lambda: len(heard.news) == 3)
        assert heard.tasks == [("A", "new")] * 2
        last = heard.news[-1]
        assert isinstance(last, NotHeard)
        assert (last.count, last.since <= last.until) == (3, True)
        await tell(connection, hourly(scheduled, "complete"))
        await heard.until(lambda: len(heard.news) == 4)
        assert heard.tasks[-1] == ("A", "complete")


async def test_after_a_lost_connection_it_goes_on_and_says_what_was_not_heard(
    connection: Connection, server: NatsServer
) -> None:
    scheduled, _ = await put(connection, "A", schedule="@hourly")
    async with hearing(server.url) as heard:
        began = time.time_ns()
        server.restart()
        await heard.until(lambda: heard.news)
        (lost,) = heard.news
        assert isinstance(lost, NotHeard)
        assert lost.count is None
        assert began - SECOND < lost.since < lost.until <= time.time_ns()
        await until(lambda: connection.is_connected)
        await tell(connection, hourly(scheduled))
        await heard.until(lambda: heard.tasks)


async def test_what_was_under_way_when_the_connection_was_lost_counts_as_not_heard(
    connection: Connection, server: NatsServer
) -> None:
    scheduled, _ = await put(connection, "A", schedule="@hourly")
    async with proxy_to(server.port) as proxy, hearing(proxy.url) as heard:
        proxy.swallow()
        told_at = time.time_ns()
        await tell(connection, hourly(scheduled))
        await until(lambda: time.time_ns() > told_at + SECOND)  # some looks of the follower, which is still connected
        proxy.refuse()
        proxy.mend()
        await heard.until(lambda: heard.news)
    (lost,) = heard.news
    assert isinstance(lost, NotHeard)
    assert lost.since <= told_at < lost.until


async def test_it_does_not_tell_that_nothing_is_settled_when_only_it_is_behind(
    connection: Connection, server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ajsync.inspect.live.LATE_AFTER", 3 * SECOND)
    scheduled, _ = await put(connection, "A", schedule="@hourly")
    async with settling(connection), proxy_to(server.port) as proxy, hearing(proxy.url) as heard:
        heard.with_silence = True
        proxy.swallow()
        began = time.monotonic()
        await until(lambda: time.monotonic() > began + 4)
        proxy.mend()
        await tell(connection, hourly(scheduled))
        await heard.until(lambda: heard.tasks)
        assert not [each for each in heard.news if isinstance(each, SilentNews)]


async def test_it_ends_when_the_connection_is_given_up(connection: Connection, server: NatsServer) -> None:
    async with (
        connect(context_for_server(server.url), reconnect_timeout=0.1) as other,
        following(other, lambda _task: True) as follower,
    ):
        server.stop()
        with pytest.raises(UnreachableError):
            await follower.take()


async def test_it_does_not_begin_once_the_connection_is_given_up(connection: Connection, server: NatsServer) -> None:
    async with connect(context_for_server(server.url), reconnect_timeout=0.1) as other:
        server.stop()
        with pytest.raises(UnreachableError):
            async with asyncio.timeout(60), following(other, lambda _task: True):
                pass


async def test_it_makes_no_consumer(connection: Connection, server: NatsServer) -> None:
    await put(connection, "A")
    async with hearing(server.url) as heard:
        await put(connection, "B")
        await until(lambda: len(heard.follower) == 2)
        info = await connection.jetstream_request("STREAM.INFO.KV_CHORIA_AJ_CONFIGURATION")
        assert info["state"]["consumer_count"] == 0


@pytest.mark.parametrize("subject", ["CHORIA_AJ.E.task_state.*", "CHORIA_AJ.E.leader_election.task_scheduler"])
async def test_a_subscription_that_the_server_refuses_is_an_error(start_server: StartServer, subject: str) -> None:
    server = start_server(
        'authorization { users: [ { user: a, password: p, permissions: { publish: ">", subscribe: '
        f'{{ allow: ">", deny: "{subject}" }} }} }} ] }}'
    )
    async with connect(context_for_server(server.url.replace("//", "//a:p@"))) as connection:
        await ConfigurationBucket.create(connection)
        with pytest.raises(NotPermittedError, match=r"does not let us listen to CHORIA_AJ\.E"):
            async with following(connection, lambda _task: True):
                pass


async def make_paused(connection: Connection, name: str) -> None:
    """Pause a schedule, as the command does."""
    await pause(await ConfigurationBucket.open(connection), [name], Owners((None,)), by="ann", reason="disks")
