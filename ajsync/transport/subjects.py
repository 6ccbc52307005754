"""Patterns of subjects, in which `*` matches any token and `>` one or more at the end. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import takewhile

_WILDCARDS = {"*": r"[^.]*", ">": r".*"}


def matches(pattern: str, subject: str) -> bool:
    """Whether `subject` matches `pattern`."""
    return _expression(pattern).fullmatch(subject) is not None


@lru_cache(maxsize=256)
def _expression(pattern: str) -> re.Pattern[str]:
    tokens = (_WILDCARDS.get(token) or re.escape(token) for token in pattern.split("."))
    return re.compile(r"\.".join(tokens), re.DOTALL)


def overlap(one: str, other: str) -> bool:
    """Whether some subject matches both patterns."""
    first, second = one.split("."), other.split(".")
    for each, its in zip(first, second, strict=False):
        if ">" in (each, its):
            return True
        if each != its and "*" not in (each, its):
            return False
    return len(first) == len(second)


def covering(patterns: Sequence[str]) -> str:
    """One pattern that matches everything that any of these matches, and maybe more."""
    if len(patterns) == 1:
        return patterns[0]
    columns = zip(*(pattern.split(".")[:-1] for pattern in patterns), strict=False)  # `a.>` does not match `a`
    same = [column[0] for column in takewhile(lambda column: len({*column}) == 1 and ">" not in column, columns)]
    return ".".join([*same, ">"])
