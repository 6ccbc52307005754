"""An older commit does not go over a newer one: with real repositories, pipelines and a real server."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ajsync.asyncjobs.applied import Commit, RecordedApply
from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.reconcile.apply.record import add_to_record
from ajsync.transport.connection import connect
from ajsync.transport.context import context_for_server
from tests.cli.launcher import launcher
from tests.cli.processes import ajsync, background, wait_until
from tests.cli.terminals import Terminal
from tests.git.repositories import commit, git, repository
from tests.nats_server import NatsServer

Run = Callable[..., subprocess.CompletedProcess[str]]
THEN = 1_700_000_000
REFUSED = "which is older than"


@pytest.fixture
def project(project: Path) -> Path:
    """A project with two commits; the first has the schedule `@daily`, the second `@hourly`."""
    repository(project)
    git(project, "config", "user.email", "jane@example.net")
    write(project, "@daily")
    commit(project, at=THEN)
    write(project, "@hourly")
    commit(project, at=THEN + 60)
    return project


@pytest.fixture
def run(project: Path, server: NatsServer) -> Run:
    """Run a command of ajsync in the project, against the server, where the second commit was applied."""

    def run(*arguments: str, folder: Path = project, **environment: str) -> subprocess.CompletedProcess[str]:
        return ajsync(folder, *arguments, "--server", server.url, **environment)

    done = run("apply", "--yes", "--create-bucket")
    assert done.returncode == 0, done.stderr
    return run


def write(project: Path, schedule: str) -> None:
    members = {"A": {"schedule": schedule, "task_type": "x"}}
    (project / "schedules" / "a.yaml").write_text(json.dumps({"schedules": members}))


def stored(run: Run) -> str:
    found: str = json.loads(run("list", "--json").stdout)[0]["schedule"]
    return found


def back(project: Path) -> str:
    """Check out the first commit."""
    git(project, "checkout", "--quiet", "HEAD~1")
    return git(project, "rev-parse", "HEAD")


def test_a_pipeline_that_finishes_late_is_refused(project: Path, run: Run) -> None:
    back(project)
    for arguments in (["plan"], ["apply", "--yes"], ["plan", "--format", "markdown"], ["plan", "--format", "github"]):
        done = run(*arguments)
        assert done.returncode == 4
        assert REFUSED in done.stdout
        assert "--allow-older" in done.stdout
    assert stored(run) == "@hourly"
    document = json.loads(run("plan", "-o", "json").stdout)
    assert [each["kind"] for each in document["refusals"]] == ["gate"]
    assert not document["applicable"]


def test_going_back_is_possible_and_recorded(project: Path, run: Run) -> None:
    first = back(project)
    assert run("plan", "--allow-older").returncode == 0
    assert run("apply", "--yes", "--allow-older").returncode == 0
    assert stored(run) == "@daily"
    assert json.loads(run("log", "--json").stdout)[0]["commit"] == first
    # From there on, forward is forward again.
    git(project, "checkout", "--quiet", "main")
    assert run("apply", "--yes").returncode == 0


def test_an_older_commit_with_nothing_to_do_is_neither_refused_nor_recorded(project: Path, run: Run) -> None:
    commit(project, at=THEN + 120)
    assert run("apply", "--yes").returncode == 0
    back(project)
    for command in (["plan"], ["apply", "--yes"]):
        assert run(*command).returncode == 0
    assert len(json.loads(run("log", "--json").stdout)) == 2


def test_a_branch_that_has_diverged_is_not_older(project: Path, run: Run) -> None:
    back(project)
    write(project, "@weekly")
    commit(project, at=THEN + 30)
    assert run("apply", "--yes").returncode == 0
    assert stored(run) == "@weekly"


def test_a_line_without_a_commit_does_not_hide_the_commit_before_it(
    project: Path, run: Run, server: NatsServer
) -> None:
    asyncio.run(add(server, RecordedApply(1, "by hand")))
    back(project)
    assert run("plan").returncode == 4


@pytest.mark.parametrize(("later", "code"), [(30, 4), (90, 0)])
def test_in_a_shallow_clone_the_times_decide(project: Path, run: Run, tmp_path: Path, later: int, code: int) -> None:
    """As `actions/checkout` makes it: the commit that was applied is not in it."""
    git(project, "checkout", "--quiet", "-b", "other", "HEAD~1")
    write(project, "@weekly")
    commit(project, at=THEN + later)
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "--quiet", "--depth", "1", "--branch", "other", f"file://{project}", str(shallow))
    assert run("plan", folder=shallow).returncode == code


def test_the_times_decide_in_a_job_without_git_too(project: Path, run: Run, tmp_path: Path) -> None:
    """GitLab says when its commit was made; GitHub does not, and then the gate stays open."""
    write(project, "@weekly")
    (project / ".git").rename(tmp_path / "git")
    gitlab = {"GITLAB_CI": "true", "CI_COMMIT_SHA": "a" * 40, "CI_COMMIT_TIMESTAMP": "2020-01-01T00:00:00Z"}
    assert run("plan", **gitlab).returncode == 4
    assert run("plan", **(gitlab | {"CI_COMMIT_TIMESTAMP": "2030-01-01T00:00:00Z"})).returncode == 0
    assert run("plan", GITHUB_ACTIONS="true", GITHUB_SHA="a" * 40).returncode == 0


def test_without_a_commit_there_is_no_gate(project: Path, run: Run, tmp_path: Path) -> None:
    write(project, "@weekly")
    (project / ".git").rename(tmp_path / "git")
    assert run("apply", "--yes").returncode == 0


def test_a_worktree_with_an_older_commit_is_refused(project: Path, run: Run, tmp_path: Path) -> None:
    worktree = tmp_path / "worktree"
    git(project, "worktree", "add", "--quiet", "--detach", str(worktree), "HEAD~1")
    assert run("plan", folder=worktree).returncode == 4


def test_a_saved_plan_is_gated_when_it_is_applied(project: Path, run: Run, server: NatsServer) -> None:
    """Made before the newer commit was applied, by a pipeline that waited for somebody to start its last job."""
    write(project, "@weekly")
    third = commit(project, at=THEN + 120)
    assert run("plan", "--out", "../change.plan").returncode == 0
    commit(project, at=THEN + 180)
    newer = Commit(git(project, "rev-parse", "HEAD"), (THEN + 180) * 10**9)
    asyncio.run(add(server, RecordedApply(1, "octocat", newer)))
    git(project, "checkout", "--quiet", third)
    refused = run("apply", "../change.plan")
    assert refused.returncode == 4
    assert REFUSED in refused.stdout
    assert stored(run) == "@hourly"
    assert run("apply", "../change.plan", "--allow-older").returncode == 0


def test_a_saved_plan_brings_the_opened_gate_along(project: Path, run: Run) -> None:
    back(project)
    assert run("plan", "--out", "change.plan", "--allow-older").returncode == 0
    assert run("apply", "change.plan").returncode == 0
    assert stored(run) == "@daily"


def test_what_is_applied_while_somebody_thinks_counts(project: Path, run: Run, server: NatsServer) -> None:
    """The plan on the terminal was fine when it was made; the answer comes after another pipeline."""
    write(project, "@weekly")
    commit(project, at=THEN + 120)
    commit(project, at=THEN + 180)
    newer = Commit(git(project, "rev-parse", "HEAD"), (THEN + 180) * 10**9)
    git(project, "checkout", "--quiet", "main~1")
    terminal = Terminal(launcher(), "apply", "--server", server.url, folder=project)
    terminal.wait_for("Apply to")
    asyncio.run(add(server, RecordedApply(1, "octocat", newer)))
    assert terminal.end("y\n") == 4
    assert REFUSED in terminal.shown.replace("\r\n", " ")
    assert stored(run) == "@hourly"


def test_a_process_that_follows_an_older_checkout_applies_nothing(
    project: Path, run: Run, server: NatsServer, tmp_path: Path
) -> None:
    back(project)
    log = tmp_path / "log"
    with (
        log.open("wb") as stderr,
        background(project, "apply", "--yes", "--watch", "--server", server.url, stderr=stderr) as process,
    ):
        wait_until(lambda: "Not applied: The files come from the commit" in log.read_text(), process)
        assert stored(run) == "@hourly"
        git(project, "checkout", "--quiet", "main")
        write(project, "@weekly")
        wait_until(lambda: stored(run) == "@weekly", process)


async def add(server: NatsServer, line: RecordedApply) -> None:
    async with connect(context_for_server(server.url)) as connection:
        await add_to_record(await ConfigurationBucket.open(connection), "team", line)
