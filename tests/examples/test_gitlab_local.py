"""The pipeline of GitLab in gitlab-ci-local, which reads it as GitLab does, against a real server and an API."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.examples.bucket import make_bucket, stored
from tests.examples.gitlab import Repository
from tests.forge.server import Request, served
from tests.nats_server import NatsServer

pytestmark = pytest.mark.skipif(
    not (shutil.which("gitlab-ci-local") and shutil.which("rsync")),
    reason="needs gitlab-ci-local and rsync on the PATH",
)

SECONDS = 120.0
"""A pipeline takes some seconds, most of them for a start of Node.js."""
ENVIRONMENTS = ("staging", "production")


@pytest.fixture
def repository(tmp_path: Path, server: NatsServer) -> Repository:
    """A repository with a project, and its bucket."""
    repository = Repository(tmp_path / "gitlab")
    repository.prepare(server.url)
    repository.commit()
    make_bucket(server.url)
    return repository


@pytest.fixture
def merge_request() -> Iterator[Request]:
    """A merge request without notes."""
    with served(Request()) as found:
        yield found


def pipeline(repository: Repository, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run gitlab-ci-local with predefined variables of a pipeline."""
    given = [word for name, value in variables.items() for word in ("--variable", f"{name}={value}")]
    given += ["--variable", f"NATS_CONTEXT={repository.environ['NATS_CONTEXT']}"]
    return subprocess.run(
        ["gitlab-ci-local", "--force-shell-executor", "--shell-isolation", "--no-color", *arguments, *given],
        cwd=repository.checkout,
        env={**os.environ, **repository.environ},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
    )


def test_gitlab_takes_the_file_and_each_kind_of_pipeline_has_its_jobs(repository: Repository) -> None:
    def named(**variables: str) -> dict[str, str]:
        listed = pipeline(repository, "--list-csv", **variables)
        assert listed.returncode == 0, listed.stdout
        assert "json schema validated" in listed.stdout
        lines = listed.stdout[listed.stdout.index("name;") :].splitlines()
        return {row["name"]: row["when"] for row in csv.DictReader(lines, delimiter=";")}

    on_main = {f"{name}-{job}": "on_success" for name in ENVIRONMENTS for job in ("validate", "plan", "apply")}
    assert named(CI_PIPELINE_SOURCE="push") == {**on_main, "production-apply": "manual"}
    assert {*named(CI_PIPELINE_SOURCE="schedule")} == {f"{name}-drift" for name in ENVIRONMENTS}


def test_a_merge_request_shows_both_plans_and_the_default_branch_applies_them(
    repository: Repository, server: NatsServer, merge_request: Request
) -> None:
    shown = pipeline(
        repository, **{**merge_request.gitlab(), "CI_PIPELINE_SOURCE": "merge_request_event", "CI_COMMIT_BRANCH": ""}
    )
    assert shown.returncode == 0, shown.stdout
    assert [note.splitlines()[0] for note in sorted(merge_request.ours())] == [
        "<!-- ajsync plan team production -->",
        "<!-- ajsync plan team staging -->",
    ]
    applied = pipeline(repository, CI_PIPELINE_SOURCE="push")
    assert applied.returncode == 0, applied.stdout
    assert [*stored(server.url)] == ["DAILY_STAGING"]
    production = pipeline(repository, "production-apply", "--needs", CI_PIPELINE_SOURCE="push")
    assert production.returncode == 0, production.stdout
    # One bucket stands for the two environments, so now it is as production has it.
    assert [*stored(server.url)] == ["DAILY_PRODUCTION"]
    assert pipeline(repository, "production-drift", CI_PIPELINE_SOURCE="schedule").returncode == 0
    assert pipeline(repository, "staging-drift", CI_PIPELINE_SOURCE="schedule").returncode == 1
