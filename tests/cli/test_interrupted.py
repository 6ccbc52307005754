"""An apply that is killed between delete and create loses no schedule."""

from __future__ import annotations

import asyncio
from pathlib import Path

import nats
import pytest
from nats.js.api import AckPolicy, ConsumerConfig

from tests.cli.processes import ajsync, background, wait_until
from tests.nats_server import NatsServer

SCHEDULES = "schedules:\n  A: {schedule: '@daily', task_type: x}\n  B: {schedule: '@daily', task_type: x}\n"
STREAM = "KV_CHORIA_AJ_CONFIGURATION"


@pytest.fixture
def project(tmp_path: Path, server: NatsServer) -> Path:
    """Two schedules in the bucket, and in the files a change to one of them."""
    folder = tmp_path / "project"
    (folder / "schedules").mkdir(parents=True)
    (folder / "ajsync.yaml").write_text("owner: team\n")
    (folder / "schedules" / "a.yaml").write_text(SCHEDULES)
    assert ajsync(folder, "apply", "--yes", "--create-bucket", "--server", server.url).returncode == 0
    (folder / "schedules" / "a.yaml").write_text(SCHEDULES.replace("@daily", "@weekly", 1))
    return folder


def watcher(url: str, *, there: bool) -> None:
    """A watcher that takes no deletion makes an apply wait between delete and create."""

    async def change() -> None:
        client = await nats.connect(url)
        if there:
            config = ConsumerConfig(durable_name="stuck", deliver_subject="nobody", ack_policy=AckPolicy.NONE)
            await client.jsm().add_consumer(STREAM, config)
        else:
            await client.jsm().delete_consumer(STREAM, "stuck")
        await client.close()

    asyncio.run(change())


def test_killed_between_delete_and_create_the_next_apply_brings_it_back_first(
    project: Path, server: NatsServer
) -> None:
    def names() -> list[str]:
        return ajsync(project, "list", "--names", "--server", server.url).stdout.split()

    watcher(server.url, there=True)
    with background(project, "apply", "--yes", "--server", server.url) as process:
        wait_until(lambda: names() == ["B"], process)
        process.kill()
        process.wait()
    watcher(server.url, there=False)
    assert names() == ["B"]
    plan = ajsync(project, "plan", "--detailed-exitcode", "--server", server.url)
    assert plan.returncode == 0
    assert "left 1 schedule deleted (A)" in plan.stderr
    with background(project, "apply", "--yes", "--server", server.url) as process:
        output, errors = process.communicate(timeout=60)
    assert "seems to be at work, or was cut off a moment ago" in errors
    assert "Brought back 1 schedule" in errors
    assert "No changes." in output
    assert "@weekly" in ajsync(project, "view", "A", "--server", server.url).stdout
