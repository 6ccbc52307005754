"""Metrics as Prometheus reads them: what was counted up to an instant, and its text.

prometheus-client would write a counter `enqueue_count` as `enqueue_count_total`, so the format is written here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Metric:
    """One name that `/metrics` can show; `labels` in the order of the alphabet, as Go writes them."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    help: str


@dataclass(frozen=True, slots=True)
class Histogram:
    """How many values were at most each of the bounds, and more than all of them."""

    bounds: Sequence[float]
    counts: Sequence[int]
    """One more than the bounds, and each only of what is above the bound before."""
    sum: float


@dataclass(frozen=True, slots=True)
class Counts:
    """What was counted, taken at one instant."""

    series: Mapping[Metric, Mapping[tuple[str, ...], float] | Histogram]
    """By the values of their labels; in the order in which they are shown."""

    def exposition(self) -> bytes:
        """Everything in Prometheus' text format, of `CONTENT_TYPE`."""
        lines = [line for metric, series in self.series.items() for line in _lines(metric, series)]
        return "".join(lines).encode("utf-8", "replace")


def _lines(metric: Metric, series: Mapping[tuple[str, ...], float] | Histogram) -> Iterator[str]:
    if not isinstance(series, Histogram) and not series:
        return
    yield f"# HELP {metric.name} {metric.help}\n# TYPE {metric.name} {metric.kind}\n"
    if isinstance(series, Histogram):
        yield from _histogram_lines(metric.name, series)
    elif not metric.labels:
        yield f"{metric.name} {series[()]}\n"
    else:
        head = metric.name + "{" + ",".join(f'{label}="%s"' for label in metric.labels) + "} "
        for values, value in series.items():
            yield f"{head % tuple(map(_escaped, values))}{value}\n"


def _histogram_lines(name: str, histogram: Histogram) -> Iterator[str]:
    counts = list(accumulate(histogram.counts))
    for bound, count in zip(histogram.bounds, counts, strict=False):
        yield f'{name}_bucket{{le="{bound:g}"}} {count}\n'
    yield f'{name}_bucket{{le="+Inf"}} {counts[-1]}\n{name}_sum {histogram.sum}\n{name}_count {counts[-1]}\n'


def _escaped(label: str) -> str:
    # To look first is many times as fast, for hardly any label needs it.
    return label.translate(_ESCAPES) if "\\" in label or '"' in label or "\n" in label else label


_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})
