"""Putting text into GitHub's Markdown so that it stays text: code spans, fences, and sentences with values in them.

All take text on one line without control characters, as `ajsync.text` makes it.
"""

from __future__ import annotations

import re

_RUN = re.compile("`+")
_INLINE = re.compile(r"[\\`*_\[\]<>&~|$!]")
_BLOCK = re.compile(r"^(\d*)([#+\-=.):])")
# GitHub makes links of these after Markdown is done with the text, where a backslash helps no more.
_LINK = re.compile(r"([@#]|\b(?:https?|ftp|mailto|xmpp):|\bwww\.)(?=\S)", re.IGNORECASE)
_ZERO_WIDTH_SPACE = "\u200b"


def code(text: str) -> str:
    """A code span. Not for cells of a table, which a pipe would end."""
    ticks = "`" * (_longest_run(text) + 1)
    space = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{ticks}{space}{text}{space}{ticks}"


def prose(text: str) -> str:
    """Plain text: no emphasis, no HTML, no link, nobody mentioned."""
    text = _INLINE.sub(r"\\\g<0>", text.strip())
    text = _BLOCK.sub(r"\1\\\2", text)
    return _LINK.sub(rf"\1{_ZERO_WIDTH_SPACE}", text)


def fence(text: str) -> str:
    """The backticks that open and close a block of code with this content."""
    return "`" * max(3, _longest_run(text) + 1)


def _longest_run(text: str) -> int:
    return max(map(len, _RUN.findall(text)), default=0)
