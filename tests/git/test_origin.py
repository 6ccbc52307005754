"""Who applies, and from which commit: git, GitHub, GitLab, or nobody knows."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ajsync.asyncjobs.applied import Commit, Origin
from ajsync.git.checkout import Checkout
from ajsync.git.origin import commit_of, origin_of, user_and_host
from tests.git.repositories import commit, git, repository

SECOND = 10**9
THEN = 1_700_000_000
SHA = "3f2a1b9c0d" * 4
GITHUB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_ACTOR": "octocat",
    "GITHUB_SHA": SHA,
    "GITHUB_REF_NAME": "main",
}
GITLAB = {
    "GITLAB_CI": "true",
    "GITLAB_USER_LOGIN": "tanuki",
    "CI_COMMIT_SHA": SHA,
    "CI_COMMIT_REF_NAME": "release",
    "CI_COMMIT_TIMESTAMP": "2023-11-14T23:13:20+01:00",
}


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """A repository with one commit, of one file."""
    folder = repository(tmp_path / "repo")
    commit(folder, ajsync_yaml="owner: team\n", at=THEN)
    return folder


def origin(folder: Path, variables: dict[str, str] | None = None, *, with_git: bool = True) -> Origin:
    ceiling = {"GIT_CEILING_DIRECTORIES": str(folder.parent)}
    environ = {**os.environ, **ceiling, **(variables or {})} if with_git else {"PATH": "", **(variables or {})}
    return origin_of(Checkout(folder, environ), [folder / "ajsync.yaml"], environ)


def test_by_hand_it_is_whom_git_names(repo: Path) -> None:
    git(repo, "config", "user.name", "Jane Doe")
    assert origin(repo).by == "Jane Doe"
    git(repo, "config", "user.email", "jane@example.net")
    head = git(repo, "rev-parse", "HEAD")
    assert origin(repo) == Origin("jane@example.net", Commit(head, THEN * SECOND, "main"))


def test_files_that_differ_are_said_to(repo: Path) -> None:
    (repo / "ajsync.yaml").write_text("owner: others\n")
    found = origin(repo).commit
    assert found is not None
    assert found.dirty
    assert found.short.endswith("-dirty")


def test_without_git_it_is_the_user_of_this_host_and_no_commit(tmp_path: Path) -> None:
    assert origin(tmp_path) == Origin(user_and_host())
    assert "@" in user_and_host()


def test_a_user_without_a_name_has_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("os.getuid", lambda: 987_654)
    assert user_and_host().startswith("987654@")


@pytest.mark.parametrize(("variables", "by"), [(GITHUB, "octocat"), (GITLAB, "tanuki")], ids=["GitHub", "GitLab"])
def test_a_job_has_a_user_and_git_a_commit(repo: Path, variables: dict[str, str], by: str) -> None:
    """The commit of another ref may be checked out: then the variables say nothing of it."""
    git(repo, "checkout", "--quiet", "--detach")
    head = git(repo, "rev-parse", "HEAD")
    assert origin(repo, variables) == Origin(by, Commit(head, THEN * SECOND, ""))


@pytest.mark.parametrize(
    ("variables", "name", "ref"),
    [(GITHUB, "GITHUB_SHA", "main"), (GITLAB, "CI_COMMIT_SHA", "release")],
    ids=["GitHub", "GitLab"],
)
def test_a_job_knows_the_ref_of_its_commit(repo: Path, variables: dict[str, str], name: str, ref: str) -> None:
    git(repo, "checkout", "--quiet", "--detach")
    head = git(repo, "rev-parse", "HEAD")
    assert origin(repo, {**variables, name: head}).commit == Commit(head, THEN * SECOND, ref)


def test_a_pull_request_is_known_by_its_branch(tmp_path: Path) -> None:
    found = origin(tmp_path, {**GITHUB, "GITHUB_REF_NAME": "7/merge", "GITHUB_HEAD_REF": "fix"}, with_git=False)
    assert found.commit == Commit(SHA, 0, "fix")


def test_who_runs_a_job_again_counts(tmp_path: Path) -> None:
    assert origin(tmp_path, {**GITHUB, "GITHUB_TRIGGERING_ACTOR": "hubot"}, with_git=False).by == "hubot"


def test_an_image_without_git_knows_what_the_job_says(tmp_path: Path) -> None:
    assert origin(tmp_path, GITHUB, with_git=False) == Origin("octocat", Commit(SHA, 0, "main"))
    assert origin(tmp_path, GITLAB, with_git=False) == Origin("tanuki", Commit(SHA, THEN * SECOND, "release"))


@pytest.mark.parametrize("variables", [GITHUB, GITLAB], ids=["GitHub", "GitLab"])
def test_variables_without_a_job_say_nothing(tmp_path: Path, variables: dict[str, str]) -> None:
    others = {name: value for name, value in variables.items() if value != "true"}
    assert origin(tmp_path, others, with_git=False) == Origin(user_and_host())


@pytest.mark.parametrize("sha", ["", "main", "--upload-pack=x", "3F2A" * 10, "a" * 41])
def test_what_is_no_commit_is_not_taken_for_one(tmp_path: Path, sha: str) -> None:
    assert origin(tmp_path, {**GITHUB, "GITHUB_SHA": sha}, with_git=False) == Origin("octocat")


def test_a_time_that_is_none_is_left_out(tmp_path: Path) -> None:
    found = origin(tmp_path, {**GITLAB, "CI_COMMIT_TIMESTAMP": "yesterday"}, with_git=False).commit
    assert found == Commit(SHA, 0, "release")


def test_the_commit_of_a_job_is_not_that_of_files_elsewhere(tmp_path: Path) -> None:
    inside, outside = tmp_path / "work" / "project", tmp_path / "elsewhere"
    inside.mkdir(parents=True)
    outside.mkdir()
    job = {**GITHUB, "GITHUB_WORKSPACE": str(tmp_path / "work")}
    assert origin(inside, job, with_git=False).commit == Commit(SHA, 0, "main")
    assert origin(outside, job, with_git=False).commit is None


def test_the_commit_alone_needs_no_look_at_the_files(repo: Path) -> None:
    (repo / "ajsync.yaml").unlink()
    assert commit_of(Checkout(repo)) == Checkout(repo).head()
