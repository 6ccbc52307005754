"""git runs nothing that the files or the repository bring along."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ajsync.git.checkout import Checkout
from ajsync.git.program import output_of, run_git
from tests.git.repositories import commit, git, repository


@pytest.fixture
def trap(tmp_path: Path) -> Path:
    """A program that leaves a file beside itself when it runs."""
    program = tmp_path / "trap"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\n")
    program.chmod(0o755)
    return program


def sprung(trap: Path) -> bool:
    return (trap.parent / "sprung").exists()


def ask_everything(folder: Path) -> None:
    checkout = Checkout(folder)
    checkout.head()
    checkout.branch()
    checkout.user()
    checkout.descends("a" * 40, "b" * 40)
    checkout.is_dirty([folder / "ajsync.yaml"])


def test_the_trap_is_one(tmp_path: Path, trap: Path) -> None:
    """Plain git springs it, so that the test below can fail."""
    folder = repository(tmp_path / "repo")
    commit(folder, ajsync_yaml="owner: team\n")
    git(folder, "config", "core.fsmonitor", str(trap))
    git(folder, "status")
    assert sprung(trap)


@pytest.mark.parametrize(
    "setting",
    [
        *("core.fsmonitor", "core.pager", "core.sshCommand", "core.editor", "gpg.program", "diff.external"),
        *("filter.x.clean", "filter.x.smudge", "filter.x.process", "credential.helper", "core.askPass"),
        *("alias.rev-list", "alias.ls-tree", "alias.config", "uploadpack.packObjectsHook", "core.alternateRefsCommand"),
    ],
)
def test_no_setting_of_a_repository_runs_a_program(tmp_path: Path, trap: Path, setting: str) -> None:
    folder = repository(tmp_path / "repo")
    commit(folder, ajsync_yaml="owner: team\n")
    git(folder, "config", "log.showSignature", "true")
    git(folder, "config", setting, f"!{trap}" if setting.startswith("alias") else str(trap))
    (folder / ".gitattributes").write_text("*.yaml filter=x diff=x\n")
    (folder / "ajsync.yaml").write_text("owner: other\n")
    ask_everything(folder)
    assert not sprung(trap)


@pytest.mark.parametrize(
    ("setting", "command"),
    [("core.fsmonitor", "status"), ("gpg.program", "log"), ("core.pager", "log"), ("core.sshCommand", "fetch")],
)
def test_commands_that_could_run_a_program_do_not(tmp_path: Path, trap: Path, setting: str, command: str) -> None:
    """Those that this package uses run none anyway; this is for the next one."""
    folder = repository(tmp_path / "repo")
    commit(folder, ajsync_yaml="owner: team\n")
    git(folder, "remote", "add", "origin", "ssh://nobody@localhost/x")
    git(folder, "config", setting, str(trap))
    git(folder, "config", "log.showSignature", "true")
    assert run_git(folder, command) is not None
    assert not sprung(trap)


def test_no_hook_of_a_repository_runs(tmp_path: Path, trap: Path) -> None:
    folder = repository(tmp_path / "repo")
    commit(folder, ajsync_yaml="owner: team\n")
    for name in ("post-index-change", "post-checkout", "reference-transaction", "fsmonitor-watchman"):
        (folder / ".git" / "hooks" / name).symlink_to(trap)
    ask_everything(folder)
    assert not sprung(trap)


def test_a_repository_among_the_files_does_not_count(tmp_path: Path, trap: Path) -> None:
    """A bare one can be committed like any folder, with a configuration."""
    folder = repository(tmp_path / "repo")
    commit(folder, ajsync_yaml="owner: team\n")
    git(folder, "clone", "--quiet", "--bare", ".", "project")
    git(folder / "project", "config", "core.fsmonitor", str(trap))
    assert Checkout(folder / "project").head() is None
    ask_everything(folder / "project")
    assert not sprung(trap)


def test_a_git_in_the_checkout_is_not_run(tmp_path: Path, trap: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = repository(tmp_path / "repo")
    (folder / "git").symlink_to(trap)
    monkeypatch.chdir(folder)
    below = folder / "below"
    below.mkdir()
    (below / "git").symlink_to(trap)
    for path in (".", "", f".{os.pathsep}", "bin/..", str(folder), str(below), f"{tmp_path}/repo/../repo"):
        for start in (folder, below):
            assert run_git(start, "version", environ={"PATH": path}) is None
    assert not sprung(trap)


def test_nothing_is_fetched_from_where_a_repository_was_cloned(tmp_path: Path, trap: Path) -> None:
    """A partial clone asks its origin for objects that it lacks."""
    folder = repository(tmp_path / "repo")
    commit(folder, ajsync_yaml="owner: team\n")
    for name, value in (
        ("remote.origin.url", f"ext::{trap}"),
        ("remote.origin.promisor", "true"),
        ("extensions.partialClone", "origin"),
        ("core.repositoryFormatVersion", "1"),
        ("protocol.ext.allow", "always"),
    ):
        git(folder, "config", name, value)
    assert Checkout(folder).descends("a" * 40, "b" * 40) is None
    assert not sprung(trap)


def test_the_variables_of_a_hook_do_not_lead_to_another_repository(tmp_path: Path) -> None:
    other, folder = repository(tmp_path / "other"), repository(tmp_path / "repo")
    commit(other, a_yaml="1")
    made = commit(folder, ajsync_yaml="owner: team\n")
    found = Checkout(folder, {**os.environ, "GIT_DIR": str(other / ".git"), "GIT_WORK_TREE": str(other)}).head()
    assert found is not None
    assert found.id == made


def test_git_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    bin, folder = tmp_path / "bin", tmp_path / "folder"
    bin.mkdir()
    folder.mkdir()
    (bin / "git").write_text("#!/bin/sh\ntouch started\nexec sleep 60\n")
    (bin / "git").chmod(0o755)
    environ = {"PATH": f"{bin}{os.pathsep}{os.environ['PATH']}"}
    while not (folder / "started").exists():
        assert run_git(folder, "version", environ=environ, seconds=1) is None


def test_a_command_that_fails_has_no_output(tmp_path: Path) -> None:
    assert output_of(tmp_path, "no-such-command") is None
