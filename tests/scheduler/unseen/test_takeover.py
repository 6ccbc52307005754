"""A takeover where it is not known who led, with real schedulers: what nobody fired is made good, also if the one that
found it out dies; and what is due meanwhile is fired."""

from __future__ import annotations

import asyncio
import time
from typing import Any, cast

import pytest

from ajsync.asyncjobs.election import ELECTION_SUBJECT
from ajsync.asyncjobs.go_json import encode_bytes
from ajsync.asyncjobs.ids import fire_task_id, new_id
from ajsync.asyncjobs.names import CONFIGURATION_STREAM, CONFIGURATION_SUBJECT, ELECTIONS_STREAM, TASKS_STREAM
from ajsync.asyncjobs.streams import make_stream
from ajsync.asyncjobs.task_store import task_write
from ajsync.asyncjobs.tasks import StoredTask
from ajsync.scheduler.agenda.agenda import Agenda
from ajsync.scheduler.election import leadership
from ajsync.scheduler.election.watermark import WATERMARK_KEY, Watermark, encode_watermark
from ajsync.scheduler.firing.prepare import Preparer
from ajsync.scheduler.monitor.metrics import Metrics
from ajsync.scheduler.monitor.records import Records
from ajsync.scheduler.unseen import look as look_module
from ajsync.scheduler.unseen import stand_in
from ajsync.scheduler.unseen.look import Findings, UnseenLook
from ajsync.scheduler.unseen.stand_in import StandIn
from ajsync.timestamp import NANOSECONDS as SECOND
from ajsync.transport.connection import Connection, connect
from ajsync.transport.context import context_for_server
from ajsync.transport.publisher import publish_one
from tests.nats_server import NatsServer
from tests.scheduler.monitor.test_metrics import values
from tests.scheduler.running import doomed, leading, put, stored_watermark, tasks, wait_for_tasks
from tests.scheduler.unseen.test_look import DUE, world
from tests.waiting import until

pytestmark = pytest.mark.anyio

UNSEEN = "ajsync_scheduler_unseen_total"


@pytest.fixture(autouse=True)
def _without_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a Go scheduler takes to stop passes quickly, and a schedule that was just stored counts as old."""
    monkeypatch.setattr(leadership, "GO_CAMPAIGN_SECONDS", 0.05)
    monkeypatch.setattr(look_module, "_LEARNS_WITHIN", -30 * SECOND)
    monkeypatch.setattr(stand_in, "_SETTLES_SECONDS", 0)


async def nobody_knows_who_led(connection: Connection) -> int:
    """A schedule of each second, and a key of the election that has expired; the first instant that is unsettled.

    From a second after the stream of tasks was made it is certain that it has lost nothing.
    """
    for stream in (CONFIGURATION_STREAM, ELECTIONS_STREAM, TASKS_STREAM):
        await make_stream(connection, stream)
    queue = {"name": "CHORIA_AJ_Q_EMAIL", "subjects": ["CHORIA_AJ.Q.EMAIL.>"], "retention": "workqueue"}
    await connection.jetstream_request("STREAM.CREATE.CHORIA_AJ_Q_EMAIL", queue)
    first = (time.time_ns() // SECOND + 2) * SECOND
    await put(connection, "TICK")
    mark = Watermark("dead", first - 1, election=7)
    await connection.request(f"{CONFIGURATION_SUBJECT}{WATERMARK_KEY}", encode_watermark(mark))
    for _ in range(9):
        await connection.request(ELECTION_SUBJECT, b"somebody")
    await connection.jetstream_request(f"STREAM.PURGE.{ELECTIONS_STREAM}")
    await until(lambda: time.time_ns() > first + SECOND // 20)
    return first


async def created(connection: Connection) -> list[int]:
    """The instants of all tasks, in seconds."""
    return [made.created // SECOND for made in await tasks(connection)]


async def wait_for(connection: Connection, due: int) -> None:
    """Wait until what was due at an instant is fired."""
    async with asyncio.timeout(30):
        while due // SECOND not in await created(connection):
            await asyncio.sleep(0.02)


async def test_what_nobody_has_fired_is_made_good(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        first = await nobody_knows_who_led(connection)
        async with leading(server.url) as scheduler:
            await wait_for(connection, first)
            assert values(scheduler.metrics, UNSEEN)[("made_good",)] >= 1
        found = await created(connection)
        assert found == [*range(first // SECOND, found[-1] + 1)]


async def test_beside_a_go_scheduler_nothing_of_an_every_is_made_good(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        first = await nobody_knows_who_led(connection)
        payload = encode_bytes(None).encode()
        made = StoredTask(new_id(first // SECOND), "email:new", "EMAIL", first - SECOND // 4, payload)
        await publish_one(connection, task_write(made, 0), timeout=5)
        async with leading(server.url) as scheduler:
            await until(
                lambda: values(scheduler.metrics, UNSEEN)[("left",)] + values(scheduler.metrics, UNSEEN)[("fired",)] > 0
            )
            assert values(scheduler.metrics, UNSEEN)[("made_good",)] == 0
        assert fire_task_id("TICK", first) not in {each.id for each in await tasks(connection)}


async def test_it_waits_for_its_look_without_delay_for_what_is_due_and_the_next_leader_looks_again(
    server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connect(context_for_server(server.url)) as connection:
        first = await nobody_knows_who_led(connection)
        look = UnseenLook.run

        async def look_for_ever(self: UnseenLook) -> Any:
            await asyncio.Event().wait()

        monkeypatch.setattr(UnseenLook, "run", look_for_ever)
        async with doomed(server.url, "one"):
            (now, *_) = await wait_for_tasks(connection, 1)
            assert now.created > first
            mark = await stored_watermark(connection)
            ((after, end),) = mark.unseen
            assert after < first <= end < now.created
        monkeypatch.setattr(UnseenLook, "run", look)
        async with leading(server.url, "two", takeover_after=0.5) as scheduler:
            await wait_for(connection, first)
            assert values(scheduler.metrics, UNSEEN)[("made_good",)] >= 1
        found = await created(connection)
        assert found == [*range(first // SECOND, found[-1] + 1)]


async def test_a_stand_by_makes_good_what_was_due_before_a_go_scheduler_led(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        here = await world(connection)
        queue = {"name": "CHORIA_AJ_Q_EMAIL", "subjects": ["CHORIA_AJ.Q.EMAIL.>"], "retention": "workqueue"}
        await connection.jetstream_request("STREAM.CREATE.CHORIA_AJ_Q_EMAIL", queue)
        for name in ("GO", "NOBODY"):
            here.put(name)
        here.put("TOO_LATE", deadline=1)
        here.put("TOO_LARGE", max_tries=2**63)
        await here.fired_by_go("GO")
        now, metrics = DUE + 5 * SECOND, Metrics("test")
        found = StandIn(
            connection,
            lambda: here.agenda,
            Records(metrics),
            Preparer("").make_task,
            grace=30 * SECOND,
            clock=lambda: now,
            skew=lambda: here.skew,
        )
        job = asyncio.create_task(found.run())
        found.go_leads(2)  # nothing is known of the time before
        found.follow(Watermark("ours", DUE - 26 * SECOND, election=1))
        found.go_leads(3)  # it may have led for long
        # The last leader of ajsync was about to look at that time itself.
        found.follow(Watermark("ours", DUE + SECOND, election=1, unseen=((DUE - 40 * SECOND, DUE + SECOND),)))
        found.go_leads(4)
        found.go_leads(4)
        found.go_leads(5)
        found.go_leads(5)
        made = await wait_for_tasks(connection, 1, "NOBODY")
        assert [each.id for each in made] == [fire_task_id("NOBODY", DUE)]
        await until(lambda: values(metrics, UNSEEN)[("made_good",)] == 1)
        job.cancel()
        assert {each.type for each in await tasks(connection)} == {"GO", "NOBODY"}
        info = await connection.jetstream_request("STREAM.INFO.CHORIA_AJ_Q_EMAIL")
        assert info["state"]["messages"] == 1


@pytest.mark.parametrize(("later", "looks"), [(0, True), (9, True), (11, False)])
async def test_a_stand_by_waits_until_the_go_scheduler_surely_does_not_stand_still(
    monkeypatch: pytest.MonkeyPatch, later: int, looks: bool
) -> None:
    looked: list[str] = []

    async def look(_self: UnseenLook) -> Findings:
        looked.append("looked")
        return Findings([], [], {}, 0)

    async def others_run() -> None:
        for _ in range(10):
            await asyncio.sleep(0)

    monkeypatch.setattr(UnseenLook, "run", look)
    now, go_refreshes = [DUE], 2
    found = StandIn(
        cast("Connection", None),
        lambda: Agenda(0),
        Records(Metrics("test")),
        Preparer("").make_task,
        grace=30 * SECOND,
        clock=lambda: now[0],
        skew=lambda: 0,
    )
    job = asyncio.create_task(found.run())
    found.follow(Watermark("ours", DUE - 5 * SECOND, election=1))
    for _ in range(3):  # looks of the stand-by that find the key as it was: the Go scheduler may stand still
        found.go_leads(3)
        await others_run()
    assert looked == []
    now[0] += later * SECOND
    for revision in range(4, 4 + go_refreshes):
        found.go_leads(revision)
        await others_run()
    assert looked == ["looked"] * looks
    job.cancel()
