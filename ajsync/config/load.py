"""Load a configuration from the working directory, or report every problem in its files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

from ajsync.asyncjobs.model import ScheduledTask
from ajsync.asyncjobs.queues import QueueSettings
from ajsync.config.calendars import read_calendar_files
from ajsync.config.content import FileCache, FileContent, LoadedSchedule
from ajsync.config.digest import digest_of, digest_of_rows
from ajsync.config.files import Folder, Pattern, Unlistable, unmatched_problem
from ajsync.config.for_each import told
from ajsync.config.inputs import Inputs
from ajsync.config.members import MemberChecks
from ajsync.config.problems import Problems
from ajsync.config.project import PROJECT_FILE, Project, find_project, read_project
from ajsync.config.schedules import SchedulesReader
from ajsync.config.variables import NO_VARIABLES, Given
from ajsync.config.wording import shown
from ajsync.errors import ConfigurationError, Location, Problem
from ajsync.safety import Safety
from ajsync.text import shorten

V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Configuration:
    """`ajsync.yaml` and the schedules files that it names, for one environment."""

    project: Path
    """The path of `ajsync.yaml`. Other files are named relative to its folder."""
    owner: str
    environment: str | None
    context: str | None
    """The NATS context of the environment, or of the project."""
    safety: Safety
    tasks: Mapping[str, ScheduledTask]
    """The desired schedules by name, without suspended ones. `managed` has the owner and source; `created_at` is 0."""
    queues: tuple[QueueSettings, ...]
    """The declared queues, sorted by name."""
    locations: Mapping[str, Location]
    """Where each name is in the files, including suspended ones."""
    suspended: frozenset[str]
    without_queue: frozenset[str]
    """The schedules whose queue is DEFAULT because neither they nor any defaults name one."""
    sources: tuple[Path, ...]
    """Every file that was read: `ajsync.yaml`, schedules files, payload files, calendars."""
    patterns: tuple[str, ...]
    """The patterns of `files`."""
    unmatched: tuple[str, ...]
    """Schedules files that no pattern matches, as messages name them."""
    unused: tuple[str, ...]
    """The given variables that no environment declares and no file uses, sorted."""
    digest: str
    """SHA-256 in hex over the owner, the desired schedules and the queues, whatever the order of files and keys."""


def load_configuration(
    start: Path,
    *,
    project: Path | None = None,
    environment: str | None = None,
    owner: str | None = None,
    empty: bool = False,
    inputs: Inputs | None = None,
    variables: Given = NO_VARIABLES,
    cache: FileCache | None = None,
) -> Configuration:
    """Read `ajsync.yaml` and the files that it names, for one environment; `variables` override those of the
    environment.

    `project` is the path of `ajsync.yaml`, relative to the folder `start`; without it the file is searched from `start`
    upwards. With `owner` the files must belong to that owner. With `empty` there may be no schedules files yet.
    Messages name files relative to `start`. `inputs` is filled with what was looked at, even if there are problems.
    With a `cache` only files that have changed since its last load are read; that load must have had the same
    arguments.

    Raises ConfigurationError with every problem of every file.
    """
    checks = MemberChecks()
    inputs = inputs or Inputs()
    with _gathering() as problems:
        path, folder, found = _project(start, project, environment, checks, problems, inputs, variables)
        if owner is not None and found.owner and found.owner != owner:
            message = f"the files belong to the owner {shown(found.owner)}, but --owner is {shown(owner)}"
            problems.append(Problem(found.owner_location, message, "correct the one that is wrong"))
        days = read_calendar_files(found.calendar_files, folder, inputs.files, problems)
        found = replace(found, calendars={**found.calendars, **days})
        files = _schedules_files(found, folder, path, problems, empty=empty)
        reader = SchedulesReader(found, folder, checks, inputs.files)
        contents = (cache or FileCache()).contents(found, reader.read, files, inputs.files, problems)
        locations = _locations(contents, problems)
    tasks = _united(content.tasks for content in contents)
    queues = found.queues.values()
    if cache is None:
        digest = digest_of(found.owner, tasks, queues)
    else:
        digest = digest_of_rows(found.owner, _united(content.rows for content in contents), queues)
    used = found.variables.used.union(*(content.used for content in contents))
    sources = (path, *files, *sorted(inputs.files - {path}))
    return Configuration(
        project=path,
        owner=found.owner,
        environment=environment,
        context=found.context,
        safety=found.safety,
        tasks=tasks,
        queues=tuple(queue for _, queue in sorted(found.queues.items())),
        locations=locations,
        suspended=frozenset().union(*(content.suspended for content in contents)),
        without_queue=frozenset().union(*(content.without_queue for content in contents)),
        sources=sources,
        patterns=inputs.patterns,
        unmatched=tuple(map(folder.shown, folder.unmatched(inputs.patterns, sources))),
        unused=tuple(sorted(variables.keys() - found.declared - used)),
        digest=digest,
    )


def load_context(
    start: Path,
    *,
    project: Path | None = None,
    environment: str | None = None,
    variables: Given = NO_VARIABLES,
) -> str | None:
    """The NATS context that `ajsync.yaml` names for one environment; None if it names none, or does not exist.

    It is for commands that only read the bucket, so the schedules files are not read. Raises ConfigurationError.
    """
    head = _head(start, project, environment, variables)
    return head.context if head else None


def load_timezone(
    start: Path,
    *,
    project: Path | None = None,
    environment: str | None = None,
    variables: Given = NO_VARIABLES,
) -> str:
    """The time zone that `ajsync.yaml` gives to schedules for one environment; "" if it gives none, or does not exist.

    It is "", too, for an unknown zone, or one with variables while no environment is chosen. Raises ConfigurationError.
    """
    head = _head(start, project, environment, variables)
    return head.timezone if head else ""


def load_owner(
    start: Path,
    *,
    project: Path | None = None,
    environment: str | None = None,
    variables: Given = NO_VARIABLES,
) -> str:
    """The owner that `ajsync.yaml` names for one environment; the schedules files are not read.

    Raises ConfigurationError.
    """
    return _read_head(start, project, environment, variables).owner


def _head(start: Path, project: Path | None, environment: str | None, variables: Given) -> Project | None:
    """The project without defaults, queues and calendars; None if no project exists and none is named."""
    if project is None and environment is None and find_project(start) is None:
        return None
    return _read_head(start, project, environment, variables)


def _read_head(start: Path, project: Path | None, environment: str | None, variables: Given) -> Project:
    with _gathering() as problems:
        _, _, found = _project(start, project, environment, MemberChecks(), problems, Inputs(), variables, head=True)
    return found


def list_files(start: Path, *, project: Path | None = None) -> tuple[Folder, list[Path]]:
    """The folder of a project, and its files: `ajsync.yaml`, and the schedules files that its patterns match.

    The files are not checked, and a pattern may match nothing. Raises ConfigurationError.
    """
    with _gathering() as problems:
        path, folder, found = _project(start, project, None, MemberChecks(), [], Inputs(), NO_VARIABLES)
        files = _schedules_files(found, folder, path, problems, empty=True)
    return folder, [path, *files]


@contextmanager
def _gathering() -> Iterator[Problems]:
    """Collect problems in a block, and raise them at its end."""
    problems = Problems()
    yield problems
    if problems:
        raise ConfigurationError(set(problems))  # a set, because an alias repeats the same problem


def _project(
    start: Path,
    project: Path | None,
    environment: str | None,
    checks: MemberChecks,
    problems: list[Problem],
    inputs: Inputs,
    variables: Given,
    *,
    head: bool = False,
) -> tuple[Path, Folder, Project]:
    start = Path(os.path.normpath(start.absolute()))
    path = find_project(start) if project is None else Path(os.path.normpath(start / project))
    if path is None:
        message = f"not found in {start} and the folders above it"
        hint = "create one with `ajsync init`, or name one with --config"
        raise ConfigurationError([Problem(Location(PROJECT_FILE), message, hint)])
    folder = Folder(path.parent, start)
    inputs.folder = folder
    inputs.files.add(path)
    found = read_project(path, folder, environment, checks, problems, variables, head=head)
    if found is None:
        raise ConfigurationError(set(problems))
    inputs.patterns = tuple(pattern.match for pattern in found.patterns)
    return path, folder, found


def _schedules_files(
    project: Project, folder: Folder, own: Path, problems: list[Problem], *, empty: bool
) -> dict[Path, dict[str, Any]]:
    """The files that the patterns match, sorted, with their defaults; each occurs once, even if several names lead to
    it."""
    by_real_path: dict[str, Path] = {}
    giving: dict[str, Pattern] = {}
    told: set[tuple[Location, Location]] = set()
    real = os.path.realpath(own)
    for pattern in project.patterns:
        named = f"the pattern {shown(pattern.match)}"
        try:
            expanded = [(path, os.path.realpath(path)) for path in folder.expand(pattern.match) if path != own]
            matches = [(path, found) for path, found in expanded if found != real]
        except Unlistable as error:
            problems.append(Problem(pattern.location, f"{named}: {error}", "make everything below it readable"))
            continue
        for path, found in matches:
            refused = folder.refuses(path, spelled=True, real=found)
            if refused is None:
                by_real_path[found] = min(path, by_real_path.get(found, path))
                first = giving.setdefault(found, pattern) if pattern.defaults is not None else pattern
                if first is not pattern and (first.location, pattern.location) not in told:
                    told.add((first.location, pattern.location))
                    problems.append(_doubly_matched(pattern, first, folder.shown(path)))
            else:
                message = f"{named} matches {folder.shown(path)}, which leads {refused.where}"
                problems.append(Problem(pattern.location, message, refused.hint))
        if not matches and not pattern.optional and not empty:
            problems.append(unmatched_problem(pattern, folder, given=project.patterns_given))
    ordered = sorted((path, found) for found, path in by_real_path.items())
    return {path: giving[found].defaults or {} if found in giving else {} for path, found in ordered}


def _doubly_matched(pattern: Pattern, first: Pattern, path: str) -> Problem:
    """The problem of a file for which two patterns have defaults, because nothing says which of them take
    precedence."""
    message = (
        f"the pattern {shown(pattern.match)} has defaults and matches {shown(path)}, "
        f"for which {shown(first.match)} at {first.location} has defaults too"
    )
    return Problem(pattern.location, message, "make one of them narrower, or give defaults in only one of them")


def _locations(contents: Sequence[FileContent], problems: list[Problem]) -> Mapping[str, Location]:
    """The place of each name; a name that occurs twice is a problem."""
    locations = _united(content.locations for content in contents)
    if len(locations) == sum(len(content.entries) for content in contents):
        return locations
    by_name: dict[str, LoadedSchedule] = {}
    told: set[tuple[str, Location, Location]] = set()  # one place may make a name a thousand times
    for entry in chain.from_iterable(content.entries for content in contents):
        first = by_name.setdefault(entry.name, entry)
        if first is not entry and (where := (entry.name, first.location, entry.location)) not in told:
            told.add(where)
            problems.append(_defined_twice(entry, first))
    return locations


def _united(parts: Iterable[Mapping[str, V]]) -> dict[str, V]:
    united: dict[str, V] = {}
    for part in parts:
        united.update(part)
    return united


def _defined_twice(entry: LoadedSchedule, first: LoadedSchedule) -> Problem:
    name = shown(entry.name)
    if entry.key == first.key == entry.name and entry.combination is first.combination is None:
        message = f"the schedule {name} is defined twice"
        return Problem(entry.location, message, f"rename or remove this one or the first, at {first.location}")
    message = f"the schedule {name} is made twice, by {first.origin}"
    if entry.location != first.location:
        message = f"{message} at {first.location} and by {entry.origin}"
        return Problem(entry.location, message, "rename or remove one of them")
    one, other = first.combination or {}, entry.combination or {}
    message = f"{message} and for {told(other)}"
    differing = " or ".join(f"${{{key}}}" for key in other if one[key] != other[key] and f"${{{key}}}" not in entry.key)
    hint = f"put {shorten(differing)} into the name" if differing else "remove one of the values"
    return Problem(entry.location, message, hint)
