"""The look on a real server: what a Go scheduler has fired, what one of ours has, and what nobody has."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import replace
from typing import Any

import pytest

from ajsync.asyncjobs.go_json import encode_bytes
from ajsync.asyncjobs.ids import new_id
from ajsync.asyncjobs.model import Managed, decode_scheduled_task
from ajsync.asyncjobs.names import SCHEDULE_SUBJECT, TASK_SUBJECT, TASKS_STREAM
from ajsync.asyncjobs.past_tasks import PastTasks, task_kind
from ajsync.asyncjobs.streams import make_stream
from ajsync.asyncjobs.task_store import task_write
from ajsync.asyncjobs.task_walk import read_past_tasks
from ajsync.asyncjobs.tasks import StoredTask, decode_task, task_for_fire
from ajsync.scheduler.agenda.agenda import Agenda
from ajsync.scheduler.unseen import look as look_module
from ajsync.scheduler.unseen.look import Findings, UnseenLook, go_kind
from ajsync.scheduler.unseen.traces import Trace
from ajsync.timestamp import NANOSECONDS as SECOND
from ajsync.timestamp import parse_timestamp
from ajsync.transport.connection import Connection, connect
from ajsync.transport.context import context_for_server
from ajsync.transport.publisher import publish_one
from tests.nats_server import NatsServer
from tests.recorded import GOLDEN
from tests.scheduler.log import logged
from tests.tasks import OWNER, task
from tests.waiting import until

pytestmark = pytest.mark.anyio

MINUTELY = "CRON_TZ=UTC * * * * *"
DUE = 1_795_443_000 * SECOND
"""A full minute."""


class World:
    """Schedules that were due at one full minute, and a stream of tasks that was made a moment before, by its clock."""

    def __init__(self, connection: Connection, made_at: int) -> None:
        self.connection = connection
        self.agenda = Agenda(0)
        self.skew = DUE - made_at - 11 * SECOND // 10

    def now(self) -> int:
        """Now, by the clock of the schedulers."""
        return time.time_ns() + self.skew

    def put(self, name: str, **fields: Any) -> None:
        """A schedule of a type of its own, that is there for long."""
        self.agenda.load(task(name, **{"schedule": MINUTELY, "task_type": name, "payload": b"{}", **fields}), 0)

    async def fired_by_go(self, name: str, late: int = SECOND // 100, **changes: Any) -> int:
        """Let a Go scheduler fire it; the sequence of the task."""
        scheduled = self.agenda.task(name)
        assert scheduled is not None
        payload = encode_bytes(scheduled.payload).encode()
        made = StoredTask(new_id(DUE // SECOND), scheduled.task_type, scheduled.queue, DUE + late, payload)
        return await self.store(replace(made, **changes))

    async def fired_by_ours(self, name: str, **changes: Any) -> int:
        """Let one of ours fire it."""
        scheduled = self.agenda.task(name)
        assert scheduled is not None
        return await self.store(replace(task_for_fire(scheduled, DUE), **changes))

    async def store(self, made: StoredTask) -> int:
        """Store a task."""
        answer = await publish_one(self.connection, task_write(made, 0), timeout=5)
        return answer.sequence

    async def look(self, *, go_led: bool = True, after: int = DUE - SECOND, until: int = DUE + SECOND) -> Findings:
        """Look at the minute."""
        return await UnseenLook(
            self.connection, self.agenda, ((after, until),), go_led=go_led, skew=lambda: self.skew
        ).run()


async def world(connection: Connection) -> World:
    await make_stream(connection, TASKS_STREAM)
    info = await connection.jetstream_request(f"STREAM.INFO.{TASKS_STREAM}")
    return World(connection, parse_timestamp(info["created"]))


def names(seen: Findings) -> dict[str, list[str]]:
    """What a look found, by name."""
    left = {str(reason): [fire.task.name for fire in fires] for reason, fires in seen.left.items()}
    found = {
        "missing": [fire.task.name for fire in seen.missing],
        "begun": [fire.task.name for fire in seen.begun],
        **left,
    }
    return {what: sorted(fires) for what, fires in found.items() if fires}


async def test_what_go_or_ours_has_fired_is_told_from_what_nobody_has(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        here = await world(connection)
        for name in ("GO", "OURS", "BEGUN", "NOBODY"):
            here.put(name)
        here.put("GO_WITHOUT_PAYLOAD", payload=None)
        await here.fired_by_go("GO")
        await here.fired_by_go("GO_WITHOUT_PAYLOAD")
        await here.fired_by_ours("OURS", tries=1)
        await here.fired_by_ours("BEGUN")
        found = await here.look()
        assert names(found) == {"missing": ["NOBODY"], "begun": ["BEGUN"]}
        assert found.fired == 4


async def test_what_nobody_has_fired_is_missing(server: NatsServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    async with connect(context_for_server(server.url)) as connection:
        here = await world(connection)
        for name in ("GO", "NOBODY"):
            here.put(name)
        await here.fired_by_go("GO")
        assert names(await here.look()) == {"missing": ["NOBODY"]}
        text = (
            "Of the fires that fell due while no scheduler of ajsync led, 1 were made, 1 are made good, 0 are in doubt"
        )
        assert (text, {"fired": 1, "made_good": 1, "left": 0}) in logged(caplog)
        assert names(await here.look(after=DUE)) == {}
        assert names(await here.look(until=DUE - 1)) == {}


async def test_what_the_real_tool_has_fired_is_of_the_kind_that_is_looked_for() -> None:
    lines = [json.loads(line) for line in (GOLDEN / "stored.jsonl").read_text().splitlines()]
    values = {line["subject"]: line["data"].encode() for line in lines if line["data"]}
    schedules = [
        decode_scheduled_task(subject.removeprefix(SCHEDULE_SUBJECT), data)
        for subject, data in values.items()
        if subject.startswith(SCHEDULE_SUBJECT)
    ]
    kinds = {go_kind(scheduled) for scheduled in schedules if "@every" in scheduled.schedule}
    tasks = [decode_task(data) for subject, data in values.items() if subject.startswith(TASK_SUBJECT)]
    assert {task_kind(made.queue, made.type, made.payload) for made in tasks} == kinds
    assert len(kinds) == 2


async def test_each_peculiarity_of_a_schedule_is_a_doubt_beside_go_only(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        here = await world(connection)
        here.put("EVERY", schedule="@every 1m")
        here.put("ZONE", schedule="* * * * *")
        here.put("JITTER", managed=Managed(OWNER, jitter=SECOND // 2))
        here.put("OVERLAP", managed=Managed(OWNER, overlap="skip"))
        here.put("SEASON", managed=Managed(OWNER, from_="2020-01-01", except_=("2020-01-01",)))
        left = {str(Trace[name]): [name] for name in ("EVERY", "ZONE", "JITTER", "OVERLAP")}
        assert names(await here.look()) == {"missing": ["SEASON"], **left}
        assert names(await here.look(go_led=False)) == {"missing": ["EVERY", "JITTER", "OVERLAP", "SEASON", "ZONE"]}


async def test_a_task_of_ours_of_another_time_is_none_of_a_go_scheduler_even_if_it_looks_alike(
    server: NatsServer,
) -> None:
    async with connect(context_for_server(server.url)) as connection:
        here = await world(connection)
        for name in ("BEFORE", "NOW"):
            here.put(name, schedule="@every 1s", task_type="ALIKE")
        before = here.agenda.task("BEFORE")
        assert before is not None
        here.agenda.put(task("BEFORE", schedule="@every 1s", task_type="OTHER"), DUE + 3 * SECOND // 2)
        scheduled = here.agenda.task("NOW")
        assert scheduled is not None
        await until(lambda: here.now() > DUE)
        for each in (before, scheduled):
            await here.store(task_for_fire(each, DUE + SECOND, ajc_payloads=True))
        found = await here.look(go_led=False, after=DUE - SECOND, until=DUE)
        assert names(found) == {"missing": ["NOW"], Trace.CHANGED: ["BEFORE"]}
        await here.store(replace(task_for_fire(scheduled, DUE, ajc_payloads=True), id=new_id(DUE // SECOND)))
        found = await here.look(go_led=False, after=DUE - SECOND, until=DUE)
        assert names(found) == {Trace.EVERY: ["NOW"], Trace.CHANGED: ["BEFORE"]}


async def test_what_has_changed_or_is_gone_is_left(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        here = await world(connection)
        for name in ("CHANGED", "DELETED", "STAYS"):
            here.put(name)
        here.agenda.put(task("CHANGED", schedule=MINUTELY, payload=b"2"), DUE - 5 * SECOND)
        here.agenda.remove("DELETED", DUE + 1)
        assert names(await here.look()) == {"missing": ["STAYS"], Trace.CHANGED: ["CHANGED", "DELETED"]}


async def test_a_task_that_was_deleted_is_a_doubt(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        here = await world(connection)
        for name in ("GO", "NOBODY"):
            here.put(name)
        # By the clock of the server the fires were due a second after the stream was made, and clocks may differ.
        await until(lambda: here.now() > DUE - SECOND)
        sequence = await here.fired_by_go("GO")
        assert names(await here.look()) == {"missing": ["NOBODY"]}
        await connection.jetstream_request(f"STREAM.MSG.DELETE.{TASKS_STREAM}", {"seq": sequence})
        assert names(await here.look()) == {Trace.DELETED: ["GO", "NOBODY"]}


async def test_where_the_tasks_cannot_be_read_nothing_is_made_good(
    server: NatsServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(look_module, "_READ_SECONDS", 0)
    monkeypatch.setattr(look_module, "_RETRY_SECONDS", 0)
    async with connect(context_for_server(server.url)) as connection:
        here = await world(connection)
        here.put("NOBODY")
        await connection.jetstream_request(f"STREAM.DELETE.{TASKS_STREAM}")
        assert names(await here.look()) == {Trace.UNREAD: ["NOBODY"]}
        assert "so nothing of its time is made good: JetStream refused" in caplog.text


async def test_it_is_tried_again_until_the_server_has_its_streams_back(
    server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(look_module, "_RETRY_SECONDS", 0.01)
    attempts = 0

    async def read(connection: Connection, since: int) -> PastTasks:
        nonlocal attempts
        attempts += 1
        return await read_past_tasks(connection, since)

    monkeypatch.setattr(look_module, "read_past_tasks", read)
    async with connect(context_for_server(server.url), reconnect_timeout=None) as connection:
        here = await world(connection)
        for name in ("GO", "NOBODY"):
            here.put(name)
        await here.fired_by_go("GO")
        server.stop()
        server.jetstream = False
        server.start()
        look = asyncio.create_task(here.look())
        await until(lambda: attempts > 5 or look.done())
        server.stop()
        server.jetstream = True
        server.start()
        assert names(await look) == {"missing": ["NOBODY"]}
