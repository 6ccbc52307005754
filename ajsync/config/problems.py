"""The list of problems in the files, with a limit: a few lines of YAML can be wrong in a million places."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

from ajsync.errors import ConfigurationError, Problem

MOST_PROBLEMS = 1000
"""A user would not read more. After these are fixed, the next run finds the rest."""
_MOST_REPEATED = 5 * MOST_PROBLEMS
"""The limit with repetitions, because a problem that an alias repeats is found each time."""


class Problems(list[Problem]):
    """A list that raises ConfigurationError at its limit, which ends the search."""

    def __init__(self) -> None:
        super().__init__()
        self._different: set[Problem] = set()

    def append(self, problem: Problem, /) -> None:
        """Add a problem."""
        one_more = problem not in self._different and len(self._different) >= MOST_PROBLEMS
        if one_more or len(self) >= _MOST_REPEATED:
            raise ConfigurationError(self._different, stopped=True)
        self._different.add(problem)
        super().append(problem)

    def extend(self, problems: Iterable[Problem], /) -> None:
        """Add problems one by one, so that a generator stops once there are too many."""
        for problem in problems:
            self.append(problem)

    def __iadd__(self, problems: Iterable[Problem], /) -> Self:  # type: ignore[misc, override]  # list's own is as wide
        self.extend(problems)
        return self
