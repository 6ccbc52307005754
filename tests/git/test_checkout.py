"""The commit of a project's files, in repositories of every kind."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from ajsync.asyncjobs.applied import Commit
from ajsync.git.checkout import Checkout
from tests.git.repositories import commit, git, repository

SECOND = 10**9
THEN = 1_700_000_000


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """A repository with one commit, of one file."""
    folder = repository(tmp_path / "repo")
    commit(folder, ajsync_yaml="owner: team\n", at=THEN)
    return folder


def head_of(folder: Path) -> Commit:
    found = Checkout(folder).head()
    assert found is not None
    return found


def test_a_checkout_knows_its_commit_and_the_time_of_it(repo: Path) -> None:
    newest = commit(repo, a_yaml="schedules: {}\n", at=THEN + 60)
    assert Checkout(repo).head() == Commit(newest, (THEN + 60) * SECOND)
    assert Checkout(repo).branch() == "main"


def test_a_folder_below_knows_the_same(repo: Path) -> None:
    (repo / "below").mkdir()
    assert head_of(repo / "below") == head_of(repo)


def test_a_detached_head_has_no_branch(repo: Path) -> None:
    git(repo, "checkout", "--quiet", "--detach")
    assert Checkout(repo).branch() == ""
    assert Checkout(repo).head() is not None


def test_without_a_commit_nothing_is_known(tmp_path: Path) -> None:
    unborn = Checkout(repository(tmp_path / "unborn"))
    assert unborn.head() is None
    assert unborn.descends("a" * 40, "b" * 40) is None


def test_without_a_repository_nothing_is_known(tmp_path: Path) -> None:
    outside = Checkout(tmp_path, {**os.environ, "GIT_CEILING_DIRECTORIES": str(tmp_path.parent)})
    assert (outside.head(), outside.branch()) == (None, "")


def test_a_folder_that_is_gone_knows_nothing(tmp_path: Path) -> None:
    assert Checkout(tmp_path / "gone").head() is None


def test_without_git_nothing_is_known(repo: Path) -> None:
    assert Checkout(repo, {"PATH": ""}).head() is None
    assert Checkout(repo, {"PATH": "bin:./here"}).head() is None


def test_a_repository_of_somebody_else_is_not_known(repo: Path) -> None:
    """As in a container whose checkout belongs to another user: git calls the ownership dubious."""
    if os.getuid() != 0:
        pytest.skip("only root can give a file away")
    assert Checkout(repo).head() is not None
    shutil.chown(repo / ".git", 12_345)
    shutil.chown(repo, 12_345)
    assert Checkout(repo).head() is None
    trusted = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": str(repo)}
    assert Checkout(repo, {**os.environ, **trusted}).head() is not None


def test_a_later_commit_descends_from_an_earlier_one_and_not_the_other_way(repo: Path) -> None:
    first = head_of(repo).id
    second = commit(repo, a_yaml="1")
    third = commit(repo, a_yaml="2")
    checkout = Checkout(repo)
    assert checkout.descends(third, first) is True
    assert checkout.descends(third, second) is True
    assert checkout.descends(first, third) is False


def test_diverged_commits_do_not_descend_from_each_other(repo: Path) -> None:
    git(repo, "checkout", "--quiet", "-b", "other")
    theirs = commit(repo, a_yaml="theirs")
    git(repo, "checkout", "--quiet", "main")
    ours = commit(repo, a_yaml="ours")
    assert Checkout(repo).descends(theirs, ours) is False
    assert Checkout(repo).descends(ours, theirs) is False


def test_a_commit_that_git_does_not_have_is_not_known(repo: Path) -> None:
    assert Checkout(repo).descends("a" * 40, head_of(repo).id) is None


def test_a_shallow_clone_knows_its_commit_and_does_not_deny_what_it_cannot_see(repo: Path, tmp_path: Path) -> None:
    first = head_of(repo).id
    newest = commit(repo, a_yaml="1")
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "--quiet", "--depth", "1", f"file://{repo}", str(shallow))
    assert head_of(shallow).id == newest
    assert Checkout(shallow).descends(newest, first) is None

    # With both commits and without the history between them, git says no.
    commit(repo, a_yaml="2")
    last = commit(repo, a_yaml="3")
    git(shallow, "fetch", "--quiet", "--depth", "1", "origin", "main")
    assert git(shallow, "cat-file", "-t", last) == "commit"
    assert Checkout(shallow).descends(last, newest) is None
    assert Checkout(repo).descends(last, newest) is True


def test_a_worktree_has_a_commit_and_a_branch_of_its_own(repo: Path, tmp_path: Path) -> None:
    worktree = tmp_path / "worktree"
    git(repo, "worktree", "add", "--quiet", "-b", "hotfix", str(worktree))
    made = commit(worktree, a_yaml="hot")
    assert head_of(worktree).id == made != head_of(repo).id
    assert Checkout(worktree).branch() == "hotfix"
    assert Checkout(worktree).descends(made, head_of(repo).id) is True


def test_a_submodule_counts_and_not_the_repository_around_it(repo: Path, tmp_path: Path) -> None:
    outer = repository(tmp_path / "outer")
    commit(outer, readme_md="x")
    git(outer, "submodule", "--quiet", "add", str(repo), "schedules")
    commit(outer)
    assert head_of(outer / "schedules").id == head_of(repo).id != head_of(outer).id
    assert not Checkout(outer / "schedules").is_dirty([outer / "schedules" / "ajsync.yaml"])


def test_files_as_they_were_committed_are_clean(repo: Path) -> None:
    assert not Checkout(repo).is_dirty([repo / "ajsync.yaml"])


@pytest.mark.parametrize("change", ["edited", "not in the commit", "not in the repository", "gone"])
def test_files_that_differ_from_the_commit_are_dirty(repo: Path, tmp_path: Path, change: str) -> None:
    commit(repo, a_yaml="schedules: {}\n")
    sources = [repo / "ajsync.yaml", repo / "a.yaml"]
    assert not Checkout(repo).is_dirty(sources)
    match change:
        case "edited":
            sources[1].write_text("schedules: {A: {}}\n")
        case "not in the commit":
            sources.append(repo / "b.yaml")
            sources[2].write_text("schedules: {}\n")
            git(repo, "add", "b.yaml")  # the index does not count
        case "not in the repository":
            sources.append(tmp_path / "b.yaml")
            sources[2].write_text("schedules: {}\n")
        case "gone":
            sources.pop().unlink()
    assert Checkout(repo).is_dirty(sources)


def test_other_files_of_the_repository_do_not_count(repo: Path) -> None:
    commit(repo, main_py="1", doc_md="1")
    (repo / "main.py").write_text("2")
    (repo / "doc.md").unlink()
    (repo / "new.yaml").write_text("not read")
    assert not Checkout(repo).is_dirty([repo / "ajsync.yaml"])


def test_a_project_below_the_root_is_compared_with_its_own_files(repo: Path) -> None:
    folder = repo / "ops" / "jobs"
    folder.mkdir(parents=True)
    commit(repo)
    (folder / "ajsync.yaml").write_text("owner: team\n")
    assert Checkout(folder).is_dirty([folder / "ajsync.yaml"])
    commit(repo)
    assert not Checkout(folder).is_dirty([folder / "ajsync.yaml"])
    (repo / "ajsync.yaml").unlink()
    assert not Checkout(folder).is_dirty([folder / "ajsync.yaml"])


def test_line_ends_that_git_has_changed_are_no_difference(repo: Path) -> None:
    (repo / "ajsync.yaml").write_bytes(b"owner: team\r\n")
    assert not Checkout(repo).is_dirty([repo / "ajsync.yaml"])


def test_files_behind_a_link_are_those_that_it_leads_to(repo: Path) -> None:
    (repo / "current").symlink_to("ajsync.yaml")
    assert not Checkout(repo).is_dirty([repo / "current"])
    (repo / "ajsync.yaml").write_text("owner: others\n")
    assert Checkout(repo).is_dirty([repo / "current"])


def test_a_repository_with_longer_ids_works_too(tmp_path: Path) -> None:
    folder = tmp_path / "sha256"
    folder.mkdir()
    git(folder, "init", "--quiet", "--object-format=sha256", ".")
    made = commit(folder, ajsync_yaml="owner: team\n")
    assert len(made) == 64
    assert head_of(folder).id == made
    assert not Checkout(folder).is_dirty([folder / "ajsync.yaml"])
