"""docs/ci.md: what a job of any CI runs, with the users of docs/permissions.md."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from pathlib import Path

import pytest

from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.transport.connection import connect
from ajsync.transport.context import context_for_server
from tests.cli.launcher import with_launcher
from tests.cli.processes import DEADLINE_SECONDS
from tests.conftest import StartServer
from tests.docs.pages import DOCS, blocks
from tests.docs.users import PASSWORD, authorization

PAGE = DOCS / "ci.md"


@pytest.fixture
def repository(tmp_path: Path, start_server: StartServer, passwords: None) -> Path:
    """A repository with a schedule, and beside it a context for each user."""
    server = start_server(authorization())
    folder = tmp_path / "repository"
    (folder / "schedules").mkdir(parents=True)
    (folder / "ajsync.yaml").write_text("owner: team\n")
    (folder / "schedules" / "a.yaml").write_text("schedules: {A: {schedule: daily, task_type: x}}\n")
    for name in ("plan", "apply"):
        login = {"user": f"ajsync-{name}", "password": "env://NATS_PASSWORD", "inbox_prefix": f"_INBOX_ajsync_{name}"}
        (tmp_path / name).write_text(json.dumps({"url": server.url, **login}))

    async def prepare() -> None:
        async with connect(context_for_server(server.url.replace("://", f"://admin:{PASSWORD}@"))) as connection:
            await ConfigurationBucket.create(connection)

    asyncio.run(prepare())
    return folder


def job(folder: Path, script: str, user: str) -> subprocess.CompletedProcess[str]:
    """Run the scripts of a job, one after the other in one shell, with the context of a user in a file."""
    path = with_launcher(os.environ["PATH"])
    return subprocess.run(
        ["sh", "-e", "-c", script],
        cwd=folder,
        env={**os.environ, "PATH": path, "NATS_CONTEXT": str(folder.parent / user), "CI": "true"},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=DEADLINE_SECONDS,
    )


def test_the_scripts_for_any_ci_plan_and_apply(repository: Path) -> None:
    context, *scripts = (block.text for block in blocks(PAGE, "sh", below="Any other CI"))
    pull_request, save, apply = (context + script for script in scripts)
    other = repository / "other"
    other.write_text("Not to be changed.\n")
    (repository / "plan.md").symlink_to(other)
    assert job(repository, pull_request, "plan").returncode == 0
    shown = (repository / "plan.md").read_text()
    assert shown.startswith("<!-- ajsync plan team -->\n### ajsync plan for `team`")
    assert other.read_text() == "Not to be changed.\n"
    assert job(repository, save, "plan").returncode == 0
    assert "does not permit it" in job(repository, apply, "plan").stderr
    assert "Applied: 1 created." in job(repository, apply, "apply").stdout


def test_a_job_at_night_fails_if_the_bucket_has_drifted(repository: Path) -> None:
    context, *_ = (block.text for block in blocks(PAGE, "sh", below="Any other CI"))
    (look,) = (block.text.strip() for block in blocks(PAGE, "sh", below="Looking for drift"))
    look = f"{context}{look} --context nats-prod"
    assert job(repository, look, "plan").returncode == 2
    assert job(repository, f"{context}ajsync apply --yes --context nats-prod", "apply").returncode == 0
    assert job(repository, look, "plan").returncode == 0
