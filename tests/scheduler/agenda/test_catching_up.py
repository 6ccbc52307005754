"""What was missed is given out in slices, in order, and no more of it is held than is soon fired."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import count

import pytest

from ajsync.asyncjobs.due import times_of
from ajsync.asyncjobs.ids import fire_task_id
from ajsync.asyncjobs.model import Catchup, Managed
from ajsync.asyncjobs.names import TASKS_STREAM
from ajsync.asyncjobs.tasks import task_subject
from ajsync.scheduler.agenda.agenda import AgendaEntry, Fire
from ajsync.scheduler.agenda.catch_up import Gap
from ajsync.scheduler.agenda.catching_up import CatchingUp
from ajsync.scheduler.election.watermark import Span
from ajsync.scheduler.firing.lifecycle import State
from ajsync.scheduler.scheduler import Scheduler
from ajsync.timestamp import NANOSECONDS as SECOND
from ajsync.transport.connection import connect
from ajsync.transport.context import context_for_server
from tests.nats_server import NatsServer
from tests.scheduler.clocks import HostClock
from tests.scheduler.fires import make_queue
from tests.scheduler.log import fields
from tests.scheduler.running import doomed, put, running
from tests.tasks import OWNER, task
from tests.waiting import until

HOUR = 3600 * SECOND
YEAR = 8760 * HOUR
END = 1_795_521_600 * SECOND
A_YEAR = Gap(END - YEAR, END)
STEPS_A_SLICE = 6
"""A slice lasts 5 ms, and the clock of these tests goes on by one with each look at it."""
MOST_READY = 250


def entry(name: str, catchup: Catchup = "all", schedule: str = "* * * * *", since: int = 0) -> AgendaEntry:
    scheduled = task(name, schedule=schedule, managed=Managed(OWNER, catchup=catchup))
    return AgendaEntry(scheduled, times_of(scheduled), since)


@dataclass
class Observed:
    """A catch-up, and what it does."""

    ready: list[Fire] = field(default_factory=list)
    looked_for: list[Fire] = field(default_factory=list)
    let_go: int = 0
    may_look: bool = True

    def __post_init__(self) -> None:
        milliseconds = count()
        self.catching_up = CatchingUp(
            YEAR,
            make_good=self.ready.append,
            look_for=self.looked_for.append,
            has_room=lambda: self.may_look and len(self.ready) < MOST_READY,
            let_go=self._let_go,
            clock=lambda: next(milliseconds) / 1000,
        )

    def _let_go(self, fires: int) -> None:
        self.let_go += fires

    def slices(self) -> Iterator[list[Fire]]:
        """What each slice gives out, and is taken from it."""
        while self.catching_up.goes_on:
            self.catching_up.step()
            yield list(self.ready)
            self.ready.clear()


def test_no_slice_does_more_than_a_few_steps_however_much_was_missed() -> None:
    observed = Observed()
    observed.catching_up.begin(A_YEAR, [entry(f"S{number}") for number in range(20)])
    slices = observed.slices()
    given = [next(slices) for _ in range(200)]
    assert max(map(len, given)) <= STEPS_A_SLICE
    assert sum(map(len, given)) > 900


def test_it_holds_no_more_than_is_soon_fired() -> None:
    observed = Observed()
    observed.catching_up.begin(A_YEAR, [entry("A"), entry("B")])
    for _ in range(100):
        observed.catching_up.step()
    assert len(observed.ready) == MOST_READY
    assert not observed.catching_up.has_work
    assert observed.catching_up.goes_on


def test_all_schedules_are_made_good_together_in_the_order_in_which_they_were_due() -> None:
    gap = Gap(END - 10 * 60 * SECOND, END)
    observed = Observed()
    observed.catching_up.begin(gap, [entry("A"), entry("B", "latest"), entry("C", schedule="*/5 * * * *")])
    given = [fire for each in observed.slices() for fire in each]
    assert [fire.due for fire in given] == sorted(fire.due for fire in given)
    assert {name: len([fire for fire in given if fire.task.name == name]) for name in "ABC"} == {
        "A": 10,
        "B": 1,
        "C": 2,
    }
    assert observed.let_go == 9


def test_it_says_of_which_times_not_everything_is_given_out() -> None:
    observed = Observed()
    observed.catching_up.begin(A_YEAR, [entry("A")])
    assert observed.catching_up.open_gaps() == ((A_YEAR.after, A_YEAR.until),)
    given: list[Fire] = []
    for each in observed.slices():
        given += each
        if len(given) > 100:
            break
    ((after, end),) = observed.catching_up.open_gaps()
    assert end == A_YEAR.until
    assert given[-1].due <= after < given[-1].due + 60 * SECOND


def test_a_clock_that_is_set_back_leaves_of_a_gap_what_was_due_before() -> None:
    observed = Observed()
    observed.catching_up.begin(Gap(END - 3 * HOUR, END), [entry("A"), entry("B")])
    observed.catching_up.begin(Gap(END + HOUR, END + 2 * HOUR), [entry("A")])
    slices = observed.slices()
    given = [fire.due for _ in range(10) for fire in next(slices)]
    observed.catching_up.set_back(END - HOUR)
    assert [until for _, until in observed.catching_up.open_gaps()] == [END - HOUR]
    given += [fire.due for each in slices for fire in each]
    assert len(given) == 2 * 120
    assert max(given) == END - HOUR


def test_a_second_gap_does_not_make_it_hurry_through_the_first() -> None:
    observed = Observed()
    observed.catching_up.begin(Gap(END - HOUR, END), [entry("A")])
    observed.catching_up.step()
    observed.catching_up.begin(Gap(END + HOUR, END + 2 * HOUR), [entry("A")])
    assert len(observed.ready) <= STEPS_A_SLICE
    assert [until for _, until in observed.catching_up.open_gaps()] == [END, END + 2 * HOUR]
    given = [fire.due for each in observed.slices() for fire in each]
    assert len(given) == len(set(given)) == 120


def test_thousands_of_schedules_are_looked_at_in_slices() -> None:
    observed = Observed()
    entries = [entry(f"S{number}", "latest", f"{number % 60} {number // 60 % 24} * * *") for number in range(3000)]
    observed.catching_up.begin(A_YEAR, entries)
    given = [*observed.slices()]
    assert max(map(len, given)) <= MOST_READY
    assert len(given) > 3000 / STEPS_A_SLICE
    assert sum(map(len, given)) == 3000
    assert observed.let_go == 3000 * 364


def test_what_may_have_been_begun_is_looked_for_no_faster_than_it_is_found() -> None:
    observed = Observed(may_look=False)
    gap = Gap(END - HOUR, END, begun_until=END)
    observed.catching_up.begin(gap, [entry("A", "latest")])
    observed.catching_up.step()
    assert observed.looked_for == []
    observed.may_look = True
    given = [fire.due for each in observed.slices() for fire in each]
    assert given == [END]
    assert [fire.due for fire in observed.looked_for] == [END - minute * 60 * SECOND for minute in range(59, 0, -1)]
    assert observed.let_go == 0
    for fire in observed.looked_for:
        observed.catching_up.not_begun(fire)
    assert observed.let_go == 59


def test_entries_that_ended_are_told_of_until_they_are_done_with() -> None:
    observed = Observed()
    ended = entry("OLD")
    ended.until = END - 30 * 60 * SECOND
    observed.catching_up.begin(Gap(END - HOUR, END), [entry("A"), ended])
    observed.catching_up.step()
    assert observed.catching_up.ended_entries() == [ended]
    assert len([*observed.slices()]) > 1
    assert observed.catching_up.ended_entries() == []


def windowed(hours: int) -> AgendaEntry:
    """An entry that is due each minute, with a window of its own."""
    scheduled = task("A", schedule="* * * * *", managed=Managed(OWNER, catchup="all", catchup_window=hours * HOUR))
    return AgendaEntry(scheduled, times_of(scheduled), 0)


@pytest.mark.parametrize(("window_until", "minutes"), [(None, 60), (END + HOUR // 2, 30), (END - HOUR // 2, 90)])
def test_a_window_reaches_back_from_the_same_instant_when_a_gap_ends_earlier(
    window_until: int | None, minutes: int
) -> None:
    observed = Observed()
    observed.catching_up.begin(Gap(END - 9 * HOUR, END, window_until=window_until), [windowed(2)])
    observed.catching_up.set_back(END - HOUR // 2)
    observed.catching_up.set_back(END - HOUR)  # again
    given = [fire.due for each in observed.slices() for fire in each]
    assert len(given) == minutes
    assert given[-1] == END - HOUR


@pytest.mark.parametrize(("schedule", "given"), [("30 * * * *", [END - HOUR // 2]), ("50 * * * *", [])])
def test_what_was_found_already_is_given_out_up_to_where_a_gap_ends_earlier(schedule: str, given: list[int]) -> None:
    made: list[Fire] = []
    room = iter([True])
    catching_up = CatchingUp(
        YEAR, make_good=made.append, look_for=made.append, has_room=lambda: next(room, False), let_go=lambda _: None
    )
    catching_up.begin(Gap(END - HOUR, END), [entry("A", schedule=schedule)])
    catching_up.step()  # which looks, and gives out nothing yet
    assert made == []
    catching_up.set_back(END - HOUR // 2)
    room = iter([True] * 9)
    catching_up.step()
    assert [fire.due for fire in made] == given


def test_a_gap_that_begins_where_the_clock_is_set_back_to_is_forgotten() -> None:
    observed = Observed()
    observed.catching_up.begin(Gap(END, END + HOUR), [entry("A")])
    observed.catching_up.set_back(END)
    assert not observed.catching_up.goes_on


@pytest.mark.parametrize(("window_until", "first"), [(None, END - 2 * HOUR), (END + HOUR, END - HOUR)])
def test_what_was_not_begun_counts_if_it_lies_in_the_window(window_until: int | None, first: int) -> None:
    observed = Observed()
    each = windowed(2)
    observed.catching_up.begin(Gap(END - 9 * HOUR, END, window_until=window_until), [each])
    observed.catching_up.not_begun(Fire(first, each))
    assert observed.let_go == 0
    observed.catching_up.not_begun(Fire(first + 1, each))
    assert observed.let_go == 1


def test_what_a_gap_comes_to_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    observed = Observed()
    entries = [entry("A"), entry("B", schedule="*/5 * * * *"), entry("C", "latest"), entry("D", "none")]
    observed.catching_up.begin(Gap(END - 10 * 60 * SECOND, END), entries)
    assert len([*observed.slices()]) > 1
    (record,) = caplog.records
    assert record.getMessage() == "Of the missed fires 13 are made good, and 19 are let go by their policies"
    assert fields(record) == {"made_good": 13, "let_go": 19}


@pytest.mark.anyio
async def test_a_year_is_made_good_beside_what_is_due_now_and_the_next_leader_goes_on_where_it_was(
    server: NatsServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("ajsync.scheduler.server_clock._EVERY_SECONDS", 0.2)
    monkeypatch.setattr("ajsync.scheduler.term._DRAIN_SECONDS", 30.0)  # what it has begun may take long to finish here
    clock = HostClock()
    async with connect(context_for_server(server.url)) as connection, AsyncExitStack() as stack:
        await make_queue(connection)
        async with doomed(server.url, clock=clock, takeover_after=0.5) as first:
            second = await stack.enter_async_context(running(server.url, "two", clock=clock, takeover_after=0.5))
            managed = Managed(OWNER, catchup="all", catchup_window=YEAR)
            await put(connection, "OLD", schedule="* * * * *", task_type="old", managed=managed)
            await put(connection, "NOW", task_type="now", managed=Managed(OWNER, catchup="none"))
            await until(lambda: second.role.loaded and len(second.agenda) == 2)
            began, clock.ahead = clock(), YEAR
            leapt = clock()
            await until(lambda: gaps(second) != [] and gaps(second)[0][0] > began + 24 * HOUR)
            (now,) = (entry for entry in first.agenda.entries() if entry.task.name == "NOW")
        mark = second.watermark
        assert mark is not None
        assert mark.instant > leapt
        await until(lambda: second.leads)
        await until(lambda: second.watermark is not None and second.watermark.leader == "two")
        assert gaps(second)[0][0] >= mark.catching_up[0][0]
        await until(lambda: gaps(second)[0][0] > mark.catching_up[0][0] + 24 * HOUR)
        last = second.watermark
        assert last is not None
        reached, left_open = last.catching_up[0][0], last.open
        request = {"subjects_filter": task_subject("*")}
        info = await connection.jetstream_request(f"STREAM.INFO.{TASKS_STREAM}", request)
        minute = 60 * SECOND
        fires = [("OLD", due) for due in range(began // minute * minute + minute, reached, minute)]
        fires += [("NOW", due) for due in now.times.between(leapt, mark.instant)]
        assert fires[-1][0] == "NOW", "what is due now waits"
        made = {task_subject(fire_task_id(*each)) for each in fires if each not in left_open}
        assert made <= info["state"]["subjects"].keys()
    silences = [fields(record)["seconds"] for record in caplog.records if "Nothing was fired" in record.message]
    assert all(not 100 < float(seconds) < YEAR / SECOND - 100 for seconds in silences), silences
    assert "Stopping with" not in caplog.text, "it finishes what it has begun, and begins nothing more"


@pytest.mark.anyio
async def test_what_is_due_now_does_not_wait_for_what_is_too_late_for_its_deadline(server: NatsServer) -> None:
    clock = HostClock()

    def too_late(scheduler: Scheduler) -> float:
        missed = re.search(rb'missed_total{reason="deadline"} (\d+)', scheduler.metrics.exposition())
        return float(missed[1]) if missed else 0

    async with connect(context_for_server(server.url)) as connection:
        await make_queue(connection)
        async with doomed(server.url, clock=clock) as scheduler:
            managed = Managed(OWNER, catchup="all", catchup_window=YEAR)
            for number in range(3):
                await put(connection, f"OLD{number}", schedule="@every 61s", deadline=SECOND, managed=managed)
            await put(connection, "NOW", schedule="@every 7s", managed=Managed(OWNER, catchup="none"))
            await until(lambda: scheduler.leads and len(scheduler.agenda) == 4)
            clock.ahead = YEAR
            await until(lambda: too_late(scheduler) > 1000)
            term = scheduler.term
            assert term is not None

            def waits() -> bool:
                return any(fire.name == "NOW" and fire.state is State.PREPARED for fire in term._ledger)

            await until(waits)
            due = min(fire.due for fire in term._ledger if fire.name == "NOW")
            await until(lambda: clock() >= due)
            before = too_late(scheduler)
            await until(lambda: not waits())
            assert too_late(scheduler) - before < 2000
            assert term._feed is not None
            assert term._feed._catching_up.goes_on


def gaps(scheduler: Scheduler) -> list[Span]:
    mark = scheduler.watermark
    return [] if mark is None else [*mark.catching_up]
