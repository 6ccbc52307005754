"""A fire stores its task and its work item once, as the Go tool would, and tells of it in between."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import replace

import pytest
from nats.aio.msg import Msg

from ajsync.asyncjobs.due import times_of
from ajsync.asyncjobs.model import decode_scheduled_task
from ajsync.asyncjobs.names import TASKS_STREAM
from ajsync.asyncjobs.signing import Signer
from ajsync.asyncjobs.tasks import StoredTask, decode_task, encode_task
from ajsync.scheduler.agenda.agenda import AgendaEntry, Fire
from ajsync.scheduler.firing.prepare import Prepared, Preparer
from ajsync.timestamp import NANOSECONDS as SECOND
from ajsync.transport.connection import Connection, connect
from ajsync.transport.context import context_for_server
from tests.messages import hear
from tests.nats_server import NatsServer
from tests.recorded import recorded, recorded_schedules
from tests.scheduler.fires import counts, fire, firing, handle, make_queue, stored
from tests.tasks import is_signed
from tests.waiting import until

pytestmark = pytest.mark.anyio

RECORDED = recorded("stored.jsonl")
RECORDED_EVENTS = [line["data"] for line in recorded("events.jsonl")]
QUEUE_STREAM = "CHORIA_AJ_Q_EMAIL"


async def task_of(connection: Connection, prepared: Prepared) -> StoredTask:
    return decode_task((await stored(connection, TASKS_STREAM, f"CHORIA_AJ.T.{prepared.task.id}")).data)


async def test_a_fire_stores_its_task_then_tells_of_it_then_stores_its_work_item(server: NatsServer) -> None:
    async with (
        connect(context_for_server(server.url)) as connection,
        firing(connection) as fires,
    ):
        await make_queue(connection)
        seen: list[str] = []

        async def see(msg: Msg) -> None:
            kinds = {f"{fires.inbox}.t": "task's ack", f"{fires.inbox}.i": "work item's ack"}
            seen.append(kinds.get(msg.subject.rpartition(".")[0], msg.subject.rpartition(".")[0]))

        for subject in ("CHORIA_AJ.>", f"{fires.inbox}.>"):
            # On the connection that fires: what is sent after an ack is heard there after that ack.
            await connection.client.subscribe(subject, cb=see)
        await connection.client.flush()
        (outcome,) = await fires.fire(fire())
        assert (outcome.outcome, outcome.made, outcome.detail) == ("created", True, "")
        assert outcome.lateness > 0
        await until(lambda: len(seen) == 5)
        assert [each for each in seen if not each.startswith("work")] == [
            *("CHORIA_AJ.T", "task's ack", "CHORIA_AJ.E.task_state", "CHORIA_AJ.Q.EMAIL")
        ]
        assert seen.index("work item's ack") > seen.index("CHORIA_AJ.E.task_state")


async def test_what_is_stored_is_byte_for_byte_what_the_go_tool_stores(server: NatsServer) -> None:
    scheduled = decode_scheduled_task("tick", recorded_schedules()["tick"])
    wanted = [each for each in RECORDED if each["stream"] == TASKS_STREAM and "IkltaGxiR3h2SWc9PSI=" in each["data"]]
    async with connect(context_for_server(server.url)) as connection, firing(connection) as fires:
        await make_queue(connection)
        fires.preparer = Preparer(fires.inbox, ajc_payloads=True)
        entry_of = AgendaEntry(scheduled, times_of(scheduled), 0)
        for line in wanted:
            theirs = decode_task(line["data"].encode())
            (outcome,) = await fires.fire(Fire(theirs.created, entry_of))
            ours = outcome.prepared.task.id
            task = await stored(connection, TASKS_STREAM, f"CHORIA_AJ.T.{ours}")
            assert task.data.decode().replace(ours, theirs.id) == line["data"]
            assert task.headers == {**line["headers"], "Nats-Msg-Id": ours}
            item = await stored(connection, QUEUE_STREAM, f"CHORIA_AJ.Q.EMAIL.{ours}")
            recorded_item = next(each for each in RECORDED if each["subject"] == f"CHORIA_AJ.Q.EMAIL.{theirs.id}")
            assert item.data.decode().replace(ours, theirs.id) == recorded_item["data"]
            assert {key: value.replace(ours, theirs.id) for key, value in item.headers.items()} == recorded_item[
                "headers"
            ]


async def test_the_event_has_the_members_of_the_go_tools_in_their_order(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection, firing(connection) as fires:
        await make_queue(connection)
        events = await connection.client.subscribe("CHORIA_AJ.E.task_state.*")
        before = time.time_ns()
        (outcome,) = await fires.fire(fire(due=before - 3 * SECOND, task_type="email:tick"))
        event = json.loads((await events.next_msg(5)).data)
        wanted = json.loads(RECORDED_EVENTS[1])
        assert list(event) == list(wanted)
        for member in ("type", "state", "tries", "queue", "task_type"):
            assert event[member] == wanted[member]
        assert event["task_id"] == outcome.prepared.task.id
        assert event["task_age"] == outcome.lateness >= 3 * SECOND


async def test_a_payload_is_delivered_as_it_is_stored_unless_wrapped_as_the_go_tool_does(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection, firing(connection) as fires:
        await make_queue(connection)
        plain, none = await fires.fire(fire("A", payload=b"\x00\xff"), fire("B"))
        assert (await task_of(connection, plain.prepared)).payload == b"\x00\xff"
        assert (await task_of(connection, none.prepared)).payload is None
        fires.preparer = Preparer(fires.inbox, ajc_payloads=True)
        fires.preparer._serial = 10  # answers to the fires before must not fit these
        wrapped, null = await fires.fire(fire("C", payload=b"hello"), fire("D"))
        assert (await task_of(connection, wrapped.prepared)).payload == b'"aGVsbG8="'
        assert (await task_of(connection, null.prepared)).payload == b"null"


async def test_a_signed_fire_has_a_signature_that_workers_accept(server: NatsServer) -> None:
    golden = recorded("signed.json")
    signer, public = Signer(bytes.fromhex(golden["seed_hex"])), golden["public_hex"]
    async with connect(context_for_server(server.url)) as connection, firing(connection) as fires:
        await make_queue(connection)
        fires.preparer = Preparer(fires.inbox, signer.sign)
        (outcome,) = await fires.fire(fire(payload=b"hello", deadline=90 * SECOND))
        task = await task_of(connection, outcome.prepared)
        assert is_signed(task, public)
        assert not is_signed(replace(task, payload=b"other"), public)


async def test_two_leaders_that_fire_the_same_make_one_task_and_one_work_item_of_each(server: NatsServer) -> None:
    async with (
        connect(context_for_server(server.url)) as connection,
        connect(context_for_server(server.url)) as other,
        firing(connection) as one,
        firing(other) as two,
    ):
        await make_queue(connection)
        events = await hear(connection.client, "CHORIA_AJ.E.task_state.*")
        due = time.time_ns()
        fires = [fire(f"S{number}", due=due) for number in range(500)]
        await asyncio.gather(one.fire(*fires), two.fire(*reversed(fires)))
        assert await counts(connection, TASKS_STREAM) == (500, 500)
        assert await counts(connection, QUEUE_STREAM) == (500, 500)
        for name, state in one.states().items():
            # Whoever stored the task may find that the other was faster with the work item.
            assert {state, two.states()[name]} in ({"created", "exists"}, {"created", "repaired"})
        await until(lambda: len(events) == 500)
        assert len({event.subject for event in events}) == 500


async def test_a_task_whose_work_item_is_missing_gets_it(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection, firing(connection) as fires:
        await make_queue(connection)
        half = fire()
        (prepared,) = fires.prepare(half)
        await handle(connection, prepared.task, encode_task(prepared.task))
        (outcome,) = await fires.fire(half)
        assert (outcome.outcome, outcome.made, outcome.lateness) == ("repaired", False, 0)
        assert await counts(connection, TASKS_STREAM) == (1, 1)
        item = await stored(connection, QUEUE_STREAM, f"CHORIA_AJ.Q.EMAIL.{prepared.task.id}")
        assert json.loads(item.data) == {"kind": 0, "job": prepared.task.id}
        (again,) = await fires.fire(half)
        assert again.outcome == "exists"
        assert await counts(connection, QUEUE_STREAM) == (1, 1)


@pytest.mark.parametrize("state", ["complete", "terminated", "active", "queue_error"])
async def test_an_old_task_that_was_handled_is_neither_written_nor_enqueued_again(
    server: NatsServer, state: str
) -> None:
    async with connect(context_for_server(server.url)) as connection, firing(connection) as fires:
        await make_queue(connection)
        old = fire(due=time.time_ns() - 200 * SECOND)
        (prepared,) = fires.prepare(old)
        handled = encode_task(replace(prepared.task, state=state, tries=1))
        await handle(connection, prepared.task, handled)
        (outcome,) = await fires.fire(old)
        assert outcome.outcome == "exists"
        assert (await stored(connection, TASKS_STREAM, f"CHORIA_AJ.T.{prepared.task.id}")).data == handled
        assert await counts(connection, QUEUE_STREAM) == (0, 0)


async def test_an_old_task_that_nobody_has_handled_gets_its_work_item(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection, firing(connection) as fires:
        await make_queue(connection)
        old = fire(due=time.time_ns() - 200 * SECOND)
        (prepared,) = fires.prepare(old)
        await handle(connection, prepared.task, encode_task(prepared.task))
        (outcome,) = await fires.fire(old)
        assert outcome.outcome == "repaired"
        assert await counts(connection, QUEUE_STREAM) == (1, 1)


async def test_thousands_of_fires_at_once_all_settle(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection, firing(connection) as fires:
        await make_queue(connection)
        outcomes = await fires.fire(*(fire(f"S{number}") for number in range(3000)))
        assert {outcome.outcome for outcome in outcomes} == {"created"}
        assert len({outcome.prepared.task.id for outcome in outcomes}) == 3000
        assert await counts(connection, TASKS_STREAM) == (3000, 3000)
        assert await counts(connection, QUEUE_STREAM) == (3000, 3000)
        assert (len(fires.ledger), fires.retries) == (0, 0)
