"""The scheduler's user in docs/permissions.md, on a server that has exactly these: enough, each needed, and no more."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.asyncjobs.election import ELECTION_SUBJECT
from ajsync.asyncjobs.history import past_dues
from ajsync.asyncjobs.model import Managed, ScheduledTask, encode_scheduled_task
from ajsync.asyncjobs.names import CONFIGURATION_STREAM, ELECTIONS_STREAM, SCHEDULE_SUBJECT, TASKS_STREAM
from ajsync.asyncjobs.streams import make_stream, stream_configuration
from ajsync.asyncjobs.task_store import task_write
from ajsync.asyncjobs.tasks import task_for_fire
from ajsync.errors import AjsyncError
from ajsync.reconcile.apply.writing import KeyWrite, write_keys
from ajsync.reconcile.pause import Owners, pause
from ajsync.scheduler import outcome_keeper
from ajsync.scheduler.scheduler import Scheduler
from ajsync.scheduler.settings import Settings
from ajsync.transport import watch
from ajsync.transport.connection import connect
from ajsync.transport.publisher import publish_all
from ajsync.waiting import raise_if_cancelled
from tests.cli.processes import background, wait_until
from tests.conftest import StartServer
from tests.docs.pages import blocks
from tests.docs.users import (
    API,
    KEYS,
    OWNER,
    PAGE,
    SHOWN,
    allows,
    client_of,
    context,
    refused_subjects,
    serve_accounts,
)
from tests.nats_server import NatsServer
from tests.tasks import task
from tests.transport.watched import watching
from tests.waiting import PATIENCE, until

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("passwords")]

USER = "ajsync-scheduler"
BLOCK = SHOWN[USER]
SUBJECT_LINE = re.compile(r'^ +("[$C_].*")$', re.MULTILINE)
ALLOWED = list(dict.fromkeys(SUBJECT_LINE.findall(BLOCK)))
SECTION = PAGE.read_text().partition("## A user for `scheduler`")[2].partition("\n## ")[0]
MISSING = re.findall(rf'`("{re.escape(API)}STREAM\.CREATE\.\S+")`', SECTION)
RESUMES = re.findall(r'`("[^`]+")`', SECTION.partition("### A scheduler that resumes")[2])
STREAMS = (CONFIGURATION_STREAM, ELECTIONS_STREAM, TASKS_STREAM)
DEADLINE_SECONDS = 100  # less than what ends a test that hangs
LARGE = 10
"""Schedules whose payloads together are more than a server sends before it asks whether we can take more."""


def allowed_also(more: list[str]) -> str:
    """The block of the page with these subjects in addition."""
    return BLOCK.replace("publish: [", "\n".join(["publish: [", *more]))


async def request(connection: Client, subject: str, body: object) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(
        (await connection.request(subject, json.dumps(body).encode(), timeout=PATIENCE)).data
    )
    raise_if_cancelled()
    assert "error" not in answer, (subject, answer)
    return answer


async def prepare(admin: Client, *schedules: ScheduledTask, streams: bool = True) -> None:
    """The streams, a queue, and schedules."""
    if streams:
        for stream in STREAMS:
            await request(admin, f"{API}STREAM.CREATE.{stream}", stream_configuration(stream))
    queue = {"name": "CHORIA_AJ_Q_EMAIL", "subjects": ["CHORIA_AJ.Q.EMAIL.>"], "retention": "workqueue"}
    await request(admin, f"{API}STREAM.CREATE.CHORIA_AJ_Q_EMAIL", queue)
    await put(admin, schedules)


async def put(admin: Client, schedules: Iterable[ScheduledTask]) -> None:
    """Store schedules."""
    for schedule in schedules:
        await admin.jetstream(timeout=PATIENCE).publish(
            SCHEDULE_SUBJECT + schedule.name, encode_scheduled_task(schedule)
        )
        raise_if_cancelled()


TICK = task("TICK", schedule="@every 1s", queue="EMAIL", task_type="email:tick", owner=None)


class Heard:
    """What an administrator sees pass by."""

    def __init__(self) -> None:
        self.tasks: list[dict[str, Any]] = []
        self.subjects: list[str] = []

    async def see(self, msg: Msg) -> None:
        self.subjects.append(msg.subject)
        if msg.subject.startswith("CHORIA_AJ.T."):
            self.tasks.append(json.loads(msg.data))

    def fired(self, more_than: int = 0) -> bool:
        return len(self.tasks) > more_than

    def has(self, subject: str) -> bool:
        return any(re.fullmatch(subject, each) for each in self.subjects)


async def listen(admin: Client) -> Heard:
    heard = Heard()
    for subject in ("CHORIA_AJ.>", f"{KEYS}ajsync.>", ELECTION_SUBJECT):
        await admin.subscribe(subject, cb=heard.see)
    await admin.flush(int(PATIENCE))
    return heard


async def last(admin: Client, stream: str, subject: str) -> dict[str, Any]:
    found = await request(admin, f"{API}STREAM.MSG.GET.{stream}", {"last_by_subj": subject})
    message: dict[str, Any] = found["message"]
    return message


async def test_the_user_leads_fires_takes_over_and_gives_the_leadership_back(
    start_server: StartServer, home: Path, tmp_path: Path
) -> None:
    server = serve_accounts(start_server, home, {USER: BLOCK})
    async with client_of(server, f"admin-{USER}") as admin:
        await prepare(admin, TICK)
        heard = await listen(admin)
        with background(tmp_path, "scheduler", "one", "--context", USER) as one:
            await asyncio.to_thread(wait_until, lambda: heard.fired(1), one)
            with background(tmp_path, "scheduler", "two", "--context", USER) as two:
                assert two.stderr is not None
                while "Loaded" not in await asyncio.to_thread(two.stderr.readline):
                    pass
                one.kill()
                said = ""
                while "Became leader" not in said:
                    said += await asyncio.to_thread(two.stderr.readline)
                assert "The leader one has been silent" in said
                before = len(heard.tasks)
                await asyncio.to_thread(wait_until, lambda: heard.fired(before + 1), two)
                two.send_signal(signal.SIGTERM)
                assert two.wait(DEADLINE_SECONDS) == 0
        for subject in (
            r"CHORIA_AJ\.Q\.EMAIL\.\w+",
            r"CHORIA_AJ\.E\.task_state\.\w+",
            r"CHORIA_AJ\.E\.leader_election\.task_scheduler",
            r"\$KV\.CHORIA_AJ_CONFIGURATION\.ajsync\.watermark",
        ):
            assert heard.has(subject), subject
        # What the first had stored when it was killed the second may have written again, and the server refused.
        work_items = (await request(admin, f"{API}STREAM.INFO.CHORIA_AJ_Q_EMAIL", {"subjects_filter": ">"}))["state"]
        assert work_items["subjects"] == {f"CHORIA_AJ.Q.EMAIL.{each['id']}": 1 for each in heard.tasks}
        assert "hdrs" in await last(admin, ELECTIONS_STREAM, ELECTION_SUBJECT)  # a delete marker
    assert "Violation" not in server.log


async def run_until_refused_subjects(server: NatsServer, name: str) -> None:
    """Run a scheduler as this user until the server has refused it something, or it has done all that it does."""
    scheduled = [
        TICK,
        task("ALONE", schedule="@every 1s", queue="EMAIL", task_type="x", managed=Managed("team", overlap="skip")),
    ]
    large = [task(f"LARGE_{number}", schedule="@yearly", payload=bytes(300_000)) for number in range(LARGE)]
    async with client_of(server, f"admin-{name}") as admin, connect(context(name)) as connection:
        await prepare(admin, *scheduled)
        scheduler = Scheduler(connection, Settings(name))
        stop = asyncio.Event()
        running = asyncio.create_task(scheduler.run(stop))
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not (refused_subjects(server, name) or running.done() or scheduler.role.loaded):
                await asyncio.sleep(0.02)
            await put(admin, large)
            await admin.publish("$SRV.STATS.ajsync-scheduler", reply="_INBOX_ajsync_plan.x")
            while not (refused_subjects(server, name) or running.done() or skipped(scheduler)):
                await asyncio.sleep(0.02)
        stop.set()
        result = (await asyncio.gather(running, return_exceptions=True))[0]
        assert result is None or isinstance(result, (AjsyncError, BaseExceptionGroup)), result
        await connection.client.flush(int(PATIENCE))


def skipped(scheduler: Scheduler) -> bool:
    return any(record.state == "skipped" for record in scheduler.records.recent())


async def test_each_permission_of_the_user_is_needed(
    start_server: StartServer, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "_CHECK_SECONDS", 0.0)
    # The inbox of its own is under `publish` first, and tested under `subscribe` with those of the other users.
    without = {f"without-{number}": BLOCK.replace(line, "", 1) for number, line in enumerate(ALLOWED)}
    server = serve_accounts(start_server, home, {USER: BLOCK, **without})
    await asyncio.gather(*(run_until_refused_subjects(server, name) for name in (USER, *without)))
    assert refused_subjects(server, USER) == []
    for number, line in enumerate(ALLOWED):
        found = refused_subjects(server, f"without-{number}")
        assert found, line
        assert all(allows(line, subject) for subject in found), (line, found)


HEARS = '"CHORIA_AJ.E.task_state.*"'
DEAF = (
    BLOCK.partition("subscribe:")[0]
    + BLOCK.partition("subscribe:")[1]
    + BLOCK.partition("subscribe:")[2].replace(HEARS, "")
)
BLIND = BLOCK.replace(f'"{API}STREAM.MSG.GET.{TASKS_STREAM}"', "")


@pytest.mark.parametrize(
    ("block", "told", "knows"),
    [
        (DEAF, "The events of tasks are not heard", {"expired"}),
        (BLIND, "What became of tasks cannot be looked up", {"new", "active"}),
    ],
    ids=["deaf", "blind"],
)
async def test_who_may_not_see_what_becomes_of_tasks_says_so_once_and_fires(
    start_server: StartServer,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    block: str,
    told: str,
    knows: set[str],
) -> None:
    """Who does not hear of tasks looks at them, and who may not look hears of them."""
    assert block != BLOCK
    monkeypatch.setattr(outcome_keeper, "_LOOK_SECONDS", 0.05)
    monkeypatch.setattr(outcome_keeper, "_UNHEARD", 0)
    server = serve_accounts(start_server, home, {USER: block})
    once = task("ONCE", schedule="@yearly", created_at=time.time_ns() - 10**18, owner=None)
    async with connect(context(f"admin-{USER}")) as admin, connect(context(USER)) as connection:
        await prepare(admin.client, TICK, once)
        made = task_for_fire(once, past_dues(once, time.time_ns(), 1)[0])
        await publish_all(admin, [task_write(replace(made, state="expired"), 0)])
        scheduler = Scheduler(connection, Settings("one"))
        stop = asyncio.Event()
        running = asyncio.create_task(scheduler.run(stop))
        await until(lambda: told in caplog.text)
        await until(lambda: len(scheduler.records.recent()) >= 3)
        await until(lambda: {state for _, state in scheduler.outcomes.states()} & knows)
        assert "Permissions Violation" in scheduler.outcomes.trouble
        before = len(scheduler.records.recent())
        await until(lambda: len(scheduler.records.recent()) > before)
        stop.set()
        await running
    assert caplog.text.count(told) == 1
    refused = len(re.findall(rf'user:{USER}".*Subscription Violation', server.log))
    assert refused == (block is DEAF)


FORBIDDEN = [
    f"{KEYS}scheduled_tasks.TICK",
    f"{KEYS}ajsync.journal.team",
    f"{KEYS}ajsync.applied.team",
    f"{KEYS}ajsync.paused.TICK",
    "$KV.CHORIA_AJ_ELECTIONS.other",
    "$KV.OTHER.key",
    "CHORIA_AJ.E.leader_election.other",
    f"{API}STREAM.CREATE.NEW",
    f"{API}CONSUMER.CREATE.KV_OTHER.x",
    f"{API}CONSUMER.CREATE.{TASKS_STREAM}.x",
    f"{API}CONSUMER.CREATE.CHORIA_AJ_Q_EMAIL.x",
    f"{API}CONSUMER.MSG.NEXT.CHORIA_AJ_Q_EMAIL.WORKERS",
    f"{API}STREAM.MSG.GET.CHORIA_AJ_Q_EMAIL",
    *(
        f"{API}STREAM.{verb}.{stream}"
        for verb in ("CREATE", "UPDATE", "DELETE", "PURGE", "MSG.DELETE", "SNAPSHOT", "LEADER.STEPDOWN")
        for stream in (*STREAMS, "CHORIA_AJ_Q_EMAIL")
    ),
]
UNSEEN = [">", "_INBOX.>", f"{KEYS}>", "CHORIA_AJ.>", "CHORIA_AJ.T.*", "$SRV.>", "$SRV.*.other"]


async def test_the_user_touches_nothing_else(start_server: StartServer, home: Path) -> None:
    server = serve_accounts(start_server, home, {USER: BLOCK})
    refusals: list[str] = []
    async with client_of(server, f"admin-{USER}") as admin, client_of(server, USER, refusals) as connection:
        await prepare(admin, TICK)
        for subject in FORBIDDEN:
            await connection.publish(subject, b"{}")
        for subject in UNSEEN:
            await connection.subscribe(subject)
        async with asyncio.timeout(DEADLINE_SECONDS):
            while len(refusals) < len(FORBIDDEN) + len(UNSEEN):
                await asyncio.sleep(0.01)
        for kind, subjects in (("publish", FORBIDDEN), ("subscription", UNSEEN)):
            for subject in subjects:
                assert any(f'violation for {kind} to "{subject.lower()}"' in refusal for refusal in refusals), subject
        for stream in STREAMS:
            await request(admin, f"{API}STREAM.INFO.{stream}", {})
        assert (await last(admin, CONFIGURATION_STREAM, f"{KEYS}scheduled_tasks.TICK"))["seq"] == 1


async def test_with_the_permissions_that_the_page_adds_it_makes_the_missing_streams(
    start_server: StartServer, home: Path, tmp_path: Path
) -> None:
    assert len(MISSING) == len(STREAMS)
    users = {USER: BLOCK, "makes": allowed_also(MISSING)}
    server = serve_accounts(start_server, home, users)
    with background(tmp_path, "scheduler", "one", "--context", USER) as process:
        _, said = await asyncio.to_thread(process.communicate)
        assert process.returncode == 7
        assert f'Permissions Violation for Publish to "{API}STREAM.CREATE.{CONFIGURATION_STREAM}"' in said
    async with client_of(server, "admin-makes") as admin:
        heard = await listen(admin)
        with background(tmp_path, "scheduler", "one", "--context", "makes") as process:
            leads = "$KV.CHORIA_AJ_CONFIGURATION.ajsync.watermark"
            await asyncio.to_thread(wait_until, lambda: heard.has(re.escape(leads)), process)
            await prepare(admin, TICK, streams=False)
            await asyncio.to_thread(wait_until, heard.fired, process)
    assert 'user:makes"' not in server.log


async def test_with_the_permissions_that_the_page_adds_it_resumes_and_each_is_needed(
    start_server: StartServer, home: Path
) -> None:
    assert len(RESUMES) == 3
    less = {f"without-{number}": [line for line in RESUMES if line != RESUMES[number]] for number in range(3)}
    users = {USER: BLOCK, "resumes": allowed_also(RESUMES)} | {name: allowed_also(more) for name, more in less.items()}
    server = serve_accounts(start_server, home, users)
    assert await problem_after_a_pause("resumes") == ""
    assert refused_subjects(server, "resumes") == []
    for name, told in ((USER, "CONSUMER.LIST"), *((f"without-{number}", "") for number in range(3))):
        assert told in await problem_after_a_pause(name)
        refused = refused_subjects(server, name)
        assert refused
        if name != USER:
            line = RESUMES[int(name[-1])]
            assert all(allows(line, subject) for subject in refused), (line, refused)


async def problem_after_a_pause(name: str) -> str:
    """Let a scheduler of this user see the end of a pause: its problem with the schedule; "" once it is resumed."""
    async with connect(context(f"admin-{name}")) as admin, connect(context(name)) as connection:
        for stream in STREAMS:
            await make_stream(admin, stream)
        bucket = await ConfigurationBucket.open(admin)
        await write_keys(bucket, [KeyWrite("TICK", 0, task("TICK", schedule="@yearly", owner=None))])
        (settled,) = await pause(bucket, ["TICK"], Owners((None,)), by="ann", reason="why", last=1)
        assert settled.error is None
        scheduler = Scheduler(connection, Settings(name))
        stop = asyncio.Event()
        running = asyncio.create_task(scheduler.run(stop))
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not (found := scheduler.records.problems) and not resumed(scheduler):
                await asyncio.sleep(0.02)
        stop.set()
        await running
        await connection.client.flush(int(PATIENCE))
        return found[0].problem if found else ""


def resumed(scheduler: Scheduler) -> bool:
    return "TICK" in scheduler.agenda and not len(scheduler.pauses)


async def test_with_the_permissions_of_both_users_it_follows_the_files_too(
    start_server: StartServer, home: Path, tmp_path: Path
) -> None:
    both = "ajsync-both"
    server = serve_accounts(start_server, home, {both: allowed_also(SUBJECT_LINE.findall(SHOWN["ajsync-apply"]))})
    (tmp_path / "ajsync.yaml").write_text(f"owner: {OWNER}\nfiles: [a.yaml]\n")
    files = tmp_path / "a.yaml"
    files.write_text("schedules: {TICK: {schedule: '@every 1s', queue: EMAIL, task_type: one}}\n")
    async with client_of(server, f"admin-{both}") as admin:
        await prepare(admin)
        heard = await listen(admin)
        with background(tmp_path, "apply", "--watch", "--yes", "--scheduler", "--context", both) as process:
            await asyncio.to_thread(wait_until, heard.fired, process)
            files.write_text(files.read_text().replace("one", "two"))
            await asyncio.to_thread(wait_until, lambda: any(each["type"] == "two" for each in heard.tasks), process)
            process.send_signal(signal.SIGTERM)
            assert process.wait(DEADLINE_SECONDS) == 0
    assert f'user:{both}"' not in server.log


async def test_the_page_is_honest_about_what_the_user_can_destroy(start_server: StartServer, home: Path) -> None:
    server = serve_accounts(start_server, home, {USER: BLOCK})
    async with client_of(server, f"admin-{USER}") as admin, client_of(server, USER) as connection:
        await prepare(admin, TICK)
        await connection.request(f"{KEYS}ajsync.watermark", b"", headers={"Nats-Rollup": "all"})
        info = await request(admin, f"{API}STREAM.INFO.{CONFIGURATION_STREAM}", {"subjects_filter": ">"})
        assert list(info["state"]["subjects"]) == [f"{KEYS}ajsync.watermark"]


async def test_the_page_is_honest_about_consumers(start_server: StartServer, home: Path) -> None:
    server = serve_accounts(start_server, home, {USER: BLOCK})
    received: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def receive(msg: Msg) -> None:
        if not received.done():
            received.set_result(msg.data)

    keys, create = f"{KEYS}scheduled_tasks.*", f"{API}CONSUMER.CREATE.{CONFIGURATION_STREAM}.x"
    config = {"name": "x", "deliver_subject": "nobody", "ack_policy": "none", "filter_subject": keys}
    async with client_of(server, f"admin-{USER}") as admin, client_of(server, USER) as connection:
        await prepare(admin, TICK)
        await admin.subscribe("anywhere", cb=receive)
        await request(admin, f"{API}INFO", {})  # after which the server knows it, and not after a flush
        await request(admin, f"{create}.{keys}", {"stream_name": CONFIGURATION_STREAM, "config": config})
        changed = {"config": {**config, "deliver_subject": "anywhere"}, "action": "update"}
        await request(connection, create, {"stream_name": CONFIGURATION_STREAM, **changed})
        assert b'"name":"TICK"' in await asyncio.wait_for(received, 10)


async def test_with_the_limits_of_the_page_a_consumer_that_nobody_listens_to_is_removed(
    start_server: StartServer, home: Path
) -> None:
    server = serve_accounts(start_server, home, {USER: BLOCK})
    (limits,) = (block.text for block in blocks(PAGE, "json") if "consumer_limits" in block.text)
    limited = {**stream_configuration(CONFIGURATION_STREAM), **json.loads(limits)}
    durable = {"durable_name": "x", "deliver_subject": "nobody", "ack_policy": "none"}
    create = f"{API}CONSUMER.CREATE.{CONFIGURATION_STREAM}"
    async with client_of(server, f"admin-{USER}") as admin, connect(context(USER)) as connection:
        await request(admin, f"{API}STREAM.CREATE.{CONFIGURATION_STREAM}", limited)
        await request(admin, f"{create}.x", {"stream_name": CONFIGURATION_STREAM, "config": {**durable, "name": "x"}})
        long = {**durable, "durable_name": "y", "name": "y", "inactive_threshold": 6 * 10**9}
        refusal = await admin.request(
            f"{create}.y",
            json.dumps({"stream_name": CONFIGURATION_STREAM, "config": long}).encode(),
            timeout=DEADLINE_SECONDS,
        )
        assert "inactive threshold exceeds" in json.loads(refusal.data)["error"]["description"]
        async with watching(connection) as watch:
            await watch.until(watch.loaded.is_set)
            async with asyncio.timeout(DEADLINE_SECONDS):
                while "x" in await names(admin):
                    await asyncio.sleep(0.05)
            assert len(await names(admin)) == 1


async def names(admin: Client) -> list[str]:
    """Of the consumers of the bucket."""
    return list((await request(admin, f"{API}CONSUMER.NAMES.{CONFIGURATION_STREAM}", {}))["consumers"] or [])


def test_the_page_says_what_each_subject_is_for() -> None:
    """As the table writes them, with an ellipsis for what is left out."""
    told = PAGE.read_text().partition("\nThe scheduler's:\n")[2].partition("\n## ")[0]
    patterns = [re.escape(each).replace("…", ".*") for each in re.findall(r"`([$C_][^`]+)`", told)]
    for line in ALLOWED:
        assert any(re.fullmatch(pattern, line.strip('"')) for pattern in patterns), line
