"""`ajsync apply --watch --scheduler`: files, bucket and firing in one process; of several the leader alone applies."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path
from typing import IO, Any

import nats
import pytest
from nats.js.api import RetentionPolicy, StreamConfig
from nats.js.errors import NotFoundError

from tests.cli.processes import ajsync, background, wait_until
from tests.nats_server import NatsServer
from tests.waiting import PATIENCE

SCHEDULES = """\
schedules:
  TICK:
    schedule: "@every 1s"
    queue: EMAIL
    task_type: email:one
"""


@pytest.fixture
def project(project: Path, server: NatsServer) -> Path:
    """A project of one schedule, and a queue for it."""
    (project / "schedules" / "a.yaml").write_text(SCHEDULES)

    async def make_queue() -> None:
        client = await nats.connect(server.url)
        await client.jetstream(timeout=PATIENCE).add_stream(
            StreamConfig(
                name="CHORIA_AJ_Q_EMAIL", subjects=["CHORIA_AJ.Q.EMAIL.>"], retention=RetentionPolicy.WORK_QUEUE
            )
        )
        await client.close()

    asyncio.run(make_queue())
    return project


def tasks(server: NatsServer) -> list[dict[str, Any]]:
    """Every task that was made."""

    async def read() -> list[dict[str, Any]]:
        client = await nats.connect(server.url)
        try:
            subscription = await client.jetstream(timeout=PATIENCE).subscribe("CHORIA_AJ.T.*", ordered_consumer=True)
            info = await subscription.consumer_info()
            assert info.delivered is not None
            count = (info.num_pending or 0) + info.delivered.consumer_seq  # some may have come already
            return [json.loads((await subscription.next_msg()).data) for _ in range(count)]
        except NotFoundError:
            return []
        finally:
            await client.close()

    return asyncio.run(read())


def types(server: NatsServer) -> set[str]:
    return {task["type"] for task in tasks(server)}


def read_until(stream: IO[str] | None, text: str) -> str:
    """What a process logs, up to the line that holds `text`."""
    assert stream is not None
    seen = ""
    while text not in seen:
        line = stream.readline()
        assert line, seen
        seen += line
    return seen


def test_an_edit_is_applied_and_fired_by_one_process(project: Path, server: NatsServer) -> None:
    arguments = ("apply", "--watch", "--yes", "--scheduler", "one", "--create-bucket", "--server", server.url)
    with background(project, *arguments) as process:
        wait_until(lambda: "email:one" in types(server), process)
        (project / "schedules" / "a.yaml").write_text(SCHEDULES.replace("email:one", "email:two"))
        wait_until(lambda: "email:two" in types(server), process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    made = [task["created"] for task in tasks(server)]
    assert len(made) == len(set(made))


def test_of_two_the_leader_alone_applies_and_the_other_takes_both_over(project: Path, server: NatsServer) -> None:
    arguments = ("apply", "--watch", "--yes", "--create-bucket", "--server", server.url, "--scheduler")
    with background(project, *arguments, "one") as one:
        wait_until(lambda: "email:one" in types(server), one)
        with background(project, *arguments, "two") as two:
            assert "Became leader" not in read_until(two.stderr, "Standing by: the leader applies")
            (project / "schedules" / "a.yaml").write_text(SCHEDULES.replace("email:one", "email:two"))
            wait_until(lambda: "email:two" in types(server), one)
            one.kill()
            assert "Applied" not in read_until(two.stderr, "Became leader")
            (project / "schedules" / "a.yaml").write_text(SCHEDULES.replace("email:one", "email:three"))
            wait_until(lambda: "email:three" in types(server), two)
    made = [task["created"] for task in tasks(server)]
    assert len(made) == len(set(made))


def test_an_invalid_edit_keeps_firing_what_was_valid(project: Path, server: NatsServer) -> None:
    arguments = ("apply", "--watch", "--yes", "--scheduler", "one", "--create-bucket", "--server", server.url)
    with background(project, *arguments) as process:
        wait_until(lambda: "email:one" in types(server), process)
        (project / "schedules" / "a.yaml").write_text("schedules: [")
        read_until(process.stderr, "last good configuration stays in force")
        before = len(tasks(server))
        wait_until(lambda: len(tasks(server)) > before + 1, process)


def test_scheduler_options_without_a_scheduler_are_a_wrong_call(project: Path) -> None:
    assert ajsync(project, "apply", "--yes", "--scheduler", "one").returncode == 64
    assert ajsync(project, "apply", "--yes", "--watch", "--monitor", "8080").returncode == 64
    assert ajsync(project, "scheduler", "--takeover-after", "499ms").returncode == 64
    refused = ajsync(project, "scheduler", "one\udcff")
    assert refused.returncode == 64
    assert "The name of the scheduler, 'one\\udcff', is not UTF-8 text." in refused.stderr
