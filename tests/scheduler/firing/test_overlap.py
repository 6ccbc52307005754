"""A schedule that skips overlaps makes no task while its previous one may still be handled, whoever made that."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from ajsync.asyncjobs.ids import fire_task_id
from ajsync.asyncjobs.model import Managed
from ajsync.asyncjobs.names import TASKS_STREAM
from ajsync.asyncjobs.streams import make_stream
from ajsync.asyncjobs.tasks import encode_task, task_for_fire
from ajsync.scheduler.agenda.agenda import Fire
from ajsync.scheduler.firing import overlap
from ajsync.scheduler.firing.in_flight import InFlightFire
from ajsync.scheduler.firing.known_tasks import TOO_MANY, KnownTasks, list_tasks
from ajsync.scheduler.firing.lifecycle import State
from ajsync.scheduler.firing.looks import WINDOW, Look, Looks
from ajsync.scheduler.firing.overlap import Overlap
from ajsync.scheduler.firing.prepare import Prepared
from ajsync.scheduler.monitor.metrics import Metrics
from ajsync.scheduler.monitor.records import Records
from ajsync.timestamp import NANOSECONDS as SECOND
from ajsync.transport.connection import Connection, connect
from ajsync.transport.context import context_for_server
from tests.nats_server import NatsServer
from tests.scheduler.fires import ObservedDispatcher, counts, fire, firing, handle, make_queue
from tests.tasks import OWNER
from tests.waiting import until

pytestmark = pytest.mark.anyio

SKIP = Managed(OWNER, overlap="skip")
MINUTE = 60 * SECOND
LAST_MINUTE = 0


class Watchful:
    """Fires that look at what came before them."""

    def __init__(self, connection: Connection, fires: ObservedDispatcher, clock: Callable[[], int]) -> None:
        self.records = Records(Metrics("test"))
        self.started: list[InFlightFire] = []
        self._connection = connection
        self._fires = fires
        self.new_term(clock)

    def new_term(self, clock: Callable[[], int] = time.time_ns) -> None:
        """Look as one that remembers nothing."""
        self.looks = self._fires.looks
        self.overlap = Overlap(self._connection, self._fires.ledger, self.looks, self.records, clock)

    def check(self, prepared: Prepared) -> None:
        """Check an encoded fire that is due."""
        self.overlap.check(self._fires.enter(prepared), self._start)

    def _start(self, fire: InFlightFire) -> None:
        self.started.append(fire)
        self._fires.dispatch([fire])

    def checked(self) -> list[Fire]:
        """What waits until it is known what came before."""
        return [fire.fire for fire in self._fires.ledger if fire.state is State.CHECKED]

    def begin(self, *fires: Fire) -> None:
        """Check fires, and fire those that may be."""
        for prepared in self._fires.prepare(*fires):
            assert self.overlap.concerns(prepared.fire)
            self.check(prepared)

    async def fire(self, *fires: Fire) -> list[str]:
        """What becomes of fires."""
        self.begin(*fires)
        await until(lambda: all(each.due in self.told() for each in fires))
        return [self.told()[each.due] for each in fires]

    def told(self) -> dict[int, str]:
        """What became of fires so far, by the instants at which they were due."""
        skipped = {each.due: each.state for each in self.records.recent()}
        return {**skipped, **{each.due: each.outcome for each in self._fires.outcomes}}


@asynccontextmanager
async def watchful(connection: Connection, clock: Callable[[], int] = time.time_ns) -> AsyncIterator[Watchful]:
    """Fires that look at what came before them, on queue EMAIL."""
    await make_queue(connection)
    async with firing(connection) as fires:
        made = Watchful(connection, fires, clock)
        yield made
        made.looks.clear()
        made.overlap.stop()


@pytest.fixture(autouse=True)
def last_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test begins in one minute and ends in another."""
    monkeypatch.setattr(sys.modules[__name__], "LAST_MINUTE", time.time_ns() // MINUTE * MINUTE)


def due(ago: int = 0) -> int:
    """The last full minute, or one so many before it."""
    return LAST_MINUTE - ago * MINUTE


def minutely(ago: int = 0, **fields: Any) -> Fire:
    """A fire at the last full minute, or one so many before it, of a schedule that skips overlaps."""
    return fire(**{"schedule": "* * * * *", "due": due(ago), "managed": SKIP, **fields})


async def left(connection: Connection, made: Fire, state: str) -> None:
    """Have an earlier leader have fired, and a worker left the task in this state."""
    task = task_for_fire(made.task, made.due)
    await handle(connection, task, encode_task(replace(task, state=state)))


@pytest.mark.parametrize("state", ["new", "active", "retry", "blocked"])
async def test_it_is_skipped_while_the_previous_task_may_be_handled(server: NatsServer, state: str) -> None:
    async with connect(context_for_server(server.url)) as connection, watchful(connection) as made:
        await left(connection, minutely(1), state)
        assert await made.fire(minutely()) == ["skipped"]
        assert await counts(connection, TASKS_STREAM) == (1, 1)
        (record,) = made.records.recent()
        assert record.detail == f"the task {task_for_fire(minutely(1).task, due(1)).id} is not finished"


@pytest.mark.parametrize("state", ["complete", "expired", "terminated", "queue_error", "unreachable"])
async def test_it_fires_once_the_previous_task_is_finished(server: NatsServer, state: str) -> None:
    async with connect(context_for_server(server.url)) as connection, watchful(connection) as made:
        await left(connection, minutely(1), state)
        assert await made.fire(minutely()) == ["created"]


async def test_it_fires_where_there_was_no_task_or_none_that_can_be_read(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection, watchful(connection) as made:
        assert await made.fire(minutely(5)) == ["created"]
        await connection.request(f"CHORIA_AJ.T.{task_for_fire(minutely().task, due(1)).id}", b"{")
        made.overlap._made.clear()
        assert await made.fire(minutely()) == ["created"]


async def test_without_memory_it_looks_beyond_fires_that_were_skipped_themselves(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection, watchful(connection) as made:
        await left(connection, minutely(40), "active")
        await left(connection, minutely(41), "complete")
        assert await made.fire(minutely()) == ["skipped"]


async def test_the_previous_fire_of_a_sparse_schedule_may_be_years_ago(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection, watchful(connection) as made:
        year = 1_767_225_600 * SECOND  # 2026, and before it 2025
        new_year = fire(schedule="@yearly", due=year, managed=SKIP)
        await left(connection, replace(new_year, due=year - 365 * 24 * 60 * MINUTE), "active")
        assert await made.fire(new_year) == ["skipped"]


@pytest.mark.parametrize("schedule", ["@yearly", "@every 2000h", "0 0 1 1,4,7,10 *", "0 0 29 2 *"])
async def test_a_sparse_schedule_without_any_task_before_fires(server: NatsServer, schedule: str) -> None:
    async with connect(context_for_server(server.url)) as connection, watchful(connection) as made:
        assert await made.fire(fire(schedule=schedule, due=due(), managed=SKIP)) == ["created"]


async def test_a_mistake_of_ours_at_one_fire_does_not_hold_up_the_next(
    server: NatsServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    mistakes = iter([ValueError("a mistake")])

    def mistaken(name: str, instant: int) -> str:
        if mistake := next(mistakes, None):
            raise mistake
        return fire_task_id(name, instant)

    async with connect(context_for_server(server.url)) as connection, watchful(connection) as made:
        await left(connection, minutely(2), "complete")
        monkeypatch.setattr(overlap, "fire_task_id", mistaken)
        first, second = await made.fire(minutely(1), minutely(0))
        assert (first, second) == ("missed", "created")
    assert "Cannot see whether the previous task of" in caplog.text


async def test_of_several_fires_at_once_the_first_makes_a_task_and_the_others_are_skipped(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection, watchful(connection) as made:
        assert await made.fire(*(minutely(ago) for ago in (5, 4, 3, 2, 1, 0))) == ["created", *["skipped"] * 5]
        assert await counts(connection, TASKS_STREAM) == (1, 1)


async def test_of_several_fires_at_once_one_whose_task_is_there_and_finished_holds_up_none(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection, watchful(connection) as made:
        await left(connection, minutely(2), "complete")
        states = await made.fire(minutely(2), minutely(1), minutely(0))
        assert states[0] in ("exists", "repaired")
        assert states[1:] == ["created", "skipped"]


async def test_other_schedules_do_not_wait(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection, watchful(connection) as made:
        others = [minutely(name=f"S{number}") for number in range(50)]
        made.begin(*others)
        await until(lambda: len(made._fires.outcomes) == 50)
        assert set(made._fires.states().values()) == {"created"}


async def test_what_it_made_is_remembered_through_a_change_of_the_schedule(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection, watchful(connection) as made:
        assert await made.fire(minutely(3)) == ["created"]
        assert await made.fire(minutely(0, schedule="0 * * * *", since=due(2))) == ["skipped"]


@pytest.mark.parametrize("newer", [0, -120])
async def test_the_task_made_last_is_what_counts_also_where_a_newer_fire_was_made_before_it(
    server: NatsServer, newer: int
) -> None:
    """Catch-up makes good what is older than the newest fire, and so does a clock that was ahead and is set right."""
    async with connect(context_for_server(server.url)) as connection, watchful(connection) as made:
        assert await made.fire(minutely(newer)) == ["created"]
        await left(connection, minutely(newer), "complete")
        assert await made.fire(minutely(9)) == ["created"]
        assert await made.fire(minutely(8)) == ["skipped"]
        assert await made.fire(minutely(7), minutely(6)) == ["skipped", "skipped"]
        await left(connection, minutely(9), "complete")
        assert await made.fire(minutely(5)) == ["created"]


async def test_another_term_looks_at_what_others_made_since(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection, watchful(connection) as made:
        assert await made.fire(minutely(3)) == ["created"]
        await left(connection, minutely(3), "complete")
        await left(connection, minutely(1), "active")
        made.new_term()
        assert await made.fire(minutely()) == ["skipped"]


async def test_it_waits_for_a_server_that_is_away(server: NatsServer, caplog: pytest.LogCaptureFixture) -> None:
    async with (
        connect(context_for_server(server.url), reconnect_timeout=None) as connection,
        watchful(connection) as made,
    ):
        await left(connection, minutely(1), "complete")
        await asyncio.to_thread(server.stop)
        made.begin(minutely())
        assert [each.due for each in made.checked()] == [due()]
        await asyncio.to_thread(server.start)
        await until(lambda: made.told() == {due(): "created"})
        assert made.checked() == []


async def test_it_is_missed_when_it_cannot_be_seen_in_time_what_came_before(server: NatsServer) -> None:
    ahead = 0
    async with (
        connect(context_for_server(server.url)) as connection,
        watchful(connection, lambda: time.time_ns() + ahead) as made,
    ):
        await connection.jetstream_request(f"STREAM.DELETE.{TASKS_STREAM}")
        made.begin(minutely(deadline=600 * SECOND), minutely(name="B"))
        ahead = 700 * SECOND
        await until(lambda: [each.name for each in made.records.recent()] == ["A"])
        ahead = 5000 * SECOND
        await until(lambda: [each.name for each in made.records.recent()] == ["B", "A"])
        assert {each.state for each in made.records.recent()} == {"missed"}


async def test_what_waits_for_a_look_ahead_that_nobody_answers_is_missed_too(server: NatsServer) -> None:
    ahead = 0
    async with (
        connect(context_for_server(server.url)) as connection,
        watchful(connection, lambda: time.time_ns() + ahead) as made,
    ):
        await connection.jetstream_request(f"STREAM.DELETE.{TASKS_STREAM}")
        timely = [minutely(ago, deadline=600 * SECOND) for ago in (2, 1, 0)]
        patient = [minutely(ago, name="B") for ago in (2, 1, 0)]
        for each in (timely[0], patient[0]):
            made.overlap.look_ahead(each)
        made.begin(*timely, *patient[:2])
        assert len(made.checked()) == 5
        ahead = 1000 * SECOND
        await until(lambda: [each.name for each in made.records.recent()] == ["A"] * 3)
        assert made.checked() == patient[:2]
        ahead = 4000 * SECOND
        made.begin(patient[2])
        ahead = 5000 * SECOND
        await until(lambda: len(made.records.recent()) == 5)
        assert {each.state for each in made.records.recent()} == {"missed"}
        assert made.checked() == patient[2:]
        await make_stream(connection, TASKS_STREAM)
        await until(lambda: [each.fire for each in made._fires.outcomes] == patient[2:])
        await until(lambda: not made.overlap._lines)
        assert made.checked() == []


async def test_how_long_it_waits_for_the_fire_before_it_does_not_count(server: NatsServer) -> None:
    """Only how long it is asked in vain: else fires behind one that takes an hour had no time to be looked at."""
    ahead = 0
    async with (
        connect(context_for_server(server.url)) as connection,
        watchful(connection, lambda: time.time_ns() + ahead) as made,
    ):
        made._fires.deaf = lambda _token: True
        made.begin(minutely(1), minutely())
        await until(lambda: [each.due for each in made.started] == [due(1)])
        await connection.jetstream_request(f"STREAM.DELETE.{TASKS_STREAM}")
        ahead = 5000 * SECOND
        made._fires.deaf = lambda _token: False
        (first,) = made.started
        assert first.on_settled is not None
        first.on_settled(State.CREATED)
        rounds, give_up = 0, made.looks.on_tick

        def counted() -> None:
            nonlocal rounds
            give_up()
            rounds += 1

        made.looks.on_tick = counted
        await until(lambda: rounds > 1)
        await make_stream(connection, TASKS_STREAM)
        await until(lambda: made.told() == {due(): "created"})


async def test_what_is_abandoned_is_returned_and_not_fired(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection, watchful(connection) as made:
        begun = [minutely(2), minutely(1), minutely(name="B")]
        made.begin(*begun)
        assert made._fires.abandon() == begun
        made.looks.clear()
        made.overlap.stop()
        await connection.client.flush()
        assert made.checked() == []
        assert await counts(connection, TASKS_STREAM) == (0, 0)
        assert made.told() == {}


class Asked:
    """Counts what is asked of the server, and how much of it at once."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.looks = 0
        self.at_once = 0
        send = Looks._send

        def counted(looks: Looks, look: Look) -> None:
            send(looks, look)
            self.looks += 1
            self.at_once = max(self.at_once, len(looks._sent))

        monkeypatch.setattr(Looks, "_send", counted)


async def test_what_was_finished_seconds_before_is_not_asked_for_at_the_instant(
    server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Asked(monkeypatch)
    async with connect(context_for_server(server.url)) as connection, watchful(connection) as made:
        others = [minutely(name=f"S{number}") for number in range(300)]
        for each in others:
            await left(connection, replace(each, due=due(1)), "complete")
        prepared = made._fires.prepare(*others)
        for ahead in others:
            made.overlap.look_ahead(ahead)
        await until(lambda: not made.overlap._lines)
        assert (asked.looks, asked.at_once) == (300, WINDOW)
        for ready in prepared:
            made.check(ready)
        assert [each.name for each in made.started] == [each.task.name for each in others]
        assert asked.looks == 300


async def test_what_was_not_finished_seconds_before_is_asked_for_once_more(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection, watchful(connection) as made:
        await left(connection, minutely(1), "active")
        await left(connection, minutely(1, name="B"), "active")
        both = [minutely(), minutely(name="B")]
        for each in both:
            made.overlap.look_ahead(each)
        await until(lambda: not made.overlap._lines)
        assert made.checked() == []
        await left(connection, minutely(1), "complete")
        made.begin(*both)
        await until(lambda: made._fires.states() == {"A": "created"} and len(made.records.recent()) == 1)
        assert [(each.name, each.state) for each in made.records.recent()] == [("B", "skipped")]


async def test_many_at_once_are_looked_at_in_a_window(server: NatsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked(monkeypatch)
    async with connect(context_for_server(server.url)) as connection, watchful(connection) as made:
        others = [minutely(name=f"S{number}") for number in range(300)]
        for each in others:
            await left(connection, replace(each, due=due(1)), "active")
        made.begin(*others)
        await until(lambda: len(made.checked()) == 0)
        assert not made._fires.outcomes
        assert asked.at_once == WINDOW


async def test_of_schedules_without_any_task_none_is_asked_for_one_by_one(
    server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Asked(monkeypatch)
    async with connect(context_for_server(server.url)) as connection, watchful(connection) as made:
        await left(connection, minutely(200, name="OLDER"), "active")
        await left(connection, minutely(7, name="S7"), "active")
        made.begin(*(minutely(name=f"S{number}") for number in range(200)))
        await until(lambda: len(made._fires.outcomes) == 199 and len(made.checked()) == 0)
        assert [each.name for each in made.records.recent()] == ["S7"]
        assert asked.looks < 10


async def test_where_there_are_too_many_tasks_to_list_it_looks_back_to_when_the_schedule_was_created(
    server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overlap, "_WORTH", 0)
    asked = Asked(monkeypatch)
    async with connect(context_for_server(server.url)) as connection, watchful(connection) as made:
        await left(connection, minutely(5), "active")
        assert await made.fire(minutely(0, name="B", created_at=due(3))) == ["created"]
        assert asked.looks == 2
        assert await made.fire(minutely(0, created_at=due(3))) == ["created"]
        made.new_term()
        assert await made.fire(minutely(0, created_at=due(9), due=due() + SECOND)) == ["skipped"]


async def test_it_is_known_which_tasks_there_were(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection, watchful(connection) as made:
        empty = await list_tasks(connection, lambda: 10)
        assert isinstance(empty, KnownTasks)
        assert not empty
        await left(connection, minutely(1), "active")
        known = await list_tasks(connection, lambda: 10)
        assert isinstance(known, KnownTasks)
        assert fire_task_id("A", due(1)) in known
        assert known.may_hold_any(due(1))
        assert not known.may_hold_any(due(2))
        assert fire_task_id("A", due(2)) not in known
        assert await list_tasks(connection, lambda: 0) == 1
        await connection.jetstream_request(f"STREAM.DELETE.{TASKS_STREAM}")
        assert await list_tasks(connection, lambda: 10) == TOO_MANY
        assert made.checked() == []
