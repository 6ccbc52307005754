"""Figures beside their floors: measured in turn, reported as medians and bests, one line each."""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Callable, Sequence

Pairs = tuple[list[float], list[float]]
"""What was measured of ours and of the floor, round by round."""


def in_turn(rounds: int, ours: Callable[[], float], floor: Callable[[], float]) -> Pairs:
    """Seconds of ours and of the floor, measured in turn so that a machine that slows down slows both."""
    pairs = [(ours(), floor()) for _ in range(rounds)]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def report(what: str, measured: Pairs, aim: float) -> None:
    """Print seconds: medians, their ratio, and the ratio of the bests, which a busy machine disturbs least."""
    (ours, floor), (best, best_floor) = map(statistics.median, measured), map(min, measured)
    line(
        what,
        f"{ours:8.3f} s",
        f"floor {floor:7.3f} s   ratio {ours / floor:5.2f} (of the bests {best / best_floor:.2f})   aim {aim}",
    )


def line(what: str, figure: str, rest: str = "") -> None:
    """Print one figure."""
    print(f"{what:<50} {figure:>14}   {rest}".rstrip(), flush=True)


def percentile(values: Sequence[float], percent: int) -> float:
    """The value that `percent` per cent of `values` do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def process_seconds(*command: str) -> float:
    """How long a process takes, from start to end."""
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began
