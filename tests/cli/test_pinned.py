"""What a pull request that may change every file cannot change, and what it is told to have changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from ajsync.config.schema import read_schema
from ajsync.reconcile.render import RENDERERS
from tests.cli.processes import ajsync
from tests.examples.bucket import make_bucket, stored
from tests.nats_server import NatsServer

LOOSE = "safety: {max_delete: 500, max_delete_percent: 100, allow_empty: true}\n"
TOLD = (
    "safety.max_delete is 500 (default 10); safety.max_delete_percent is 100 (default 30); "
    "safety.allow_empty is true (default false)."
)


@pytest.fixture
def project(project: Path) -> Path:
    """A project of `team` with one schedule."""
    (project / "schedules" / "a.yaml").write_text("schedules: {A: {schedule: '@daily', task_type: x}}\n")
    return project


@pytest.mark.parametrize("command", ["plan", "apply --yes", "validate", "validate --format github", "lint", "export"])
@pytest.mark.parametrize("owner", ["other", "Team", ""])
def test_files_of_another_owner_are_not_valid(project: Path, server: NatsServer, command: str, owner: str) -> None:
    make_bucket(server.url)
    to = () if command.startswith(("validate", "lint")) else ("--server", server.url)
    refused = ajsync(project, *command.split(), "--owner", owner, *to)
    assert refused.returncode == 3
    told = f'ajsync.yaml:1:8: the files belong to the owner "team", but --owner is "{owner}"'
    assert told in refused.stderr
    assert stored(server.url) == {}
    assert ajsync(project, *command.split(), "--owner", "team", *to).returncode == 0


def test_files_of_another_owner_are_not_followed(project: Path) -> None:
    done = ajsync(project, "apply", "--watch", "--yes", "--owner", "other", "--server", "nats://127.0.0.1:1")
    assert done.returncode == 3


@pytest.mark.parametrize("style", [*RENDERERS, "yaml"])
def test_a_plan_tells_of_limits_that_are_looser_than_the_defaults(
    project: Path, server: NatsServer, style: str
) -> None:
    make_bucket(server.url)
    strict = ajsync(project, "plan", "--format", style, "--server", server.url)
    assert strict.returncode == 0, strict.stderr
    assert "safety" not in strict.stdout
    with (project / "ajsync.yaml").open("a") as file:
        file.write(LOOSE)
    loose = ajsync(project, "plan", "--format", style, "--server", server.url)
    if style == "json":
        plan = json.loads(loose.stdout)
        Draft202012Validator(read_schema("plan.schema.json")).validate(plan)
        assert [each["member"] for each in plan["loosened"]] == [
            "safety.max_delete",
            "safety.max_delete_percent",
            "safety.allow_empty",
        ]
    elif style == "yaml":
        assert "member: safety.max_delete" in loose.stdout
    else:
        assert TOLD in loose.stdout.replace("\\", "")
    if style == "github":
        assert "::warning title=ajsync%3A limits::" in loose.stdout


def test_an_apply_tells_of_them_before_it_applies(project: Path, server: NatsServer) -> None:
    make_bucket(server.url)
    with (project / "ajsync.yaml").open("a") as file:
        file.write(LOOSE)
    assert TOLD in ajsync(project, "apply", "--yes", "--server", server.url).stdout


def test_stricter_limits_are_not_told(project: Path, server: NatsServer) -> None:
    make_bucket(server.url)
    with (project / "ajsync.yaml").open("a") as file:
        file.write("safety: {max_delete: 1, max_delete_percent: 30, allow_empty: false}\n")
    assert "safety" not in ajsync(project, "plan", "--server", server.url).stdout
