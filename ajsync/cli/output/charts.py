"""Bars and levels made of characters, which show numbers at a glance."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from ajsync.cli.output.streams import speaks_utf8

_EIGHTHS = " ▏▎▍▌▋▊▉"
_LEVELS = " ▁▂▃▄▅▆▇█"
_ASCII_LEVELS = " .:-=+*#%@"


def bar(number: int, most: int, columns: int, *, blocks: bool) -> str:
    """Draw a bar for a number; `most` takes up `columns` columns, and only zero looks like nothing."""
    if not number:
        return ""
    if not blocks:
        return "#" * max(round(number * columns / most), 1)
    eighths = max(round(number * columns * 8 / most), 1)
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def levels(numbers: Sequence[int], *, blocks: bool) -> str:
    """Draw a character for each number, taller for larger ones; only zero looks like nothing."""
    marks = _LEVELS if blocks else _ASCII_LEVELS
    most = max(numbers, default=0) or 1
    return "".join(marks[-(-number * (len(marks) - 1) // most)] for number in numbers)


def has_blocks() -> bool:
    """Whether standard output is a terminal that can show block characters; a pipe gets plain ASCII."""
    return sys.stdout.isatty() and speaks_utf8(sys.stdout)
