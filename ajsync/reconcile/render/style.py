"""The colours of a terminal, written by hand: rich takes 7 s for ten thousand changes, this a third of one."""

from __future__ import annotations

from collections.abc import Mapping

_RESET = "\x1b[0m"
_CODES: Mapping[str, str] = {
    "create": "\x1b[1;32m",
    "update": "\x1b[1;33m",
    "adopt": "\x1b[1;36m",
    "delete": "\x1b[1;31m",
    "strong": "\x1b[1m",
    "faint": "\x1b[2m",
    "old": "\x1b[31m",
    "new": "\x1b[32m",
    "alarm": "\x1b[1;31m",
}


class Paint:
    """Puts a style on a text, or leaves it as it is."""

    __slots__ = ("_codes",)

    def __init__(self, colour: bool) -> None:
        self._codes = _CODES if colour else {}

    def __call__(self, style: str, text: str) -> str:
        """`text` in `style`."""
        code = self._codes.get(style)
        return f"{code}{text}{_RESET}" if code and text else text
