"""The layout of a YAML text: the lines and columns of each of its parts, and where aliases and anchors are.

The nodes that values are made from say too little for this: an alias is the same node as its anchor, and the dash of an
item has no place. So the parts are made from PyYAML's events and tokens.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import yaml

_Loader = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
_LINE = re.compile("[^\n\r\x85\u2028\u2029]*(?:\r\n|[\n\r\x85\u2028\u2029])|[^\n\r\x85\u2028\u2029]+")
_GAP = re.compile("[ \t]*(?:#.*)?[\n\r\x85\u2028\u2029]*", re.DOTALL)
_BLOCK_HEADER = re.compile(r"((?:[&!]\S+[ \t]+)*[|>])([0-9+-]*)")
_NONE: frozenset[str] = frozenset()

Place: TypeAlias = Any
"""A mark of PyYAML: a line and a column from 0, and an index into the text."""


class Irregular(Exception):
    """The layout of something in the text is not understood; `args` are its line from 0 and what it is."""


@dataclass(slots=True)
class BlockText:
    """What must be known of a text in the style `|` or `>` besides its place."""

    header: int
    """The line of the `|` or `>`."""
    step: int | None
    """The indentation that its header gives, relative to its parent; None if its first line determines it."""
    keeps: bool
    """Whether the empty lines at its end belong to it."""


@dataclass(slots=True)
class Part:
    """A value or a key in a text."""

    start: Place
    """Where it begins, including its anchor."""
    end: Place
    flow: bool = True
    """Whether it is neither a mapping nor a list whose members are on lines of their own."""
    items: list[Item] = field(default_factory=list)
    is_mapping: bool = False
    block: BlockText | None = None
    last: int = 0
    """The last line that has a part of it."""
    anchors: frozenset[str] = _NONE
    """Its own anchor, and the anchors in it."""
    aliases: frozenset[str] = _NONE


@dataclass(slots=True)
class Item:
    """A member of a mapping, or an item of a list."""

    line: int
    column: int
    """The place of its key, or of its dash."""
    key: Part | None
    name: str
    value: Part


@dataclass(slots=True)
class Layout:
    """A text as lines, and where its parts are."""

    lines: list[str]
    """The lines with their line breaks."""
    root: Part | None
    begin: int
    """The line after the `---`, or 0."""
    end: int
    """The line of the `...`, or the number of lines."""


def _events(text: str) -> Iterator[Any]:
    """The events of a text; they are untyped, because their marks are always there."""
    return yaml.parse(text, Loader=_Loader)


def split_lines(text: str) -> list[str]:
    """The lines of a text with their breaks, as YAML counts lines."""
    return _LINE.findall(text)


def is_gap(line: str) -> bool:
    """Whether a line outside of values is empty or a comment."""
    return _GAP.fullmatch(line) is not None


def is_blank(line: str) -> bool:
    """Whether a line has nothing on it."""
    return not line.strip(" \t\n\r\x85\u2028\u2029")


def with_final_break(text: str) -> str:
    """The text with a line break at its end, and the same meaning.

    A text in the style `|` that ends without one has none in its value, either. So its header gets a `-`, which says
    that.
    """
    lines = split_lines(text)
    if not lines or lines[-1][-1] in "\n\r\x85\u2028\u2029":
        return text
    kind = "\r\n" if lines[0].endswith("\r\n") else "\n"
    last: Any = None
    for event in _events(text):
        if isinstance(event, yaml.ScalarEvent):
            last = event
    if last is None or last.style not in ("|", ">") or last.end_mark.index < len(text) or is_blank(lines[-1]):
        return text + kind
    start = last.start_mark.index
    header = _BLOCK_HEADER.match(text, start)
    if header is None:
        raise Irregular(last.start_mark.line, "a text whose style is not on the line of its anchor")
    stripped = f"{header[1]}{re.sub('[+-]', '', header[2])}-"
    return text[:start] + stripped + text[header.end() :] + kind


def read_layout(text: str) -> Layout:
    """The layout of a text that has been parsed without a problem. Raises Irregular."""
    lines = split_lines(text)
    layout = Layout(lines, None, 0, len(lines))
    builder = _PartBuilder(text, lines)
    for event in _events(text):
        start, end = event.start_mark, event.end_mark
        if isinstance(event, yaml.DocumentStartEvent) and event.explicit:
            layout.begin = end.line + 1
        elif isinstance(event, yaml.DocumentEndEvent) and event.explicit:
            layout.end = start.line
        else:
            builder.take(event)
    layout.root = builder.root
    return layout


def _dashes(text: str) -> list[tuple[int, int]]:
    """The place of each dash, in the order of the text."""
    dashes = []
    tokens: Iterator[Any] = yaml.scan(text, Loader=_Loader)
    for token in tokens:
        if isinstance(token, yaml.BlockEntryToken):
            dashes.append((token.start_mark.line, token.start_mark.column))
        elif isinstance(token, yaml.KeyToken) and token.start_mark.index != token.end_mark.index:
            raise Irregular(token.start_mark.line, "a key behind a question mark")
    return dashes


class _PartBuilder:
    """Makes parts from events."""

    def __init__(self, text: str, lines: list[str]) -> None:
        self.root: Part | None = None
        self._text = text
        self._lines = lines
        self._dashes = iter(_dashes(text))
        self._open: list[Part] = []
        self._keys: list[Part | None] = []
        """The key that waits for its value, for each open part."""
        self._names: list[str] = []
        self._begun: list[tuple[int, int]] = []
        """Where its item began, for each open part."""

    def take(self, event: Any) -> None:
        """Take the next event of the text."""
        part = Part(event.start_mark, event.end_mark)
        part.last = part.end.line
        anchor: str = getattr(event, "anchor", None) or ""
        if isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            self._close(part.end)
        elif isinstance(event, yaml.AliasEvent):
            part.aliases = frozenset((anchor,))
            self._add(part, self._begin(part.start), "")
        elif isinstance(event, yaml.NodeEvent):
            part.anchors = frozenset((anchor,)) if anchor else _NONE
            begun = self._begin(part.start)
            if isinstance(event, yaml.ScalarEvent):
                if event.style in ("|", ">"):
                    self._block(part, begun[1])
                self._add(part, begun, event.value)
                return
            assert isinstance(event, yaml.CollectionStartEvent)
            part.flow, part.is_mapping = bool(event.flow_style), isinstance(event, yaml.MappingStartEvent)
            self._begun.append(begun)
            self._open.append(part)
            self._keys.append(None)
            self._names.append("")

    def _close(self, end: Place) -> None:
        """End the innermost mapping or list."""
        part = self._open.pop()
        self._keys.pop()
        self._names.pop()
        part.end = end
        part.last = end.line if part.flow else part.items[-1].value.last
        inner = [each for item in part.items for each in (item.key, item.value) if each is not None]
        part.anchors = part.anchors.union(*(each.anchors for each in inner if each.anchors))
        part.aliases = part.aliases.union(*(each.aliases for each in inner if each.aliases))
        self._add(part, self._begun.pop(), "")

    def _begin(self, start: Place) -> tuple[int, int]:
        """The beginning of the item whose key or value is the part that starts here."""
        outer = self._open[-1] if self._open else None
        if outer is None or outer.is_mapping or outer.flow:
            key = self._keys[-1] if self._keys else None
            mark = start if key is None else key.start
            return mark.line, mark.column
        return next(self._dashes)

    def _add(self, part: Part, begun: tuple[int, int], name: str) -> None:
        if not self._open:
            self.root = part
            return
        outer = self._open[-1]
        if outer.is_mapping and self._keys[-1] is None:
            self._keys[-1], self._names[-1] = part, name
            return
        outer.items.append(Item(*begun, self._keys[-1], self._names[-1], part))
        self._keys[-1] = None

    def _block(self, part: Part, column: int) -> None:
        """Find the lines of a text in the style `|` or `>`; its item begins in this column."""
        header = _BLOCK_HEADER.match(self._text, part.start.index)
        if header is None:
            raise Irregular(part.start.line, "a text whose style is not on the line of its anchor")
        step = re.sub("[+-]", "", header[2])
        part.block = BlockText(part.start.line, int(step) if step else None, "+" in header[2])
        end = part.end.line if part.end.column == 0 else part.end.line + 1
        width = block_indent(self._lines[part.start.line + 1 : end], part.block, column)
        while not part.block.keeps and end > part.start.line + 1:
            line = self._lines[end - 1]
            if not is_blank(line) or len(line.rstrip("\n\r\x85\u2028\u2029")) > width:
                break
            end -= 1
        part.last = end - 1


def block_indent(lines: list[str], block: BlockText, column: int) -> int:
    """The indentation of the lines of a text in the style `|` or `>`; its item begins in this column."""
    if block.step is not None:
        return column + block.step
    first = next((line for line in lines if not is_blank(line)), "")
    return len(first) - len(first.lstrip(" "))
