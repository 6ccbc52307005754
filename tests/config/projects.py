"""Small projects on disk, and what comes of loading them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from ajsync.asyncjobs.model import ScheduledTask
from ajsync.config import Configuration, load_configuration
from ajsync.errors import ConfigurationError

OWNER = "owner: team\n"
HEAD = "schedules:\n  A:\n    schedule: '@daily'\n    task_type: t\n"
"""A valid schedule; what is added to it stands on line 5 from column 5 on."""


def write(folder: Path, files: Mapping[str, str | bytes]) -> None:
    """Write files by their paths below `folder`."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def load(folder: Path, schedules: str | bytes, project: str = OWNER, environment: str | None = None) -> Configuration:
    """Load a project with one schedules file."""
    write(folder, {"ajsync.yaml": project, "schedules/a.yaml": schedules})
    return load_configuration(folder, environment=environment)


def load_one(folder: Path, members: str, project: str = OWNER, environment: str | None = None) -> ScheduledTask:
    """Load a project with one schedule, `A`, with these members beside a schedule and a task type."""
    return load(folder, f"{HEAD}    {members}\n", project, environment).tasks["A"]


def names(folder: Path) -> list[str]:
    """The names of the schedules files that are loaded, relative to `folder`."""
    return [path.relative_to(folder).as_posix() for path in load_configuration(folder).sources[1:]]


def problems(folder: Path, schedules: str | bytes, project: str = OWNER, environment: str | None = None) -> list[str]:
    """The lines of the error that loading a project with one schedules file ends with."""
    with pytest.raises(ConfigurationError) as error:
        load(folder, schedules, project, environment)
    return str(error.value).split("\n")


def problems_of_one(folder: Path, members: str) -> list[str]:
    """The problems with the members of a schedule, without the name of the file."""
    return [line.removeprefix("schedules/a.yaml:") for line in problems(folder, f"{HEAD}    {members}\n")]
