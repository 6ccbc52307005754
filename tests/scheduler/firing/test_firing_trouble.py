"""Whatever the server refuses, forgets or fails to answer: each fire is stored once, or is said to be missed."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from dataclasses import replace

import pytest

from ajsync.asyncjobs.names import TASKS_STREAM
from ajsync.asyncjobs.tasks import QUEUE_ERROR, decode_task, encode_task
from ajsync.timestamp import NANOSECONDS as SECOND
from ajsync.timestamp import format_timestamp
from ajsync.transport.connection import connect
from ajsync.transport.context import context_for_server
from ajsync.transport.window import WINDOW
from tests.conftest import StartServer
from tests.nats_server import NatsServer
from tests.scheduler.fires import change_stream, counts, fire, firing, handle, make_queue, stored
from tests.scheduler.log import fields
from tests.waiting import until

pytestmark = pytest.mark.anyio

EMAIL_STREAM = "CHORIA_AJ_Q_EMAIL"
GO_ERROR = "nats: no responders available for request"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence is taken for a loss at once."""
    monkeypatch.setattr("ajsync.scheduler.firing.dispatcher.ACK_SECONDS", 0.1)


class Losing:
    """Loses so many acks of each fire and kind."""

    def __init__(self, kind: str, count: int = 1) -> None:
        self.lost: dict[str, int] = {}
        self._kind = kind
        self._count = count

    def __call__(self, token: str) -> bool:
        if token.split(".")[0] != self._kind or self.lost.get(token, 0) >= self._count:
            return False
        self.lost[token] = self.lost.get(token, 0) + 1
        return True


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("kind", ["t", "i"])
async def test_a_lost_ack_makes_nothing_twice_and_the_fire_counts_as_made(server: NatsServer, kind: str) -> None:
    async with connect(context_for_server(server.url)) as connection, firing(connection) as fires:
        await make_queue(connection)
        events = await connection.client.subscribe("CHORIA_AJ.E.task_state.*")
        fires.deaf = Losing(kind)
        outcomes = await fires.fire(*(fire(f"S{number}") for number in range(50)))
        assert {(outcome.outcome, outcome.made) for outcome in outcomes} == {("created", True)}
        assert await counts(connection, TASKS_STREAM) == (50, 50)
        assert await counts(connection, EMAIL_STREAM) == (50, 50)
        assert fires.retries >= 50
        await connection.client.flush()
        assert events.pending_msgs == 50


@pytest.mark.usefixtures("impatient")
async def test_a_work_item_whose_ack_was_lost_long_ago_is_sent_again_only_if_nobody_has_handled_the_task(
    server: NatsServer,
) -> None:
    async with connect(context_for_server(server.url)) as connection, firing(connection) as fires:
        await make_queue(connection)
        fires.deaf = Losing("i", 10**6)
        due = time.time_ns() - 200 * SECOND
        fires.start(fires.prepare(fire("HANDLED", due=due), fire("NEW", due=due)))
        await until(lambda: len(fires._sent) == 0 and len(fires._later) == 2)
        await connection.jetstream_request(f"STREAM.PURGE.{EMAIL_STREAM}")
        flights = {flight.name: flight.prepared for flight in fires.ledger}
        done = replace(flights["HANDLED"].task, state="terminated")
        await handle(connection, done, encode_task(done))
        fires.deaf = Losing("i", 0)
        await until(lambda: len(fires.outcomes) == 2)
        assert fires.states() == {"HANDLED": "created", "NEW": "created"}
        # The queue still recognises the other one by its id.
        assert await counts(connection, EMAIL_STREAM) == (0, 2)


async def test_a_missing_queue_marks_the_task_as_the_go_tool_does_and_says_so_once_more(
    server: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with connect(context_for_server(server.url)) as connection, firing(connection) as fires:
        events = await connection.client.subscribe("CHORIA_AJ.E.task_state.*")
        (outcome,) = await fires.fire(fire("REPORT", queue="NOPE", payload=b"x"))
        assert (outcome.outcome, outcome.made, outcome.detail) == ("queue_error", True, GO_ERROR)
        task = outcome.prepared.task
        found = decode_task((await stored(connection, TASKS_STREAM, f"CHORIA_AJ.T.{task.id}")).data)
        assert found == replace(task, state=QUEUE_ERROR, last_err=GO_ERROR)
        first, second = [json.loads((await events.next_msg(5)).data) for _ in range(2)]
        assert (first["state"], second["state"]) == ("new", "queue_error")
        assert second["last_error"] == GO_ERROR
        assert second["event_id"] != first["event_id"]
        assert second["task_age"] > first["task_age"]
        (told,) = (record for record in caplog.records if record.levelname == "ERROR")
        assert told.getMessage() == "The queue NOPE does not exist: no worker gets the task of REPORT"
        due = format_timestamp(outcome.due)
        made = {"task_type": "email:new", "task_id": task.id, "due": due}
        assert fields(told) == {"schedule": "REPORT", "queue": "NOPE", **made}


async def test_a_missing_queue_is_tried_again_at_the_next_fire_only(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection, firing(connection) as fires:
        now = time.time_ns()
        (failed,) = await fires.fire(fire(due=now))
        assert (failed.outcome, len(fires.ledger), fires.retries) == ("queue_error", 0, 0)
        await make_queue(connection)
        (later,) = await fires.fire(fire(due=now + SECOND))
        assert later.outcome == "created"
        assert await counts(connection, EMAIL_STREAM) == (1, 1)


async def test_two_leaders_that_find_no_queue_mark_the_task_once(server: NatsServer) -> None:
    async with (
        connect(context_for_server(server.url)) as connection,
        connect(context_for_server(server.url)) as other,
        firing(connection) as one,
        firing(other) as two,
    ):
        fires = [fire(f"S{number}") for number in range(100)]
        await asyncio.gather(one.fire(*fires), two.fire(*fires))
        assert {*one.states().values(), *two.states().values()} == {"queue_error"}
        assert await counts(connection, TASKS_STREAM) == (100, 200)


@pytest.mark.usefixtures("impatient")
async def test_a_mark_whose_ack_was_lost_settles_when_it_is_found(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection, firing(connection) as fires:
        fires.deaf = Losing("f")
        (outcome,) = await fires.fire(fire())
        assert outcome.outcome == "queue_error"
        assert await counts(connection, TASKS_STREAM) == (1, 2)


async def test_a_handled_task_is_not_marked_when_its_queue_is_missing(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection, firing(connection) as fires:
        for age in (0, 200 * SECOND):
            each = fire(due=time.time_ns() - age)
            (prepared,) = fires.prepare(each)
            handled = encode_task(replace(prepared.task, state="active", tries=1))
            await handle(connection, prepared.task, handled)
            (outcome,) = await fires.fire(each)
            assert outcome.outcome == ("exists" if age else "queue_error")
            assert (await stored(connection, TASKS_STREAM, f"CHORIA_AJ.T.{prepared.task.id}")).data == handled


async def test_a_full_queue_is_tried_until_there_is_room_and_blocks_no_other(
    server: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with connect(context_for_server(server.url)) as connection, firing(connection) as fires:
        await make_queue(connection, max_bytes=2000)
        await make_queue(connection, "OTHER")
        many = WINDOW + 500
        full = [fire(f"FULL{number}") for number in range(many)]
        fires.start(fires.prepare(*full, *(fire(f"S{number}", queue="OTHER") for number in range(20))))
        await until(lambda: sum(name[0] == "S" for name in fires.states()) == 20)
        assert len(fires.ledger) > WINDOW
        assert any(
            message.startswith("Work items of the queue EMAIL are not stored: maximum bytes exceeded")
            for message in caplog.messages
        )
        assert len(caplog.messages) < 5
        await change_stream(connection, EMAIL_STREAM, max_bytes=-1)
        await until(lambda: len(fires.outcomes) == many + 20)
        assert set(fires.states().values()) == {"created"}
        assert await counts(connection, EMAIL_STREAM) == (many, many)
        assert await counts(connection, TASKS_STREAM) == (many + 20, many + 20)


async def test_full_tasks_are_tried_until_there_is_room(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection, firing(connection) as fires:
        await make_queue(connection)
        await change_stream(connection, TASKS_STREAM, discard="new", max_bytes=2000)
        fires.start(fires.prepare(*(fire(f"S{number}") for number in range(100))))
        await until(lambda: bool(fires.outcomes) and fires.retries > 0)
        held, _ = await counts(connection, TASKS_STREAM)
        assert 0 < held < 100
        await change_stream(connection, TASKS_STREAM, max_bytes=-1)
        await until(lambda: len(fires.outcomes) == 100)
        assert {(outcome.outcome, outcome.made) for outcome in fires.outcomes} == {("created", True)}
        assert await counts(connection, TASKS_STREAM) == (100, 100)
        assert await counts(connection, EMAIL_STREAM) == (100, 100)


@pytest.mark.usefixtures("impatient")
async def test_a_queue_that_we_may_not_write_to_is_tried_until_we_may_and_blocks_no_other(
    start_server: StartServer, caplog: pytest.LogCaptureFixture
) -> None:
    user = "authorization {{ users: [{{user: u, password: p, permissions: {{publish: {{deny: [{}]}}}}}}] }}"
    server = start_server(user.format('"CHORIA_AJ.Q.EMAIL.>"'))
    url = server.url.replace("://", "://u:p@")
    caplog.set_level(logging.ERROR)
    async with connect(context_for_server(url), reconnect_timeout=None) as connection, firing(connection) as fires:
        await make_queue(connection)
        await make_queue(connection, "OTHER")
        many = WINDOW + 200
        denied = [fire(f"NO{number}") for number in range(many)]
        fires.start(fires.prepare(*denied, *(fire(f"S{number}", queue="OTHER") for number in range(20))))
        await until(lambda: sum(name[0] == "S" for name in fires.states()) == 20)
        assert len(fires.ledger) == many
        reason = (
            'Work items of the queue EMAIL are not stored: Permissions Violation for Publish to "CHORIA_AJ.Q.EMAIL.'
        )
        await until(lambda: any(message.startswith(reason) for message in caplog.messages))
        server.extra = user.format('"nothing"')
        await asyncio.to_thread(server.restart)
        await until(lambda: len(fires.outcomes) == many + 20)
        assert set(fires.states().values()) == {"created"}
        assert await counts(connection, EMAIL_STREAM) == (many, many)
        assert await counts(connection, TASKS_STREAM) == (many + 20, many + 20)


async def test_a_restart_in_the_midst_of_thousands_of_fires_loses_none_and_doubles_none(server: NatsServer) -> None:
    async with (
        connect(context_for_server(server.url), reconnect_timeout=None) as connection,
        firing(connection) as fires,
    ):
        await make_queue(connection)
        fires.start(fires.prepare(*(fire(f"S{number}") for number in range(5000))))
        await until(lambda: len(fires.outcomes) > 500)
        await asyncio.to_thread(server.restart)
        assert len(fires.ledger)
        await until(lambda: len(fires.outcomes) >= 5000)
        assert len(fires.ledger) == 0
        assert len({outcome.prepared.task.id for outcome in fires.outcomes}) == len(fires.outcomes) == 5000
        assert {(outcome.outcome, outcome.made) for outcome in fires.outcomes} == {("created", True)}
        assert await counts(connection, TASKS_STREAM) == (5000, 5000)
        assert await counts(connection, EMAIL_STREAM) == (5000, 5000)


async def test_a_fire_whose_deadline_passes_while_it_is_tried_is_missed_and_its_task_says_why(
    server: NatsServer,
) -> None:
    ahead = 0
    async with (
        connect(context_for_server(server.url)) as connection,
        firing(connection, clock=lambda: time.time_ns() + ahead) as fires,
    ):
        await make_queue(connection, max_bytes=1)
        fires.start(fires.prepare(fire("A", deadline=60 * SECOND), fire("B")))
        await until(lambda: fires.retries >= 2)
        ahead = 61 * SECOND
        await until(lambda: len(fires.outcomes) == 1)
        (outcome,) = fires.outcomes
        assert (outcome.name, outcome.outcome, outcome.made) == ("A", "missed", True)
        assert outcome.detail == "it could not be stored in time: maximum bytes exceeded"
        ahead = 3601 * SECOND
        await until(lambda: fires.states() == {"A": "missed", "B": "missed"})
        for each in fires.outcomes:
            subject = f"CHORIA_AJ.T.{each.prepared.task.id}"
            task = decode_task((await stored(connection, TASKS_STREAM, subject)).data)
            assert (task.state, task.last_err) == (QUEUE_ERROR, "maximum bytes exceeded")


async def test_a_fire_whose_deadline_has_passed_is_missed_at_once(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection, firing(connection) as fires:
        await make_queue(connection)
        late = fire("LATE", due=time.time_ns() - 90 * SECOND, deadline=60 * SECOND)
        # What catch-up makes good may be older than the time for which a fire is tried.
        await fires.fire(late, fire("OLD", due=time.time_ns() - 5 * 3600 * SECOND))
        assert fires.states() == {"LATE": "missed", "OLD": "created"}
        assert await counts(connection, TASKS_STREAM) == (1, 1)


async def test_what_is_abandoned_is_returned_and_its_late_acks_do_no_harm(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection, firing(connection) as fires:
        await make_queue(connection)
        begun = [fire(f"S{number}") for number in range(WINDOW + 500)]
        fires.start(fires.prepare(*begun))
        await until(lambda: len(fires.outcomes) > 100)
        left = fires.abandon()
        await until(lambda: len(left) + len(fires.outcomes) == len(begun))
        assert len(fires.ledger) == 0
        outcomes = await fires.fire(*left)
        assert {outcome.outcome for outcome in outcomes} <= {"created", "exists", "repaired"}
        assert await counts(connection, TASKS_STREAM) == (len(begun), len(begun))
        assert await counts(connection, EMAIL_STREAM) == (len(begun), len(begun))
        assert len(fires.outcomes) == len(begun)


async def test_a_look_at_an_old_task_that_ends_after_its_fire_was_abandoned_does_no_harm(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection, firing(connection) as fires:
        await make_queue(connection)
        (prepared,) = fires.prepare(fire(due=time.time_ns() - 200 * SECOND))
        await handle(connection, prepared.task, encode_task(prepared.task))
        answers: list[tuple[str, bytes, bytes]] = []
        hear = fires.looks._take
        fires.looks._take = lambda *answer: answers.append(answer)  # type: ignore[method-assign]  # keeps it back
        fires.start([prepared])
        await until(lambda: bool(answers))
        assert fires.abandon() == [prepared.fire]
        hear(*answers[0])
        await connection.client.flush()
        assert await counts(connection, EMAIL_STREAM) == (0, 0)
        assert fires.outcomes == []


async def test_a_look_at_an_old_task_that_says_nothing_is_taken_again(server: NatsServer) -> None:
    reasons: list[str] = []

    def put_off(_fire: object, reason: str, _again: bool) -> None:
        reasons.append(reason)

    async with (
        connect(context_for_server(server.url)) as connection,
        firing(connection, on_deferred=put_off) as fires,
    ):
        await make_queue(connection)
        (prepared,) = fires.prepare(fire(due=time.time_ns() - 200 * SECOND))
        await handle(connection, prepared.task, b"junk")
        fires.start([prepared])
        await until(lambda: reasons == ["what is stored under its id is not a task"])
        hear = fires.looks._take
        unavailable = b'{"error":{"code":503,"err_code":10008,"description":"unavailable"}}'
        fires.looks._take = lambda token, *_: hear(token, b"", unavailable)  # type: ignore[method-assign]
        await until(lambda: "unavailable" in reasons[-1])
        await handle(connection, prepared.task, encode_task(prepared.task))
        fires.looks._take = hear  # type: ignore[method-assign]
        await until(lambda: fires.states() == {"A": "repaired"})


async def test_draining_waits_for_what_is_under_way_and_not_for_what_is_put_off(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection, firing(connection) as fires:
        await make_queue(connection)
        assert await fires.drain(0.0)
        fires.start(fires.prepare(*(fire(f"S{number}") for number in range(1500))))
        assert await fires.drain(30.0)
        assert len(fires.outcomes) == 1500
        await change_stream(connection, EMAIL_STREAM, max_bytes=1)
        fires.start(fires.prepare(fire("LATE")))
        await until(lambda: fires.retries > 0)
        assert not await fires.drain(30.0)
        fires.deaf = lambda _token: True
        fires.start(fires.prepare(fire("SILENT")))
        assert not await fires.drain(0.05)
