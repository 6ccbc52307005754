"""A project of two environments, each with a server of its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess

from tests.cli.processes import ajsync
from tests.nats_server import NatsServer

PROJECT = """\
owner: team
environments:
  prod: {context: nats-prod, variables: {stage: PROD}}
  stage: {context: nats-stage, variables: {stage: STAGE}}
"""
SCHEDULES = "schedules: {A: {schedule: '@daily', task_type: t, queue: 'Q_${stage}'}}\n"


@dataclass(frozen=True)
class Place:
    """A project of two environments, each with a server of its own."""

    folder: Path
    prod: NatsServer
    stage: NatsServer

    def run(self, *arguments: str, **variables: str) -> CompletedProcess[str]:
        """Run `ajsync` in the folder of the project."""
        return ajsync(self.folder, *arguments, **variables)

    def names(self, environment: str) -> str:
        """The names of the schedules in the bucket of an environment, a line each."""
        return self.run("list", "--names", "-e", environment).stdout

    def write(self, schedules: str, project: str = PROJECT) -> None:
        """Replace the files of the project."""
        (self.folder / "ajsync.yaml").write_text(project)
        (self.folder / "schedules" / "a.yaml").write_text(schedules)
