"""Who makes the pages: once for all who ask for the same, and never so many that they pile up."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import pytest

from ajsync.asyncjobs.outcome import ScheduleOutcome
from ajsync.scheduler.monitor import pages as pages_module
from ajsync.scheduler.monitor.page.query import Query
from ajsync.scheduler.monitor.pages import BusyError, Pages, Rests
from ajsync.scheduler.monitor.view import Past
from tests.scheduler.monitor.views import FixedSource, scheduled, view_of
from tests.waiting import until

pytestmark = pytest.mark.anyio


class Seconds:
    """A clock that stands still."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def opened(source: FixedSource, clock: Seconds | None = None) -> AsyncIterator[Pages]:
    pages = Pages(source, clock or Seconds())
    async with pages.open():
        yield pages


async def test_a_view_is_taken_once_a_second_and_a_page_made_once_for_all() -> None:
    source, clock = FixedSource(view_of(scheduled())), Seconds()
    async with opened(source, clock) as pages:
        first, second = await asyncio.gather(pages.overview(Query()), pages.overview(Query()))
        assert first is second
        assert await pages.schedules(Query()) is not first
        assert source.views == 1
        clock.now += 1
        assert await pages.overview(Query()) is not first
        assert source.views == 2


async def test_only_the_outcomes_of_schedules_that_are_shown_are_asked_for() -> None:
    asked: list[Sequence[str]] = []

    class Asked(FixedSource):
        def outcomes(self, names: Sequence[str]) -> Mapping[str, ScheduleOutcome]:
            asked.append(names)
            return {}

    source = Asked(view_of(*(scheduled(f"s-{number:04}") for number in range(1000))))
    async with opened(source) as pages:
        await pages.schedules(Query(sort="name", page=2))
    assert [*map(list, asked)] == [[f"s-{number:04}" for number in range(50, 100)]]


async def test_past_fires_are_looked_up_one_schedule_after_the_other_and_only_of_those_that_exist() -> None:
    under_way = most = 0

    class Slow(FixedSource):
        async def past(self, name: str) -> Past:
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(0)
            under_way -= 1
            return await super().past(name)

    source, clock = Slow(view_of(scheduled("tick"), scheduled("tock"))), Seconds()
    async with opened(source, clock) as pages:
        jobs = [asyncio.create_task(pages.schedule(Query(name=name))) for name in ("tick", "tock", "nobody")]
        await until(lambda: jobs[0].done() and jobs[2].done())
        clock.now += 1
        await asyncio.gather(*jobs)
    assert (sorted(source.looks), most) == (["tick", "tock"], 1)


async def test_so_many_pages_at_a_time_are_made_and_no_more() -> None:
    held = asyncio.Event()

    class Held(FixedSource):
        async def past(self, name: str) -> Past:
            await held.wait()
            return Past()

    source = Held(view_of(scheduled()))
    async with opened(source) as pages:
        many = [
            asyncio.create_task(pages.schedule(Query(name="tick", page=number + 1)))
            for number in range(pages_module._MOST_PAGES)
        ]
        await until(lambda: len(pages._making) == len(many))
        with pytest.raises(BusyError):
            await pages.overview(Query())
        for each in many:
            each.cancel()  # the clients go away, and what was begun for them still counts
        await asyncio.gather(*many, return_exceptions=True)
        with pytest.raises(BusyError):
            await pages.overview(Query())
    assert source.views == 1


async def test_a_server_that_does_not_answer_holds_no_page_up() -> None:
    class Silent(FixedSource):
        async def refresh(self) -> None:
            await asyncio.Event().wait()

    async with asyncio.timeout(60), opened(Silent(view_of(scheduled()))) as pages:
        assert b"All is well" in await pages.overview(Query())
        assert b"All is well" in await pages.overview(Query(zone="Asia/Tokyo"))


async def test_the_fires_of_the_next_day_are_counted_and_soon_shown() -> None:
    async with opened(FixedSource(view_of(scheduled()))) as pages:
        number = 0
        async with asyncio.timeout(60):
            while b"24 fires due" not in await pages.overview(Query(page=number + 1)):
                number += 1


async def test_a_computation_in_a_thread_ends_with_the_monitor() -> None:
    stopped = threading.Event()
    rest = Rests(stopped)
    rest()
    stopped.set()
    rest._since = -1000.0  # it has worked for long
    with pytest.raises(pages_module._StoppedError):
        rest()
