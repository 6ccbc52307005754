"""A repository of GitLab with the example's pipeline, for the simulated jobs and for gitlab-ci-local."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.cli.launcher import launcher
from tests.examples.commands import EXAMPLES

FOLDER = EXAMPLES / "gitlab"
TEMPLATE = FOLDER / "component" / "templates" / "ajsync" / "template.yml"
SPEC: dict[str, Any]
SPEC, _ = yaml.safe_load_all(TEMPLATE.read_text())
INPUTS: Mapping[str, Mapping[str, Any]] = SPEC["spec"]["inputs"]
INCLUDES: list[dict[str, Any]] = yaml.safe_load((FOLDER / ".gitlab-ci.yml").read_text())["include"]

PROJECT = """\
owner: team
environments:
  staging: {variables: {stage: STAGING}}
  production: {variables: {stage: PRODUCTION}}
"""
SCHEDULES = """\
schedules:
  DAILY_${stage}: {schedule: '@daily', task_type: report}
"""


def jobs(inputs: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """The jobs of the component for these inputs, with what they extend."""
    values = {name: inputs.get(name, one.get("default")) for name, one in INPUTS.items()}
    assert inputs.keys() <= INPUTS.keys()
    assert None not in values.values(), values
    body = TEMPLATE.read_text().split("\n---\n", 1)[1]
    found = yaml.safe_load(re.sub(r"\$\[\[ inputs\.(\w+) \]\]", lambda match: str(values[match[1]]), body))
    return {
        name: {**found[job["extends"]], **job} if "extends" in job else job
        for name, job in found.items()
        if not name.startswith(".")
    }


@dataclass(slots=True)
class Repository:
    """A checkout with the pipeline, a program for what jobs call, and the NATS context of all jobs."""

    folder: Path

    @property
    def checkout(self) -> Path:
        """Where the files are."""
        return self.folder / "repository"

    @property
    def environ(self) -> dict[str, str]:
        """The variables of this machine for a job: `ajsync` is this one, and `pip` installs nothing."""
        return {
            "PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.folder / "home"),
            "TMPDIR": str(self.folder / "tmp"),
            "NATS_CONTEXT": str(self.folder / "context"),
        }

    def prepare(self, url: str) -> None:
        """Make the checkout, for a server."""
        (self.checkout / "schedules").mkdir(parents=True)
        (self.checkout / "ajsync.yaml").write_text(PROJECT)
        (self.checkout / "schedules" / "a.yaml").write_text(SCHEDULES)
        shutil.copy(FOLDER / ".gitlab-ci.yml", self.checkout)
        (self.checkout / ".gitlab").mkdir()
        shutil.copy(TEMPLATE, self.checkout / ".gitlab" / "ajsync.yml")
        for name in ("bin", "home", "tmp"):
            (self.folder / name).mkdir()
        self._program("ajsync", f'exec "{launcher()}" "$@"')
        self._program("pip", f'echo "$@" >> "{self.folder / "installed"}"')
        (self.folder / "context").write_text(json.dumps({"url": url}))

    def commit(self) -> None:
        """Commit all files on the branch main, as gitlab-ci-local wants to have them."""
        name = ("-c", "user.name=Somebody", "-c", "user.email=somebody@example.net")
        for command in (
            ("init", "--quiet", "--initial-branch=main"),
            ("remote", "add", "origin", "https://git.example/group/repository.git"),
            ("add", "--all"),
            (*name, "commit", "--quiet", "--message=All"),
        ):
            subprocess.run(["git", *command], cwd=self.checkout, check=True, stdin=subprocess.DEVNULL)

    def _program(self, name: str, line: str) -> None:
        path = self.folder / "bin" / name
        path.write_text(f"#!/bin/sh\n{line}\n")
        path.chmod(0o755)
