"""The meaning of an unquoted YAML scalar in the core schema of YAML 1.2: `on`, `no`, `22:30` and dates are strings."""

from __future__ import annotations

import re
from functools import lru_cache

_WORDS: dict[str, object] = {
    "": None,
    "~": None,
    **dict.fromkeys(("null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((sign + word for sign in ("", "+") for word in (".inf", ".Inf", ".INF")), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}
_INTEGERS = (
    (re.compile(r"([-+]?[0-9]+)"), 10),
    (re.compile(r"0o([0-7]+)"), 8),
    (re.compile(r"0x([0-9a-fA-F]+)"), 16),
)
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_LONGEST_INTEGER = 500
"""The most characters. Python may be limited to 640 digits, and hexadecimal digits become more decimal ones."""
TOO_LONG = object()


@lru_cache(maxsize=65536)  # a project repeats the same few texts very often
def read_scalar(text: str) -> object:
    """None, a bool, int, float, or the text itself; TOO_LONG for an integer that is too long."""
    if text in _WORDS:
        return _WORDS[text]
    for pattern, base in _INTEGERS:
        if match := pattern.fullmatch(text):
            if len(text) > _LONGEST_INTEGER:
                return TOO_LONG
            return int(match[1], base)
    return float(text) if _FLOAT.fullmatch(text) else text
