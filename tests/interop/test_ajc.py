"""Beside the real `ajc`: each reads what the other writes, and an update leaves its scheduler firing once."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections import Counter
from pathlib import Path

import nats
import pytest
from nats.js.errors import NotFoundError

from tests.cli.processes import ajsync, wait_until
from tests.interop.conftest import Run
from tests.nats_server import NatsServer
from tests.waiting import PATIENCE

SCHEDULES = """\
schedules:
  TICK:
    schedule: "@every 2s"
    queue: EMAIL
    task_type: email:old
    payload: hello
    deadline: 1h10m
"""


@pytest.fixture(autouse=True)
def schedules(folder: Path) -> None:
    """The project's only schedule."""
    (folder / "schedules" / "a.yaml").write_text(SCHEDULES)


def test_ajc_shows_what_ajsync_applied(ajc: Run, run: Run) -> None:
    run("apply", "--yes", "--create-bucket")
    assert ajc("tasks", "cron", "list", "--names").split() == ["TICK"]
    theirs = json.loads(ajc("tasks", "cron", "view", "TICK", "--json"))
    ours = json.loads(run("view", "TICK", "--json"))
    assert theirs == {key: value for key, value in ours.items() if key != "ajsync"}


def test_ajsync_shows_adopts_and_keeps_what_ajc_added(folder: Path, ajc: Run, run: Run) -> None:
    options = ("--queue", "EMAIL", "--payload", "hello", "--deadline", "1h10m")
    ajc("tasks", "cron", "add", "TICK", "every 2s", "email:old", *options)
    before = json.loads(ajc("tasks", "cron", "view", "TICK", "--json"))
    assert ajsync(folder, "plan").returncode == 5
    assert "1 adopted" in run("apply", "--yes", "--adopt")
    assert json.loads(ajc("tasks", "cron", "view", "TICK", "--json")) == before
    ajc("tasks", "cron", "add", "THEIRS", "daily", "email:new")
    run("apply", "--yes")
    assert sorted(ajc("tasks", "cron", "list", "--names").split()) == ["THEIRS", "TICK"]


def test_a_bucket_that_ajsync_made_is_one_that_ajc_takes(ajc: Run, run: Run) -> None:
    run("init", "--bucket")
    assert "No Scheduled Tasks found" in ajc("tasks", "cron", "list")


def test_a_bucket_that_ajc_made_is_one_that_ajsync_takes(ajc: Run, run: Run) -> None:
    ajc("tasks", "cron", "list")
    assert "exists already" in run("init", "--bucket")
    assert "No Scheduled Tasks found" in run("list")


async def created_types(url: str) -> Counter[str]:
    """How many tasks of each type there are."""
    client = await nats.connect(url)
    try:
        subscription = await client.jetstream(timeout=PATIENCE).subscribe("CHORIA_AJ.T.*", ordered_consumer=True)
    except NotFoundError:  # the scheduler has not made the stream yet
        await client.close()
        return Counter()
    info = await subscription.consumer_info()
    assert info.delivered is not None
    count = (info.num_pending or 0) + info.delivered.consumer_seq  # some may have come already
    types = Counter([json.loads((await subscription.next_msg()).data)["type"] for _ in range(count)])
    await client.close()
    return types


def test_an_update_under_a_running_go_scheduler_fires_the_new_schedule_only(
    folder: Path, ajc: Run, run: Run, server: NatsServer
) -> None:
    ajc("queues", "add", "EMAIL")
    run("apply", "--yes", "--create-bucket")
    with (folder / "scheduler.log").open("w") as log:
        process = subprocess.Popen(["ajc", "tasks", "cron", "scheduler", "dev1"], stderr=log, stdout=log)
    try:

        def types() -> Counter[str]:
            return asyncio.run(created_types(server.url))

        wait_until(lambda: types()["email:old"] >= 2)
        (folder / "schedules" / "a.yaml").write_text(SCHEDULES.replace("email:old", "email:new"))
        assert "1 updated" in run("apply", "--yes")
        old = types()["email:old"]
        wait_until(lambda: types()["email:new"] >= 4)
        assert types()["email:old"] <= old + 1
    finally:
        process.terminate()
        process.wait(10)
    # After a plain put of the new value it would have gone on with the old schedule too.
    assert types()["email:old"] <= old + 1
