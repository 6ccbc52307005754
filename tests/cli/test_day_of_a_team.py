"""A day of a team of two: one project in two environments that share a bucket, from a review to a repair."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import ajsync as api
from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.asyncjobs.names import TASKS_STREAM
from ajsync.reconcile.apply.writing import KeyWrite, write_keys
from tests.cli.processes import ajsync
from tests.git.repositories import commit, git, repository
from tests.nats_server import NatsServer
from tests.scheduler.fires import counts

PROJECT = """\
owner: shop
queues: {PAYMENTS: {max_tries: 5}}
environments:
  staging: {owner: shop-staging, variables: {stage: STAGING}}
  prod: {owner: shop-prod, variables: {stage: PROD}}
"""
SCHEDULES = """\
defaults: {queue: PAYMENTS, labels: {team: payments}}
schedules:
  SETTLE_${region}_${stage}:
    for_each:
      - {region: EU, zone: Europe/Malta}
      - {region: US, zone: America/New_York}
    schedule: "0 2 * * *"
    timezone: ${zone}
    task_type: settle
    payload: {region: "${region}"}
"""
EVENING = SCHEDULES.replace("0 2 * * *", "30 22 * * *")
EU, US = "SETTLE_EU_PROD", "SETTLE_US_PROD"
MORNING = 1_795_000_000

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def project(project: Path) -> Path:
    """The project with its first commit."""
    repository(project)
    (project / "ajsync.yaml").write_text(PROJECT)
    (project / "schedules" / "settle.yaml").write_text(SCHEDULES)
    commit(project, at=MORNING)
    return project


@pytest.fixture
def run(project: Path, server: NatsServer) -> Run:
    """Run a command of ajsync in the project, against the server, and expect its exit code."""

    def run(*arguments: str, code: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
        done = ajsync(project, *arguments, "--server", server.url, **environment)
        assert done.returncode == code, (arguments, done.stdout, done.stderr)
        return done

    run("init", "--bucket")
    asyncio.run(make_tasks_stream(server.url))
    return run


async def make_tasks_stream(url: str) -> None:
    async with api.connect(server=url) as client:
        await client.prepare()


def in_ci(project: Path, actor: str) -> dict[str, str]:
    """The variables of a job of GitHub for the commit that is checked out."""
    return {
        "GITHUB_ACTIONS": "true",
        "GITHUB_TRIGGERING_ACTOR": actor,
        "GITHUB_SHA": git(project, "rev-parse", "HEAD"),
        "GITHUB_REF_NAME": "main",
    }


def by_hand(server: NatsServer, name: str, **fields: object) -> None:
    """Change a schedule in the bucket, as somebody does who is in a hurry."""

    async def change() -> None:
        async with api.connect(server=server.url) as client:
            bucket = await ConfigurationBucket.open(client.connection)
            entry = (await bucket.read()).entries[name]
            assert entry.task is not None
            await write_keys(bucket, [KeyWrite(name, entry.revision, replace(entry.task, **fields))])  # type: ignore[arg-type]

    asyncio.run(change())


def tasks(server: NatsServer) -> int:
    """How many tasks there are."""

    async def count() -> int:
        async with api.connect(server=server.url) as client:
            return (await counts(client.connection, TASKS_STREAM))[0]

    return asyncio.run(count())


@pytest.mark.slow
def test_a_day_of_a_team_of_two(project: Path, run: Run, server: NatsServer) -> None:
    # Jane brings the project to both environments, which leave each other alone in the bucket.
    assert ajsync(project, "validate", "--all-environments").returncode == 0
    for stage in ("staging", "prod"):
        run("apply", "--yes", "-e", stage, **in_ci(project, "jane"))
    assert run("list", "--names").stdout.split() == [EU, "SETTLE_EU_STAGING", US, "SETTLE_US_STAGING"]
    assert "No changes" in run("plan", "-e", "staging").stdout

    # Ravi moves the settlement to the evening. The review sees the plan for prod, with what it does to the fires.
    first = git(project, "rev-parse", "HEAD")
    (project / "schedules" / "settle.yaml").write_text(EVENING)
    second = commit(project, at=MORNING + 3600)
    review = run("plan", "-e", "prod", "--format", "markdown").stdout
    for told in ("prod", "0 2 \\* \\* \\*", "30 22", EU, US, "2 to update", "by jane", first[:10]):
        assert told.replace("\\", "") in review.replace("\\", ""), told
    document = json.loads(run("plan", "-e", "prod", "-o", "json").stdout)
    assert [(each["action"], each["name"]) for each in document["changes"]] == [("update", EU), ("update", US)]
    assert run("plan", "-e", "prod", "--detailed-exitcode", code=2)

    # Merged, CI applies it to prod.
    assert "Applied: 2 updated." in run("apply", "--yes", "-e", "prod", **in_ci(project, "ravi")).stdout

    # At noon somebody changes a deadline by hand. The next plan says whose work it would undo.
    by_hand(server, EU, deadline=3600 * 10**9)
    drifted = run("plan", "-e", "prod").stdout
    assert "drift" in drifted.lower()
    assert EU in drifted
    assert US not in drifted
    run("apply", "--yes", "-e", "prod", **in_ci(project, "ravi"))

    # An older pipeline was slow. It must not bring back the night.
    git(project, "checkout", "--quiet", first)
    late = run("apply", "--yes", "-e", "prod", code=4, **in_ci(project, "jane"))
    assert "--allow-older" in late.stdout + late.stderr
    git(project, "checkout", "--quiet", "main")
    assert git(project, "rev-parse", "HEAD") == second
    assert "No changes" in run("plan", "-e", "prod").stdout

    # A maintenance window: the schedules of one team in prod pause, and nothing of an apply resumes them.
    until = (datetime.now(UTC) + timedelta(hours=2)).isoformat(timespec="seconds")
    run(
        "pause",
        "--name",
        "*_PROD",
        "-l",
        "team=payments",
        "-e",
        "prod",
        "--mine",
        "--reason",
        "disks",
        "--until",
        until,
    )
    assert "paused" in run("list").stdout.lower()
    assert "disks" in run("view", EU).stdout
    assert "paused" in run("plan", "-e", "prod").stdout.lower()
    run("apply", "--yes", "-e", "prod", **in_ci(project, "ravi"))
    assert "disks" in run("view", EU).stdout
    run("resume", "--name", "*_PROD", "-e", "prod", "--mine")
    assert "paused" not in run("list").stdout.lower()
    assert "No changes" in run("plan", "-e", "prod").stdout

    # A night was missed, since no scheduler ran. Its tasks are made by hand, once.
    night = (datetime.now(UTC) - timedelta(days=2)).date().isoformat()  # it is over in every zone
    missed = ("backfill", EU, US, "--from", night, "--to", night, "--yes")
    assert "Made 2 tasks." in run(*missed).stdout
    assert "Nothing is missing." in run(*missed).stdout
    assert tasks(server) == 2

    # In the evening the log says who did what.
    log = json.loads(run("log", "--owner", "shop-prod", "-o", "json").stdout)
    assert [(each["action"], each["names"]) for each in log[:3]] == [
        (by, [EU, US]) for by in ("backfill", "resume", "pause")
    ]
    assert log[2]["reason"] == "disks"
    applies = log[3:]
    done = [(each["by"], each["commit"], {verb: n for verb, n in each["counts"].items() if n}) for each in applies]
    assert done == [("ravi", second, {"update": 1}), ("ravi", second, {"update": 2}), ("jane", first, {"create": 2})]
