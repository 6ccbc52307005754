"""What those who change ajsync are told and given is there: files, targets, workflows, modules to mutate."""

from __future__ import annotations

import json
import re
import subprocess
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


def uses(workflow: Path) -> list[str]:
    """The lines of a workflow that name an action, with the comment."""
    return [line for line in workflow.read_text().splitlines() if re.match(r"\s*(- )?uses:", line)]


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
    pinned = re.compile(r"[\w-]+(/[\w-]+)+@[0-9a-f]{40}|\./\S+")
    assert used
    assert [name for name in used if not pinned.fullmatch(name)] == []
    assert all(re.search(r"@[0-9a-f]{40} # v\d+\.\d+\.\d+$|\./", line) for line in uses(workflow))


def test_ci_runs_on_every_python_that_the_package_names() -> None:
    jobs = yaml.safe_load((GITHUB / "workflows" / "ci.yml").read_text())["jobs"]
    named = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["classifiers"]))
    assert jobs["check"]["strategy"]["matrix"]["python"] == named
    assert {"run": ".ci/run"} in jobs["check"]["steps"]
    assert jobs["package"]["strategy"]["matrix"]["python"] == named
    assert {"run": "source/.ci/quick_start.py dist/*.whl"} in jobs["package"]["steps"]


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


def test_the_devcontainer_has_a_python_that_is_supported() -> None:
    lines = (ROOT / ".devcontainer" / "devcontainer.json").read_text().splitlines()
    container = json.loads("\n".join(line for line in lines if not line.startswith("//")))
    version = re.match(r"python:(3\.\d+)-", container["image"])
    assert version
    assert f"Programming Language :: Python :: {version[1]}" in PROJECT["classifiers"]
