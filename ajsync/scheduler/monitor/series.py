"""The series of a metric: which labels have one, and how they are written for Prometheus.

prometheus-client would write a counter `enqueue_count` as `enqueue_count_total`, so the format is written here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

from ajsync.timestamp import NANOSECONDS

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
MOST_SETS = 1000
"""The most sets of labels of one kind. With up to twenty lines each, `/metrics` has less than three megabytes."""
LONGEST_LABEL = 100
"""Bytes of a label in UTF-8."""
OTHER = "(other)"
"""The label for every queue or type beyond `MOST_SETS`; no queue can have this name."""
_LEFT_OVER = 60 * NANOSECONDS
"""How long to keep the counters after their last schedule is gone, so that they are still scraped."""
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})

MetricKind = Literal["counter", "gauge", "histogram"]
Names = tuple[str, ...]
"""The values of labels, as in the bucket or as shown."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One name that `/metrics` can show."""

    kind: MetricKind
    name: str
    help: str
    labels: tuple[str, ...] = ()
    """In alphabetical order, as Go writes them."""


@dataclass(frozen=True, slots=True)
class Histogram:
    """How many values are in each bucket."""

    bounds: Sequence[float]
    counts: Sequence[int]
    """One more than the bounds: how many values are above the previous bound and up to this one, and above the last
    one."""
    sum: float


@dataclass(frozen=True, slots=True)
class Rows:
    """The series of a metric that has very many; their labels are cut when they are encoded."""

    rows: Sequence[tuple[Names, float]]


Counts = Mapping[Metric, Mapping[Names, float] | Histogram | Rows]
"""The values of each metric, in the order in which they are shown."""


def exposition(counts: Counts) -> bytes:
    """All metrics in Prometheus' text format, `CONTENT_TYPE`."""
    lines = [line for metric, series in counts.items() for line in _lines(metric, series)]
    return "".join(lines).encode("utf-8", "replace")


def _lines(metric: Metric, series: Mapping[Names, float] | Histogram | Rows) -> Iterator[str]:
    if isinstance(series, Rows):
        series = {tuple(map(_label, names)): value for names, value in series.rows}
    if not isinstance(series, Histogram) and not series:
        return
    yield f"# HELP {metric.name} {metric.help}\n# TYPE {metric.name} {metric.kind}\n"
    if isinstance(series, Histogram):
        counts = list(accumulate(series.counts))
        for bound, count in zip(series.bounds, counts, strict=False):
            yield f'{metric.name}_bucket{{le="{bound:g}"}} {count}\n'
        yield f'{metric.name}_bucket{{le="+Inf"}} {counts[-1]}\n'
        yield f"{metric.name}_sum {series.sum}\n{metric.name}_count {counts[-1]}\n"
        return
    for values, value in series.items():
        pairs = zip(metric.labels, values, strict=True)
        labels = ",".join(f'{label}="{text.translate(_ESCAPES)}"' for label, text in pairs)
        yield f"{metric.name}{{{labels}}} {value}\n" if labels else f"{metric.name} {value}\n"


@dataclass(slots=True)
class _Set:
    labels: Names
    schedules: int = 0
    counted_at: int = 0
    """When it was last counted without a schedule, in nanoseconds since 1970."""


class LabelSets:
    """Decides which queues and task types have counters of their own: those of the known schedules, up to a bound.

    Their names come from the bucket, which others write. So a name is forgotten with its last schedule, a long name is
    cut, and names beyond the bound are counted as `OTHER`.
    """

    def __init__(
        self,
        counters: Sequence[dict[Names, float]],
        clock: Callable[[], int],
        *,
        detailed: dict[Names, float] | None = None,
        details: Sequence[str] = (),
    ) -> None:
        """`counters` have these labels; `clock` gives nanoseconds since 1970.

        `detailed` is a counter with one more label, whose values are `details` and `OTHER`.
        """
        self._counters = counters
        self._clock = clock
        self._detailed = {} if detailed is None else detailed
        self._details = details
        self._sets: dict[Names, _Set] = {}
        self._left_over: dict[Names, _Set] = {}
        """Names without a schedule."""
        self._own = 0
        """How many sets have labels of their own."""

    def expect(self, names: Names) -> None:
        """Count one more schedule with these names; their counters begin at 0."""
        found = self._sets.get(names) or self._add(names)
        self._left_over.pop(names, None)
        found.schedules += 1
        for counter in self._counters:
            counter.setdefault(found.labels, 0)
        for detail in self._details:
            self._detailed.setdefault((*found.labels, detail), 0)

    def forget(self, names: Names) -> None:
        """Count one schedule less; the labels go with the last one."""
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
        found = self._sets[names] = _Set(tuple(map(_label, names)) if fits else (OTHER,) * len(names))
        return found

    def _remove(self, names: Names) -> None:
        found = self._sets.pop(names)
        self._left_over.pop(names, None)
        if found.labels[0] != OTHER:
            self._own -= 1
            for counter in self._counters:
                counter.pop(found.labels, None)
            for detail in (*self._details, OTHER):
                self._detailed.pop((*found.labels, detail), None)


def _label(name: str) -> str:
    """A name as a label; a long one is cut and ends in a digest, which distinguishes it from others that begin the
    same."""
    data = name.encode("utf-8", "replace")
    if len(data) > LONGEST_LABEL:
        digest = hashlib.sha256(data).hexdigest()[:8]
        data = data[: LONGEST_LABEL - len(digest) - 3] + f"…{digest}".encode()
    return data.decode("utf-8", "ignore")
