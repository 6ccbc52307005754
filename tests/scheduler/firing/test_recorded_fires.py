"""Fires publish what those of a Go scheduler were recorded to publish, and what a Go worker was recorded to handle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from ajsync.asyncjobs import events
from ajsync.asyncjobs.due import times_of
from ajsync.asyncjobs.events import task_state_event
from ajsync.asyncjobs.model import decode_scheduled_task
from ajsync.asyncjobs.names import SCHEDULE_SUBJECT
from ajsync.asyncjobs.signing import Signer
from ajsync.asyncjobs.tasks import StoredTask, decode_task
from ajsync.scheduler.agenda.agenda import AgendaEntry, Fire
from ajsync.scheduler.firing.prepare import Preparer
from ajsync.timestamp import NANOSECONDS, parse_timestamp
from ajsync.transport.connection import connect
from ajsync.transport.context import context_for_server
from tests.messages import Message, hear
from tests.nats_server import NatsServer
from tests.recorded import normal, recorded, without
from tests.scheduler.fires import firing, make_queue
from tests.waiting import until

pytestmark = pytest.mark.anyio

DUE = 1_795_442_993_000_000_000
SCHEDULER: dict[str, Any] = recorded("scheduler.json")
ACCEPTED: dict[str, Any] = recorded("accepted.json")
ONLY_OURS = "Nats-Msg-Id"
"""A header of the tasks of ajsync: the server then knows a task that is sent again."""


HEARD = ("CHORIA_AJ.T.*", "CHORIA_AJ.E.>", "CHORIA_AJ.Q.EMAIL.>")
"""Not the items of other queues: a queue with a listener would not seem to be missing."""


def fire_of(value: Mapping[str, Any], due: int = DUE) -> Fire:
    """A fire of a schedule with this value in the bucket."""
    scheduled = decode_scheduled_task(value["name"], json.dumps(value).encode())
    return Fire(due, AgendaEntry(scheduled, times_of(scheduled), 0))


def wrote(task_type: str) -> dict[str, Any]:
    """The schedule that the Go scheduler fired with tasks of this type."""
    return next(step["wrote"] for step in SCHEDULER["steps"] if step["wrote"].get("task_type") == task_type)


def published(messages: list[Message]) -> list[dict[str, Any]]:
    """Messages as they were recorded: without the header that only tasks of ajsync have."""
    return [
        without(message, ONLY_OURS) if message["subject"].startswith("CHORIA_AJ.T.") else message
        for message in normal(messages)
    ]


async def test_a_fire_publishes_what_that_of_a_go_scheduler_publishes(server: NatsServer) -> None:
    wanted = SCHEDULER["fire"]
    async with connect(context_for_server(server.url)) as connection, firing(connection) as fires:
        messages = await hear(connection.client, *HEARD)
        await make_queue(connection)
        fires.preparer = Preparer(fires.inbox, ajc_payloads=True)
        await fires.fire(fire_of(wrote(json.loads(wanted[0]["data"])["type"])))
        await until(lambda: len(messages) == len(wanted), lambda: messages)
        assert published(messages) == wanted


async def test_a_fire_without_a_queue_publishes_what_that_of_a_go_scheduler_publishes(server: NatsServer) -> None:
    wanted = recorded("scheduler.json")["fire_without_queue"]
    async with connect(context_for_server(server.url)) as connection, firing(connection) as fires:
        messages = await hear(connection.client, *HEARD)
        fires.preparer = Preparer(fires.inbox, ajc_payloads=True)
        await fires.fire(fire_of(wrote(json.loads(wanted[0]["data"])["type"])))
        await until(lambda: len(messages) == len(wanted), lambda: messages)
        # The task is stored again in the place of its first message, whose sequence is not that of the recording.
        expected = "Nats-Expected-Last-Subject-Sequence"
        assert messages[2].headers[expected] == "1"
        wanted[2]["headers"][expected] = "1"
        assert published(messages) == wanted


def accepted_fire() -> tuple[StoredTask, list[Message]]:
    """The task of ajsync that a Go worker handled, and what was published of it until then."""
    messages = [Message(**message) for message in ACCEPTED["fire"]]
    return decode_task(messages[0].data.encode()), messages


async def test_a_signed_fire_publishes_what_a_go_worker_verified_and_handled(server: NatsServer) -> None:
    task, wanted = accepted_fire()
    (applied,) = [each for each in ACCEPTED["applied"] if each["subject"] == f"{SCHEDULE_SUBJECT}TICK"]
    value = json.loads(applied["data"].replace("MOMENT", "2026-11-23T14:09:53Z"))
    signer = Signer(bytes.fromhex(recorded("signed.json")["seed_hex"]))
    async with (
        connect(context_for_server(server.url)) as connection,
        firing(connection, clock=lambda: task.created + 1) as fires,  # its deadline has long passed
    ):
        messages = await hear(connection.client, *HEARD)
        await make_queue(connection)
        fires.preparer = Preparer(fires.inbox, signer.sign)
        await fires.fire(fire_of(value, task.created))
        await until(lambda: len(messages) == len(wanted), lambda: messages)
        # Task and work item depend on nothing but the schedule and its instant, the event on the clock too.
        assert [messages[0], messages[2]] == [wanted[0], wanted[2]]
        assert normal(messages) == normal(wanted)


def test_its_worker_has_completed_it() -> None:
    assert ACCEPTED["became"] == {
        **{"state": "complete", "tries": 1, "max_tries": 3, "type": "email:tick", "queue": "EMAIL"}
    }


def test_its_event_was_the_one_of_its_task(monkeypatch: pytest.MonkeyPatch) -> None:
    task, (_, event, _) = accepted_fire()
    value = json.loads(event.data)
    monkeypatch.setattr(events, "new_id", lambda _seconds: value["event_id"])
    seconds = parse_timestamp(value["timestamp"]) // NANOSECONDS
    assert task_state_event(task, seconds, value["task_age"]).decode() == event.data
