"""The GitHub action: its scripts run with bash against a real server, GitHub's files and API stand in a folder."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.examples.bucket import make_bucket, stored
from tests.examples.commands import EXAMPLES, ROOT, all_in_shell, parse, steps
from tests.examples.pull_request import BOT, PullRequest
from tests.examples.runner import ACTION, STEPS, Runner
from tests.nats_server import NatsServer

SCHEDULES = """\
schedules:
  DAILY:
    schedule: "@daily"
    queue: EMAIL
    task_type: report:daily
"""
WORKFLOW: dict[str, Any] = yaml.safe_load((EXAMPLES / "github" / "schedules.yml").read_text())


@pytest.fixture
def workspace(tmp_path: Path, server: NatsServer) -> Path:
    """A checkout with a project in a folder, whose bucket is there."""
    project = tmp_path / "workspace" / "jobs"
    (project / "schedules").mkdir(parents=True)
    (project / "ajsync.yaml").write_text("owner: team\nenvironments: {prod: {}}\n")
    (project / "schedules" / "a.yaml").write_text(SCHEDULES)
    make_bucket(server.url)
    return project.parent


@pytest.fixture
def runner(tmp_path: Path, workspace: Path, pull_request: PullRequest) -> Runner:
    """A job on the pull request."""
    return Runner(tmp_path / "runner", workspace, pull_request.environ(tmp_path))


def context(server: NatsServer) -> str:
    return json.dumps({"url": server.url})


def test_a_plan_is_annotated_summed_up_commented_and_kept(
    runner: Runner, pull_request: PullRequest, server: NatsServer, workspace: Path
) -> None:
    status, outputs = runner.run(mode="plan", working_directory="jobs", context=context(server))
    assert (status, outputs) == (0, {"changes": "true"}), runner.output
    assert "::notice file=jobs/schedules/a.yaml,line=2,title=ajsync%3A create DAILY::" in runner.output
    (comment,) = pull_request.by(BOT)
    assert comment.startswith("<!-- ajsync plan team -->\n")
    assert comment in runner.summary
    assert stored(server.url) == {}


@pytest.mark.parametrize(
    ("event", "inputs", "kept"),
    [
        ("push", {}, True),
        ("push", {"artifact": ""}, False),
        ("pull_request", {}, False),
        ("pull_request", {"artifact": "plan"}, False),
        ("pull_request_target", {}, False),
        ("issue_comment", {}, False),
        ("pull_request", {"artifact_of_pull_request": "true"}, True),
    ],
    ids=str,
)
def test_a_pull_request_keeps_no_artifact_with_payloads_unless_asked_to(
    runner: Runner, server: NatsServer, event: str, inputs: dict[str, str], kept: bool
) -> None:
    runner.event = event
    inputs = {"mode": "plan", "comment": "false", "working_directory": "jobs", "context": context(server), **inputs}
    assert runner.run(**inputs)[0] == 0, runner.output
    files = [str(file.relative_to(runner.folder / "artifacts")) for file in runner.folder.glob("artifacts/*/*")]
    assert files == (["ajsync-plan/change.plan"] if kept else [])


@pytest.mark.parametrize("mode", ["plan", "apply"])
def test_the_files_must_belong_to_the_owner_that_the_workflow_names(
    runner: Runner, pull_request: PullRequest, server: NatsServer, workspace: Path, mode: str
) -> None:
    inputs = {"mode": mode, "working_directory": "jobs", "context": context(server)}
    (workspace / "jobs" / "ajsync.yaml").write_text("owner: other\nsafety: {allow_empty: true, max_delete: 1000}\n")
    assert runner.run(**inputs, owner="team")[0] == 3
    assert "--owner is" in runner.output
    assert (stored(server.url), pull_request.comments) == ({}, [])
    assert runner.run(**inputs, owner="other")[0] == 0, runner.output


def test_a_saved_plan_is_applied_by_another_job(runner: Runner, server: NatsServer, workspace: Path) -> None:
    runner.event = "push"
    inputs = {"working_directory": "jobs", "server": server.url}
    assert runner.run(mode="plan", **inputs)[0] == 0
    assert runner.run(mode="apply", saved_plan="ajsync-plan", **inputs)[0] == 0, runner.output
    assert [*stored(server.url)] == ["DAILY"]


def test_without_a_saved_plan_apply_plans_afresh(runner: Runner, server: NatsServer, workspace: Path) -> None:
    assert runner.run(mode="apply", working_directory="jobs", context=context(server))[0] == 0
    assert [*stored(server.url)] == ["DAILY"]
    assert runner.run(mode="plan", working_directory="jobs", context=context(server))[1] == {"changes": "false"}


def test_a_plan_that_a_gate_refuses_is_shown_and_fails(
    runner: Runner, pull_request: PullRequest, server: NatsServer, workspace: Path
) -> None:
    inputs = {"working_directory": "jobs", "context": context(server)}
    assert runner.run(mode="apply", **inputs)[0] == 0
    (workspace / "jobs" / "schedules" / "a.yaml").write_text("schedules: {}\n")
    assert runner.run(mode="plan", **inputs)[0] == 4
    assert "[!CAUTION]" in pull_request.by(BOT)[0]
    assert runner.run(mode="apply", **inputs, allow_empty="true", allow_deletes="1", allow_older="true")[0] == 0, (
        runner.output
    )
    assert stored(server.url) == {}


def test_files_that_are_not_valid_are_annotated_and_fail(
    runner: Runner, pull_request: PullRequest, server: NatsServer, workspace: Path
) -> None:
    (workspace / "jobs" / "schedules" / "a.yaml").write_text(SCHEDULES.replace("@daily", "@dayly"))
    assert runner.run(mode="plan", working_directory="jobs", context=context(server))[0] == 3
    assert "::error file=jobs/schedules/a.yaml,line=3," in runner.output
    assert pull_request.comments == []


@pytest.mark.parametrize(
    "inputs",
    [{"mode": "destroy", "server": "nats://x"}, {"mode": "plan"}, {"mode": "plan", "server": "x", "context": "{}"}],
    ids=str,
)
def test_a_wrong_input_is_told_and_nothing_is_run(runner: Runner, inputs: dict[str, str]) -> None:
    assert runner.run(**inputs)[0] == 64
    assert "::error title=ajsync::" in runner.output
    assert not (runner.temp / "ajsync" / "plan").exists()


def test_what_an_input_holds_is_never_run(runner: Runner, server: NatsServer, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    evil = f'"; touch {mark}; $(touch {mark}) `touch {mark}`\n--allow-empty'
    inputs = {"mode": "plan", "working_directory": "jobs", "context": context(server)}
    assert runner.run(**inputs, environment=evil)[0] == 3
    assert runner.run(**inputs, allow_deletes=evil)[0] == 64
    assert runner.run(**{**inputs, "context": evil})[0] == 3
    assert runner.run(mode=evil)[0] == 64
    assert not mark.exists()


def test_the_context_is_private_and_gone_afterwards(runner: Runner, server: NatsServer) -> None:
    assert (
        runner.run(without=("install", "clean"), mode="plan", working_directory="jobs", context=context(server))[0] == 0
    )
    file = runner.temp / "ajsync" / "config" / "nats" / "context" / "action.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert runner.run(mode="destroy")[0] == 64
    assert not file.exists()


@pytest.mark.parametrize(("version", "installed"), [("1.2.3", "ajsync[ics]==1.2.3"), ("", f"{ROOT}[ics]")])
def test_the_release_of_the_input_is_installed_or_that_of_the_action(
    tmp_path: Path, version: str, installed: str
) -> None:
    (script,) = (step["run"] for step in STEPS if step.get("id") == "install")
    called = tmp_path / "temp" / "ajsync" / "python" / "bin" / "pip"
    called.parent.mkdir(parents=True)
    called.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    called.chmod(0o700)
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\necho "$@"\n')
    python.chmod(0o700)
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
        env={
            "PATH": os.environ["PATH"],
            "PYTHON": str(python),
            "RUNNER_TEMP": str(tmp_path / "temp"),
            "GITHUB_PATH": str(tmp_path / "path"),
            "GITHUB_ACTION_PATH": str(ROOT),
            "GITHUB_WORKSPACE": str(tmp_path / "temp"),
            "VERSION": version,
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[0] == f"-I -m venv {tmp_path / 'temp' / 'ajsync' / 'python'}"
    assert done.stdout.split()[-1] == installed
    folder = Path((tmp_path / "path").read_text().strip())
    assert [file.name for file in folder.iterdir()] == ["ajsync"]


def test_no_script_has_an_expression_in_it_and_no_action_is_a_stranger() -> None:
    assert len(STEPS) > 5
    for step in [*STEPS, *steps(WORKFLOW["jobs"])]:
        if "run" in step:
            assert "${{" not in step["run"]
            assert "uses" not in step
        else:
            assert re.fullmatch(r"actions/[a-z-]+@v\d+|OWNER/REPO@VERSION", step["uses"])
    assert all(step["shell"] == "bash" for step in STEPS if "run" in step)


def test_every_command_of_the_action_is_a_real_one() -> None:
    calls = all_in_shell(step["run"] for step in STEPS if "run" in step)
    assert [call[0] for call in calls] == ["plan", "plan", "apply", "apply"]
    for call in calls:
        parse(call)


def test_the_workflow_gives_the_action_what_it_takes() -> None:
    used = [step["with"] for step in steps(WORKFLOW["jobs"]) if step["uses"].startswith("OWNER/REPO")]
    assert [each["mode"] for each in used] == ["plan", "apply"]
    assert all(each.keys() <= ACTION["inputs"].keys() for each in used)
    assert used[1]["saved-plan"] == ACTION["inputs"]["artifact"]["default"]
    assert all(each["context"].startswith("${{ secrets.") for each in used)
    assert used[0]["owner"] == used[1]["owner"]
    assert WORKFLOW["permissions"] == {"contents": "read"}
    assert WORKFLOW["jobs"]["plan"]["permissions"]["pull-requests"] == "write"
