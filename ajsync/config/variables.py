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
        problems = Problems()
        if not document.may_have_placeholders:
            return value, problems
        return self._replaced(document, value, tuple(path), problems), problems

    def _replaced(self, document: Document, value: Any, path: tuple[str | int, ...], problems: Problems) -> Any:
        if isinstance(value, dict):
            return {key: self._replaced(document, each, (*path, key), problems) for key, each in value.items()}
        if isinstance(value, list):
            return [self._replaced(document, each, (*path, index), problems) for index, each in enumerate(value)]
        if not isinstance(value, str) or "${" not in value:
            return value
        text, wrong = self._replace_in(value)
        problems.extend(Problem(document.location(path), message, hint) for message, hint in wrong)
        return text

    def _replace_in(self, text: str) -> tuple[Scalar, list[tuple[str, str]]]:
        """A string with its placeholders replaced, and messages and hints about those that are wrong."""
        whole = _PLACEHOLDER.fullmatch(text)
        if whole and whole[1] in self.values:
            return self.values[whole[1]], []
        wrong: list[tuple[str, str]] = []

        def part(match: re.Match[str]) -> str:
            name = match[1]
            if match[0] == "$${":
                return "${"
            if name is None:
                meant = placeholder_hint(text) or "write ${name}"
                wrong.append(("${ begins a placeholder, but no name and } follow", f"{meant}, or {_LITERAL}"))
            elif name in self.values:
                value = self.values[name]
                return value if isinstance(value, str) else flow(value)
            else:
                known = f"known are {', '.join(sorted(self.values))}" if self.values else self.absence
                hint = ", or ".join(filter(None, (known, _LITERAL)))
                wrong.append((f"the variable {shown(name)} is not defined", hint))
            return match[0]

        replaced = _PLACEHOLDER.sub(part, text)
        return text if wrong else replaced, wrong


def unless_unresolved(problems: list[Problem], unresolved: list[Problem]) -> list[Problem]:
    """The problems without those of strings whose placeholder could not be replaced, so that their value is unknown."""
    places: set[Location] = {problem.location for problem in unresolved}
    return [problem for problem in problems if problem.location not in places] if places else problems
