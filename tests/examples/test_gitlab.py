"""The pipeline of GitLab: the lines of its jobs run in their order, with artifacts passed on, against a real server."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.launcher import with_launcher
from tests.cli.processes import DEADLINE_SECONDS, ajsync
from tests.examples.bucket import make_bucket, stored
from tests.examples.commands import EXAMPLES, all_in_shell, parse
from tests.nats_server import NatsServer

PIPELINE: dict[str, Any] = yaml.safe_load((EXAMPLES / "gitlab" / ".gitlab-ci.yml").read_text())
JOBS = {name: job for name, job in PIPELINE.items() if isinstance(job, dict) and "script" in job}
MERGE_REQUEST = '$CI_PIPELINE_SOURCE == "merge_request_event"'
DEFAULT_BRANCH = "$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH"


class GitLab:
    """Runs jobs, each in a fresh checkout, with the artifacts of those that it needs."""

    def __init__(self, folder: Path, server: NatsServer) -> None:
        self.folder = folder
        self.repository = folder / "repository"
        self.context = folder / "context"
        self.context.write_text(json.dumps({"url": server.url}))

    def run(self, name: str, *, needs: str | None = None) -> int:
        """Run one job; its exit status."""
        build = self.build(name)
        shutil.rmtree(build, ignore_errors=True)
        shutil.copytree(self.repository, build)
        if needs is not None:
            for path in JOBS[needs]["artifacts"]["paths"]:
                shutil.copy(self.build(needs) / path, build)
        lines = [line for line in PIPELINE["default"]["before_script"] if not line.startswith("pip install")]
        done = subprocess.run(
            ["bash", "-eo", "pipefail", "-c", "\n".join([*lines, *JOBS[name]["script"]])],
            cwd=build,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            timeout=DEADLINE_SECONDS,
        )
        return done.returncode

    def build(self, name: str) -> Path:
        """Where a job has its checkout."""
        return self.folder / "builds" / name

    def _environment(self) -> Mapping[str, str]:
        (self.folder / "tmp").mkdir(exist_ok=True)
        path = with_launcher(os.environ["PATH"])
        return {**os.environ, "PATH": path, "NATS_CONTEXT": str(self.context), "TMPDIR": str(self.folder / "tmp")}


@pytest.fixture
def gitlab(tmp_path: Path, server: NatsServer) -> GitLab:
    """A repository with the quick start, and its bucket."""
    gitlab = GitLab(tmp_path, server)
    shutil.copytree(EXAMPLES / "quickstart", gitlab.repository)
    make_bucket(server.url)
    return gitlab


def test_a_merge_request_shows_what_the_default_branch_then_applies(gitlab: GitLab, server: NatsServer) -> None:
    assert gitlab.run("validate") == 0
    assert gitlab.run("merge-request") == 0
    assert "5 to create" in (gitlab.build("merge-request") / "plan.md").read_text()
    assert gitlab.run("plan") == 0
    assert stored(server.url) == {}
    assert gitlab.run("apply", needs="plan") == 0
    assert len(stored(server.url)) == 5


def test_a_merge_request_whose_plan_is_refused_shows_it_and_fails(gitlab: GitLab, server: NatsServer) -> None:
    assert ajsync(gitlab.repository, "apply", "--yes", "--server", server.url).returncode == 0
    for file in (gitlab.repository / "schedules").glob("*.yaml"):
        file.write_text("schedules: {}\n")
    assert gitlab.run("merge-request") == 4
    assert "[!CAUTION]" in (gitlab.build("merge-request") / "plan.md").read_text()


def test_a_plan_that_is_stale_is_not_applied(gitlab: GitLab) -> None:
    assert gitlab.run("plan") == 0
    file = gitlab.repository / "schedules" / "email.yaml"
    file.write_text(file.read_text().replace("@monthly", "@weekly"))
    assert gitlab.run("apply", needs="plan") == 5


def test_files_are_checked_without_a_server(gitlab: GitLab, server: NatsServer) -> None:
    server.stop()
    assert gitlab.run("validate") == 0


def test_every_command_is_a_real_one() -> None:
    calls = all_in_shell(line for job in JOBS.values() for line in job["script"])
    assert [call[0] for call in calls] == ["validate", "plan", "plan", "plan", "apply"]
    for call in calls:
        parse(call)


def test_the_saved_plan_is_passed_on_and_applied_on_the_default_branch_alone() -> None:
    assert all(job["stage"] in PIPELINE["stages"] for job in JOBS.values())
    assert JOBS["apply"]["needs"] == ["plan"]
    assert JOBS["plan"]["artifacts"]["paths"] == ["change.plan"]
    assert JOBS["apply"]["rules"] == [{"if": DEFAULT_BRANCH, "when": "manual"}]
    assert JOBS["plan"]["rules"] == [{"if": DEFAULT_BRANCH}]
    assert JOBS["merge-request"]["rules"] == [{"if": MERGE_REQUEST}]
