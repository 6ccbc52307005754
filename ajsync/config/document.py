"""A YAML file as a value, with the place of each part of it in the file.

Values are made directly from the composed nodes. The nodes are kept to find places, which only messages need.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

import yaml

from ajsync.config.nodes import (
    COLLECTION,
    MAX_DEPTH,
    MAX_FILE_SIZE,
    MAX_NODES,
    PLAIN,
    QUOTED,
    TOO_MANY_NODES,
    Node,
    Unreadable,
    compose,
)
from ajsync.config.placeholders import with_our_placeholders
from ajsync.config.scalars import TOO_LONG, read_scalar
from ajsync.config.syntax import place_of
from ajsync.config.wording import kind, shown
from ajsync.errors import Location, Problem
from ajsync.files import read_regular
from ajsync.text import shorten

MAX_EXPANDED_SIZE = 2 * MAX_FILE_SIZE
"""The most characters of a file with its aliases replaced. Without aliases no file has that many."""

_YAML_TAG = "tag:yaml.org,2002:"
_SHORT_TAG = re.compile("![A-Za-z]{1,10}")

Steps: TypeAlias = Sequence[str | int]
"""The keys and indexes that lead to a value in a document."""
_Members: TypeAlias = dict[str, tuple[Node, Node]]
"""The nodes of the keys and values of a mapping."""


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML file, parsed. All keys of its mappings are strings."""

    file: str
    """The name of the file in messages."""
    value: Any
    root: Node | None
    members: Mapping[int, _Members] = field(default_factory=dict)
    """The members of each mapping, by the identity of its node."""
    may_have_placeholders: bool = True
    """Whether a string in it may contain `${`."""

    def location(self, path: Steps = (), *, of_key: bool = False) -> Location:
        """Where the value at `path` begins, or its key. A value from an alias is at its anchor."""
        place = node = self.root
        for step in path:
            if isinstance(node, yaml.MappingNode):
                key, node = self.members[id(node)].get(str(step), (None, None))
                place = key if of_key else node
            else:
                node = place = node.value[step] if isinstance(node, yaml.SequenceNode) else None
        return Location(self.file, 1, 1) if place is None else place_of(self.file, place.start_mark)


def parse_document(data: bytes, file: str, problems: list[Problem]) -> Document | None:
    """Parse a YAML file and add its problems to `problems`; None if there is no value."""
    builder = _Builder(file, problems)
    try:
        root = compose(data, file)
        value = None if root is None else builder.value(root)
    except Unreadable as error:
        problems.append(error.problem)
        return None
    # A string can get `${` from the text itself, or from an escape.
    return Document(file, value, root, builder.members, b"${" in data or b"\\" in data)


def read_document(path: Path, file: str, hint: str, problems: list[Problem]) -> Document | None:
    """Read and parse a YAML file as `parse_document` does; `hint` is for a file that cannot be read."""
    try:
        data = read_regular(path, MAX_FILE_SIZE)
    except OSError as error:
        problems.append(Problem(Location(file), f"cannot be read: {error.strerror}", hint))
        return None
    return parse_document(data, file, problems)


def _template(key: Node) -> str:
    """The name in `{{ name }}`, which YAML reads as a mapping with a mapping as its key; "" for another key."""
    inner = key.value[0][0] if isinstance(key, yaml.MappingNode) and len(key.value) == 1 else None
    ours = with_our_placeholders(f"{{{{ {inner.value} }}}}") if isinstance(inner, yaml.ScalarNode) else ""
    return ours[2:-1] if ours.startswith("${") else ""


class _Builder:
    """Makes values from nodes, and stops at cycles and at unbounded growth."""

    def __init__(self, file: str, problems: list[Problem]) -> None:
        self._file = file
        self._problems = problems
        self.members: dict[int, _Members] = {}
        self._open: list[Node] = []
        self._nodes = 0
        self._size = 0

    def value(self, node: Node) -> Any:
        tag = node.tag
        if tag is QUOTED:
            return node.value
        if tag is PLAIN:
            scalar = read_scalar(node.value)
            if scalar is TOO_LONG:
                self._problem(node, "the number has too many digits", "write it as a string in quotes")
                return 0
            return scalar
        if tag is not COLLECTION:
            known = tag.startswith(_YAML_TAG) or _SHORT_TAG.fullmatch(tag)  # a longer tag may be part of a secret
            spelled = f"the tag {shorten(tag.replace(_YAML_TAG, '!!'))}" if known else "a tag"
            self._problem(node, f"{spelled} is not supported", "write the value without a tag")
            if isinstance(node, yaml.ScalarNode):
                return node.value
        self._enter(node)
        value = self._mapping(node) if isinstance(node, yaml.MappingNode) else self._sequence(node)
        self._open.pop()
        return value

    def _mapping(self, node: Node) -> dict[str, Any]:
        result: dict[str, Any] = {}
        members: _Members = {}
        merge: Node | None = None
        size = 0
        for key_node, value_node in node.value:
            # Nearly every key is a plain string, and there are ten in each schedule.
            key = read_scalar(key_node.value) if key_node.tag is PLAIN else None
            if not isinstance(key, str) and (key := self._key(key_node, node)) is None:
                continue
            if key == "<<" and key_node.tag is PLAIN:
                if merge is not None:
                    self._defined_twice(key_node, merge)
                    continue
                merge = key_node
                merged, inherited = self._merged(value_node)
            elif key in members:
                self._defined_twice(key_node, members[key][0])
            else:
                size += len(value_node.value)
                members[key] = key_node, value_node
                result[key] = self.value(value_node)
        self._count(node, len(node.value), size)
        if merge is not None:
            members, result = inherited | members, merged | result
        self.members[id(node)] = members
        return result

    def _sequence(self, node: Node) -> list[Any]:
        self._count(node, len(node.value), sum(len(item.value) for item in node.value))
        return [self.value(item) for item in node.value]

    def _key(self, node: Node, mapping: Node) -> str | None:
        """The key of a node; None, and a problem, if it is not a string."""
        if isinstance(node, yaml.MappingNode) and len(node.value) == 1 and (template := _template(node.value[0][0])):
            message = f"{{{{ {shorten(template)} }}}} is the placeholder of another tool"
            hint = f'the name of a schedule may contain "${{{shorten(template)}}}"; write other keys out'
            self._problem(node, message, hint)
            return None
        key = self.value(node)
        if isinstance(key, str):
            return key
        if isinstance(node, yaml.ScalarNode):
            self._problem(
                node, f"the key {shorten(node.value)} is not a string", f'put it in quotes: "{shorten(node.value)}"'
            )
        elif template := _template(node):
            message = f"{{{{ {shorten(template)} }}}} is the placeholder of another tool"
            self._problem(mapping, message, f'for a variable write "${{{shorten(template)}}}"')
        else:
            self._problem(node, f"{kind(key)} cannot be a key", "write a string")
        return None

    def _merged(self, node: Node) -> tuple[dict[str, Any], _Members]:
        """The values and nodes that `<<` adds; if several mappings have a key, the first one counts."""
        sources = node.value if isinstance(node, yaml.SequenceNode) else [node]
        result: dict[str, Any] = {}
        members: _Members = {}
        for source in sources:
            value = self.value(source)
            if not isinstance(value, dict):
                self._stop(source, f"<< merges mappings, but this is {kind(value)}", "name the anchor of a mapping")
            result = value | result
            members = self.members[id(source)] | members
        return result, members

    def _defined_twice(self, key: Node, first: Node) -> None:
        place = place_of(self._file, first.start_mark)
        message = f"the key {shown(key.value)} is defined twice"
        self._problem(key, message, f"remove this one or the first, at {place}")

    def _enter(self, node: Node) -> None:
        if len(self._open) >= MAX_DEPTH:
            if any(node is outer for outer in self._open):
                self._stop(node, "an alias refers to a value that contains it", "write the value out")
            self._stop(node, f"nested deeper than {MAX_DEPTH} levels through aliases", "flatten the data")
        self._open.append(node)

    def _count(self, node: Node, nodes: int, size: int) -> None:
        self._nodes += nodes
        self._size += size
        if self._nodes > MAX_NODES:
            self._stop(node, f"{TOO_MANY_NODES} with its aliases replaced", "use fewer aliases, or several files")
        if self._size > MAX_EXPANDED_SIZE:
            message = f"the file has more than {MAX_EXPANDED_SIZE:,} characters with its aliases replaced"
            self._stop(node, message, "use fewer aliases, or several files")

    def _problem(self, node: Node, message: str, hint: str) -> None:
        self._problems.append(Problem(place_of(self._file, node.start_mark), message, hint))

    def _stop(self, node: Node, message: str, hint: str) -> NoReturn:
        raise Unreadable(Problem(place_of(self._file, node.start_mark), message, hint))
