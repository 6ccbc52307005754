"""Which queues and task types have counters of their own: those of the schedules that are known, up to a bound.

Their names come from the bucket, so whoever may write there writes them. What is no longer there is forgotten, a long
name is cut, and what is beyond the bound is counted under one name for all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from ajsync.timestamp import NANOSECONDS

MOST_SETS = 1000
"""Sets of labels of one kind; with eight lines each, `/metrics` has less than a megabyte."""
LONGEST_LABEL = 100
"""Bytes of a label in UTF-8."""
OTHER = "(other)"
"""Stands for every queue or type that has no counters of its own; no queue can have this name."""
_LEFT_OVER = 60 * NANOSECONDS
"""A fire may end after its schedule is gone; what it counted stays for so long, to be scraped."""

Names = tuple[str, ...]
"""The values of labels: as they are in the bucket, or as they are shown."""


@dataclass(slots=True)
class _Set:
    labels: Names
    schedules: int
    counted_at: int
    """When it was counted for last without a schedule, in nanoseconds since 1970."""


class LabelSets:
    """Knows under which labels something is counted, and which of them are to be forgotten."""

    def __init__(self, drop: Callable[[Names], None], clock: Callable[[], int]) -> None:
        """`drop` is called with labels whose counters nobody needs any more."""
        self._drop = drop
        self._clock = clock
        self._sets: dict[Names, _Set] = {}
        self._left_over: dict[Names, _Set] = {}
        """Those of no schedule."""
        self._own = 0
        """How many have labels of their own."""

    def expect(self, names: Names) -> Names:
        """The labels for one schedule more."""
        found = self._sets.get(names) or self._add(names)
        self._left_over.pop(names, None)
        found.schedules += 1
        return found.labels

    def forget(self, names: Names) -> None:
        """A schedule is gone; with the last of them go the labels."""
        found = self._sets.get(names)
        if found is not None:
            found.schedules -= 1
            if found.schedules <= 0:
                self._remove(names)

    def counted(self, names: Names) -> Names:
        """The labels under which something is counted now."""
        found = self._sets.get(names) or self._add(names)
        if not found.schedules:
            found.counted_at = self._clock()
            self._left_over[names] = found
        return found.labels

    def sweep(self) -> None:
        """Forget what was counted a while ago for schedules that are gone."""
        now = self._clock()
        for names in [each for each, found in self._left_over.items() if now - found.counted_at >= _LEFT_OVER]:
            self._remove(names)

    def _add(self, names: Names) -> _Set:
        if self._own >= MOST_SETS and self._left_over:
            self._remove(next(iter(self._left_over)))
        fits = self._own < MOST_SETS
        self._own += fits
        labels = tuple(map(_label, names)) if fits else (OTHER,) * len(names)
        found = self._sets[names] = _Set(labels, 0, 0)
        return found

    def _remove(self, names: Names) -> None:
        found = self._sets.pop(names)
        self._left_over.pop(names, None)
        if found.labels[0] != OTHER:
            self._own -= 1
            self._drop(found.labels)


def _label(name: str) -> str:
    """A name as a label; a long one is cut, and ends in a digest that tells it from others that begin the same."""
    data = name.encode("utf-8", "replace")
    if len(data) > LONGEST_LABEL:
        digest = hashlib.sha256(data).hexdigest()[:8]
        data = data[: LONGEST_LABEL - len(digest) - 3] + f"…{digest}".encode()
    return data.decode("utf-8", "ignore")
