"""The GitHub action: its scripts run with bash against a real server, GitHub's files and API stand in a folder."""

from __future__ import annotations

import json
import os
import re
import runpy
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.docs.pages import DOCS, rows
from tests.examples.bucket import make_bucket, stored
from tests.examples.commands import EXAMPLES, ROOT, steps
from tests.examples.runner import ACTION, STEPS, Runner
from tests.forge.server import HEAD, Failure, Request
from tests.nats_server import NatsServer

SCHEDULES = """\
schedules:
  DAILY:
    schedule: "@daily"
    queue: EMAIL
    task_type: report:daily
"""
ENVIRONMENTS = ("staging", "production")
PINNED = {
    step["uses"]
    for file in (ROOT / ".github" / "workflows").glob("*.yml")
    for step in steps(yaml.safe_load(file.read_text())["jobs"])
    if "uses" in step
}
"""The actions of others that our own workflows use, with their commits."""
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
def runner(tmp_path: Path, workspace: Path, pull_request: Request) -> Runner:
    """A job on the pull request."""
    return Runner(tmp_path / "runner", workspace, pull_request.github(tmp_path), forked=True)


def context(server: NatsServer) -> str:
    return json.dumps({"url": server.url})


def test_a_plan_is_annotated_summed_up_commented_and_kept(
    runner: Runner, pull_request: Request, server: NatsServer, workspace: Path
) -> None:
    status, outputs = runner.run(mode="plan", working_directory="jobs", environment="prod", context=context(server))
    assert status == 0, runner.output
    counts = {"create": "1", "update": "0", "adopt": "0", "rename": "0", "delete": "0", "conflicts": "0"}
    assert outputs.items() >= {"changes": "true", "artifact": "", **counts}.items()
    assert "::notice file=jobs/schedules/a.yaml,line=2,title=ajsync%3A create DAILY::" in runner.output
    assert "Plan: 1 to create" in runner.output
    (comment,) = pull_request.ours()
    assert comment.startswith("<!-- ajsync plan team prod -->\n### ajsync plan for `team`, environment `prod`\n")
    assert f"\nPlanned for commit {HEAD} by [this job]" in comment
    assert runner.summary.startswith("<!-- ajsync plan team prod -->\n")
    assert json.loads(Path(outputs["plan"]).read_text())["summary"]["create"] == 1
    assert Path(outputs["summary"]).read_text() == runner.summary
    assert stored(server.url) == {}


def test_a_comment_that_cannot_be_written_is_a_warning_and_the_plan_is_kept(
    runner: Runner, pull_request: Request, server: NatsServer
) -> None:
    given = {"mode": "plan", "working_directory": "jobs", "artifact_of_pull_request": "true"}
    pull_request.failures, pull_request.always = (
        [Failure(429, {"Retry-After": "3600"}, body="100% no\n::error::x")],
        True,
    )
    status, outputs = runner.run(**given, context=context(server))
    assert (status, outputs["changes"]) == (0, "true")
    (told,) = (line for line in runner.output.splitlines() if "::warning" in line)
    assert told == (
        "::warning title=ajsync::The plan is not on the pull request. Error: GitHub answered with HTTP 429."
    )
    assert runner.artifact(outputs["artifact"]).exists()
    assert "::error" not in runner.output


def test_a_plan_is_commented_although_it_cannot_be_kept(
    runner: Runner, pull_request: Request, server: NatsServer
) -> None:
    runner.no_artifacts = True
    given = {"mode": "plan", "working_directory": "jobs", "artifact_of_pull_request": "true"}
    assert runner.run(**given, context=context(server))[0] == 1
    assert len(pull_request.ours()) == 1


def test_trouble_of_the_api_that_passes_is_not_told(runner: Runner, pull_request: Request, server: NatsServer) -> None:
    pull_request.failures = [Failure(503, {"Retry-After": "0"}), Failure(403, {"Retry-After": "0"})]
    assert runner.run(mode="plan", working_directory="jobs", context=context(server))[0] == 0
    assert len(pull_request.ours()) == 1
    assert "::warning" not in runner.output


@pytest.mark.parametrize(
    ("event", "inputs", "kept"),
    [
        ("push", {}, True),
        ("push", {"artifact": "false"}, False),
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
    status, outputs = runner.run(**inputs)
    assert (status, bool(outputs["artifact"])) == (0, kept), runner.output
    files = [str(file.relative_to(runner.folder / "artifacts")) for file in runner.folder.glob("artifacts/*/*")]
    assert files == ([f"{outputs['artifact']}/change.plan"] if kept else [])


@pytest.mark.parametrize("mode", ["plan", "apply"])
def test_the_files_must_belong_to_the_owner_that_the_workflow_names(
    runner: Runner, pull_request: Request, server: NatsServer, workspace: Path, mode: str
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
    status, outputs = runner.run(mode="apply", saved_plan="true", **inputs)
    assert (status, outputs["changes"], outputs["create"]) == (0, "true", "1"), runner.output
    assert [*stored(server.url)] == ["DAILY"]
    assert "### ajsync apply for `team`\n" in runner.summary
    assert "Applied: 1 created." in runner.summary
    assert "::notice title=ajsync apply::" in runner.output


def test_each_environment_has_its_plan_kept_and_its_own_is_applied(
    runner: Runner, server: NatsServer, workspace: Path
) -> None:
    runner.event = "push"
    inputs = {"working_directory": "./jobs/", "server": server.url}
    names = [runner.run(mode="plan", **inputs, **{"environment": each})[1]["artifact"] for each in ("prod", "")]
    assert len({*names}) == 2
    assert runner.run(mode="apply", saved_plan="true", environment="prod", **inputs)[0] == 0, runner.output
    (workspace / "jobs" / "schedules" / "a.yaml").write_text(SCHEDULES.replace("@daily", "@weekly"))
    assert runner.run(mode="apply", saved_plan="true", **inputs)[0] == 5
    assert re.search("^::error title=ajsync::.* is stale: the files", runner.output, re.MULTILINE)


def test_an_apply_that_cannot_go_is_annotated_and_ends_with_the_code_of_ajsync(runner: Runner) -> None:
    inputs = {"mode": "apply", "working_directory": "jobs", "server": "nats://127.0.0.1:1"}
    assert runner.run(**inputs)[0] == 7
    assert "\n::error title=ajsync::" in runner.output
    assert runner.summary == ""


def test_without_a_saved_plan_apply_plans_afresh(runner: Runner, server: NatsServer, workspace: Path) -> None:
    assert runner.run(mode="apply", working_directory="jobs", context=context(server))[0] == 0
    assert [*stored(server.url)] == ["DAILY"]
    assert runner.run(mode="plan", working_directory="jobs", context=context(server))[1]["changes"] == "false"


def test_a_plan_that_a_gate_refuses_is_shown_and_fails(
    runner: Runner, pull_request: Request, server: NatsServer, workspace: Path
) -> None:
    inputs = {"working_directory": "jobs", "context": context(server)}
    assert runner.run(mode="apply", **inputs)[0] == 0
    (workspace / "jobs" / "schedules" / "a.yaml").write_text("schedules: {}\n")
    status, outputs = runner.run(mode="plan", **inputs, artifact_of_pull_request="true")
    assert (status, outputs["changes"], outputs["delete"]) == (4, "true", "1")
    assert "[!CAUTION]" in pull_request.ours()[0]
    assert (runner.artifact(outputs["artifact"]) / "change.plan").exists()
    assert runner.run(mode="apply", **inputs, allow_empty="true", allow_deletes="1", allow_older="true")[0] == 0, (
        runner.output
    )
    assert stored(server.url) == {}


def test_files_that_are_not_valid_are_annotated_and_fail(
    runner: Runner, pull_request: Request, server: NatsServer, workspace: Path
) -> None:
    (workspace / "jobs" / "schedules" / "a.yaml").write_text(SCHEDULES.replace("@daily", "@dayly"))
    assert runner.run(mode="plan", working_directory="jobs", context=context(server))[0] == 3
    assert "::error file=jobs/schedules/a.yaml,line=3," in runner.output
    assert pull_request.comments == []


@pytest.mark.parametrize(
    ("inputs", "told"),
    [
        ({"mode": "destroy"}, "mode must be plan or apply"),
        ({"server": ""}, "either the input context or the input server"),
        ({"context": "{}"}, "either the input context or the input server"),
        ({"server": "", "context": "nats-prod"}, "a NATS context as JSON"),
        ({"server": "", "context": "[]"}, "a NATS context as JSON"),
        ({"adopt": "yes"}, "adopt must be true or false"),
        ({"comment": ""}, "comment must be true or false"),
        ({"allow_deletes": "many"}, "allow-deletes must be a number"),
        ({"allow_deletes": "-1"}, "allow-deletes must be a number"),
        ({"version": "v1.2.3"}, "version must be a release"),
        ({"version": "1.2.3 @ file:///tmp/evil.whl"}, "version must be a release"),
        ({"version": "--index-url=x"}, "version must be a release"),
        ({"version": "$(id)"}, "version must be a release"),
        ({"version": "1 ; x"}, "version must be a release"),
        ({"artifact": "a/b"}, "artifact must be true, false or a name"),
        ({"saved_plan": "a:b"}, "saved-plan must be true, false or a name"),
        ({"working_directory": "nowhere"}, "no folder as the input working-directory"),
    ],
    ids=str,
)
def test_a_wrong_input_is_told_before_anything_is_installed(runner: Runner, inputs: dict[str, str], told: str) -> None:
    given = {"mode": "plan", "server": "x", "working_directory": "jobs", **inputs}
    assert runner.run(**given, without=())[0] == 64
    (line,) = runner.output.splitlines()
    assert line.startswith("::error title=ajsync::")
    assert told in line
    assert sorted(each.name for each in (runner.temp / "ajsync").iterdir()) == ["python"]


def test_every_wrong_input_is_told_at_once(runner: Runner) -> None:
    assert runner.run(mode="", adopt="", version="x", working_directory="jobs")[0] == 64
    assert runner.output.count("::error title=ajsync::") == 4


NAMES = st.text(min_size=1, max_size=60)


@given(st.lists(st.tuples(NAMES | st.just(""), NAMES | st.just(""), NAMES | st.just(".")), min_size=2, unique=True))
def test_the_names_of_artifacts_differ_and_are_names_that_github_takes(places: list[tuple[str, str, str]]) -> None:
    script = runpy.run_path(str(ROOT / "action" / "inputs.py"))
    named: dict[str, tuple[str, str, str]] = {}
    for owner, environment, folder in places:
        name = script["artifact_name"]({"owner": owner, "environment": environment, "working-directory": folder})
        assert re.fullmatch(r"ajsync-plan[A-Za-z0-9_.-]{0,140}", name)
        place = (owner, environment, os.path.normpath(folder))
        assert named.setdefault(name, place) == place


@pytest.mark.parametrize(
    ("inputs", "name"),
    [
        (("", "", "."), "ajsync-plan"),
        (("", "", "./"), "ajsync-plan"),
        (("team", "prod", "."), "ajsync-plan-team-prod-[0-9a-f]{8}"),
        (("", "a/b c", "jobs/eu"), "ajsync-plan-a-b-c-jobs-eu-[0-9a-f]{8}"),
        (("", "é", "."), "ajsync-plan-[0-9a-f]{8}"),
    ],
)
def test_the_name_of_an_artifact_says_whose_plan_it_is(inputs: tuple[str, str, str], name: str) -> None:
    script = runpy.run_path(str(ROOT / "action" / "inputs.py"))
    given = dict(zip(("owner", "environment", "working-directory"), inputs, strict=True))
    assert re.fullmatch(name, script["artifact_name"](given))


def test_what_an_input_holds_is_never_run(runner: Runner, server: NatsServer, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    evil = f'"; touch {mark}; $(touch {mark}) `touch {mark}`\n--allow-empty'
    inputs = {"mode": "plan", "working_directory": "jobs", "context": context(server)}
    assert runner.run(**inputs, environment=evil)[0] == 3
    assert runner.run(**inputs, allow_deletes=evil)[0] == 64
    assert runner.run(**{**inputs, "context": evil})[0] == 64
    assert runner.run(**inputs, owner=evil)[0] == 3
    assert runner.run(**inputs, artifact=evil)[0] == 64
    assert runner.run(**{**inputs, "working_directory": evil})[0] == 64
    assert runner.run(mode=evil)[0] == 64
    assert not mark.exists()


def test_the_context_is_private_and_gone_afterwards(runner: Runner, server: NatsServer) -> None:
    file = runner.temp / "ajsync" / "config" / "nats" / "context" / "action.json"
    python = runner.temp / "ajsync" / "python" / "bin" / "python"
    spied = python.rename(python.with_name("spied"))
    python.write_text(f'#!/bin/sh\nstat -c %a "{file}"\nexec "{spied}" "$@"\n')
    python.chmod(0o700)
    inputs = {"mode": "plan", "working_directory": "jobs", "comment": "false", "context": context(server)}
    assert runner.run(without=("install", "clean"), **inputs)[0] == 0
    assert runner.output.startswith("600\n")
    assert not file.exists()
    file.write_text("of a job that was killed")
    assert runner.run(mode="destroy")[0] == 64
    assert not file.exists()


LOCKED = (
    f"--require-hashes --requirement {ROOT}/.ci/requirements-build.txt",
    f"--require-hashes --no-build-isolation --requirement {ROOT}/.ci/requirements.txt",
    f"--no-deps --no-build-isolation {ROOT}",
)


@pytest.mark.parametrize(("version", "installed"), [("1.2.3", ("ajsync[ics]==1.2.3",)), ("", LOCKED)])
def test_the_release_of_the_input_is_installed_or_that_of_the_action_from_its_lock(
    tmp_path: Path, version: str, installed: tuple[str, ...]
) -> None:
    (script,) = (step["run"] for step in STEPS if step.get("id") == "install")
    called = tmp_path / "temp" / "ajsync" / "python" / "bin" / "python"
    called.parent.mkdir(parents=True)
    called.write_text('#!/bin/sh\necho "$@"\n')
    called.chmod(0o700)
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\necho "$@"\n')
    python.chmod(0o700)

    def install() -> list[str]:
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
        return done.stdout.splitlines()

    venv, *pips = install()
    assert venv == f"-I -m venv {tmp_path / 'temp' / 'ajsync' / 'python'}"
    assert pips == [f"-I -m pip install --quiet --disable-pip-version-check {each}" for each in installed]
    folder = Path((tmp_path / "path").read_text().strip())
    assert [file.name for file in folder.iterdir()] == ["ajsync"]
    assert install() == []


def test_no_script_has_an_expression_in_it_and_no_action_is_a_stranger() -> None:
    assert len(STEPS) > 5
    for step in [*STEPS, *steps(WORKFLOW["jobs"])]:
        if "run" in step:
            assert "${{" not in step["run"]
            assert "uses" not in step
        else:
            assert step["uses"] in (*PINNED, "OWNER/REPO@v0")
    assert all(step["shell"] == "bash" for step in STEPS if "run" in step)


def test_the_outputs_of_the_action_are_those_that_its_scripts_give(runner: Runner, server: NatsServer) -> None:
    for mode in ("plan", "apply"):
        outputs = runner.run(mode=mode, working_directory="jobs", context=context(server))[1]
        assert all(outputs[name] for name in ACTION["outputs"] if name != "artifact"), outputs


def test_the_page_names_every_input_and_every_output() -> None:
    for title, named in (("Inputs", ACTION["inputs"]), ("Outputs", ACTION["outputs"])):
        assert {*named} == {word for row in rows(DOCS / "ci.md", title) for word in re.findall("`([^`]+)`", row[0])}


def test_the_workflow_gives_the_action_what_it_takes() -> None:
    jobs = WORKFLOW["jobs"]
    used = {
        name: step["with"] for name in jobs for step in steps({name: jobs[name]}) if "OWNER/REPO@v0" in step.values()
    }
    modes = {"plan": "plan", "staging": "apply", "production": "apply", "drift": "plan"}
    assert {name: each["mode"] for name, each in used.items()} == modes
    assert all(each.keys() <= ACTION["inputs"].keys() for each in used.values())
    for name, each in used.items():
        secrets = ["APPLY_CONTEXT"] if name in ENVIRONMENTS else [f"PLAN_CONTEXT_{one.upper()}" for one in ENVIRONMENTS]
        assert re.findall(r"secrets\W+(?:NATS_)?(\w+)", each["context"]) == secrets
    assert len({each["owner"] for each in used.values()}) == 1
    assert {ACTION["inputs"]["artifact"]["default"], *(used[name]["saved-plan"] for name in ENVIRONMENTS)} == {"true"}


def test_the_workflow_applies_each_environment_once_at_a_time_and_never_half() -> None:
    jobs = WORKFLOW["jobs"]
    for name in ("plan", "drift"):
        assert jobs[name]["strategy"] == {"fail-fast": False, "matrix": {"environment": [*ENVIRONMENTS]}}
        assert "matrix.environment" in jobs[name]["concurrency"]["group"]
    assert [*jobs["plan"]["outputs"]] == [*ENVIRONMENTS]
    for name in ENVIRONMENTS:
        assert jobs[name]["environment"] == name
        assert jobs[name]["concurrency"] == {"group": f"ajsync-apply-{name}", "cancel-in-progress": False}


def test_the_workflow_may_do_no_more_than_it_needs() -> None:
    assert WORKFLOW["permissions"] == {"contents": "read"}
    granted = {name: job.get("permissions") for name, job in WORKFLOW["jobs"].items()}
    assert granted == {
        "plan": {"contents": "read", "pull-requests": "write"},
        "staging": None,
        "production": None,
        "drift": {"contents": "read", "issues": "write"},
    }
