"""A YAML file as a value, and where in the file each part of it stands.

Values are made straight from the composed nodes; the nodes are kept beside them, and asked for a place only when there
is something to say about it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
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
from ajsync.config.scalars import CoreScalars
from ajsync.config.wording import kind, shown
from ajsync.errors import Location, Problem
from ajsync.text import shorten

MAX_EXPANDED_SIZE = 2 * MAX_FILE_SIZE
"""Characters of a file once its aliases are replaced by what they stand for; without aliases it cannot have so many."""

_YAML_TAG = "tag:yaml.org,2002:"
_SHORT_TAG = re.compile("![A-Za-z]{1,10}")

Steps: TypeAlias = Sequence[str | int]
"""Where in a document a value is: the keys and indexes that lead to it."""
_Pairs: TypeAlias = dict[str, tuple[Node, Node]]


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML file. All keys of its mappings are strings."""

    file: str
    """As messages name it."""
    value: Any
    may_hold_placeholders: bool
    """False only if no string in it has `${`."""
    root: Node | None
    _members: dict[int, _Pairs] = field(default_factory=dict)

    def location(self, path: Steps = (), *, of_key: bool = False) -> Location:
        """Where the value at `path` begins, or its key. What came by an alias stands at the anchor."""
        place = node = self.root
        for step in path:
            if isinstance(node, yaml.MappingNode):
                key, node = self._pairs(node).get(str(step), (None, None))
                place = key if of_key else node
            else:
                node = place = node.value[step] if isinstance(node, yaml.SequenceNode) else None
        if place is None:
            return Location(self.file, 1, 1)
        return Location(self.file, place.start_mark.line + 1, place.start_mark.column + 1)

    def _pairs(self, mapping: Node) -> _Pairs:
        """The nodes of each member; made once for a mapping, since one with thousands of members is asked as often."""
        pairs = self._members.get(id(mapping))
        if pairs is None:
            pairs = {}
            for key, value in mapping.value:
                if _is_merge(key):
                    sources = value.value if isinstance(value, yaml.SequenceNode) else [value]
                    for source in sources:
                        pairs = self._pairs(source) | pairs
            # Reversed, so that of a key that stands twice the first is found; keys that are no scalars are left out.
            members = [pair for pair in reversed(mapping.value) if isinstance(pair[0], yaml.ScalarNode)]
            own = {key.value: (key, value) for key, value in members if not _is_merge(key)}
            pairs = self._members[id(mapping)] = pairs | own
        return pairs


def parse_document(data: bytes, file: str, problems: list[Problem]) -> Document | None:
    """Read the bytes of a YAML file. What is wrong goes to `problems`; None where that leaves nothing to look at."""
    try:
        text, root = compose(data, file)
        value = None if root is None else _Builder(file, problems).value(root)
    except Unreadable as error:
        problems.append(error.problem)
        return None
    # An escape in double quotes may spell a `$` or `{` that the text does not show.
    return Document(file, value, "${" in text or "\\" in text, root)


def _is_merge(key: Node) -> bool:
    return key.tag is PLAIN and key.value == "<<"


def _template(key: Node) -> str:
    """The name in `{{ name }}`, which to YAML is a mapping with a mapping as its key; "" for another key."""
    inner = key.value[0][0] if isinstance(key, yaml.MappingNode) and len(key.value) == 1 else None
    ours = with_our_placeholders(f"{{{{ {inner.value} }}}}") if isinstance(inner, yaml.ScalarNode) else ""
    return ours[2:-1] if ours.startswith("${") else ""


class _Builder:
    """Makes values from nodes, and stops at what would never end or grow without bounds."""

    def __init__(self, file: str, problems: list[Problem]) -> None:
        self._file = file
        self._problems = problems
        self._scalars = CoreScalars()
        self._open: list[Node] = []
        self._nodes = 0
        self._size = 0

    def value(self, node: Node) -> Any:
        tag = node.tag
        if tag is QUOTED:
            return node.value
        if tag is PLAIN:
            return self._scalar(node)
        if tag is not COLLECTION:
            known = tag.startswith(_YAML_TAG) or _SHORT_TAG.fullmatch(tag)  # a longer one may be part of any text
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
        merged: dict[str, Any] | None = None
        scalars, size = self._scalars, 0
        for key_node, value_node in node.value:
            key = scalars.get(key_node.value) if key_node.tag is PLAIN else None
            if key.__class__ is not str and (key := self._key(key_node, node)) is None:
                continue
            if key == "<<" and key_node.tag is PLAIN:
                if merged is not None:
                    self._duplicate(node, key_node)
                merged = self._merged(value_node)
                continue
            if key in result:
                self._duplicate(node, key_node)
                continue
            text = value_node.value
            size += len(text)
            if value_node.tag is QUOTED:
                result[key] = text
            elif value_node.tag is PLAIN and text in scalars:
                result[key] = scalars[text]
            else:
                result[key] = self.value(value_node)
        self._count(node, len(node.value), size)
        return result if merged is None else merged | result

    def _sequence(self, node: Node) -> list[Any]:
        self._count(node, len(node.value), sum(len(item.value) for item in node.value))
        return [self.value(item) for item in node.value]

    def _scalar(self, node: Node) -> object:
        try:
            return self._scalars[node.value]
        except ValueError:
            self._problem(node, "the number has too many digits", "write it as a string in quotes")
            return 0

    def _key(self, node: Node, mapping: Node) -> str | None:
        """The key that a node spells; anything but a string is a problem, and None."""
        if isinstance(node, yaml.MappingNode) and len(node.value) == 1 and (template := _template(node.value[0][0])):
            message = f"{{{{ {shorten(template)} }}}} is the placeholder of another tool"
            self._problem(node, message, "a key cannot hold a variable: write it out")
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

    def _merged(self, node: Node) -> dict[str, Any]:
        """What `<<` adds; of several mappings the first that has a key gives its value."""
        sources = node.value if isinstance(node, yaml.SequenceNode) else [node]
        result: dict[str, Any] = {}
        for source in sources:
            value = self.value(source)
            if not isinstance(value, dict):
                self._stop(source, f"<< merges mappings, and this is {kind(value)}", "name the anchor of a mapping")
            result = value | result
        return result

    def _enter(self, node: Node) -> None:
        if len(self._open) >= MAX_DEPTH:
            if any(node is outer for outer in self._open):
                self._stop(node, "an alias refers to a value that it is part of", "write the value out")
            self._stop(node, f"nested deeper than {MAX_DEPTH} levels through aliases", "write the data flatter")
        self._open.append(node)

    def _count(self, node: Node, nodes: int, size: int) -> None:
        self._nodes += nodes
        self._size += size
        if self._nodes > MAX_NODES:
            self._stop(node, f"{TOO_MANY_NODES} with its aliases replaced", "use fewer aliases, or several files")
        if self._size > MAX_EXPANDED_SIZE:
            message = f"the file comes to more than {MAX_EXPANDED_SIZE:,} characters with its aliases replaced"
            self._stop(node, message, "use fewer aliases, or several files")

    def _duplicate(self, mapping: Node, key: Node) -> None:
        first = next(other for other, _ in mapping.value if other.value == key.value)
        message = f"the key {shown(key.value)} stands here a second time"
        self._problem(key, message, f"keep this one or the first, at {self._location(first)}")

    def _location(self, node: Node) -> Location:
        return Location(self._file, node.start_mark.line + 1, node.start_mark.column + 1)

    def _problem(self, node: Node, message: str, hint: str) -> None:
        self._problems.append(Problem(self._location(node), message, hint))

    def _stop(self, node: Node, message: str, hint: str) -> NoReturn:
        raise Unreadable(Problem(self._location(node), message, hint))
