"""An apply that is killed between delete and create loses no schedule."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.transport.connection import connect
from ajsync.transport.context import context_for_server
from tests.cli.processes import ajsync, background
from tests.go_watcher import STUCK, go_watcher
from tests.nats_server import NatsServer

pytestmark = pytest.mark.anyio

SCHEDULES = "schedules:\n  A: {schedule: '@daily', task_type: x}\n  B: {schedule: '@daily', task_type: x}\n"


@pytest.fixture
def project(project: Path, server: NatsServer) -> Path:
    """Two schedules in the bucket, and in the files a change to one of them."""
    (project / "schedules" / "a.yaml").write_text(SCHEDULES)
    assert ajsync(project, "apply", "--yes", "--create-bucket", "--server", server.url).returncode == 0
    (project / "schedules" / "a.yaml").write_text(SCHEDULES.replace("@daily", "@weekly", 1))
    return project


@pytest.mark.slow
async def test_killed_between_delete_and_create_the_next_apply_brings_it_back_first(
    project: Path, server: NatsServer
) -> None:
    async with connect(context_for_server(server.url)) as connection, go_watcher(connection, **STUCK):
        bucket = await ConfigurationBucket.open(connection)
        with background(project, "apply", "--yes", "--server", server.url) as process:
            async with asyncio.timeout(30):
                while await bucket.names() != ("B",):
                    assert process.poll() is None
                    await asyncio.sleep(0.01)
            process.kill()
            process.wait()
        assert await bucket.names() == ("B",)
    plan = ajsync(project, "plan", "--detailed-exitcode", "--server", server.url)
    assert plan.returncode == 0
    assert "left 1 schedule deleted (A)" in plan.stderr
    with background(project, "apply", "--yes", "--server", server.url) as process:
        output, errors = process.communicate(timeout=60)
    assert "seems to be running, or was interrupted a moment ago" in errors
    assert "Restored 1 schedule" in errors
    assert "No changes:" in output
    assert "@weekly" in ajsync(project, "view", "A", "--server", server.url).stdout
