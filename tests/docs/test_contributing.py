"""What those who change ajsync are told and given is there: files, targets, workflows, modules to mutate."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

from tests.docs.pages import ROOT, missing_files
from tests.mutants import Mutant, read_plan, report

CONTRIBUTING = ROOT / "CONTRIBUTING.md"
GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
LOCK = ROOT / ".ci" / "requirements-dev.txt"
FILE = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = FILE["project"]
BUILD = FILE["dependency-groups"]["build"]
TARGETS = set(re.findall(r"^\.PHONY: (\w+)$", (ROOT / "Makefile").read_text(), re.MULTILINE))


def steps(workflow: Path) -> Iterator[dict[str, Any]]:
    """The steps of all jobs of a workflow, and the jobs that are other workflows."""
    for job in yaml.safe_load(workflow.read_text())["jobs"].values():
        yield from job.get("steps", [job])


def test_every_file_that_is_named_exists() -> None:
    assert missing_files(CONTRIBUTING) == []


@pytest.mark.parametrize(
    "file", [CONTRIBUTING, *WORKFLOWS, ROOT / ".devcontainer" / "devcontainer.json"], ids=lambda file: file.name
)
def test_every_target_that_is_named_is_one_of_make(file: Path) -> None:
    named = set(re.findall(r"(?:^|run: |`|\")make (\w+)", file.read_text(), re.MULTILINE))
    assert named <= TARGETS


def test_help_names_every_target() -> None:
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert set(re.findall(r"^make (\w+) ", done.stdout, re.MULTILINE)) == TARGETS - {"help"}


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda file: file.name)
def test_an_action_of_a_workflow_is_pinned_by_its_commit(workflow: Path) -> None:
    used = [step["uses"] for step in steps(workflow) if "uses" in step]
    pinned = re.compile(r"[\w-]+(/[\w-]+)+@[0-9a-f]{40}|\./\S+|pypa/gh-action-pypi-publish@release/v1")
    assert used
    assert [name for name in used if not pinned.fullmatch(name)] == []


def test_ci_runs_on_every_python_that_the_package_names() -> None:
    checks = yaml.safe_load((GITHUB / "workflows" / "ci.yml").read_text())["jobs"]["check"]
    named = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["classifiers"]))
    assert checks["strategy"]["matrix"]["python"] == named
    assert {"run": ".ci/run"} in checks["steps"]


def wanted(*extras: str) -> list[str]:
    """What the package requires with some of its extras."""
    own = PROJECT["optional-dependencies"]
    named = {extra for each in own["dev"] if each.startswith("ajsync[") for extra in each[7:-1].split(",")}
    chosen = {*extras, *(named if "dev" in extras else ())}
    more = [each for extra in sorted(chosen) for each in own[extra] if not each.startswith("ajsync[")]
    return [*PROJECT["dependencies"], *more]


@pytest.mark.parametrize(
    ("lock", "requirements"),
    [
        (LOCK, [*wanted("dev"), *BUILD]),
        (LOCK.with_name("requirements.txt"), wanted("ics", "monitor")),
        (LOCK.with_name("requirements-build.txt"), BUILD),
    ],
    ids=lambda each: each.name if isinstance(each, Path) else "",
)
def test_a_lock_file_has_what_is_required_with_hashes_and_no_index(lock: Path, requirements: list[str]) -> None:
    text = lock.read_text()
    assert "://" not in text
    versions = locked(lock)
    for each in map(Requirement, requirements):
        assert each.specifier.contains(versions[each.name.lower()]), f"{each}: run 'make lock'"
    assert versions.items() <= locked(LOCK).items()
    assert all("--hash=sha256:" in entry for entry in re.split(r"^(?=[a-z])", text, flags=re.MULTILINE)[1:])


def test_what_builds_the_package_is_locked() -> None:
    backend = {Requirement(each).name for each in FILE["build-system"]["requires"]}
    assert {Requirement(each).name for each in BUILD} == backend | {"setuptools"}


def locked(lock: Path) -> dict[str, str]:
    """The versions of a lock file."""
    return dict(re.findall(r"^([a-z0-9-]+)==([^\s;]+)", lock.read_text(), re.MULTILINE))


def test_a_hook_runs_what_the_lint_target_or_the_docs_target_runs() -> None:
    makefile = (ROOT / "Makefile").read_text().replace("$(BIN)", ".venv/bin")
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    entries = {hook["id"]: hook["entry"].removesuffix(" --fix") for hook in hooks}
    assert len(entries) > 5
    assert [name for name, entry in entries.items() if "/ajsync " not in entry and entry not in makefile] == []


def test_the_modules_to_mutate_and_their_tests_exist() -> None:
    plan = read_plan()
    assert "ajsync/schedule/duration.py" in plan
    assert all(tests for tests in plan.values())


def test_mutants_are_counted_for_the_module_that_they_are_in() -> None:
    mutants = [
        Mutant("ajsync.a.x_first__mutmut_1", "killed"),
        Mutant("ajsync.a.x_first__mutmut_2", "survived"),
        Mutant("ajsync.a.xǁThingǁmethod__mutmut_1", "timeout"),
        Mutant("ajsync.a.b.x_second__mutmut_1", "no tests"),
    ]
    counted = [line.split() for line in report(["ajsync/a.py", "ajsync/a/b.py"], mutants).splitlines()[1:]]
    assert counted == [
        ["ajsync/a.py", "2", "1", "66.7%"],
        ["ajsync/a/b.py", "0", "1", "0.0%"],
        ["all", "2", "2", "50.0%"],
    ]


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
    ("tag", "file", "was", "is_now", "message"),
    [
        ("v1.2.4", "CHANGELOG.md", "", "", "The tag is v1.2.4, and ajsync/version.py says 1.2.3."),
        ("v1.2.3", "CHANGELOG.md", "[1.2.3]", "[1.2.33]", "CHANGELOG.md has no section [1.2.3]."),
        ("v1.2.3", "CHANGELOG.md", "### Added\n\n- Something.\n", "", "CHANGELOG.md has no section [1.2.3]."),
    ],
)
def test_a_tag_that_the_tree_is_not_ready_for_is_refused(
    release: Path, tag: str, file: str, was: str, is_now: str, message: str
) -> None:
    (release / file).write_text((release / file).read_text().replace(was, is_now))
    done = run_release(release, tag)
    assert (done.returncode, done.stdout, done.stderr.strip()) == (1, "", message)


def test_package_schemas_and_alerts_name_the_repository_that_the_release_workflow_replaces() -> None:
    replaced = {
        file: program.split("#")[1]
        for step in steps(GITHUB / "workflows" / "release.yml")
        if "OWNER/REPO" in step.get("run", "")
        for _, _, program, *files in [shlex.split(step["run"])]
        for file in files
    }
    assert {*replaced} == {"pyproject.toml", "schemas/*.json", "examples/kubernetes/files/alerts.yaml"}
    for pattern, placeholder in replaced.items():
        for file in [*ROOT.glob(pattern)]:
            assert placeholder in file.read_text(), file
    own = {name: url for name, url in PROJECT["urls"].items() if replaced["pyproject.toml"] in url}
    assert {"Repository", "Documentation", "Changelog", "Issues"} == {*own}


def test_the_devcontainer_has_a_python_that_is_supported() -> None:
    lines = (ROOT / ".devcontainer" / "devcontainer.json").read_text().splitlines()
    container = json.loads("\n".join(line for line in lines if not line.startswith("//")))
    version = re.match(r"python:(3\.\d+)-", container["image"])
    assert version
    assert f"Programming Language :: Python :: {version[1]}" in PROJECT["classifiers"]
