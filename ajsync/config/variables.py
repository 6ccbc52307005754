"""Replace `${name}` in strings by the variables of an environment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ajsync.config.document import Document, Steps
from ajsync.config.placeholders import placeholder_hint
from ajsync.config.problems import Problems
from ajsync.config.wording import flow, shown
from ajsync.errors import Location, Problem

Scalar: TypeAlias = str | int | float | bool

# The escape, a placeholder, and the beginning of something that is neither.
_PLACEHOLDER = re.compile(r"\$\$\{|\$\{([A-Za-z0-9_-]+)\}|\$\{")
_LITERAL = "write $${ for a literal ${"


@dataclass(frozen=True, slots=True)
class Variables:
    """The variables of an environment, or the hint for a variable if there are none."""

    values: Mapping[str, Scalar] = field(default_factory=dict)
    absence: str = ""
    """The hint if there are no variables."""

    def replace(self, document: Document, value: Any, path: Steps) -> tuple[Any, list[Problem]]:
        """The value at `path` with the placeholders in its strings replaced, and the problems with them.

        Keys are not changed, and neither is a string with a wrong placeholder.
        """
        if not document.may_hold_placeholders:
            return value, []
        replacement = _Replacement(self, document)
        return replacement.value(value, tuple(path)), replacement.problems


def unless_unresolved(problems: list[Problem], unresolved: list[Problem]) -> list[Problem]:
    """The problems without those of strings whose placeholder could not be replaced, so that their value is unknown."""
    places: set[Location] = {problem.location for problem in unresolved}
    return [problem for problem in problems if problem.location not in places] if places else problems


class _Replacement:
    def __init__(self, variables: Variables, document: Document) -> None:
        self._variables = variables
        self._document = document
        self.problems = Problems()

    def value(self, value: Any, path: tuple[str | int, ...]) -> Any:
        if isinstance(value, str):
            return self._string(value, path) if "${" in value else value
        if isinstance(value, dict):
            return {key: self.value(member, (*path, key)) for key, member in value.items()}
        if isinstance(value, list):
            return [self.value(item, (*path, index)) for index, item in enumerate(value)]
        return value

    def _string(self, text: str, path: Steps) -> Scalar:
        values, known = self._variables.values, len(self.problems)
        whole = _PLACEHOLDER.fullmatch(text)
        if whole and whole[1] in values:
            return values[whole[1]]
        replaced = _PLACEHOLDER.sub(lambda match: self._part(match, path), text)
        return replaced if len(self.problems) == known else text

    def _part(self, match: re.Match[str], path: Steps) -> str:
        if match[0] == "$${":
            return "${"
        name = match[1]
        if name is None:
            meant = placeholder_hint(match.string) or "write ${name}"
            self._problem(path, "${ begins a placeholder, but no name and } follow", f"{meant}, or {_LITERAL}")
        elif name in self._variables.values:
            value = self._variables.values[name]
            return value if isinstance(value, str) else flow(value)
        else:
            hint = ", or ".join(filter(None, (self._known(), _LITERAL)))
            self._problem(path, f"the variable {shown(name)} is not defined", hint)
        return match[0]

    def _problem(self, path: Steps, message: str, hint: str) -> None:
        self.problems.append(Problem(self._document.location(path), message, hint))

    def _known(self) -> str:
        values = self._variables.values
        return f"known are {', '.join(sorted(values))}" if values else self._variables.absence
