"""Text of others in GitHub's Markdown, where it stays text: in code spans, fences, escaped sentences and lists."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_LIST_ROOM = 8_192
"""The most UTF-16 units of each list above the changes."""
_TICKS = re.compile("`+")
_INLINE = re.compile(r"[\\`*_\[\]<>&~|$!]")
_BLOCK = re.compile(r"^(\d*)([#+\-=.):])")
# GitHub makes links of these after reading the Markdown, when a backslash no longer helps.
_LINK = re.compile(r"([@#]|\b(?:https?|ftp|mailto|xmpp):|\bwww\.)(?=\S)", re.IGNORECASE)
_ZERO_WIDTH_SPACE = "\u200b"


def units(text: str) -> int:
    """The length of a text in UTF-16 units, which is never less than its characters."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def code(text: str) -> str:
    """A code span. Not for cells of a table, because a pipe would end them."""
    ticks = "`" * (_longest_run(text) + 1)
    space = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{ticks}{space}{text}{space}{ticks}"


def prose(text: str) -> str:
    """Plain text: without emphasis, HTML, links and mentions."""
    text = _INLINE.sub(r"\\\g<0>", text.strip())
    text = _BLOCK.sub(r"\1\\\2", text)
    return _LINK.sub(rf"\1{_ZERO_WIDTH_SPACE}", text)


def fence(text: str) -> str:
    """The backticks that open and close a block of code with this content."""
    return "`" * max(3, _longest_run(text) + 1)


def some(lines: Iterable[str]) -> Iterator[str]:
    """As many lines as fit, and the count of the others."""
    room = _LIST_ROOM
    left = 0
    for line in lines:
        room -= units(line) + 1
        if room >= 0:
            yield line
        else:
            left += 1
    if left:
        yield f"\nand {left} more."


def _longest_run(text: str) -> int:
    return max(map(len, _TICKS.findall(text)), default=0)
