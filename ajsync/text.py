"""How a piece of what a person wrote is shown in an error message: short, on one line, without control characters."""

from __future__ import annotations

from collections.abc import Sequence

_LONGEST = 60
"""Characters; more than a sound schedule has, and little enough for a line of a terminal."""

LONGEST_TOLD = 300
"""Characters that a log tells of a piece of what others wrote; names have at most 255."""


class _Escapes(dict[int, str]):
    """A table for `str.translate` that learns how each character is shown when it first comes along."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        self[code] = char if char.isprintable() else char.encode("unicode_escape").decode()
        return self[code]


_ESCAPES = _Escapes()


def quote(text: str) -> str:
    """`text` in double quotes; what cannot be printed is escaped, what is too long ends in dots."""
    return f'"{shorten(text)}"'


def shorten(text: str) -> str:
    """`text` without quotes, escaped and cut as by `quote`."""
    return escape(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}...")


def told(text: str) -> str:
    """A piece of what others wrote, for a line of a log: on one line, and cut where it is longer than any sound one."""
    return escape(cut(text))


def cut(text: str, most: int = LONGEST_TOLD) -> str:
    """`text`, or its begin and how much more there is."""
    return text if len(text) <= most else f"{text[:most]}… ({len(text) - most:,} characters more)"


def listed(names: Sequence[str], most: int = 5) -> str:
    """The first of `names`, and how many more there are."""
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest:,} more" if rest > 0 else "")


def escape(text: str) -> str:
    """`text` on one line, as it is but for what cannot be printed; whole; see also `told`."""
    return text if text.isprintable() else text.translate(_ESCAPES)
