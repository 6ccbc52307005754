"""Annotations of a GitHub workflow: where its files are, and the problems in them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ajsync.cli.options.options import Files
from ajsync.cli.options.session import load
from ajsync.cli.output.build_machine import print_commands
from ajsync.config import Configuration
from ajsync.errors import ConfigurationError, Location


def annotated(files: Files) -> Configuration:
    """Load the configuration; what is wrong in it becomes annotations, and then the error that it is."""
    from ajsync.reconcile.render.github import render_problems

    try:
        return load(files)
    except ConfigurationError as error:
        problems = [replace(each, location=_in_repository(each.location)) for each in error.problems]
        print_commands(render_problems(problems))
        raise


def in_repository(locations: Mapping[str, Location]) -> dict[str, Location]:
    """Locations as GitHub wants them: from the root of the repository, wherever the command was started."""
    return {name: _in_repository(location) for name, location in locations.items()}


def _in_repository(location: Location) -> Location:
    root = os.environ.get("GITHUB_WORKSPACE")
    if not root:
        return location
    path = Path(os.path.relpath(Path.cwd() / location.file, root))
    return location if path.parts[:1] == ("..",) else replace(location, file=path.as_posix())
