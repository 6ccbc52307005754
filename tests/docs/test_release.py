"""A release: one version everywhere, a tag that is checked, an address that is written, and jobs that can run again."""

from __future__ import annotations

import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from ajsync.version import __version__
from tests.docs.pages import ROOT
from tests.git.repositories import commit, git, repository

JOBS: dict[str, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text())["jobs"]
ADDRESS = ROOT / ".ci" / "address.py"
PLACEHOLDER: str = runpy.run_path(str(ADDRESS))["PLACEHOLDER"]
needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="there is no git on this machine")
NAMED = re.compile(
    r"""ajsync(?:\[[a-z,]+\])?(?:==|:|@v)(\d+\.\d+\.\d+)   # a requirement, an image
      | OWNER/REPO[:@]v?(\d+\.\d+\.\d+)                    # an image, an action
      | rev:\ v(\d+\.\d+\.\d+)                             # a hook
      | charts/ajsync\ --version\ (\d+\.\d+\.\d+)          # a chart
      | ^(?:appVersion|\ {4}version|version):\ "?(\d+\.\d+\.\d+)  # a chart, and a dependency on it""",
    re.VERBOSE | re.MULTILINE,
)

PLACES = ("kubernetes/Chart.yaml", "kubernetes/README.md", "pre-commit/.pre-commit-config.yaml")


def versions(text: str) -> list[str]:
    """The versions of ajsync that a text tells its reader to use."""
    return ["".join(found) for found in NAMED.findall(text)]


def test_every_place_that_names_the_version_to_use_names_this_one() -> None:
    pages = [ROOT / "README.md", ROOT / "action.yml", ROOT / "Dockerfile", *(ROOT / "docs").rglob("*.md")]
    files = [*pages, *(file for file in (ROOT / "examples").rglob("*") if file.suffix in (".md", ".yaml", ".yml"))]
    found = {file.relative_to(ROOT).as_posix(): versions(file.read_text()) for file in files}
    assert {name: given for name, given in found.items() if {*given} - {__version__}} == {}
    chart = "examples/kubernetes"
    places = {
        "docs/deployment.md",
        f"{chart}/Chart.yaml",
        f"{chart}/README.md",
        "examples/pre-commit/.pre-commit-config.yaml",
    }
    assert places <= {name for name, given in found.items() if given}


def test_the_changelog_is_ready_but_for_the_day() -> None:
    changes = (ROOT / "CHANGELOG.md").read_text()
    headings = re.findall(r"^## \[(.+?)\](?: - (.+))?$", changes, re.MULTILINE)
    assert headings[0] == ("Unreleased", "")
    assert headings[1][0] == __version__
    assert re.fullmatch(r"unreleased|\d{4}-\d\d-\d\d", headings[1][1])
    addresses = dict(re.findall(r"^\[(.+)\]: \S+/OWNER/REPO/(\S+)$", changes, re.MULTILINE))
    assert addresses["Unreleased"] == f"compare/v{__version__}...HEAD"
    assert {name: addresses.get(name) for name, _ in headings[1:]} == {
        name: f"releases/tag/v{name}" for name, _ in headings[1:]
    }


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """A tree that is ready for version 1.2.3."""
    (tmp_path / ".ci").mkdir()
    (tmp_path / "ajsync").mkdir()
    shutil.copy(ROOT / ".ci" / "release.py", tmp_path / ".ci")
    (tmp_path / "ajsync" / "version.py").write_text('"""The version."""\n\n__version__ = "1.2.3"\n')
    (tmp_path / "CHANGELOG.md").write_text(
        "## [Unreleased]\n\n## [1.2.3] - 2026-11-30\n\n### Added\n\n- Something.\n\n## [1.2.2]\n\n- Old.\n"
    )
    return tmp_path


def run_release(folder: Path, tag: str) -> subprocess.CompletedProcess[str]:
    """Run the script of the release workflow for a tag."""
    return subprocess.run(
        [sys.executable, folder / ".ci" / "release.py", tag],
        env={**os.environ, "GITHUB_OUTPUT": str(folder / "output")},
        capture_output=True,
        text=True,
    )


def test_a_release_has_the_changes_of_its_version_as_its_notes(release: Path) -> None:
    done = run_release(release, "v1.2.3")
    assert (done.returncode, done.stdout) == (0, "### Added\n\n- Something.\n")
    assert (release / "output").read_text() == "version=1.2.3\n"


@pytest.mark.parametrize(
    ("tag", "was", "is_now", "message"),
    [
        ("v1.2.4", "", "", "The tag is v1.2.4, and ajsync/version.py says 1.2.3."),
        ("v1.2.3", "[1.2.3]", "[1.2.33]", "CHANGELOG.md has no section [1.2.3]."),
        ("v1.2.3", "### Added\n\n- Something.\n", "", "CHANGELOG.md has no section [1.2.3]."),
        ("v1.2.3", "2026-11-30", "unreleased", "CHANGELOG.md gives [1.2.3] no day. Write ## [1.2.3] - 2"),
        ("v1.2.3", " - 2026-11-30", "", "CHANGELOG.md gives [1.2.3] no day. Write ## [1.2.3] - 2"),
    ],
)
def test_a_tag_that_the_tree_is_not_ready_for_is_refused(
    release: Path, tag: str, was: str, is_now: str, message: str
) -> None:
    file = release / "CHANGELOG.md"
    file.write_text(file.read_text().replace(was, is_now))
    done = run_release(release, tag)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(message)


@pytest.mark.parametrize(
    ("tag", "released", "moving"),
    [
        ("v0.1.0", "", "v0 v0.1"),
        ("v1.2.3", "v1.2.3 v1.2.2 v1.2 v1 v0.9.0", "v1 v1.2"),
        ("v1.2.4", "v1.10.0 v1.2.3", "v1.2"),
        ("v1.2.4", "v1.2.10 v2.0.0", ""),
        ("v1.10.0", "v1.9.9", "v1 v1.10"),
        ("v1.2.0rc1", "v1.1.0", ""),
    ],
)
def test_a_tag_moves_to_the_newest_release_of_its_line(tag: str, released: str, moving: str) -> None:
    script = runpy.run_path(str(ROOT / ".ci" / "release.py"))
    assert script["moving"](tag, released.split()) == moving.split()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of what this tree has, in a repository of its own."""
    kept = (ROOT / ".gitignore").read_text().replace("/", "").split()
    folder = tmp_path / "tree"
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(".git", *kept), symlinks=True)
    git(repository(folder), "add", "--all", ".")
    return folder


@needs_git
@pytest.mark.skipif(PLACEHOLDER not in (ROOT / "pyproject.toml").read_text(), reason="the tree has its address")
def test_the_release_writes_its_address_wherever_there_is_a_placeholder(tree: Path) -> None:
    command = [sys.executable, str(tree / ".ci" / "address.py")]
    done = subprocess.run([*command, "Team/Ajsync"], check=True, capture_output=True, text=True)
    assert {"pyproject.toml", "README.md", "examples/kubernetes/files/alerts.yaml"} <= {*done.stdout.split()}
    left = subprocess.run(["git", "-C", tree, "grep", "-l", PLACEHOLDER], capture_output=True, text=True)
    assert (left.stdout, left.returncode) == ("", 1)
    assert 'Repository = "https://github.com/Team/Ajsync"' in (tree / "pyproject.toml").read_text()
    assert "oci://ghcr.io/team/ajsync/charts" in (tree / "examples" / "kubernetes" / "README.md").read_text()
    refused = subprocess.run([*command, "https://github.com/a/b"], capture_output=True, text=True)
    assert (refused.returncode, refused.stdout) == (1, "")


def test_each_job_that_builds_writes_the_address_first() -> None:
    jobs = {"ci.yml": ["build"], "release.yml": ["image", "chart"]}
    for workflow, names in jobs.items():
        file = yaml.safe_load((ROOT / ".github" / "workflows" / workflow).read_text())
        for name in names:
            steps = [step.get("run", step.get("uses", "")) for step in file["jobs"][name]["steps"]]
            before = steps[: steps.index('.ci/address.py "$GITHUB_REPOSITORY"')]
            assert not [step for step in before if re.search("make|docker|helm", step)]


def test_no_page_tells_its_reader_to_replace_the_placeholder() -> None:
    told = re.compile(r"replace[^.]*OWNER/REPO|OWNER/REPO[^.]*replace", re.IGNORECASE)
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")]
    assert [page for page in pages if told.search(page.read_text())] == []


GH = """#!/usr/bin/env python3
import json, os, sys
words = sys.argv[1:]
if words[:2] == ["release", "view"]:
    sys.exit(print(os.environ["DRAFT"]) if os.environ["DRAFT"] else "release not found")
if words[:2] == ["api", "--paginate"]:
    sys.exit(print(os.environ["TAGS"].replace(" ", "\\n")))
with open(os.environ["GH_LOG"], "a") as lines:
    print(json.dumps(words), file=lines)
"""


def announce(release: Path, *, draft: str = "", tags: str = "v1.2.3") -> list[str]:
    """Run the steps that announce a release with a stand-in for `gh`; in short, its calls that change something."""
    (release / "bin").mkdir(exist_ok=True)
    (release / "bin" / "gh").write_text(GH)
    (release / "bin" / "gh").chmod(0o700)
    log = release / "log"
    log.write_text("")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GITHUB_")} | {
        "PATH": f"{release / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "GITHUB_REF_NAME": "v1.2.3",
        "GITHUB_REPOSITORY": "team/ajsync",
        "GH_LOG": str(log),
        "DRAFT": draft,
        "TAGS": tags,
    }
    for step in JOBS["announce"]["steps"]:
        if "run" in step:
            shell = ["bash", "-eo", "pipefail", "-c", step["run"]]
            subprocess.run(shell, cwd=release, env=environment, check=True, capture_output=True)
    return [in_short(json.loads(line), git(release, "rev-parse", "HEAD")) for line in log.read_text().splitlines()]


def in_short(call: list[str], commit: str) -> str:
    """A call of `gh` in two words."""
    if call[0] == "release":
        assert call[2] == "v1.2.3"
        return " ".join(call[:2])
    method, path, *members = call[3:]
    assert f"sha={commit}" in members
    if method == "PATCH":
        assert "force=true" in members
        return f"move {path.removeprefix('repos/team/ajsync/git/refs/tags/')}"
    assert path == "repos/team/ajsync/git/refs"
    return f"make {members[1].removeprefix('ref=refs/tags/')}"


@needs_git
@pytest.mark.parametrize(
    ("draft", "tags", "calls"),
    [
        ("", "v1.2.3", "release create, release upload, release edit, make v1, make v1.2"),
        ("true", "v1.2.3 v1 v1.2", "release upload, release edit, move v1, move v1.2"),
        ("false", "v1.2.3 v1 v1.2", "move v1, move v1.2"),
        ("false", "v1.2.3 v1 v1x2 v1.3.0", "make v1.2"),
    ],
)
def test_a_release_is_announced_however_far_an_earlier_try_came(
    release: Path, draft: str, tags: str, calls: str
) -> None:
    commit(repository(release))
    (release / "dist").mkdir()
    (release / "dist" / "a.whl").touch()
    assert announce(release, draft=draft, tags=tags) == calls.split(", ")


def test_only_a_job_that_needs_to_may_write() -> None:
    assert {name: job["permissions"] for name, job in JOBS.items() if "permissions" in job} == {
        "attest": {"id-token": "write", "attestations": "write"},
        "pypi": {"id-token": "write"},
        "image": {"contents": "read", "packages": "write", "id-token": "write", "attestations": "write"},
        "chart": {"contents": "read", "packages": "write"},
        "announce": {"contents": "write"},
    }
