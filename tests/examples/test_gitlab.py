"""The pipeline of GitLab: the lines of its jobs run in their order, with artifacts passed on, against a real server."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ajsync.version import __version__
from tests.cli.processes import DEADLINE_SECONDS
from tests.examples.bucket import make_bucket, stored
from tests.examples.commands import all_in_shell, parse
from tests.examples.gitlab import INCLUDES, INPUTS, PROJECT, SCHEDULES, TEMPLATE, Repository, jobs
from tests.forge.server import HEAD, Failure, Request, served
from tests.nats_server import NatsServer

JOBS = jobs({"owner": "team", "name": "staging", "environment": "staging", "deployment": "staging"})


class GitLab:
    """Runs jobs, each in a fresh checkout, with the artifacts of those that it needs."""

    def __init__(self, folder: Path, request: Request) -> None:
        self.folder = folder
        self.repository = Repository(folder / "gitlab")
        self.request = request
        self.token = True
        self.changed: dict[str, str] = {}
        """Variables that differ from a sound setup."""
        self.output = ""
        """What the last job has printed."""

    def run(self, name: str, *, needs: str | None = None) -> int:
        """Run one job; its exit status."""
        job = JOBS[f"staging-{name}"]
        build = self.build(name)
        shutil.rmtree(build, ignore_errors=True)
        shutil.copytree(self.repository.checkout, build)
        if needs is not None:
            for path in JOBS[f"staging-{needs}"]["artifacts"]["paths"]:
                shutil.copy(self.build(needs) / path, build)
        done = subprocess.run(
            ["bash", "-eo", "pipefail", "-c", "\n".join([*job["before_script"], *job["script"]])],
            cwd=build,
            env={**os.environ, **self._variables(job, build)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=DEADLINE_SECONDS,
        )
        self.output = done.stdout
        return done.returncode

    def build(self, name: str) -> Path:
        """Where a job has its checkout."""
        return self.folder / "builds" / name

    def _variables(self, job: dict[str, Any], build: Path) -> dict[str, str]:
        variables = {
            **self.request.gitlab(),
            **self.repository.environ,
            **job["variables"],
            "CI_PROJECT_DIR": str(build),
            **({"CI_ENVIRONMENT_NAME": job["environment"]["name"]} if "environment" in job else {}),
            **self.changed,
        }
        if not self.token:
            del variables["GITLAB_TOKEN"]
        return variables


@pytest.fixture
def gitlab(tmp_path: Path, server: NatsServer) -> Iterator[GitLab]:
    """A repository with a project, its bucket, and a merge request."""
    with served(Request()) as request:
        gitlab = GitLab(tmp_path, request)
        gitlab.repository.prepare(server.url)
        make_bucket(server.url)
        yield gitlab


def write(gitlab: GitLab, text: str) -> None:
    (gitlab.repository.checkout / "schedules" / "a.yaml").write_text(text)


def test_a_merge_request_shows_what_the_default_branch_then_applies(gitlab: GitLab, server: NatsServer) -> None:
    assert gitlab.run("validate") == 0
    assert gitlab.run("review") == 0
    assert "1 to create" in (gitlab.build("review") / "plan.md").read_text()
    (note,) = gitlab.request.ours()
    assert note.startswith("<!-- ajsync plan team staging -->\n### ajsync plan for `team`, environment `staging`\n")
    assert f"Planned for commit {HEAD} by [this job]" in note
    assert gitlab.run("plan") == 2
    assert stored(server.url) == {}
    assert gitlab.run("apply", needs="plan") == 0
    assert [*stored(server.url)] == ["DAILY_STAGING"]
    assert gitlab.run("plan") == 0
    assert gitlab.run("apply", needs="plan") == 0


def test_a_plan_is_shown_although_the_note_cannot_be_written(gitlab: GitLab) -> None:
    gitlab.token = False
    assert gitlab.run("review") == 0
    assert "GITLAB_TOKEN is not set" in gitlab.output
    assert "but not on the merge request" in gitlab.output
    gitlab.token, gitlab.request.failures = True, [Failure(403)]
    assert gitlab.run("review") == 0
    assert "the role Reporter or above and the scope api" in gitlab.output


def test_a_merge_request_whose_plan_is_refused_shows_it_and_fails(gitlab: GitLab) -> None:
    assert (gitlab.run("plan"), gitlab.run("apply", needs="plan")) == (2, 0)
    write(gitlab, "schedules: {}\n")
    assert gitlab.run("review") == 4
    assert "[!CAUTION]" in gitlab.request.ours()[0]


def test_a_file_of_the_checkout_is_not_taken_for_the_plan(gitlab: GitLab) -> None:
    (gitlab.repository.checkout / "plan.md").write_text("<!-- ajsync plan team staging -->\n### All is well\n")
    write(gitlab, SCHEDULES.replace("@daily", "@dayly"))
    assert gitlab.run("review") == 3
    assert gitlab.request.ours() == []


def test_the_files_must_belong_to_the_owner_that_the_pipeline_names(gitlab: GitLab) -> None:
    (gitlab.repository.checkout / "ajsync.yaml").write_text(PROJECT.replace("owner: team", "owner: other"))
    assert [gitlab.run(name) for name in ("validate", "review", "plan", "drift")] == [3, 3, 3, 3]


def test_a_plan_that_is_stale_is_not_applied(gitlab: GitLab) -> None:
    assert gitlab.run("plan") == 2
    write(gitlab, SCHEDULES.replace("@daily", "@weekly"))
    assert gitlab.run("apply", needs="plan") == 5


def test_a_context_that_is_missing_or_no_file_is_told_and_never_shown(gitlab: GitLab) -> None:
    gitlab.changed = {"NATS_CONTEXT": '{"url": "nats://plan:s3cret@nats.example.net"}'}
    for name in ("validate", "review", "plan", "drift"):
        assert gitlab.run(name) == 1
        assert "must have the type File" in gitlab.output
        assert "s3cret" not in gitlab.output
    gitlab.changed = {"NATS_CONTEXT": ""}
    assert gitlab.run("validate") == 0
    for name in ("review", "plan", "drift"):
        assert gitlab.run(name) == 1
        assert "no variable NATS_CONTEXT for the environment plan/staging" in gitlab.output


def test_an_installation_that_fails_does_not_pass_for_a_plan_with_changes(gitlab: GitLab) -> None:
    (gitlab.repository.folder / "bin" / "pip").write_text("#!/bin/sh\nexit 2\n")
    assert [gitlab.run(name) for name in ("plan", "drift")] == [1, 1]


def test_drift_fails_the_scheduled_pipeline(gitlab: GitLab) -> None:
    assert gitlab.run("drift") == 2
    assert (gitlab.run("plan"), gitlab.run("apply", needs="plan")) == (2, 0)
    assert gitlab.run("drift") == 0


def test_files_are_checked_without_a_server(gitlab: GitLab, server: NatsServer) -> None:
    server.stop()
    assert gitlab.run("validate") == 0


def test_every_command_is_a_real_one() -> None:
    calls = all_in_shell(line for job in JOBS.values() for line in job["script"])
    assert [call[0] for call in calls] == ["validate", "plan", "comment", "plan", "apply", "plan"]
    for call in calls:
        parse(call)


def test_no_input_and_no_name_of_a_branch_is_in_the_text_of_a_script() -> None:
    inputs = {**dict.fromkeys(INPUTS, "$(evil)"), "name": "n", "apply": "manual"}
    for job in jobs(inputs).values():
        text = "\n".join((*job["before_script"], *job["script"]))
        # The template itself names the environment.
        assert not re.search(r"evil|\$\{?CI_(?!ENVIRONMENT_NAME\b)", text)


def test_what_is_installed_is_this_version() -> None:
    assert INPUTS["package"]["default"] == f"ajsync[ics]=={__version__}"


def test_the_example_gives_the_component_what_it_takes_once_for_each_environment() -> None:
    names: list[str] = []
    for include in INCLUDES:
        names += jobs(include["inputs"])
    assert len(INCLUDES) == 2
    assert len({*names}) == len(names)


def test_nobody_waits_for_a_pipeline_without_changes_and_two_never_apply_at_once() -> None:
    manual, automatic = JOBS["staging-apply"]["rules"]
    assert (manual["when"], manual["allow_failure"]) == ("manual", True)
    assert '"manual" == "manual"' in manual["if"]
    assert automatic.keys() == {"if"}
    assert JOBS["staging-plan"]["allow_failure"] == {"exit_codes": [2]}
    assert JOBS["staging-apply"]["needs"] == ["staging-plan"]
    assert JOBS["staging-apply"]["resource_group"] == "ajsync-staging"
    assert TEMPLATE.parts[-3] == "templates"
