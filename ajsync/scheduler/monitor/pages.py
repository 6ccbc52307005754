"""Makes the pages in a thread that takes a limited share of the processor and gives way to the loop that fires.

The loop takes a view at most once a second, however many clients ask. All clients that ask for the same page of one
view get the same bytes. After each page the thread rests for longer than it worked.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, TypeAlias, TypeVar

from ajsync.asyncjobs.due import Upcoming
from ajsync.asyncjobs.model import ScheduledTask
from ajsync.scheduler.monitor.page.overview import overview
from ajsync.scheduler.monitor.page.query import Query
from ajsync.scheduler.monitor.page.schedule import schedule_page
from ajsync.scheduler.monitor.page.schedules import schedules_page, select
from ajsync.scheduler.monitor.page.strips import fires_ahead
from ajsync.scheduler.monitor.view import Past, View, ViewSource
from ajsync.timestamp import NANOSECONDS

_FRESH_SECONDS = 1.0
_MOST_PAGES = 64
"""How many pages of one view are kept, and how many are being made at a time."""
_REST = 4
"""The thread rests this many times as long as it worked."""
_LONGEST_REST_SECONDS = 1.0
_PIECE_SECONDS = 0.005
"""Seconds of work after which the thread rests in the middle of a long computation."""
_REFRESH_SECONDS = 1.0
"""How long a page waits for answers of the server; later ones appear on the next page."""
_BETWEEN_LOOKS_SECONDS = 0.25
"""Pause between two look-ups of past fires, which share the connection with fires that are due."""
_COUNTED_SECONDS = 0.3
"""How long a page waits for the count of the fires of the next day, which takes longer for many schedules."""
_AHEAD_SECONDS = 60
"""How long the count of the fires of the next day stays valid."""
_MINUTE = 60 * NANOSECONDS

T = TypeVar("T")
Make: TypeAlias = Callable[[View, Query], Coroutine[Any, Any, bytes]]


class BusyError(Exception):
    """Too many pages are being made to begin another one."""


class _StoppedError(Exception):
    """The monitor ends, and with it a computation in a thread."""


class Pages:
    """The pages of one scheduler."""

    def __init__(self, source: ViewSource, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` gives seconds."""
        self._source = source
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, "ajsync-pages")
        self._counting = ThreadPoolExecutor(1, "ajsync-ahead")
        self._view: View | None = None
        self._taken_at = 0.0
        self._made: dict[tuple[str, Query], asyncio.Task[bytes]] = {}
        self._making: set[asyncio.Task[bytes]] = set()
        self._stopped = threading.Event()
        self._refreshing: asyncio.Task[None] | None = None
        self._looking = asyncio.Lock()
        self._looked_at = -_BETWEEN_LOOKS_SECONDS
        self._dues = NextDues(Rests(self._stopped))
        self._ahead: tuple[Sequence[int], int] = ((), 0)
        """How many fires are due in each half hour, and when the first one begins."""
        self._ahead_at = -float("inf")
        self._count: asyncio.Future[None] | None = None

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Make pages while the block runs."""
        try:
            yield
        finally:
            self._stopped.set()
            for job in (*self._making, *filter(None, (self._refreshing,))):
                job.cancel()
            for thread in (self._thread, self._counting):
                thread.shutdown(wait=False, cancel_futures=True)

    async def overview(self, query: Query) -> bytes:
        """The front page. This and the others raise BusyError."""
        await self._refresh()
        return await self._once("overview", query, self._overview)

    async def schedules(self, query: Query) -> bytes:
        """The table of schedules."""
        return await self._once("schedules", query, self._schedules)

    async def schedule(self, query: Query) -> bytes:
        """The page of one schedule."""
        return await self._once("schedule", query, self._schedule)

    async def _once(self, path: str, query: Query, make: Make) -> bytes:
        now = self._clock()
        if self._view is None or now - self._taken_at >= _FRESH_SECONDS:
            self._view, self._taken_at = self._source.view(), now
            self._made.clear()
        making = self._made.get((path, query))
        if making is None:
            if len(self._making) >= _MOST_PAGES:
                raise BusyError
            making = asyncio.create_task(make(self._view, query))
            self._making.add(making)
            making.add_done_callback(self._making.discard)
            if len(self._made) < _MOST_PAGES:
                self._made[path, query] = making
        # The client that asked first may go away while others still wait.
        return await asyncio.shield(making)

    async def _refresh(self) -> None:
        if self._refreshing is None or self._refreshing.done():
            self._refreshing = asyncio.create_task(self._source.refresh())
        await asyncio.wait((self._refreshing,), timeout=_REFRESH_SECONDS)

    async def _overview(self, view: View, query: Query) -> bytes:
        if counting := self._count_ahead(view):
            await asyncio.wait((counting,), timeout=_COUNTED_SECONDS)
        counts, start = self._ahead
        return await self._work(partial(overview, view, query, counts, start))

    async def _schedules(self, view: View, query: Query) -> bytes:
        next_dues = partial(self._dues.of, view.tasks, view.status.now)
        selected = await self._work(partial(select, view, query, next_dues))
        outcomes = self._source.outcomes(selected.names)
        return await self._work(partial(schedules_page, view, query, selected, outcomes))

    async def _schedule(self, view: View, query: Query) -> bytes:
        past = await self._past(query.name) if query.name in view.tasks else Past()
        outcome = self._source.outcomes([query.name]).get(query.name)
        return await self._work(partial(schedule_page, view, query, outcome, past, self._source.yaml))

    async def _past(self, name: str) -> Past:
        async with self._looking:
            await asyncio.sleep(max(self._looked_at + _BETWEEN_LOOKS_SECONDS - self._clock(), 0))
            try:
                return await self._source.past(name)
            finally:
                self._looked_at = self._clock()

    async def _work(self, make: Callable[[], T]) -> T:
        """Run in the thread, and let it rest afterwards."""
        loop = asyncio.get_running_loop()
        begun = 0.0

        def work() -> T:
            nonlocal begun
            begun = time.thread_time()
            try:
                return make()
            finally:
                begun = time.thread_time() - begun

        try:
            return await loop.run_in_executor(self._thread, work)
        finally:
            if not self._stopped.is_set():
                self._thread.submit(self._stopped.wait, min(begun * _REST, _LONGEST_REST_SECONDS))

    def _count_ahead(self, view: View) -> asyncio.Future[None] | None:
        """Begin to count the fires of the next day, unless that was done a moment ago or is under way."""
        now = self._clock()
        if now - self._ahead_at < _AHEAD_SECONDS or (self._count is not None and not self._count.done()):
            return None
        start = view.status.now // _MINUTE * _MINUTE

        def count() -> None:
            with suppress(_StoppedError):
                self._ahead = fires_ahead(view.tasks.values(), start, Rests(self._stopped)), start

        self._ahead_at = now
        self._count = asyncio.get_running_loop().run_in_executor(self._counting, count)
        return self._count


class Rests:
    """Lets a thread rest in proportion to its work; a long computation calls it repeatedly."""

    def __init__(self, stopped: threading.Event) -> None:
        """Once `stopped` is set, the computation ends with an exception."""
        self._stopped = stopped
        self._since = 0.0

    def __call__(self) -> None:
        """Rest if there was enough work since the last rest."""
        worked = time.thread_time() - self._since
        if worked >= _PIECE_SECONDS:
            if self._stopped.wait(min(worked * _REST, _LONGEST_REST_SECONDS)):
                raise _StoppedError
            self._since = time.thread_time()


class NextDues:
    """When each schedule is due next; computed anew only after that instant or a change of the schedule."""

    def __init__(self, rest: Callable[[], None]) -> None:
        """`rest` is called after each schedule that was computed, so that a thread can give way."""
        self._rest = rest
        self._known: dict[str, tuple[ScheduledTask, int]] = {}

    def of(self, tasks: Mapping[str, ScheduledTask], now: int) -> Mapping[str, int]:
        """The next due instants by name, in nanoseconds since 1970; schedules that are not due again are left out."""
        upcoming = Upcoming(now + 1, 1)
        known: dict[str, tuple[ScheduledTask, int]] = {}
        for name, task in tasks.items():
            found = self._known.get(name)
            if found is None or found[0] is not task or 0 < found[1] <= now:
                dues = upcoming.of(task).dues
                found = task, dues[0] if dues else 0
                self._rest()
            known[name] = found
        self._known = known
        return {name: due for name, (_, due) in known.items() if due}
