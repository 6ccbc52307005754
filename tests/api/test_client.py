"""The client: what the Go API does with schedules and tasks, in Python."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from nats.aio.msg import Msg

import ajsync
from ajsync.asyncjobs.due import times_of
from ajsync.asyncjobs.model import encode_scheduled_task
from ajsync.asyncjobs.names import SCHEDULE_SUBJECT
from ajsync.asyncjobs.tasks import task_for_fire
from tests.conftest import StartServer
from tests.messages import hear
from tests.nats_server import NatsServer
from tests.recorded import normal, recorded
from tests.scheduler.fires import make_queue
from tests.tasks import is_signed, task
from tests.waiting import until
from tests.worker import tell

pytestmark = pytest.mark.anyio

MONTHLY = ajsync.Task("email:monthly", {"to": "<all>"}, deadline=timedelta(hours=12), max_tries=3)


async def put(client: ajsync.Client, name: str, value: bytes) -> None:
    """Store a value behind the client's back."""
    await client.connection.request(SCHEDULE_SUBJECT + name, value)


async def test_a_schedule_is_added_loaded_listed_and_removed(client: ajsync.Client) -> None:
    made = await client.new_scheduled_task("A", "monthly", "EMAIL", MONTHLY, timezone="Europe/Malta")
    assert made.created_at > 0
    assert made == await client.load_scheduled_task_by_name("A")
    assert made == ajsync.ScheduledTask(
        name="A",
        schedule="CRON_TZ=Europe/Malta @monthly",
        queue="EMAIL",
        task_type="email:monthly",
        payload=b'{"to":"\\u003call\\u003e"}',  # as Go escapes it
        deadline=12 * 3600 * 10**9,
        max_tries=3,
        created_at=made.created_at,
    )
    assert await client.scheduled_tasks() == (made,)
    await client.remove_scheduled_task("A")
    assert await client.scheduled_tasks() == ()
    with pytest.raises(ajsync.NotFoundError, match="no schedule 'A'"):
        await client.load_scheduled_task_by_name("A")
    assert (await client.new_scheduled_task("A", "@daily", "EMAIL", MONTHLY)).schedule == "@daily"


@pytest.mark.parametrize(
    ("error", "task"),
    [
        (ajsync.InvalidError, ajsync.Task("bad type")),
        (ajsync.InvalidError, ajsync.Task("a", deadline=timedelta(seconds=29.4))),
        (ajsync.InvalidError, ajsync.Task("a", deadline=timedelta(0))),
        (ajsync.InvalidError, ajsync.Task("a", max_tries=0)),
        (ajsync.InvalidError, ajsync.Task("a", {"when": timedelta(1)})),
        (ajsync.InvalidError, ajsync.Task("a", float("inf"))),
    ],
)
async def test_what_cannot_be_a_task_is_refused_before_anything_is_stored(
    client: ajsync.Client, error: type[ajsync.AjsyncError], task: ajsync.Task
) -> None:
    with pytest.raises(error):
        await client.new_scheduled_task("A", "@daily", "EMAIL", task)
    assert await client.scheduled_tasks() == ()


async def test_a_schedule_that_cannot_be_is_refused(client: ajsync.Client) -> None:
    with pytest.raises(ajsync.ScheduleError, match="61"):
        await client.new_scheduled_task("A", "61 * * * *", "EMAIL", MONTHLY)
    with pytest.raises(ajsync.ScheduleError, match="time zone"):
        await client.new_scheduled_task("A", "@daily", "EMAIL", MONTHLY, timezone="Europe/Maltaa")
    with pytest.raises(ajsync.InvalidError, match="queue"):
        await client.new_scheduled_task("A", "@daily", "E.*", MONTHLY)


async def test_bytes_are_carried_as_they_are_and_text_as_json(client: ajsync.Client) -> None:
    made = [
        (await client.new_scheduled_task(f"A{number}", "@daily", "EMAIL", ajsync.Task("a", payload))).payload
        for number, payload in enumerate([b"\x00{", "text", None, 0])
    ]
    assert made == [b"\x00{", b'"text"', None, b"0"]


async def test_what_files_own_is_removed_only_by_naming_the_owner(client: ajsync.Client) -> None:
    await client.new_scheduled_task("A", "@daily", "EMAIL", MONTHLY, owner="team")
    for owner in (None, "other"):
        with pytest.raises(ajsync.ConflictError, match="belongs to the owner team"):
            await client.remove_scheduled_task("A", owner=owner)
    await client.remove_scheduled_task("A", owner="team")


async def test_a_value_that_is_no_schedule_is_named_and_left_out(
    client: ajsync.Client, caplog: pytest.LogCaptureFixture
) -> None:
    await put(client, "BROKEN", b"{")
    with pytest.raises(ajsync.StoredValueError, match="not JSON"):
        await client.load_scheduled_task_by_name("BROKEN")
    assert await client.scheduled_tasks() == ()
    assert "'BROKEN'" in caplog.text


async def test_a_missing_bucket_is_said_and_never_made(server: NatsServer) -> None:
    async with ajsync.connect(server=server.url) as client:
        for _ in range(2):
            with pytest.raises(ajsync.BucketNotFoundError):
                await client.new_scheduled_task("A", "@daily", "EMAIL", MONTHLY)


async def test_context_and_server_exclude_each_other() -> None:
    with pytest.raises(ajsync.UsageError):
        async with ajsync.connect("AJC", server="nats://127.0.0.1:1"):
            pass


async def test_watch_gives_what_is_there_and_then_each_change(client: ajsync.Client) -> None:
    await client.new_scheduled_task("A", "@daily", "EMAIL", MONTHLY)
    seen = []
    async with asyncio.timeout(60), aclosing(client.watch()) as changes:
        async for change in changes:
            seen.append((change.name, change.task and change.task.schedule, change.initial))
            match len(seen):
                case 1:
                    await client.new_scheduled_task("B", "@hourly", "EMAIL", MONTHLY)
                case 2:
                    await client.remove_scheduled_task("A")
                case 3:
                    await put(client, "C", b"{")
                case 4:
                    assert "not JSON" in change.problem
                    break
    assert seen == [("A", "@daily", True), ("B", "@hourly", False), ("A", None, False), ("C", None, False)]


async def test_a_watch_goes_on_when_the_server_comes_back(server: NatsServer, client: ajsync.Client) -> None:
    async with asyncio.timeout(30):
        changes = client.watch()
        await client.new_scheduled_task("A", "@daily", "EMAIL", MONTHLY)
        assert (await anext(changes)).name == "A"
        server.restart()
        async with ajsync.connect(server=server.url) as other:
            await other.new_scheduled_task("B", "@daily", "EMAIL", MONTHLY)
        assert (await anext(changes)).name == "B"


async def test_a_watch_raises_once_its_connection_is_given_up(server: NatsServer) -> None:
    async with ajsync.connect(server=server.url, reconnect_timeout=0.2) as client:
        await client.prepare()
        following = asyncio.ensure_future(anext(client.watch()))
        await asyncio.sleep(0)
        server.stop()
        with pytest.raises(ajsync.UnreachableError):
            await asyncio.wait_for(following, 20)


async def test_a_watch_ends_with_its_client(server: NatsServer) -> None:
    async with ajsync.connect(server=server.url) as client:
        await client.prepare()
        await client.new_scheduled_task("A", "@daily", "EMAIL", MONTHLY)
        changes = client.watch()
        await anext(changes)
    with pytest.raises(StopAsyncIteration):
        await asyncio.wait_for(anext(changes), 5)


async def test_a_client_that_has_ended_follows_nothing(server: NatsServer) -> None:
    async with ajsync.connect(server=server.url) as client:
        await client.prepare()
        await client.scheduled_tasks()
    with pytest.raises(ajsync.UnreachableError, match="has ended"):
        await asyncio.wait_for(anext(client.watch()), 5)


async def test_tail_gives_what_happens_to_the_work_of_the_selected_schedules(client: ajsync.Client) -> None:
    for name in "AB":
        await client.new_scheduled_task(name, "@hourly", "EMAIL", MONTHLY)
    selection = ajsync.Selection.of(names=["B"])
    async with asyncio.timeout(60), aclosing(client.tail(selection)) as news:
        hearing = asyncio.ensure_future(anext(news))
        while not hearing.done():  # once it listens
            for name in "AB":
                scheduled = await client.load_scheduled_task_by_name(name)
                due = times_of(scheduled).previous(time.time_ns())
                assert due is not None
                await tell(client.connection, task_for_fire(scheduled, due))
            await asyncio.sleep(0.01)
        found = hearing.result()
        assert isinstance(found, ajsync.TaskNews)
        assert found.schedule is not None
        assert (found.schedule.name, found.outcome.state) == ("B", "new")


async def test_a_tail_ends_with_its_client(server: NatsServer) -> None:
    async with ajsync.connect(server=server.url) as client:
        await client.prepare()
        hearing = asyncio.ensure_future(anext(client.tail()))
        while not client._watches:
            await asyncio.sleep(0)
    with pytest.raises(StopAsyncIteration):
        await asyncio.wait_for(hearing, 5)
    with pytest.raises(ajsync.UnreachableError, match="has ended"):
        await asyncio.wait_for(anext(client.tail()), 5)


async def test_an_enqueue_writes_the_task_the_event_and_the_work_item_in_this_order(client: ajsync.Client) -> None:
    await make_queue(client.connection, "EMAIL")
    heard = await hear(client.connection.client, "CHORIA_AJ.>")
    sent = await client.enqueue_task("EMAIL", replace(MONTHLY, payload=b"\x00"))
    await client.connection.client.flush()
    subjects = [msg.subject for msg in heard]
    assert subjects == [
        f"CHORIA_AJ.T.{sent.id}",
        f"CHORIA_AJ.E.task_state.{sent.id}",
        f"CHORIA_AJ.Q.EMAIL.{sent.id}",
    ]
    assert heard[0].headers["Nats-Expected-Last-Subject-Sequence"] == "0"
    assert heard[2].headers["Nats-Msg-Id"] == sent.id
    event = json.loads(heard[1].data)
    assert (event["type"], event["state"]) == ("io.choria.asyncjobs.v1.task_state", "new")
    assert json.loads(heard[2].data) == {"kind": 0, "job": sent.id}
    assert await client.load_task_by_id(sent.id) == sent
    assert (sent.state, sent.payload, sent.max_tries) == ("new", b"\x00", 3)
    assert sent.deadline - sent.created == 12 * 3600 * 10**9


async def test_a_task_whose_queue_does_not_exist_is_marked_and_raised(client: ajsync.Client) -> None:
    states: asyncio.Queue[Msg] = asyncio.Queue()
    await client.connection.client.subscribe("CHORIA_AJ.E.>", cb=states.put)
    with pytest.raises(ajsync.EnqueueError, match="no responders") as error:
        await client.enqueue_task("NONE", MONTHLY)
    found = await client.load_task_by_id(error.value.task_id)
    assert (found.state, found.last_err) == ("queue_error", str(error.value).partition("take it: ")[2])
    told = [json.loads((await asyncio.wait_for(states.get(), 5)).data) for _ in range(2)]
    assert [event["state"] for event in told] == ["new", "queue_error"]
    assert told[1]["last_error"] == found.last_err


async def test_an_enqueue_publishes_what_that_of_ajc_publishes(client: ajsync.Client) -> None:
    await make_queue(client.connection, "EMAIL")
    wanted = recorded("handled.json")[0][:3]
    messages = await hear(client.connection.client, "CHORIA_AJ.>")
    await client.enqueue_task("EMAIL", ajsync.Task("email:good", "hello", max_tries=1))
    await until(lambda: len(messages) == len(wanted), lambda: messages)
    assert normal(messages) == wanted


async def test_an_enqueue_without_a_queue_publishes_what_that_of_a_go_scheduler_publishes(
    client: ajsync.Client,
) -> None:
    wanted = recorded("scheduler.json")["fire_without_queue"]
    messages = await hear(client.connection.client, "CHORIA_AJ.T.*", "CHORIA_AJ.E.>")
    with pytest.raises(ajsync.EnqueueError):
        await client.enqueue_task("NONE", ajsync.Task("NO_QUEUE:fire", b"null"))
    await until(lambda: len(messages) == len(wanted), lambda: messages)
    # The task is stored again in the place of its first message, whose sequence is not that of the recording.
    wanted[2]["headers"]["Nats-Expected-Last-Subject-Sequence"] = "1"
    assert normal(messages) == wanted


async def test_without_the_stream_of_tasks_nothing_is_enqueued(server: NatsServer) -> None:
    async with ajsync.connect(server=server.url) as client:
        with pytest.raises(ajsync.UnreachableError):
            await client.enqueue_task("EMAIL", MONTHLY)


async def test_a_signer_signs_what_is_enqueued(server: NatsServer, tmp_path: Path) -> None:
    golden = recorded("signed.json")
    (tmp_path / "seed").write_text(golden["seed_hex"])
    async with ajsync.connect(server=server.url, signer=ajsync.load_signer(tmp_path / "seed")) as client:
        await client.prepare()
        await make_queue(client.connection, "EMAIL")
        sent = await client.enqueue_task("EMAIL", MONTHLY)
        assert is_signed(await client.load_task_by_id(sent.id), golden["public_hex"])


@pytest.mark.parametrize("task_id", ["3MXiQ50XkIKKCQ860QXjVY9hkMK", "*", "a.b", ""])
async def test_a_task_that_is_not_there_is_not_found(client: ajsync.Client, task_id: str) -> None:
    with pytest.raises(ajsync.NotFoundError):
        await client.load_task_by_id(task_id)


async def test_a_refusal_of_the_server_is_not_permitted(start_server: StartServer) -> None:
    user = '{ user: u, password: p, permissions: { publish: { deny: "$KV.>" } } }'
    server = start_server(f"authorization {{ users: [ {user} ] }}")
    async with ajsync.connect(server=server.url.replace("://", "://u:p@")) as client:
        await client.prepare()
        with pytest.raises(ajsync.NotPermittedError, match="Permissions Violation"):
            await client.new_scheduled_task("A", "@daily", "EMAIL", MONTHLY)


async def test_values_of_others_come_back_as_they_are(client: ajsync.Client) -> None:
    theirs = task("A", owner="team", created_at=1_795_442_993_885_345_525)
    await put(client, "A", encode_scheduled_task(theirs))
    assert await client.load_scheduled_task_by_name("A") == theirs


async def test_what_is_larger_than_the_server_takes_is_not_valid(client: ajsync.Client) -> None:
    large = ajsync.Task("email:monthly", b"x" * 2_000_000)
    with pytest.raises(ajsync.InvalidError, match="larger than the server takes"):
        await client.enqueue_task("EMAIL", large)
    with pytest.raises(ajsync.InvalidError, match="larger than the server takes"):
        await client.new_scheduled_task("LARGE", "@daily", "EMAIL", large)


async def test_what_is_missing_of_the_past_is_made_once(client: ajsync.Client) -> None:
    await make_queue(client.connection, "EMAIL")
    await client.new_scheduled_task("A", "0 2 * * *", "EMAIL", MONTHLY)
    start = datetime(2026, 11, 1, tzinfo=UTC)
    done = await client.backfill("A", start, start + timedelta(days=3))
    assert done == ajsync.Backfilled(made=3, exist=0, refused={}, left=0)
    assert (await client.backfill("A", start, start + timedelta(days=4))).made == 1
    assert (await client.backfill("A", datetime.now(UTC), datetime.now(UTC) + timedelta(days=9))).made == 0
    with pytest.raises(ajsync.NotFoundError, match="no schedule 'B'"):
        await client.backfill("B", start)


async def test_schedules_are_paused_and_resumed(client: ajsync.Client) -> None:
    for name, owner in (("A", None), ("B", "team"), ("C", None)):
        await client.new_scheduled_task(name, "@daily", "EMAIL", MONTHLY, owner=owner)
    until = datetime(2100, 1, 1, tzinfo=UTC)
    paused = await client.pause("A", reason="new disks", until=until, by="ann")
    assert paused == {"A": ajsync.Pause(paused["A"].since, "ann", "new disks", int(until.timestamp()) * 10**9)}
    assert await client.paused_schedules() == paused
    assert [each.name for each in await client.scheduled_tasks()] == ["A", "B", "C"]
    assert (await client.load_scheduled_task_by_name("A")).schedule == "@daily"
    with pytest.raises(ajsync.PartiallyAppliedError):
        await client.pause("B", "C", reason="why")
    with pytest.raises(ajsync.ConflictError, match="belongs to the owner team"):
        await client.pause("B", reason="why")
    with pytest.raises(ajsync.NotFoundError):
        await client.pause("NOPE", reason="why")
    for wrong in (timedelta(0), datetime(2020, 1, 1, tzinfo=UTC)):
        with pytest.raises(ajsync.InvalidError):
            await client.pause("A", reason="why", until=wrong)
    await client.pause("B", reason="why", until=timedelta(hours=2), owner="team")
    assert sorted(await client.paused_schedules()) == ["A", "B", "C"]
    with pytest.raises(ajsync.ConflictError):
        await client.resume("B")
    assert await client.resume("B", owner="team") == {"B"}
    assert [(each.action, each.names, "@" in each.by) for each in await client.actions("team")] == [
        ("resume", ("B",), True),
        ("pause", ("B",), True),
    ]
    assert await client.resume("A", "C") == {"A", "C"}
    assert await client.resume("A", "C") == frozenset()
    assert await client.paused_schedules() == {}


async def test_a_plan_is_stale_if_a_pause_has_ended_that_it_is_about(client: ajsync.Client, tmp_path: Path) -> None:
    (tmp_path / "ajsync.yaml").write_text("owner: team\nfiles: [a.yaml]\n")
    schedules = "schedules: {A: {schedule: '@daily', queue: EMAIL, task_type: %s}}\n"
    (tmp_path / "a.yaml").write_text(schedules % "one")
    assert (await ajsync.apply(client, await ajsync.plan(client, ajsync.load_config(tmp_path)))).error is None
    await client.pause("A", reason="why", until=timedelta(microseconds=1), owner="team")
    (tmp_path / "a.yaml").write_text(schedules % "two")
    plan = await ajsync.plan(client, ajsync.load_config(tmp_path))
    assert [change.paused for change in plan.changes] == [True]
    with pytest.raises(ajsync.StalePlanError, match="a pause that had ended"):
        await ajsync.apply(client, plan)
    assert await client.paused_schedules() == {}
