"""Read `ajsync.yaml`: the owner, the patterns of schedules files, the environments, the queues, and the limits."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path, PurePosixPath
from typing import Any

from ajsync.asyncjobs.queues import QueueSettings
from ajsync.config.calendars import CalendarFile, Calendars, read_calendars, unknown_problems
from ajsync.config.document import Document, read_document
from ajsync.config.explain import ValueProblem, explain
from ajsync.config.files import Folder, Pattern
from ajsync.config.members import MemberChecks, Members, merged
from ajsync.config.problems import Problems
from ajsync.config.queues import read_queues
from ajsync.config.schema import PROJECT_SCHEMA, read_schema, strict_schema, validator
from ajsync.config.variables import NO_VARIABLES, Given, Scalar, Variables, given_values, unless_unresolved
from ajsync.config.wording import choice, shown, suggestion
from ajsync.errors import Location, Problem
from ajsync.safety import Safety
from ajsync.schedule.zones import is_zone

PROJECT_FILE = "ajsync.yaml"
_APART = ("owner", "context")


@dataclass(frozen=True, slots=True)
class Project:
    """The content of `ajsync.yaml` for one environment; without the parts that are wrong."""

    owner: str
    owner_location: Location
    context: str | None
    safety: Safety
    patterns: tuple[Pattern, ...]
    """The patterns of schedules files. None of them leads out of the folder."""
    patterns_given: bool
    """Whether `files` is set; otherwise the pattern is the default."""
    defaults: Members
    """The defaults of the environment over those of the project."""
    timezone: str
    """The zone of the defaults; "" if they name none, or an unknown one."""
    variables: Variables
    declared: frozenset[str]
    """The names of the variables of all environments."""
    queues: Mapping[str, QueueSettings]
    """The declared queues by name."""
    queues_given: bool
    """Whether `queues` is set; otherwise a schedule may name any queue."""
    calendars: Calendars
    """Calendars with a file have no days until `read_calendar_files` reads it."""
    calendar_files: tuple[CalendarFile, ...]


def find_project(start: Path) -> Path | None:
    """The nearest `ajsync.yaml` in a folder or the folders above it."""
    start = start.absolute()
    # A broken link counts as found, because using another project above it would be worse than an error.
    return next((path for folder in (start, *start.parents) if os.path.lexists(path := folder / PROJECT_FILE)), None)


def list_environments(start: Path, project: Path | None = None, *, apart: bool = False) -> tuple[str, ...]:
    """The environments in `ajsync.yaml`, whether or not the rest of it is valid; none if it cannot be read.

    With `apart` only those that have an owner or a context of their own.
    """
    path = find_project(start) if project is None else start / project
    if path is None:
        return ()
    document = read_document(path, path.name, "", [])
    value = document.value if document is not None else None
    found = _mapping(_mapping(value).get("environments"))
    return tuple(name for name, own in found.items() if not apart or not _mapping(own).keys().isdisjoint(_APART))


def read_project(
    path: Path,
    folder: Folder,
    environment: str | None,
    checks: MemberChecks,
    problems: list[Problem],
    given: Given = NO_VARIABLES,
    *,
    head: bool = False,
) -> Project | None:
    """Read `ajsync.yaml` and add its problems to `problems`; None if there is nothing to go on with.

    With `head` only owner, context and safety are read. The defaults of schedules are left out, because they may have
    variables while no environment is chosen.
    """
    file = folder.shown(path)
    refused = folder.refuses(path, spelled=True)
    if refused is not None:
        problems.append(Problem(Location(file), f"leads {refused.where}", refused.hint))
        return None
    document = read_document(path, file, "name a readable YAML file", problems)
    if document is None:
        return None
    structure = validator(_structure())
    wrong = map(_of_project, explain(structure, document.value))
    if not isinstance(document.value, dict) or "owner" not in document.value:
        # A link may have led to a file of another kind, so no value of it is shown.
        problems += (each.problem(document, ()) for each in wrong if each.of_key or not each.path)
        return None
    problems += (each.problem(document, ()) for each in wrong)
    reader = _Reader(document, environment, checks, problems, given)
    return reader.head() if head else reader.project()


def _of_project(problem: ValueProblem) -> ValueProblem:
    """The problem, with a better hint if the project file has schedules in it."""
    if problem.path in (("schedules",), ("schedule",)) and problem.of_key:
        hint = "write schedules into separate files, such as schedules/example.yaml, which `files` matches"
        return replace(problem, hint=hint)
    return problem


def _structure() -> dict[str, Any]:
    """The schema without `defaults` and `queues`, which are checked after their placeholders are replaced."""
    schema = strict_schema(PROJECT_SCHEMA)
    schema["properties"]["defaults"] = schema["properties"]["queues"] = True
    schema["properties"]["files"]["items"]["properties"]["defaults"] = True
    schema["properties"]["environments"]["additionalProperties"]["properties"]["defaults"] = True
    return schema


class _Reader:
    """Makes the project from a document in which anything may have a wrong type."""

    def __init__(
        self,
        document: Document,
        environment: str | None,
        checks: MemberChecks,
        problems: list[Problem],
        given: Given,
    ) -> None:
        self._document = document
        self._value: dict[str, Any] = document.value
        self._environments = {
            name: _mapping(value) for name, value in _mapping(self._value.get("environments")).items()
        }
        self._chosen = environment
        self._checks = checks
        self._problems = problems
        self._given = given
        self._used: set[str] = set()
        self._calendars: Calendars = {}

    def head(self) -> Project:
        """The project without defaults, queues and calendars."""
        schedules = ("defaults", "queues", "files", "calendars")
        self._value = {name: value for name, value in self._value.items() if name not in schedules}
        self._environments = {
            name: {member: each for member, each in value.items() if member != "defaults"}
            for name, value in self._environments.items()
        }
        return self.project()

    def project(self) -> Project:
        chosen = self._environments.get(self._chosen or "", {})
        variables = self._variables()
        given = _mapping(self._value.get("calendars"))
        self._calendars, calendar_files = read_calendars(self._document, given, self._problems)
        defaults = self._defaults(self._value, (), variables)
        # Check the defaults of all environments, so that a mistake does not wait until its environment is chosen.
        by_environment = {
            name: self._defaults(value, ("environments", name), self._variables_of(name, value))
            for name, value in self._environments.items()
        }
        owner, context = (chosen.get(name, self._value.get(name)) for name in ("owner", "context"))
        named = ("environments", self._chosen or "", "owner") if "owner" in chosen else ("owner",)
        return Project(
            owner=owner if isinstance(owner, str) else "",
            owner_location=self._document.location(named),
            context=context if isinstance(context, str) else None,
            safety=_safety(_mapping(self._value.get("safety"))),
            patterns=tuple(self._patterns(variables)),
            patterns_given="files" in self._value,
            defaults=merged(defaults, by_environment.get(self._chosen or "", {})),
            timezone=self._timezone(variables),
            variables=variables,
            declared=frozenset(name for one in self._environments.values() for name in _scalars(one)),
            queues=read_queues(self._document, self._value.get("queues", {}), variables, self._problems),
            queues_given="queues" in self._value,
            calendars=self._calendars,
            calendar_files=calendar_files,
        )

    def _variables(self) -> Variables:
        """The variables of the chosen environment."""
        names = sorted(self._environments)
        if self._chosen is None:
            anywhere = f"define it in the variables of an environment in {PROJECT_FILE}"
            return self._with_given({}, f"choose {choice(names)} with --environment" if names else anywhere)
        if (chosen := self._environments.get(self._chosen)) is not None:
            return self._variables_of(self._chosen, chosen)
        hint = suggestion(self._chosen, names) if names else f"{PROJECT_FILE} has no environments"
        location = self._document.location(("environments",) if names else (), of_key=True)
        self._problems.append(Problem(location, f"there is no environment {shown(self._chosen)}", hint))
        # All variables are defined, so that other problems are still found.
        defined = {name: value for one in self._environments.values() for name, value in _scalars(one).items()}
        return self._with_given(defined, f"define it in the variables of an environment in {PROJECT_FILE}")

    def _variables_of(self, name: str, environment: Mapping[str, Any]) -> Variables:
        return self._with_given(_scalars(environment), f"define it in the variables of the environment {name}")

    def _with_given(self, declared: Mapping[str, Scalar], absence: str) -> Variables:
        values = {**declared, **given_values(self._given, declared)}
        return Variables(values, "" if declared else absence, self._used)

    def _defaults(self, value: Mapping[str, Any], path: tuple[str | int, ...], variables: Variables) -> Members:
        if "defaults" not in value:
            return {}
        path = (*path, "defaults")
        defaults, unresolved = variables.replace(self._document, value["defaults"], path)
        found = Problems()
        members = self._checks.check(defaults, self._checks.defaults, self._document, path, found)
        found += unknown_problems(members.get("except"), self._calendars, self._document, (*path, "except"))
        self._problems += unresolved + unless_unresolved(found, unresolved)
        return members

    def _timezone(self, variables: Variables) -> str:
        """The zone of the defaults, even if the rest of them is not wanted or not valid."""
        project = _mapping(self._document.value)
        environment = _mapping(_mapping(project.get("environments")).get(self._chosen or ""))
        for value, path in ((environment, ("environments", self._chosen or "")), (project, ())):
            named = _mapping(value.get("defaults")).get("timezone")
            if named is not None:
                name, unresolved = variables.replace(self._document, named, (*path, "defaults", "timezone"))
                return name if isinstance(name, str) and not unresolved and is_zone(name) else ""
        return ""

    def _patterns(self, variables: Variables) -> Iterator[Pattern]:
        given = self._value.get("files", read_schema(PROJECT_SCHEMA)["properties"]["files"]["default"])
        most = read_schema(PROJECT_SCHEMA)["properties"]["files"]["maxItems"]
        for index, entry in enumerate(given[:most] if isinstance(given, list) else ()):
            place = ("files", index, "match") if isinstance(entry, dict) else ("files", index)
            location = self._document.location(place if "files" in self._value else ())
            members = _mapping(entry)
            match = members.get("match") if isinstance(entry, dict) else entry
            defaults = self._defaults(members, ("files", index), variables) if "defaults" in members else None
            if not isinstance(match, str) or not match:
                continue  # the check of the structure has reported it
            path = PurePosixPath(match)
            if path.is_absolute() or ".." in path.parts or "\0" in match:
                message = f"the pattern {shown(match)} leads out of the folder of {PROJECT_FILE}"
                self._problems.append(Problem(location, message, "write a path relative to that folder"))
            elif path.parts:
                yield Pattern(match, location, members.get("optional") is True, defaults)
            else:
                message = f"the pattern {shown(match)} names no file"
                self._problems.append(Problem(location, message, "write for example schedules/**/*.yaml"))


def _mapping(value: object) -> dict[str, Any]:
    """The value if it is a mapping, else an empty one; the wrong type has been reported."""
    return value if isinstance(value, dict) else {}


def _scalars(environment: Mapping[str, Any]) -> dict[str, Scalar]:
    variables = _mapping(environment.get("variables"))
    return {name: value for name, value in variables.items() if isinstance(value, str | int | float)}


def _safety(value: Mapping[str, Any]) -> Safety:
    limits = {limit.name: value[limit.name] for limit in fields(Safety) if limit.name in value}
    # JSON Schema accepts 3.0 as an integer.
    whole = {name: int(limit) for name, limit in limits.items() if isinstance(limit, float) and limit.is_integer()}
    return Safety(**limits | whole)
