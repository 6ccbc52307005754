"""`ajsync log`, and what an apply leaves for it: real repositories, real processes, a real server."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ajsync.asyncjobs.applied import RECORD_SUBJECT, Commit, RecordedApply, encode_record
from ajsync.version import __version__
from tests.cli.processes import ajsync, background, wait_until
from tests.git.repositories import commit, git, repository
from tests.nats_server import NatsServer
from tests.values import put_values

Run = Callable[..., subprocess.CompletedProcess[str]]
THEN = 1_700_000_000


@pytest.fixture
def project(project: Path) -> Path:
    """A project of one schedule, committed by Jane."""
    repository(project)
    git(project, "config", "user.email", "jane@example.net")
    (project / "ajsync.yaml").write_text("owner: team\nenvironments: {prod: {}}\n")
    write(project, "A")
    commit(project, at=THEN)
    return project


@pytest.fixture
def run(project: Path, server: NatsServer) -> Run:
    """Run a command of ajsync in the project, against the server, which has a bucket."""

    def run(*arguments: str, folder: Path = project, **environment: str) -> subprocess.CompletedProcess[str]:
        return ajsync(folder, *arguments, "--server", server.url, **environment)

    assert run("list", "--create-bucket").returncode == 0
    return run


def write(project: Path, *names: str, schedule: str = "@daily") -> None:
    members = {name: {"schedule": schedule, "task_type": "x"} for name in names}
    (project / "schedules" / "a.yaml").write_text(json.dumps({"schedules": members}))


def applied(run: Run, *arguments: str, **environment: str) -> None:
    done = run("apply", "--yes", *arguments, **environment)
    assert (done.returncode, done.stderr) == (0, "")


def log(run: Run, *arguments: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(run("log", "--json", *arguments).stdout)
    return found


def test_a_bucket_without_applies_has_no_log(run: Run) -> None:
    done = run("log")
    assert (done.returncode, done.stdout, done.stderr) == (0, "No apply of team is recorded\n", "")
    assert log(run) == []
    assert run("log", "-o", "yaml").stdout == "[]\n"


def test_an_apply_leaves_who_what_and_from_which_commit(project: Path, run: Run) -> None:
    applied(run, "-e", "prod")
    (found,) = log(run)
    head = git(project, "rev-parse", "HEAD")
    at, digest = found.pop("at"), found.pop("digest")
    assert at > "2026"
    assert len(digest) == 64
    assert found == {
        "owner": "team",
        "action": "apply",
        "by": "jane@example.net",
        "commit": head,
        "committed_at": "2023-11-14T22:13:20Z",
        "ref": "main",
        "dirty": False,
        "environment": "prod",
        "version": __version__,
        "counts": {"create": 1, "update": 0, "adopt": 0, "delete": 0, "rename": 0},
        "names": ["A"],
    }
    titles, row = (re.split("  +", line) for line in run("log").stdout.splitlines())
    assert titles == ["When (UTC)", "By", "Commit", "Ref", "Environment", "Changes", "Schedules"]
    assert row[1:] == ["jane@example.net", head[:10], "main", "prod", "1 created", "A"]


def test_files_that_are_not_committed_are_dirty_and_other_files_are_not(project: Path, run: Run) -> None:
    (project / "notes.txt").write_text("x")
    applied(run)
    write(project, "A", "B")
    applied(run)
    assert [each["dirty"] for each in log(run)] == [True, False]
    assert f"{git(project, 'rev-parse', 'HEAD')[:10]}-dirty" in run("log").stdout


def test_an_apply_that_changes_nothing_is_recorded_if_it_comes_from_another_commit(project: Path, run: Run) -> None:
    applied(run)
    applied(run)
    assert len(log(run)) == 1
    second = commit(project, readme_md="x")
    applied(run)
    applied(run)
    assert log(run)[0]["commit"] == second
    assert [sum(each["counts"].values()) for each in log(run)] == [0, 1]
    assert "none" in run("log").stdout


def test_without_a_repository_the_user_and_the_host_are_recorded(project: Path, run: Run) -> None:
    outside = {"GIT_CEILING_DIRECTORIES": str(project.parent)}
    (project / ".git").rename(project.parent / "git")
    applied(run, **outside)
    applied(run, **outside)
    (found,) = log(run)
    assert "@" in found["by"]
    assert (found["commit"], found["dirty"]) == (None, False)


def test_a_job_of_github_and_one_of_gitlab_are_recorded_with_their_users(project: Path, run: Run) -> None:
    head = git(project, "rev-parse", "HEAD")
    github = {"GITHUB_ACTIONS": "true", "GITHUB_ACTOR": "octocat", "GITHUB_SHA": head, "GITHUB_REF_NAME": "v1"}
    applied(run, **github)
    second = commit(project, readme_md="x")
    gitlab = {"GITLAB_CI": "true", "GITLAB_USER_LOGIN": "tanuki", "CI_COMMIT_SHA": second, "CI_COMMIT_REF_NAME": "v2"}
    applied(run, **gitlab)
    assert [(each["by"], each["commit"], each["ref"]) for each in log(run)] == [
        ("tanuki", second, "v2"),
        ("octocat", head, "v1"),
    ]


def test_a_saved_plan_and_an_export_are_recorded_too(project: Path, run: Run) -> None:
    assert run("plan", "--out", "change.plan").returncode == 0
    done = run("apply", "change.plan")
    assert (done.returncode, done.stderr) == (0, "")
    assert run("add", "B", "@daily", "x").returncode == 0
    assert run("export", "-o", "schedules", "--adopt").returncode == 0
    assert [each["names"] for each in log(run)] == [["B"], ["A"]]
    assert log(run)[0]["counts"]["adopt"] == 1


def test_a_single_schedule_by_hand_is_not_recorded(run: Run) -> None:
    assert run("add", "B", "@daily", "x", "--owner", "team").returncode == 0
    assert run("delete", "B", "--force", "--owner", "team").returncode == 0
    assert log(run) == []


def test_a_pause_a_resume_and_a_backfill_are_shown_between_the_applies(run: Run, server: NatsServer) -> None:
    applied(run)
    assert run("add", "FREE", "@daily", "x").returncode == 0
    paused = run("pause", "A", "FREE", "--reason", "new disks", "--until", "2100-01-04T06:00:00Z")
    assert (paused.returncode, paused.stderr) == (0, "")
    assert run("pause", "NOPE", "--reason", "why").returncode == 1
    resumed = run("resume", "A", "FREE")
    assert (resumed.returncode, resumed.stderr) == (0, "")
    assert run("resume", "A").returncode == 0  # which is not paused
    resume, pause, apply = log(run)
    assert [each["action"] for each in (resume, pause, apply)] == ["resume", "pause", "apply"]
    assert {name: pause[name] for name in ("owner", "by", "reason", "until", "count", "names", "tasks")} == {
        "owner": "team",
        "by": "jane@example.net",
        "reason": "new disks",
        "until": "2100-01-04T06:00:00Z",
        "count": 1,
        "names": ["A"],
        "tasks": None,
    }
    assert (resume["by"], resume["names"], resume["reason"]) == ("jane@example.net", ["A"], None)
    _, *rows = (re.split("  +", line) for line in run("log").stdout.splitlines())
    assert [row[5:] for row in rows] == [
        ["1 resumed", "A"],
        ["1 paused until Mon 2100-01-04 06:00 UTC (new disks)", "A"],
        ["1 created", "A"],
    ]
    assert "Last applied" in run("plan").stdout
    assert [each["action"] for each in log(run, "--last", "1")] == ["resume"]


def test_the_next_plan_says_what_was_applied_last(run: Run) -> None:
    assert "Last applied" not in run("plan").stdout
    applied(run)
    shown = run("plan").stdout
    assert " by jane@example.net from " in shown
    assert json.loads(run("plan", "-o", "json").stdout)["last_applied"]["names"] == ["A"]


def test_the_log_of_another_owner_and_of_all(project: Path, run: Run) -> None:
    applied(run)
    (project / "ajsync.yaml").write_text("owner: others\n")
    write(project, "B")
    applied(run)
    assert [each["owner"] for each in log(run)] == ["others"]
    assert [each["owner"] for each in log(run, "--owner", "team")] == ["team"]
    assert [each["owner"] for each in json.loads(run("log", "--json", folder=project.parent).stdout)] == [
        "others",
        "team",
    ]
    assert run("log", folder=project.parent).stdout.split()[2] == "Owner"
    assert len(json.loads(run("log", "--json", "--last", "1", folder=project.parent).stdout)) == 1


def test_the_applies_of_a_process_that_follows_the_files_are_recorded(
    project: Path, run: Run, server: NatsServer
) -> None:
    arguments = ("apply", "--yes", "--watch", "--scheduler", "--server", server.url, "-e", "prod")
    with background(project, *arguments) as process:
        wait_until(lambda: len(log(run)) == 1, process)
        write(project, "A", "B")
        wait_until(lambda: len(log(run)) == 2, process)
        second = commit(project)
        write(project, "A", "B", "C")
        wait_until(lambda: len(log(run)) == 3, process)
    newest = log(run)[0]
    assert (newest["commit"], newest["dirty"], newest["environment"]) == (second, True, "prod")
    assert [each["names"] for each in log(run)] == [["C"], ["B"], ["A"]]


def test_hostile_lines_cannot_steer_a_terminal(run: Run, server: NatsServer) -> None:
    foul = "\x1b[31m\n::error::x\u202e"
    line = RecordedApply(1, foul, Commit("a" * 40, 1, foul), foul, foul, foul, {"create": 1}, (foul,))
    put_values(server.url, {"team": encode_record((line,))}, prefix=RECORD_SUBJECT)
    assert len(log(run)) == 1
    for arguments in (["log"], ["plan"], ["plan", "--format", "markdown"], ["plan", "--format", "github"]):
        shown = run(*arguments).stdout
        assert not {*"\x1b\u202e"}.intersection(shown)
        assert not [each for each in shown.splitlines() if each.startswith("::error::x")]


def test_a_pause_that_cannot_be_recorded_is_a_pause_all_the_same(run: Run, server: NatsServer) -> None:
    applied(run)
    put_values(server.url, {"team": b'{"format": 2}'}, prefix=RECORD_SUBJECT)
    done = run("pause", "A", "--reason", "why")
    assert (done.returncode, done.stdout) == (0, "Paused A.\n")
    assert "The pause is missing in the record that 'ajsync log' shows." in done.stderr
    assert json.loads(run("view", "A", "--json").stdout)["paused"]["reason"] == "why"
    assert "The resume is missing in the record" in run("resume", "A").stderr


def test_a_record_that_is_not_understood_is_an_error_of_the_log_and_a_warning_of_the_others(
    run: Run, server: NatsServer
) -> None:
    put_values(server.url, {"team": b'{"format": 2}'}, prefix=RECORD_SUBJECT)
    failed = run("log")
    assert failed.returncode == 3
    assert "its format is 2" in failed.stderr
    planned = run("plan")
    assert planned.returncode == 0
    assert "its format is 2" in planned.stderr
    done = run("apply", "--yes")
    assert done.returncode == 0
    assert "The apply is missing in the record" in done.stderr


def test_a_shared_home_is_not_needed(project: Path, run: Run, tmp_path: Path) -> None:
    """git without a home folder and without a name: the user of this host applies."""
    git(project, "config", "--unset", "user.email")
    applied(run, HOME=str(tmp_path / "nowhere"), GIT_CONFIG_NOSYSTEM="1")
    (found,) = log(run)
    assert found["by"].endswith(f"@{os.uname().nodename}")
