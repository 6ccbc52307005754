"""A runner for the steps of action.yml: bash as GitHub calls it, its files, and what other actions leave behind.

Knows the expressions that action.yml uses. A step that a test names is left out: the installation, for one.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.cli.launcher import launcher
from tests.cli.processes import DEADLINE_SECONDS
from tests.examples.commands import ROOT

ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())
STEPS: list[dict[str, Any]] = ACTION["runs"]["steps"]

_EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")
_RUNS_AFTER_A_FAILURE = re.compile(r"always\(\)|!cancelled\(\)")
_NAME = re.compile(r"\b(?:inputs|github|runner|steps)\.[A-Za-z_.-]+")
_FORKING = """\
#!/bin/sh
if [ "$1 $2 $3" = "-I -m ajsync" ]; then
    shift 3
    exec "{launcher}" "$@"
fi
exec "${{0}}3" "$@"
"""
"""What stands in for Python."""


@dataclass(slots=True)
class Runner:
    """One job's machine: a workspace, folders of the runner, and the artifacts of its run."""

    folder: Path
    workspace: Path
    environ: Mapping[str, str] = field(default_factory=dict)
    event: str = "pull_request"
    no_artifacts: bool = False
    """Whether the store of artifacts has trouble."""
    forked: bool = False
    """Whether `ajsync` is forked off, for tests in which nothing could lead an interpreter astray."""
    output: str = field(default="", init=False)
    """What the steps have printed."""

    def __post_init__(self) -> None:
        (self.folder / "artifacts").mkdir(parents=True)
        make_environment(self.temp / "ajsync" / "python")
        if self.forked:
            python = self.temp / "ajsync" / "python" / "bin" / "python"
            python.unlink()
            python.write_text(_FORKING.format(launcher=launcher()))
            python.chmod(0o755)

    @property
    def temp(self) -> Path:
        """RUNNER_TEMP."""
        return self.folder / "temp"

    @property
    def summary(self) -> str:
        """What the job shows as its summary."""
        file = self.folder / "summary"
        return file.read_text() if file.exists() else ""

    def run(self, *, without: Collection[str] = ("install",), **inputs: str) -> tuple[int, dict[str, str]]:
        """Use the action; underscores in names of inputs are dashes. Gives the exit status and the outputs."""
        given = {name.replace("_", "-"): value for name, value in inputs.items()}
        assert given.keys() <= ACTION["inputs"].keys()
        known = {f"inputs.{name}": given.get(name, one.get("default", "")) for name, one in ACTION["inputs"].items()}
        known |= {"github.event_name": self.event, "github.token": "t0ken", "runner.temp": str(self.temp)}
        known["steps.python.outputs.python-path"] = sys.executable
        status = 0
        for step in STEPS:
            condition = step.get("if", "true").removeprefix("${{").removesuffix("}}").strip()
            if (status and not _RUNS_AFTER_A_FAILURE.match(condition)) or step.get("id") in without:
                continue
            if not _holds(condition, known):
                continue
            done = self._step(step, known)
            status = status or done
        outputs = {name: _filled(one["value"], known) for name, one in ACTION["outputs"].items()}
        return status, outputs

    def _step(self, step: dict[str, Any], known: dict[str, str]) -> int:
        if "uses" in step:
            given = {name: _filled(str(value), known) for name, value in step.get("with", {}).items()}
            return self._use(step["uses"], given)
        output = self.folder / "output"
        output.write_text("")
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=self.workspace / _filled(step.get("working-directory", "."), known),
            env={
                **os.environ,
                "PYTHONWARNINGS": "error",
                "RUNNER_TEMP": str(self.temp),
                "GITHUB_ACTION_PATH": str(ROOT),
                "GITHUB_WORKSPACE": str(self.workspace),
                "GITHUB_OUTPUT": str(output),
                "GITHUB_PATH": str(self.folder / "path"),
                "GITHUB_STEP_SUMMARY": str(self.folder / "summary"),
                **self.environ,
                **{name: _filled(value, known) for name, value in step.get("env", {}).items()},
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=DEADLINE_SECONDS,
        )
        self.output += done.stdout
        for line in output.read_text().splitlines():
            name, _, value = line.partition("=")
            known[f"steps.{step['id']}.outputs.{name}"] = value
        return done.returncode

    def _use(self, action: str, given: dict[str, str]) -> int:
        """What an action of GitHub's own would do, as far as a later step depends on it; its exit status."""
        name = action.partition("@")[0]
        assert name.startswith("actions/")
        if name == "actions/upload-artifact":
            if self.no_artifacts:
                return 1
            self.artifact(given["name"]).mkdir()
            shutil.copy(given["path"], self.artifact(given["name"]))
        elif name == "actions/download-artifact":
            shutil.copytree(self.artifact(given["name"]), given["path"])
        return 0

    def artifact(self, name: str) -> Path:
        """The folder of an artifact."""
        return self.folder / "artifacts" / name


def make_environment(folder: Path) -> None:
    """Make what the installation makes, as far as the steps after it use it: an environment with this ajsync."""
    packages = folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    packages.mkdir(parents=True)
    (packages / "ajsync.pth").write_text(f"{ROOT}\n{sysconfig.get_path('purelib')}\n")
    (folder / "pyvenv.cfg").write_text(f"home = {Path(sys.executable).resolve().parent}\n")
    (folder / "bin").mkdir()
    (folder / "bin" / "python3").symlink_to(sys.executable)
    (folder / "bin" / "python").symlink_to("python3")


def _filled(text: str, known: Mapping[str, str]) -> str:
    return _EXPRESSION.sub(lambda match: known.get(match[1], ""), text)


def _holds(condition: str, known: Mapping[str, str]) -> bool:
    """The value of an `if` of names, texts, comparisons and `&&`."""
    python = _NAME.sub(lambda match: json.dumps(known.get(match[0], "")), _RUNS_AFTER_A_FAILURE.sub("true", condition))
    return bool(eval(python.replace("&&", " and "), {"true": True}))
