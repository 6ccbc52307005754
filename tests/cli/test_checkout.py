"""A NATS context that a pull request could change is refused on a build machine, and warned about elsewhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ajsync.cli.checkout import CHECKOUTS, check_context
from ajsync.errors import InvalidError
from ajsync.transport.context import Context
from tests.cli.processes import ajsync
from tests.examples.bucket import make_bucket
from tests.nats_server import NatsServer

Place = Callable[[Path], Path]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with a project in a folder of it."""
    root = tmp_path / "checkout"
    (root / ".git").mkdir(parents=True)
    (root / "jobs").mkdir()
    (root / "jobs" / "ajsync.yaml").write_text("owner: team\nfiles: [a.yaml]\ncontext: prod\n")
    (root / "jobs" / "a.yaml").write_text("schedules: {A: {schedule: '@daily', task_type: x}}\n")
    return root


def inside(root: Path) -> Path:
    return root / "ci"


def in_the_project(root: Path) -> Path:
    return root / "jobs" / "config"


def by_a_link_out(root: Path) -> Path:
    """The checkout says where the context is, though it is elsewhere."""
    (root.parent / "elsewhere").mkdir()
    (root / "link").symlink_to(root.parent / "elsewhere")
    return root / "link"


def by_a_link_in(root: Path) -> Path:
    (root / "ci").mkdir()
    (root.parent / "link").symlink_to(root / "ci")
    return root.parent / "link"


def by_way_of_the_checkout(root: Path) -> Path:
    """Neither its name nor where it ends is in the checkout, but a link on the way."""
    by_a_link_out(root)
    (root.parent / "config").symlink_to("checkout/link")
    return root.parent / "config"


def outside(root: Path) -> Path:
    return root.parent / "config"


def write(folder: Path, url: str) -> None:
    contexts = folder / "nats" / "context"
    contexts.mkdir(parents=True)
    (contexts / "prod.json").write_text(json.dumps({"url": url}))


INSIDE = [inside, in_the_project, by_a_link_out, by_a_link_in, by_way_of_the_checkout]


@pytest.mark.parametrize("place", INSIDE)
@pytest.mark.parametrize("variable", ["CI", "GITHUB_ACTIONS", "GITLAB_CI"])
def test_a_build_machine_refuses_a_context_of_the_checkout(
    checkout: Path, server: NatsServer, place: Place, variable: str
) -> None:
    folder = place(checkout)
    write(folder, server.url)
    variables = {"XDG_CONFIG_HOME": str(folder), variable: "true"}
    refused = ajsync(checkout, "plan", "--config", "jobs/ajsync.yaml", **variables)
    assert refused.returncode == 3
    assert f"in the checkout {checkout}" in refused.stderr


@pytest.mark.parametrize("command", ["list", "plan", "apply --yes", "apply --yes --watch", "scheduler"])
def test_every_command_that_connects_refuses_it(checkout: Path, server: NatsServer, command: str) -> None:
    write(inside(checkout), server.url)
    done = ajsync(checkout / "jobs", *command.split(), XDG_CONFIG_HOME=str(inside(checkout)), CI="1")
    assert done.returncode == 3
    assert f"in the checkout {checkout}" in done.stderr


@pytest.mark.parametrize("variable", ["GITHUB_WORKSPACE", "CI_PROJECT_DIR"])
def test_a_checkout_without_git_is_known_by_the_build_machine(
    checkout: Path, server: NatsServer, variable: str
) -> None:
    (checkout / ".git").rmdir()
    write(inside(checkout), server.url)
    variables = {"XDG_CONFIG_HOME": str(inside(checkout)), "CI": "true", variable: str(checkout)}
    assert ajsync(checkout / "jobs", "plan", **variables).returncode == 3


@pytest.mark.parametrize("command", ["list", "info", "plan --config project/ajsync.yaml"])
@pytest.mark.parametrize("git", [True, False])
def test_where_the_command_is_started_makes_no_difference(
    checkout: Path, server: NatsServer, command: str, git: bool
) -> None:
    if not git:
        (checkout / ".git").rmdir()
    (checkout / "jobs").rename(checkout.parent / "project")
    write(inside(checkout), server.url)
    variables = {"XDG_CONFIG_HOME": str(inside(checkout)), "CI": "true", "GITHUB_WORKSPACE": str(checkout)}
    done = ajsync(checkout.parent, *command.split(), "--context", "prod", **variables)
    assert done.returncode == 3
    assert f"in the checkout {checkout}" in done.stderr


@pytest.mark.parametrize("name", CHECKOUTS)
@pytest.mark.parametrize("link", [True, False])
def test_every_build_machine_names_its_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, link: bool
) -> None:
    (tmp_path / "checkout").mkdir()
    (tmp_path / "link").symlink_to("checkout")
    monkeypatch.chdir(tmp_path)
    context = Context((), "prod", tmp_path / ("link" if link else "checkout") / "prod.json")
    with pytest.raises(InvalidError, match="in the checkout"):
        check_context(context, {"CODEBUILD_BUILD_ID": "build:1", name: str(tmp_path / "link")})
    check_context(context, {"CODEBUILD_BUILD_ID": "build:1", name: str(tmp_path / "other")})


def test_the_home_folder_may_be_the_checkout_on_a_build_machine(checkout: Path, server: NatsServer) -> None:
    write(checkout / ".config", server.url)
    assert ajsync(checkout / "jobs", "plan", HOME=str(checkout), CI="true").returncode == 3


@pytest.mark.parametrize("ci", ["true", "", "false"])
def test_a_context_from_elsewhere_is_taken(checkout: Path, server: NatsServer, ci: str) -> None:
    make_bucket(server.url)
    write(outside(checkout), server.url)
    done = ajsync(checkout / "jobs", "plan", XDG_CONFIG_HOME=str(outside(checkout)), CI=ci)
    assert (done.returncode, done.stderr) == (0, "")


def test_elsewhere_there_is_one_warning(checkout: Path, server: NatsServer) -> None:
    make_bucket(server.url)
    write(inside(checkout), server.url)
    done = ajsync(checkout / "jobs", "apply", "--yes", XDG_CONFIG_HOME=str(inside(checkout)))
    assert done.returncode == 0
    assert done.stderr.count("can have your password sent elsewhere") == 1


def test_a_project_in_the_home_folder_is_no_reason_to_warn(checkout: Path, server: NatsServer) -> None:
    make_bucket(server.url)
    write(checkout / ".config", server.url)
    done = ajsync(checkout / "jobs", "plan", HOME=str(checkout))
    assert (done.returncode, done.stderr) == (0, "")


def test_that_the_home_folder_is_a_repository_is_no_reason_to_warn(checkout: Path, server: NatsServer) -> None:
    make_bucket(server.url)
    write(checkout / ".config", server.url)
    done = ajsync(checkout / "jobs", "plan", HOME=str(checkout), XDG_CONFIG_HOME=str(checkout / ".config"))
    assert (done.returncode, done.stderr) == (0, "")
