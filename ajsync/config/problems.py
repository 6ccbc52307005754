"""The problems of the files as they are found, up to a bound: a few lines of YAML can be wrong in a million places."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

from ajsync.errors import Problem

MOST_PROBLEMS = 1000
"""Nobody reads more of them; with those mended, the rest can be looked for."""
_MOST_REPEATED = 5 * MOST_PROBLEMS
"""Those that were found before count too: what an alias repeats is wrong in one place, and found each time."""


class TooManyProblemsError(Exception):
    """There are so many problems that looking for more of them was given up."""

    def __init__(self, found: frozenset[Problem]) -> None:
        super().__init__(f"more than {len(found)} problems")
        self.found = found


class Problems(list[Problem]):
    """A list that raises TooManyProblemsError at its bound, so that whoever fills it stops looking."""

    def __init__(self) -> None:
        super().__init__()
        self._different: set[Problem] = set()

    def append(self, problem: Problem, /) -> None:
        """Add a problem."""
        if problem not in self._different and len(self._different) >= MOST_PROBLEMS:
            raise TooManyProblemsError(frozenset(self._different))
        self._different.add(problem)
        if len(self) >= _MOST_REPEATED:
            raise TooManyProblemsError(frozenset(self._different))
        super().append(problem)

    def extend(self, problems: Iterable[Problem], /) -> None:
        """Add problems one by one; those of a generator are not looked for once there are too many."""
        for problem in problems:
            self.append(problem)

    def __iadd__(self, problems: Iterable[Problem], /) -> Self:  # type: ignore[misc, override]  # list's own is as wide
        self.extend(problems)
        return self
