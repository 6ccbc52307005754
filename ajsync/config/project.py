"""`ajsync.yaml`: whose the schedules are, which files hold them, and what is different in each environment."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from ajsync.config.document import Document, parse_document
from ajsync.config.explain import Finding, explain
from ajsync.config.files import Folder, Unusable, read_file
from ajsync.config.members import MemberChecks, Members
from ajsync.config.nodes import MAX_FILE_SIZE
from ajsync.config.patterns import Pattern
from ajsync.config.problems import Problems
from ajsync.config.schema import PROJECT_SCHEMA, read_schema, strict_schema, validator
from ajsync.config.variables import Scalar, Variables, unless_unresolved
from ajsync.config.wording import choice, shown, suggestion
from ajsync.errors import Location, Problem
from ajsync.safety import Safety

PROJECT_FILE = "ajsync.yaml"


@dataclass(frozen=True, slots=True)
class Project:
    """What `ajsync.yaml` says for one environment; where something in it is wrong, as much as can be told."""

    owner: str
    owner_location: Location
    context: str | None
    safety: Safety
    patterns: tuple[Pattern, ...]
    """Of the schedules files; none leads out of the folder."""
    patterns_given: bool
    """Whether `files` is there at all, or the patterns are those that count without it."""
    defaults: Members
    """Those of the environment over those of the project."""
    variables: Variables


def find_project(start: Path) -> Path | None:
    """The nearest `ajsync.yaml` in a folder or those above it."""
    start = start.absolute()
    # A link to nowhere counts as found: to go on to another project above it would be worse than an error.
    return next((path for folder in (start, *start.parents) if os.path.lexists(path := folder / PROJECT_FILE)), None)


def list_environments(start: Path, project: Path | None = None) -> tuple[str, ...]:
    """The environments that `ajsync.yaml` declares, be the rest of it valid or not; none where it cannot be read."""
    path = find_project(start) if project is None else start / project
    if path is None:
        return ()
    try:
        document = parse_document(read_file(path, MAX_FILE_SIZE), path.name, [])
    except Unusable:
        return ()
    value = document.value if document is not None else None
    return tuple(_mapping(_mapping(value).get("environments")))


def read_project(
    path: Path, folder: Folder, environment: str | None, checks: MemberChecks, problems: list[Problem]
) -> Project | None:
    """Read `ajsync.yaml`. What is wrong goes to `problems`; None where nothing can be made of it."""
    file = folder.shown(path)
    refused = folder.refuses(path, spelled=True)
    if refused is not None:
        problems.append(Problem(Location(file), f"is {refused.what}", refused.hint))
        return None
    try:
        document = parse_document(read_file(path, MAX_FILE_SIZE), file, problems)
    except Unusable as error:
        problems.append(Problem(Location(file), f"cannot be read: {error}", "name a readable YAML file"))
        return None
    if document is None:
        return None
    structure = validator(_structure())
    findings = map(_of_project, explain(structure, document.value))
    if not isinstance(document.value, dict) or "owner" not in document.value:
        # It may be another kind of file, to which a link led: no value of it is shown.
        problems += (finding.problem(document, ()) for finding in findings if finding.of_key or not finding.path)
        return None
    problems += (finding.problem(document, ()) for finding in findings)
    return _Reader(document, environment, checks, problems).project()


def _of_project(finding: Finding) -> Finding:
    """A finding, or what helps somebody who has written schedules into the project file."""
    if finding.path in (("schedules",), ("schedule",)) and finding.of_key:
        hint = "write schedules into files of their own, such as schedules/example.yaml, which `files` names"
        return replace(finding, hint=hint)
    return finding


def _structure() -> dict[str, Any]:
    """The schema without the members of `defaults`, which are checked once their placeholders are replaced."""
    schema = strict_schema(PROJECT_SCHEMA)
    schema["properties"]["defaults"] = True
    schema["properties"]["environments"]["additionalProperties"]["properties"]["defaults"] = True
    return schema


class _Reader:
    """Makes the project from a document in which anything may still be of a wrong type."""

    def __init__(
        self, document: Document, environment: str | None, checks: MemberChecks, problems: list[Problem]
    ) -> None:
        self._document = document
        self._value: dict[str, Any] = document.value
        self._environments = {
            name: _mapping(value) for name, value in _mapping(self._value.get("environments")).items()
        }
        self._chosen = environment
        self._checks = checks
        self._problems = problems

    def project(self) -> Project:
        chosen = self._environments.get(self._chosen or "", {})
        variables = self._variables()
        defaults = self._defaults(self._value, (), variables)
        # The defaults of all environments are checked, not only of the chosen one: a mistake need not wait for its day.
        by_environment = {
            name: self._defaults(value, ("environments", name), Variables(_scalars(value), _none_declared(name)))
            for name, value in self._environments.items()
        }
        owner, context = self._value.get("owner"), chosen.get("context", self._value.get("context"))
        return Project(
            owner=owner if isinstance(owner, str) else "",
            owner_location=self._document.location(("owner",) if "owner" in self._value else ()),
            context=context if isinstance(context, str) else None,
            safety=_safety(_mapping(self._value.get("safety"))),
            patterns=tuple(self._patterns()),
            patterns_given="files" in self._value,
            defaults={**defaults, **by_environment.get(self._chosen or "", {})},
            variables=variables,
        )

    def _variables(self) -> Variables:
        """Those of the chosen environment."""
        names = sorted(self._environments)
        if self._chosen is None:
            if not names:
                return Variables(absence=f"declare it in the variables of an environment in {PROJECT_FILE}")
            return Variables(absence=f"no environment was chosen, choose {choice(names)} with --environment")
        if self._chosen in self._environments:
            return Variables(_scalars(self._environments[self._chosen]), _none_declared(self._chosen))
        hint = suggestion(self._chosen, names) if names else f"{PROJECT_FILE} has no environments"
        location = self._document.location(("environments",) if names else (), of_key=True)
        self._problems.append(Problem(location, f"there is no environment {shown(self._chosen)}", hint))
        # With everything declared, whatever else is wrong still comes to light.
        declared = {name: value for one in self._environments.values() for name, value in _scalars(one).items()}
        return Variables(declared, f"declare it in the variables of an environment in {PROJECT_FILE}")

    def _defaults(self, value: Mapping[str, Any], path: tuple[str, ...], variables: Variables) -> Members:
        if "defaults" not in value:
            return {}
        path = (*path, "defaults")
        defaults, unresolved = variables.replace(self._document, value["defaults"], path)
        found = Problems()
        members = self._checks.check(defaults, self._checks.defaults, self._document, path, found)
        self._problems += unresolved + unless_unresolved(found, unresolved)
        return members

    def _patterns(self) -> Iterator[Pattern]:
        given = self._value.get("files", read_schema(PROJECT_SCHEMA)["properties"]["files"]["default"])
        most = read_schema(PROJECT_SCHEMA)["properties"]["files"]["maxItems"]
        for index, entry in enumerate(given[:most] if isinstance(given, list) else ()):
            place = ("files", index, "match") if isinstance(entry, dict) else ("files", index)
            location = self._document.location(place if "files" in self._value else ())
            match = entry.get("match") if isinstance(entry, dict) else entry
            if not isinstance(match, str) or not match:
                continue  # the check of the structure has said so
            path = PurePosixPath(match)
            if path.is_absolute() or ".." in path.parts or "\0" in match:
                message = f"the pattern {shown(match)} leads out of the folder of {PROJECT_FILE}"
                self._problems.append(Problem(location, message, "write a path that begins in that folder"))
            elif path.parts:
                yield Pattern(match, location, isinstance(entry, dict) and entry.get("optional") is True)
            else:
                message = f"the pattern {shown(match)} names no file"
                self._problems.append(Problem(location, message, "write for example schedules/**/*.yaml"))


def _mapping(value: object) -> dict[str, Any]:
    """The value if it is a mapping, else an empty one: that it is none is a problem by then."""
    return value if isinstance(value, dict) else {}


def _scalars(environment: Mapping[str, Any]) -> dict[str, Scalar]:
    variables = _mapping(environment.get("variables"))
    return {name: value for name, value in variables.items() if isinstance(value, str | int | float)}


def _none_declared(environment: str) -> str:
    return f"declare it in the variables of the environment {environment}"


def _safety(value: Mapping[str, Any]) -> Safety:
    standard = Safety()
    return Safety(
        max_delete=_whole(value.get("max_delete"), standard.max_delete),
        max_delete_percent=_whole(value.get("max_delete_percent"), standard.max_delete_percent),
        allow_empty=value.get("allow_empty") is True,
    )


def _whole(value: object, standard: int) -> int:
    """An integer also where it is written 3.0, which JSON Schema calls one."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) else standard
