"""Figures beside their floors: measured in turn, reported as medians and bests, one line each."""

from __future__ import annotations

import os
import pty
import statistics
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, NamedTuple

_LAUNCHER = """
import os, sys, time
output, *command = sys.argv[1:]
streams = [(os.POSIX_SPAWN_DUP2, int(output), each) for each in ((1, 2) if os.isatty(int(output)) else (1,))]
began = time.perf_counter()
pid = os.posix_spawnp(command[0], command, os.environ, file_actions=streams)
_, status, usage = os.wait4(pid, 0)
wall = time.perf_counter() - began
print(os.waitstatus_to_exitcode(status), wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
"""
"""A small process between the bench and what it measures: the kernel counts the memory of who starts a process as the
memory of that process."""

Pairs = tuple[list[float], list[float]]
"""What was measured of ours and of the floor, round by round."""


class Line(NamedTuple):
    """One figure."""

    what: str
    figure: str
    beside: str
    """Its floor, its smaller size and its aim, as far as it has any, with three spaces between them."""


lines: list[Line] = []
"""What has been printed; who takes it away empties the list."""


def in_turn(rounds: int, ours: Callable[[], float], floor: Callable[[], float]) -> Pairs:
    """Seconds of ours and of the floor, measured in turn so that a machine that slows down slows both."""
    pairs = [(ours(), floor()) for _ in range(rounds)]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def report(what: str, measured: Pairs, aim: float = 0) -> None:
    """Print seconds: medians, their ratio, and the ratio of the bests, which a busy machine disturbs least."""
    (ours, floor), (best, best_floor) = map(statistics.median, measured), map(min, measured)
    line(
        what,
        f"{ours:8.3f} s",
        f"floor {floor:7.3f} s   ratio {ours / floor:5.2f} (of the bests {best / best_floor:.2f})"
        + (f"   aim {aim}" if aim else ""),
    )


def line(what: str, figure: str, rest: str = "") -> None:
    """Print one figure, and keep it."""
    lines.append(Line(what, figure, rest.strip()))
    print(f"{what:<50} {figure:>14}   {rest}".rstrip(), flush=True)


def percentile(values: Sequence[float], percent: int) -> float:
    """The value that `percent` per cent of `values` do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


class Spent(NamedTuple):
    """What a process took, in seconds."""

    wall: float
    processor: float
    """Of all its threads, in the kernel too."""
    peak: float
    """The most memory that it has held at once, in MiB."""


def process_seconds(*command: str) -> float:
    """How long a process takes, from start to end."""
    return process_spent(*command).wall


def process_spent(*command: str, terminal: bool = False) -> Spent:
    """What a process takes, from start to end; what it prints goes nowhere, or with `terminal` to one."""
    with _terminal() if terminal else Path(os.devnull).open("r+") as output:
        launcher = (sys.executable, "-S", "-c", _LAUNCHER, str(output.fileno()), *command)
        environment = {**os.environ, "TERM": "xterm-256color"}
        pipe, descriptors = subprocess.PIPE, (output.fileno(),)
        launched = subprocess.run(launcher, check=True, stdout=pipe, pass_fds=descriptors, env=environment, text=True)
    status, *spent = launched.stdout.split()
    assert status == "0", f"{' '.join(command)} ended with {status}"
    return Spent(*map(float, spent))


@contextmanager
def _terminal() -> Iterator[IO[bytes]]:
    """A terminal of which nobody reads what is printed on it."""
    ours, theirs = pty.openpty()
    threading.Thread(target=_drain, args=(ours,), daemon=True).start()
    with os.fdopen(theirs, "wb", buffering=0) as output:
        yield output


def _drain(terminal: int) -> None:
    with suppress(OSError):  # its end
        while os.read(terminal, 1 << 16):
            pass
    os.close(terminal)
