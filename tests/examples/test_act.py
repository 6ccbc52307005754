"""The workflow of GitHub in act, which runs its jobs and the action on this machine, against a real server and an API.

What act cannot fetch has a stand-in: the actions of GitHub, and a `pip` that finds everything installed. act lets the
last job of a matrix overwrite the outputs of the others, also with nothing, which GitHub's runner does not do.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.examples.bucket import make_bucket, stored
from tests.examples.commands import EXAMPLES, ROOT, steps
from tests.examples.runner import STEPS, make_environment
from tests.forge.server import Request
from tests.nats_server import NatsServer

pytestmark = pytest.mark.skipif(shutil.which("act") is None, reason="needs an act on the PATH")

SECONDS = 240.0
"""A run takes some seconds, and a multiple on a machine that does other things."""
WORKFLOW = EXAMPLES / "github" / "schedules.yml"
PROJECT = "owner: team\nenvironments: {staging: {}, production: {}}\n"
SCHEDULES = "schedules: {DAILY: {schedule: '@daily', task_type: report}}\n"
HOSTILE = """\
schedules:
  DAILY:
    schedule: '@daily'
    task_type: report
    description: "::add-mask::schedules\\r::set-output name=create::99"
    payload: "\\n::set-output name=create::99\\n##[set-env name=PATH;]x\\n::stop-commands::x"
"""
STANDINS: Mapping[str, Mapping[str, Any]] = {
    "setup-python": {"script": 'echo "python-path=$FOLDER/bin/python" >> "$GITHUB_OUTPUT"', "output": "python-path"},
    "upload-artifact": {"script": 'mkdir -p "$FOLDER/artifacts/$NAME" && cp "$FILE" "$FOLDER/artifacts/$NAME"'},
    "download-artifact": {"script": 'mkdir -p "$FILE" && cp "$FOLDER/artifacts/$NAME"/* "$FILE"'},
}
"""What each action of GitHub's does here, with the inputs `name` and `path` as NAME and FILE."""
SECRETS = ("PLAN_CONTEXT_STAGING", "PLAN_CONTEXT_PRODUCTION", "APPLY_CONTEXT")
GH = """\
#!/bin/sh
echo "$@" >> "$0.log"
if [ "$1 $2" = "issue list" ] && [ -f "$0.issue" ]; then cat "$0.issue"; fi
if [ "$1 $2" = "issue create" ]; then echo 7 > "$0.issue"; fi
"""


class Act:
    """A repository with the workflow, and a machine for its jobs."""

    def __init__(self, folder: Path, url: str, api: Request) -> None:
        self.folder = folder
        self.checkout = folder / "repository"
        self.url = url
        self.api = api

    @property
    def gh(self) -> str:
        """What was asked of GitHub's command."""
        return (self.folder / "bin" / "gh.log").read_text()

    def prepare(self) -> None:
        """Make the repository and the stand-ins."""
        (self.checkout / ".github" / "workflows").mkdir(parents=True)
        shutil.copy(WORKFLOW, self.checkout / ".github" / "workflows")
        (self.checkout / "schedules").mkdir()
        (self.checkout / "ajsync.yaml").write_text(PROJECT)
        self.write(SCHEDULES)
        name = ("-c", "user.name=Somebody", "-c", "user.email=somebody@example.net")
        for command in (
            ("init", "--quiet", "--initial-branch=main"),
            ("remote", "add", "origin", "https://github.com/owner/repository.git"),
            ("add", "--all"),
            (*name, "commit", "--quiet", "--message=All"),
        ):
            subprocess.run(["git", *command], cwd=self.checkout, check=True, stdin=subprocess.DEVNULL)
        make_environment(self.folder / "environment")
        (packages,) = self.folder.glob("environment/lib/*/site-packages")
        (packages / "pip").mkdir()
        for file in ("__init__.py", "__main__.py"):
            (packages / "pip" / file).write_text("")
        python = self.folder / "environment" / "bin" / "python"
        copy = f'mkdir -p "$4" && cp -a "{python.parents[1]}/." "$4"'
        self._program("python", f'if [ "$3" = venv ]; then {copy}; else exec "{python}" "$@"; fi')
        (self.folder / "bin" / "gh").write_text(GH)
        (self.folder / "bin" / "gh").chmod(0o755)
        for name_, standin in STANDINS.items():
            self._stand_in(name_, **standin)

    def write(self, text: str) -> None:
        """Write the schedules file."""
        (self.checkout / "schedules" / "a.yaml").write_text(text)

    def run(self, event: str, *arguments: str) -> str:
        """Run what the workflow does at an event; what act has printed. The run must go well."""
        context = json.dumps({"url": self.url})
        secrets = ["GITHUB_TOKEN=t0ken", *(f"NATS_{name}={context}" for name in SECRETS)]
        uses = {step["uses"].partition(" ")[0] for step in STEPS if "uses" in step}
        given = {each: self.folder / each.split("@")[0] for each in uses} | {"OWNER/REPO@v0": ROOT}
        event_file = self.api.github(self.folder)["GITHUB_EVENT_PATH"]
        done = subprocess.run(
            [
                *("act", event, *arguments, "--platform=ubuntu-latest=-self-hosted", "--no-cache-server"),
                *(f"--secret={secret}" for secret in secrets),
                *(f"--local-repository={use}={path}" for use, path in given.items()),
                *(f"--env=GITHUB_API_URL={self.api.url}", f"--env=FOLDER={self.folder}", f"--eventpath={event_file}"),
            ],
            cwd=self.checkout,
            env={
                **os.environ,
                "PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
                "HOME": str(self.folder),
                "XDG_CACHE_HOME": str(self.folder / "cache"),
                # Nothing is fetched from anywhere else.
                "HTTPS_PROXY": "http://127.0.0.1:1",
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
        )
        assert done.returncode == 0, done.stdout
        return re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)

    def _program(self, name: str, line: str) -> None:
        path = self.folder / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{line}\n")
        path.chmod(0o755)

    def _stand_in(self, name: str, script: str, output: str = "") -> None:
        inputs = {each for step in STEPS if name in step.get("uses", "") for each in step["with"]}
        env = {"NAME": "${{ inputs.name }}", "FILE": "${{ inputs.path }}"}
        action: dict[str, Any] = {
            "name": name,
            "inputs": {each: {"default": ""} for each in inputs},
            "outputs": {output: {"value": f"${{{{ steps.run.outputs.{output} }}}}"}} if output else {},
            "runs": {"using": "composite", "steps": [{"id": "run", "shell": "bash", "run": script, "env": env}]},
        }
        (self.folder / "actions" / name).mkdir(parents=True)
        (self.folder / "actions" / name / "action.yml").write_text(yaml.safe_dump(action))


@pytest.fixture
def act(tmp_path: Path, server: NatsServer, pull_request: Request) -> Act:
    """A repository whose bucket is there."""
    act = Act(tmp_path / "act", server.url, pull_request)
    act.prepare()
    make_bucket(server.url)
    return act


def test_the_main_branch_applies_what_has_changes_and_exactly_the_plan_that_was_kept(
    act: Act, server: NatsServer
) -> None:
    shown = act.run("push", "--matrix=environment:staging")
    assert [*stored(server.url)] == ["DAILY"]
    assert "apply staging" in shown
    assert "apply production" not in shown
    assert "Summary - ### ajsync apply for `team`, environment `staging`" in shown
    assert len([*(act.folder / "artifacts").glob("ajsync-plan-team-staging-*/change.plan")]) == 1
    assert "apply staging" not in act.run("push", "--matrix=environment:staging")


def test_a_pull_request_gets_a_comment_for_each_environment_and_nothing_in_it_is_a_command(
    act: Act, server: NatsServer
) -> None:
    act.write(HOSTILE)
    shown = act.run("pull_request")
    assert sorted(note.splitlines()[0] for note in act.api.ours()) == [
        "<!-- ajsync plan team production -->",
        "<!-- ajsync plan team staging -->",
    ]
    assert stored(server.url) == {}
    assert "::set-output:: create=1" in shown
    assert "create=99" not in shown
    assert "***" not in shown  # as act shows what is masked
    assert not (act.folder / "artifacts").exists()


def test_at_night_an_issue_is_opened_for_drift_and_closed_once_it_is_gone(act: Act) -> None:
    act.run("schedule", "--matrix=environment:staging")
    act.run("schedule", "--matrix=environment:staging")
    act.write("schedules: {}\n")
    act.run("schedule", "--matrix=environment:staging")
    asked = [line for line in act.gh.splitlines() if line.startswith("issue") and "list" not in line]
    title = "Schedules of staging are not as the files say"
    assert asked[0].startswith(f"issue create --label ajsync-drift --title {title} --body-file ")
    assert asked[1].startswith("issue edit 7 --body-file ")
    assert asked[2:] == ["issue close 7 --comment The bucket is as the files say again."]


def test_every_action_that_the_workflow_uses_has_a_stand_in() -> None:
    used = {step["uses"] for step in steps(yaml.safe_load(WORKFLOW.read_text())["jobs"]) if "uses" in step}
    names = {step["uses"].split("@")[0] for step in STEPS if "uses" in step}
    assert names == {f"actions/{name}" for name in STANDINS}
    assert {each.split("@")[0] for each in used} == {"actions/checkout", "OWNER/REPO"}
