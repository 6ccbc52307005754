"""Compose the bytes of a YAML file to nodes with marks, or report one problem.

PyYAML's parser and composer do the work, with libyaml if it is available. What the scalars mean is decided later
(`scalars.py`), because PyYAML's own resolver reads YAML 1.1.
"""

from __future__ import annotations

import re
from typing import Any, TypeAlias

import yaml
from yaml.reader import ReaderError

from ajsync.config.syntax import conflict_problem, place_of, syntax_problem
from ajsync.errors import Location, Problem

MAX_FILE_SIZE = 10_000_000
"""The most bytes. A larger file is a mistake."""
MAX_DEPTH = 100
"""The most levels of nesting. The composer recurses in C, where too deep a recursion crashes instead of raising."""
_TOO_DEEP = (f"nested deeper than {MAX_DEPTH} levels", "flatten the data")

MAX_NODES = 1_000_000
"""The most values in one file, also with its aliases replaced. Each takes about 300 bytes."""
TOO_MANY_NODES = f"the file has more than {MAX_NODES:,} values"

# The tags of nodes without a tag. They are compared by identity, so no tag in a file equals them.
PLAIN = "plain"
QUOTED = "quoted"
COLLECTION = "collection"

Node: TypeAlias = Any
"""A node of PyYAML. Its class is not checked, because its `value` is untyped anyway."""

HALF_PAIR = re.compile("[\ud800-\udfff]")
"""Half of a surrogate pair, which is not a character."""
_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class _Refused(Exception):
    """The composer must stop; `args` are the node, what is wrong with it, and what to write."""


class _Rules:
    """Called by the composer for each node: to give it a tag, and to check limits on the way in and out."""

    _nodes = 0

    def __init__(self, text: str) -> None:
        super().__init__(text)  # type: ignore[call-arg]  # the constructor of a loader
        self._parents: list[Node] = []
        self.ascend_resolver = self._parents.pop  # saves a call in Python for each of very many nodes

    def resolve(self, kind: type, value: str, implicit: tuple[bool, bool]) -> str:
        if kind is yaml.ScalarNode:
            return PLAIN if implicit[0] else QUOTED
        return COLLECTION

    def descend_resolver(self, parent: Node, index: Node) -> None:
        parents = self._parents
        parents.append(parent)
        self._nodes += 1
        if len(parents) > MAX_DEPTH:
            raise _Refused(parent, *_TOO_DEEP)
        if self._nodes > MAX_NODES:
            raise _Refused(parent, TOO_MANY_NODES, "use several files")


class _PurePythonComposer(_Rules, yaml.SafeLoader):
    def compose_scalar_node(self, anchor: dict[Any, Node]) -> yaml.ScalarNode:
        node = super().compose_scalar_node(anchor)
        # An escape can produce it. libyaml refuses such an escape itself.
        if HALF_PAIR.search(node.value):
            raise _Refused(node, "a string has half of a surrogate pair", "write the whole character")
        return node


_Composer = type("_Composer", (_Rules, yaml.CSafeLoader), {}) if yaml.__with_libyaml__ else _PurePythonComposer


def compose(data: bytes, file: str) -> Node | None:
    """The root node of a text; None for a file without a value. Raises `Unreadable`."""
    text = _decode(data, file)
    if conflict := conflict_problem(text, file):
        raise Unreadable(conflict)
    try:
        return _Composer(text).get_single_node()
    except _Refused as error:
        node, message, hint = error.args
        raise Unreadable(Problem(place_of(file, node.start_mark), message, hint)) from None
    except ReaderError:
        raise Unreadable(_forbidden_character(text, file)) from None
    except yaml.MarkedYAMLError as error:
        problem = syntax_problem(text, file, error)
        if "maximum nesting depth" in (error.problem or ""):  # libyaml reads ahead, and has its own limit
            problem = Problem(problem.location, *_TOO_DEEP)
        raise Unreadable(problem) from None


class Unreadable(Exception):
    """The file is not YAML, for the reason in `problem`."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(str(problem))


def _decode(data: bytes, file: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8-sig")
        message = f"the byte 0x{data[error.start]:02x} is not UTF-8"
        raise Unreadable(Problem(_place(before, file), message, "save the file as UTF-8")) from None


def _forbidden_character(text: str, file: str) -> Problem:
    found = _FORBIDDEN.search(text)
    assert found is not None  # PyYAML refuses the same characters
    hint = "remove it, or write it as an escape in double quotes"
    return Problem(_place(text[: found.start()], file), f"the character U+{ord(found[0]):04X} is not allowed", hint)


def _place(before: str, file: str) -> Location:
    line_begins = before.rfind("\n") + 1
    return Location(file, before.count("\n") + 1, len(before) - line_begins + 1)
