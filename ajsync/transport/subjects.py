"""Patterns of subjects, in which `*` is any token and `>` any rest. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile


def matches(pattern: str, subject: str) -> bool:
    """Whether `pattern` takes in `subject`."""
    wanted, tokens = pattern.split("."), subject.split(".")
    for place, token in enumerate(wanted):
        if token == ">":
            return len(tokens) > place
        if place >= len(tokens) or token not in ("*", tokens[place]):
            return False
    return len(wanted) == len(tokens)


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
    """One pattern that takes in all that these do, and maybe more."""
    if len(patterns) == 1:
        return patterns[0]
    columns = zip(*(pattern.split(".")[:-1] for pattern in patterns), strict=False)  # `a.>` does not take in `a`
    same = [column[0] for column in takewhile(lambda column: len({*column}) == 1 and ">" not in column, columns)]
    return ".".join([*same, ">"])
