"""Expand the `for_each` of a schedule into combinations of values, one for each schedule that comes out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from math import prod
from typing import Any, TypeAlias

from ajsync.config.explain import ValueProblem
from ajsync.config.problems import MOST_PROBLEMS
from ajsync.config.variables import Scalar
from ajsync.config.wording import flow, shown
from ajsync.errors import ConfigurationError, Problem
from ajsync.text import counted, shorten

MOST_COMBINATIONS = 1_000
"""The most combinations of one schedule. More are a mistake, such as one list too many."""
_PLAIN = re.compile(r"[A-Za-z0-9_./:+-]{1,60}")
_MOST_TOLD = 10
"""How many keys of a combination a message shows."""

Combination: TypeAlias = Mapping[str, Scalar]
"""The variables of one schedule that comes out of a `for_each`."""


def apart(value: Any) -> tuple[Any, Mapping[str, dict[str, Any]]]:
    """Split a file into the rest and the schedules that have `for_each`, whose placeholders depend on it.

    Members that ajsync ignores are left out of the rest, because their placeholders belong to schedules that refer to
    them.
    """
    schedules = value.get("schedules") if isinstance(value, dict) else None
    if not isinstance(schedules, dict):
        return value, {}
    repeated = {key: each for key, each in schedules.items() if isinstance(each, dict) and "for_each" in each}
    value = {key: each for key, each in value.items() if not key.startswith("x-")}
    if repeated:
        value["schedules"] = {key: each for key, each in schedules.items() if key not in repeated}
    return value, repeated


def combinations(for_each: Mapping[str, Sequence[Scalar]] | Sequence[Combination]) -> list[Combination]:
    """Every combination of several lists, the last list changing fastest; or each mapping of a list, in its order.

    The value has to fit the schema, and `misfits` must find nothing in it.
    """
    if isinstance(for_each, Mapping):
        return [dict(zip(for_each, values, strict=True)) for values in product(*for_each.values())]
    return [*for_each]


def misfits(for_each: Mapping[str, Sequence[Scalar]] | Sequence[Combination]) -> Iterator[ValueProblem]:
    """What is wrong with a value that fits the schema: too many combinations, or mappings with different keys."""
    count = prod(map(len, for_each.values())) if isinstance(for_each, Mapping) else len(for_each)
    if count > MOST_COMBINATIONS:
        message = f"for_each: {count:,} combinations are too many"
        yield ValueProblem(message, f"the maximum of one schedule is {MOST_COMBINATIONS:,}")
        return
    if isinstance(for_each, Mapping):
        return
    known = dict.fromkeys(key for each in for_each for key in each)
    for index, each in enumerate(for_each):
        missing = [key for key in known if key not in each]
        if missing:
            names = ", ".join(map(shorten, missing[:_MOST_TOLD]))
            yield ValueProblem(f"for_each: {names} is missing here", "let every mapping have the same keys", (index,))


def told(combination: Combination) -> str:
    """A combination in a message: `region=EU, at="0 2 * * *"`."""
    parts = [f"{shorten(key)}={_value(value)}" for key, value in combination.items()]
    return ", ".join(parts[:_MOST_TOLD]) + (", …" if len(parts) > _MOST_TOLD else "")


def _value(value: Scalar) -> str:
    text = value if isinstance(value, str) else flow(value)
    return text if _PLAIN.fullmatch(text) else shown(text)


class Gathered:
    """The problems of all combinations of one schedule, each once, with the combinations that have it."""

    def __init__(self, combinations: int) -> None:
        self._combinations = combinations
        self._found: dict[Problem, list[Combination]] = {}

    def add(self, combination: Combination, problems: Sequence[Problem]) -> None:
        """Add the problems of one combination. Raises ConfigurationError if there are too many to read."""
        for problem in dict.fromkeys(problems):
            self._found.setdefault(problem, []).append(combination)
        if len(self._found) > MOST_PROBLEMS:
            raise ConfigurationError([*self.problems()][:MOST_PROBLEMS], stopped=True)

    def problems(self) -> Iterator[Problem]:
        """Each problem, with the first combination that has it, unless all of several combinations have it."""
        for problem, having in self._found.items():
            if len(having) == self._combinations > 1:
                yield problem
                continue
            more = f" and {counted(len(having) - 1, 'more combination')}" if len(having) > 1 else ""
            yield replace(problem, message=f"{problem.message}, for {told(having[0])}{more}")
