"""Replace `${name}` in strings with the variables of an environment, and with those that `--var` gives."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ajsync.config.document import MAX_EXPANDED_SIZE, Document, Steps
from ajsync.config.nodes import MAX_NODES
from ajsync.config.placeholders import placeholder_hint
from ajsync.config.problems import Problems
from ajsync.config.scalars import read_scalar
from ajsync.config.wording import flow, shown
from ajsync.errors import Location, Problem

Scalar: TypeAlias = str | int | float | bool

# The escape, a placeholder, and the beginning of something that is neither.
_PLACEHOLDER = re.compile(r"\$\$\{|\$\{([A-Za-z0-9_-]+)\}|\$\{")
_LITERAL = "write $${ for a literal ${"


@dataclass(frozen=True, slots=True)
class Spelled:
    """The value of a variable as it was typed, without quotes that distinguish a string from a number."""

    text: str

    def read(self, declared: Scalar | None) -> Scalar:
        """The value as YAML reads it, but only if nothing is lost: `5` is a number, `010` and `1.10` are strings.

        It is also a string if the environment has declared the variable as one.
        """
        if isinstance(declared, str):
            return self.text
        value = read_scalar(self.text)
        return value if isinstance(value, bool | int | float) and flow(value) == self.text else self.text


Given: TypeAlias = Mapping[str, "Scalar | Spelled"]
"""Variables that are given outside the files; they override those of the environment."""
NO_VARIABLES: Given = {}


@dataclass(slots=True)
class Room:
    """How much one file may still grow by its variables and `for_each`, because a few lines could fill the memory."""

    characters: int = MAX_EXPANDED_SIZE
    values: int = MAX_NODES

    def takes(self, value: Any, times: int) -> bool:
        """Take room for a value this many times; False if there is not enough."""
        values, characters = _size(value)
        self.values -= values * times
        self.characters -= characters * times
        return self.values >= 0 and self.characters >= 0


class _TooLong(Exception):
    """There is not enough room left for a string."""


@dataclass(frozen=True, slots=True, eq=False)
class Variables:
    """The variables of an environment, and what to do about one that is not among them."""

    values: Mapping[str, Scalar] = field(default_factory=dict)
    absence: str = ""
    """The hint for an undefined variable, if the environment defines none or is not chosen."""
    used: set[str] = field(default_factory=set)
    """The names of the variables that have replaced a placeholder."""

    def __eq__(self, other: object) -> bool:
        """Whether they replace every placeholder alike: `1`, `1.0` and `true` are equal in Python, but not in files."""
        if not isinstance(other, Variables):
            return NotImplemented
        return (repr(self.values), self.absence) == (repr(other.values), other.absence)

    def replace(
        self, document: Document, value: Any, path: Steps, room: Room | None = None
    ) -> tuple[Any, list[Problem]]:
        """The value at `path` with the placeholders in its strings replaced, and their problems.

        Keys are not changed, and neither is a string with a wrong placeholder. `room` is for the parts of one file.
        """
        problems = Problems()
        if not document.may_have_placeholders:
            return value, problems
        return self._replaced(document, value, tuple(path), problems, room or Room()), problems

    def replace_in_name(self, document: Document, name: str, path: Steps) -> tuple[str, list[Problem]]:
        """The key at the end of `path` with its placeholders replaced, and their problems."""
        if "${" not in name:
            return name, []
        problems = Problems()
        text = self._resolved(document, name, path, problems, Room(), of_key=True)
        return text if isinstance(text, str) else flow(text), problems

    def hidden_by(self, values: Mapping[str, Scalar]) -> Variables:
        """These variables, and others that hide those of the same name."""
        return Variables({**self.values, **values}, self.absence)

    def _replaced(
        self, document: Document, value: Any, path: tuple[str | int, ...], problems: Problems, room: Room
    ) -> Any:
        if isinstance(value, dict):
            return {key: self._replaced(document, each, (*path, key), problems, room) for key, each in value.items()}
        if isinstance(value, list):
            return [self._replaced(document, each, (*path, index), problems, room) for index, each in enumerate(value)]
        if not isinstance(value, str) or "${" not in value:
            return value
        return self._resolved(document, value, path, problems, room)

    def _resolved(
        self, document: Document, text: str, path: Steps, problems: Problems, room: Room, *, of_key: bool = False
    ) -> Scalar:
        try:
            resolved, wrong = self._replace_in(text, room)
        except _TooLong:
            message = f"the file has more than {MAX_EXPANDED_SIZE:,} characters with its variables replaced"
            resolved, wrong = text, [(message, "use shorter values, or several files")]
        problems.extend(Problem(document.location(path, of_key=of_key), message, hint) for message, hint in wrong)
        return resolved

    def _replace_in(self, text: str, room: Room) -> tuple[Scalar, list[tuple[str, str]]]:
        """A string with its placeholders replaced, and messages and hints about those that are wrong."""
        whole = _PLACEHOLDER.fullmatch(text)
        if whole and whole[1] in self.values:
            self.used.add(whole[1])
            value = self.values[whole[1]]
            _take(room, value if isinstance(value, str) else "")
            return value, []
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
                self.used.add(name)
                return _take(room, value if isinstance(value, str) else flow(value))
            else:
                known = f"known are {', '.join(sorted(self.values))}" if self.values else ""
                hint = ", or ".join(filter(None, (known, self.absence, _LITERAL)))
                wrong.append((f"the variable {shown(name)} is not defined", hint))
            return match[0]

        replaced = _PLACEHOLDER.sub(part, text)
        return text if wrong else replaced, wrong


def _take(room: Room, text: str) -> str:
    """The text, if there is room for it."""
    room.characters -= len(text)
    if room.characters < 0:
        raise _TooLong
    return text


def _size(value: Any) -> tuple[int, int]:
    """The number of values in a value, including itself, and of characters in its strings and keys."""
    if isinstance(value, str):
        return 1, len(value)
    if not isinstance(value, dict | list):
        return 1, 0
    nodes, characters = 1, sum(map(len, value)) if isinstance(value, dict) else 0
    for each in value.values() if isinstance(value, dict) else value:
        inner = _size(each)
        nodes, characters = nodes + inner[0], characters + inner[1]
    return nodes, characters


def given_values(given: Given, declared: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """The values of variables that are given outside the files; `declared` are those of the environment."""
    return {
        name: value.read(declared.get(name)) if isinstance(value, Spelled) else value for name, value in given.items()
    }


def unless_unresolved(problems: list[Problem], unresolved: list[Problem]) -> list[Problem]:
    """The problems without those of strings whose value is unknown because a placeholder could not be replaced."""
    places: set[Location] = {problem.location for problem in unresolved}
    return [problem for problem in problems if problem.location not in places] if places else problems
