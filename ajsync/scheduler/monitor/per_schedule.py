"""Metrics of each schedule, with `--metrics-per-schedule`: last success, last outcome and next fire.

They are collected in small parts, since ten thousand schedules take some hundredths of a second.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from ajsync.asyncjobs.outcome import STATES
from ajsync.scheduler.agenda.agenda import FOREVER, Agenda
from ajsync.scheduler.monitor.metrics import LAST_OUTCOME, LAST_SUCCESS, NEXT_FIRE, Metrics
from ajsync.scheduler.monitor.outcomes import Outcomes
from ajsync.scheduler.monitor.series import OTHER, Names
from ajsync.timestamp import NANOSECONDS

MOST_SCHEDULES = 20_000
"""The most schedules. With three lines each, `/metrics` has less than ten megabytes."""
_AT_ONCE = 100
_LEAST_SECONDS = 5.0
_REST = 20
"""They are collected anew after this many times the time that it took."""

Row = tuple[Names, float]


async def show_each(
    metrics: Metrics, outcomes: Outcomes, agenda: Callable[[], Agenda], clock: Callable[[], int]
) -> None:
    """Collect them repeatedly until cancelled; `clock` gives nanoseconds since 1970."""
    while True:
        began = time.monotonic()
        success: list[Row] = []
        last: list[Row] = []
        following: list[Row] = []
        names = agenda().names()[:MOST_SCHEDULES]
        for start in range(0, len(names), _AT_ONCE):
            now = clock()
            for name in names[start : start + _AT_ONCE]:
                due = agenda().next_of(name)
                if due is not None and now < due < FOREVER:
                    following.append(((name,), due / NANOSECONDS))
                known = outcomes.of(name)
                if known is not None:
                    last.append(((name, known.last.state if known.last.state in STATES else OTHER), 1))
                    if known.last_success:
                        success.append(((name,), known.last_success / NANOSECONDS))
            await asyncio.sleep(0)
        for metric, rows in ((LAST_SUCCESS, success), (LAST_OUTCOME, last), (NEXT_FIRE, following)):
            metrics.show(metric, rows)
        await asyncio.sleep(max(_LEAST_SECONDS, _REST * (time.monotonic() - began)))
