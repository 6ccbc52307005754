"""The project of a command: loads its files as the options name them, and warns about files that are not read."""

from __future__ import annotations

import logging
import os
import time
from dataclasses import replace
from datetime import UTC, tzinfo
from pathlib import Path

from ajsync.cli.options.values import Scope, Selectors
from ajsync.cli.output.build_machine import print_commands
from ajsync.cli.output.streams import working_folder_is_gone
from ajsync.cli.output.terminal import warn
from ajsync.cli.runs import Runs
from ajsync.config import Configuration, load_configuration, load_owner, load_timezone
from ajsync.config.content import FileCache
from ajsync.config.inputs import Inputs
from ajsync.config.project import list_environments
from ajsync.config.variables import Given, Spelled
from ajsync.config.wording import choice
from ajsync.errors import ConfigurationError, Location, UsageError
from ajsync.schedule import load_zone
from ajsync.selection import Selection
from ajsync.text import counted, listed, plural, visible

log = logging.getLogger(__name__)


def load(
    scope: Scope,
    *,
    empty: bool = False,
    folder: Path | None = None,
    inputs: Inputs | None = None,
    cache: FileCache | None = None,
    again: bool = False,
) -> Configuration:
    """Load the configuration that the options name; with `empty` there may be no schedules file yet.

    The names of the options are relative to `folder`, or to the working directory. `inputs` collects what was looked
    at. With a `cache` only what has changed since its last load is read. Raises UsageError if --var gives a variable
    that occurs nowhere, but not `again`, because the files may change.
    """
    start = time.perf_counter()
    configuration = load_configuration(
        folder or Path.cwd(),
        project=scope.config,
        environment=scope.environment,
        owner=scope.expected_owner,
        empty=empty,
        inputs=inputs,
        variables=given(scope),
        cache=cache,
    )
    if configuration.unused and not again:
        raise UsageError(_unused_text(configuration.unused[0]))
    milliseconds = (time.perf_counter() - start) * 1000
    read = counted(len(configuration.tasks), "schedule"), counted(len(configuration.sources), "file")
    log.info("read %s from %s in %.0f ms", *read, milliseconds)
    return configuration


def warn_if_none_chosen(scope: Scope) -> None:
    """Warn if environments have owners or contexts of their own but none is chosen."""
    names = list_environments(Path.cwd(), scope.config, apart=True) if scope.environment is None else ()
    if names:
        warn(
            "No environment is chosen, so this is the project without one. If that is not intended, choose "
            f"{choice(map(visible, names))} with --environment."
        )


def load_and_warn(scope: Scope, *, annotate: bool = False, runs: Runs | None = None) -> Configuration:
    """Load the configuration, and warn of files that are not read.

    With `annotate` problems are printed as annotations of a GitHub workflow before the error is raised, and locations
    are relative to the root of the repository. What another one of the `runs` has shown is not shown again.
    """
    runs = runs or Runs()
    try:
        configuration = load(scope)
    except ConfigurationError as error:
        if annotate:
            from ajsync.reconcile.render.github import render_findings

            new = [each for each in error.problems if each not in runs.problems]
            problems = [replace(each, location=_in_repository(each.location)) for each in new]
            if problems:
                print_commands(render_findings("error", [("invalid", problem) for problem in problems]))
        raise
    if configuration.unmatched and (text := unmatched_text(configuration)) not in runs.warnings:
        runs.warnings.add(text)
        warn(text)
    if not annotate:
        return configuration
    locations = {name: _in_repository(location) for name, location in configuration.locations.items()}
    return replace(configuration, locations=locations)


def given(scope: Scope) -> Given:
    """The variables that the options give."""
    return {name: Spelled(text) for name, text in scope.variables.items()}


def _unused_text(name: str) -> str:
    return (
        f"--var gives the variable {visible(name)}, which no file uses and no environment declares. "
        "Correct the name, or leave the option out. A key of for_each hides a variable of the same name."
    )


def selection_of(scope: Scope, selectors: Selectors, *, owner: str | None = None) -> Selection:
    """Return what the options select; `owner` is that of an already loaded configuration."""
    of_owner = selectors.of_owner
    if selectors.mine:
        if of_owner is not None:
            raise UsageError("--mine cannot be combined with --owner: it means the owner that the project names.")
        of_owner = owner or owner_of(scope)
    return Selection.of(
        names=selectors.name_patterns, labels=selectors.label_tests, queue=selectors.of_queue, owner=of_owner
    )


def owner_of(scope: Scope) -> str:
    """Return the owner that the project names for the environment, without reading the schedules files."""
    return load_owner(Path.cwd(), project=scope.config, environment=scope.environment, variables=given(scope))


def zone_of(scope: Scope, chosen: tzinfo | None) -> tzinfo:
    """Return the zone in which times are shown: the chosen one, else that of the project's defaults, else UTC."""
    if chosen is not None:
        return chosen
    if working_folder_is_gone() and scope.config is None:
        return UTC
    name = load_timezone(Path.cwd(), project=scope.config, environment=scope.environment, variables=given(scope))
    return load_zone(name)


def unmatched_text(configuration: Configuration) -> str:
    """Say which files look like schedules files but match no pattern, because their schedules would be deleted."""
    files = configuration.unmatched
    look = plural(len(files), "looks like a schedules file and is", "look like schedules files and are")
    them = plural(len(files), "it", "them")
    return (
        f"{listed([*map(visible, files)])} {look} not read, because no pattern of 'files' matches {them}. "
        f"Add {them} to 'files' in {configuration.project.name}, or rename {them} to fit: "
        f"{', '.join(map(visible, configuration.patterns))}."
    )


def _in_repository(location: Location) -> Location:
    """A location relative to the root of the repository, wherever the command was started."""
    root = os.environ.get("GITHUB_WORKSPACE")
    if not root:
        return location
    path = Path(os.path.relpath(Path.cwd() / location.file, root))
    return location if path.parts[:1] == ("..",) else replace(location, file=path.as_posix())
