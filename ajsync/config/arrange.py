"""Order the members of a YAML text and indent it by two spaces, by moving whole lines.

Values are never rewritten, so quotes, styles and line breaks stay as they are. Comments are lines between values: a
comment above a member moves with it, and one behind a value is on the line of the value. A library that keeps comments,
such as ruamel.yaml, attaches a comment to the key above it, where it would stay when members are sorted, and rewrites
every value.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from ajsync.config.layout import Irregular, Item, Layout, Part, block_indent, is_blank, is_gap, read_layout
from ajsync.config.order import Order, sorted_items

_STEP = 2
"""How many spaces a member is indented in its parent."""
_LEADING = re.compile("[ \t]*")
_BETWEEN = re.compile(r"\s*,\s*")
_AROUND = re.compile(r"(?:[&!]\S+\s+)*\{\s*"), re.compile(r"\s*,?\s*\}")
_MODELINE = re.compile(r"\s*#\s*(?:!|yaml-language-server:|yamllint |-\*-|(?:vim?|ex):)")
"""A comment that is meant for a program, and has to stay at the top of the file."""


def arranged(text: str, order: Order) -> str:
    """The text with its members in their order, indented by two spaces.

    The text must have been parsed without a problem, and must end with a line break. Raises Irregular.
    """
    layout = read_layout(text)
    swaps = [*_flow_swaps(text, layout.root, order)]
    if swaps:
        text = _swapped(text, swaps)
        layout = read_layout(text)
    return _Printer(layout).text(order)


def _flow_swaps(text: str, part: Part | None, order: Order | None) -> list[tuple[int, int, str]]:
    """The replacements for mappings in braces: where each begins and ends now, and its new text.

    A mapping with a comment between its members stays as it is.
    """
    if part is None or order is None or not part.items:
        return []
    if not (part.flow and part.is_mapping):
        return [swap for item in part.items for swap in _flow_swaps(text, item.value, order.within(item.name))]
    spans = [(item.key.start.index if item.key else 0, item.value.end.index) for item in part.items]
    pieces = [
        _swapped(text, _flow_swaps(text, item.value, order.within(item.name)), *span)
        for item, span in zip(part.items, spans, strict=True)
    ]
    ranks = sorted_items(part.items, order)
    edges = part.start.index, *(edge for span in spans for edge in span), part.end.index
    between = [text[begin:end] for begin, end in zip(edges[::2], edges[1::2], strict=True)]
    movable = (
        _AROUND[0].fullmatch(between[0])
        and _AROUND[1].fullmatch(between[-1])
        and all(_BETWEEN.fullmatch(each) for each in between[1:-1])
        and not any(piece.endswith(":") for piece in pieces)
    )
    if movable:
        pieces = [pieces[rank] for rank in ranks]
    return [(*span, piece) for span, piece in zip(spans, pieces, strict=True) if text[slice(*span)] != piece]


def _swapped(text: str, swaps: Sequence[tuple[int, int, str]], begin: int = 0, end: int | None = None) -> str:
    """The text from `begin` to `end`, with pieces of it replaced."""
    result = []
    for start, stop, piece in swaps:
        result += [text[begin:start], piece]
        begin = stop
    return "".join([*result, text[begin:end]])


@dataclass(slots=True)
class _Chunk:
    """The lines of an item."""

    above: list[str]
    """The comments above the item, without their indentation."""
    lines: list[str]
    """The lines of the item, the first one without its indentation, because it may follow a dash."""
    takes_blanks: bool = False
    """Whether it ends with a text in the style `|+`, which would absorb empty lines below it."""

    def follow(self, gap: list[str], column: int, lines: Sequence[str] = ()) -> None:
        """Add lines without values, and then lines of an item. No empty line may become part of a text."""
        if self.takes_blanks:
            gap = gap[_leading_blanks(gap) :]
        self.takes_blanks = self.takes_blanks and not gap
        self.lines += [line if is_blank(line) else " " * column + line for line in gap]
        self.lines += lines


class _Printer:
    """Puts the lines of a layout together again."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._lines = layout.lines

    def text(self, order: Order) -> str:
        """The whole text."""
        root, lines, begin, end = self._layout.root, self._lines, self._layout.begin, self._layout.end
        if root is None or root.flow:
            last = begin - 1 if root is None else root.last
            inner, after = lines[begin : last + 1], lines[last + 1 : end]
        else:
            first = self._first_of_gap(root.items[0].line, begin - 1)
            last = self._begin_of_next(root.last + 1, end, root.items[-1], root.items[0].column) - 1
            chunk = self._collection(root, first, last + 1, 0, order)
            count = len(chunk.lines)
            chunk.follow(self._gap(last + 1, end), 0)
            after = chunk.lines[count:]
            inner = [*lines[begin:first], *chunk.above, *chunk.lines[:count]]
        before, rest = lines[:begin], lines[end:]
        closing = rest or after
        while closing and is_blank(closing[-1]):
            closing.pop()
        return "".join([*before, *inner, *after, *rest])

    def _collection(self, part: Part, begin: int, end: int, new: int, order: Order | None) -> _Chunk:
        """A mapping or a list in blocks; it has the lines from `begin` to `end`, and `new` is its new column."""
        items = part.items
        old = items[0].column
        begins = [begin]
        for before, item in pairwise(items):
            begins.append(self._begin_of_next(before.value.last + 1, item.line, before, old))
        last = self._begin_of_next(items[-1].value.last + 1, end, items[-1], old)
        gaps = [self._gap(start, item.line) for start, item in zip(begins, items, strict=True)]
        top = self._top(gaps[0], is_root=part is self._layout.root)
        tops = [top, *map(_leading_blanks, gaps[1:])]
        chunks = []
        for item, stop, gap, count in zip(items, [*begins[1:], last], gaps, tops, strict=True):
            within = order.within(item.name) if order is not None else None
            chunk = self._item(item, stop, new, within)
            chunks.append(_Chunk([*gap[count:], *chunk.above], chunk.lines, chunk.takes_blanks))
        ranks = sorted_items(items, order) if part.is_mapping else range(len(items))
        whole = chunks[ranks[0]]
        whole.above = [*gaps[0][:top], *whole.above]
        for place, rank in enumerate(ranks[1:], 1):
            # Empty lines stay where they are, so that those between the parts of a file are still between parts.
            above = [*gaps[place][: tops[place]], *chunks[rank].above]
            first, *others = chunks[rank].lines
            whole.follow(above, new, [" " * new + first, *others])
            whole.takes_blanks = chunks[rank].takes_blanks
        whole.follow(self._gap(last, end), new)
        return whole

    def _item(self, item: Item, end: int, new: int, order: Order | None) -> _Chunk:
        """A member or an item of a list, with what is nested in it."""
        lines, value, shift = self._lines, item.value, new - item.column
        head = lines[item.line][item.column :]
        if value.flow:
            rest = lines[item.line + 1 : value.last + 1]
            if value.block is None:
                return _Chunk([], [head, *(_shifted(line, shift) for line in rest)])
            count = value.block.header - item.line
            texts = self._block(rest[count:], value, item.column, new)
            return _Chunk([], [head, *(_shifted(line, shift) for line in rest[:count]), *texts], value.block.keeps)
        inner = value.items[0]
        if inner.line == item.line:  # a list or a mapping on the line of a dash
            if not is_blank(head[1 : inner.column - item.column]):
                raise Irregular(item.line, "an anchor or a tag before a member on the line of a dash")
            chunk = self._collection(value, item.line + 1, end, new + _STEP, order)
            chunk.lines[0] = f"- {chunk.lines[0]}"
            return chunk
        begin = self._first_of_gap(inner.line, item.line)
        chunk = self._collection(value, begin, end, new + _STEP, order)
        whole = _Chunk([], [head, *(_shifted(line, shift) for line in lines[item.line + 1 : begin])])
        first, *others = chunk.lines
        whole.follow(chunk.above, new + _STEP, [" " * (new + _STEP) + first, *others])
        whole.takes_blanks = chunk.takes_blanks
        return whole

    def _block(self, texts: list[str], value: Part, column: int, new: int) -> list[str]:
        """The lines of a text in the style `|` or `>`."""
        assert value.block is not None
        old = block_indent(texts, value.block, column)
        indent = " " * (new + (value.block.step or _STEP))
        result = []
        for number, line in enumerate(texts, value.block.header + 1):
            if line[:old].strip(" ") == "":
                result.append(indent + line[old:])
            elif is_blank(line) and "\t" not in line:
                result.append(line.lstrip(" "))
            else:
                raise Irregular(number, "a line of a text that is indented by tabs")
        return result

    def _gap(self, begin: int, end: int) -> list[str]:
        """Lines between values without their indentation; empty ones without spaces."""
        for number in range(begin, end):
            if not is_gap(self._lines[number]):
                raise Irregular(number, "something between two members")
        return [line.lstrip(" \t") for line in self._lines[begin:end]]

    def _first_of_gap(self, line: int, above: int) -> int:
        """The first of the empty lines and comments before a line and below another."""
        while line - 1 > above and is_gap(self._lines[line - 1]):
            line -= 1
        return line

    def _begin_of_next(self, begin: int, end: int, item: Item, column: int) -> int:
        """Where the comments of an item end in the lines between it and the next one.

        Comments that are indented further than the item belong to what is nested in it.
        """
        result = begin
        if not item.value.flow:
            for number in range(begin, end):
                line = self._lines[number]
                if is_blank(line):
                    continue
                found = _LEADING.match(line)
                if found is None or found.end() <= column:
                    break
                result = number + 1
        return result

    def _top(self, gap: list[str], *, is_root: bool) -> int:
        """How many of the lines above the first member stay there, because an empty line follows or they are for
        programs."""
        count = max((number for number, line in enumerate(gap, 1) if is_blank(line)), default=0)
        if is_root:
            while count < len(gap) and _MODELINE.match(gap[count]):
                count += 1
        return count


def _leading_blanks(gap: list[str]) -> int:
    return next((number for number, line in enumerate(gap) if not is_blank(line)), len(gap))


def _shifted(line: str, by: int) -> str:
    """A line of a value that spans several lines, moved along with the first one."""
    if is_blank(line):
        return line
    spaces = len(line) - len(line.lstrip(" "))
    return " " * max(spaces + by, 0) + line[spaces:]
