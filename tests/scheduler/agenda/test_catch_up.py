"""What was missed is made good by each schedule's policy within its window, and nothing is due before it was stored."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ajsync.asyncjobs.due import jitter_offset, times_of
from ajsync.asyncjobs.history import previous_dues
from ajsync.asyncjobs.ids import fire_task_id
from ajsync.asyncjobs.model import Catchup, Managed, ScheduledTask
from ajsync.scheduler.agenda.agenda import FOREVER, AgendaEntry
from ajsync.scheduler.agenda.catch_up import Gap, catch_up
from ajsync.timestamp import NANOSECONDS as SECOND
from ajsync.timestamp import format_timestamp, parse_timestamp
from tests.scheduler.firing.searches import Searches
from tests.tasks import OWNER, task

START = int(datetime(2026, 11, 24, 12, 0, tzinfo=UTC).timestamp()) * SECOND
HOUR = 3600 * SECOND
# Each with a plain rule for the seconds, counted from the start, at which it is due without jitter.
RULES: dict[str, Callable[[int, int], bool]] = {
    "* * * * *": lambda second, _created: second % 60 == 0,
    "*/7 * * * *": lambda second, _created: second % 60 == 0 and second // 60 % 60 % 7 == 0,
    "5 13 * * *": lambda second, _created: second % 86400 == 3900,
    "@every 1s": lambda _second, _created: True,
    "@every 90s": lambda second, created: (second - created) % 90 == 0,
    "0 0 30 2 *": lambda _second, _created: False,
}
SECONDS = st.integers(0, 5000)


def shown(second: int) -> str:
    """A second counted from the start, as an instant of a season."""
    return format_timestamp(START + second * SECOND)


@st.composite
def entries(draw: st.DrawFn) -> AgendaEntry:
    """Any entry, stored at some second and maybe replaced at another."""
    managed = Managed(
        OWNER,
        catchup=draw(st.sampled_from(["none", "latest", "all"])),
        catchup_window=draw(st.sampled_from([0, 60 * SECOND, 600 * SECOND])),
        jitter=draw(st.sampled_from([0, 10 * SECOND, 200 * SECOND])),
        from_=draw(st.just("") | SECONDS.map(shown)),
        until=draw(st.just("") | SECONDS.map(shown)),
        except_=draw(st.sampled_from([(), ("2026-11-23", "2026-11-25"), ("2026-11-24",)])),
    )
    schedule = draw(st.sampled_from(list(RULES)))
    created = START + draw(st.integers(0, 200)) * SECOND
    scheduled = task("A", schedule=schedule, created_at=created, managed=draw(st.sampled_from([managed, None])))
    entry = AgendaEntry(scheduled, times_of(scheduled), START + draw(SECONDS) * SECOND)
    entry.until = draw(st.just(FOREVER) | SECONDS.map(lambda second: START + second * SECOND))
    return entry


def dues(scheduled: ScheduledTask, after: int, until: int) -> list[int]:
    """By looking at each second: the instants in (`after`, `until`] at which the schedule is due."""
    offset, rule = jitter_offset(scheduled), RULES[scheduled.schedule]
    created = (scheduled.created_at - START) // SECOND
    first, last = (after - offset - START) // SECOND, (until - offset - START) // SECOND
    settings = scheduled.settings
    begin = parse_timestamp(settings.from_) if settings.from_ else 0
    end = parse_timestamp(settings.until) if settings.until else FOREVER
    closed = "2026-11-24" in settings.except_  # the day of all that is looked at
    bases = [START + second * SECOND for second in range(first, last + 1) if rule(second, created) and not closed]
    instants = [base + offset for base in bases if begin <= base <= end]
    interval = {"@every 1s": SECOND, "@every 90s": 90 * SECOND}.get(scheduled.schedule, 0)
    too_soon = range(scheduled.created_at + 1, scheduled.created_at + interval)  # not before a whole interval
    return [instant for instant in instants if after < instant <= until and instant not in too_soon]


def model(entry: AgendaEntry, gap: Gap, window: int) -> tuple[list[tuple[int, bool]], int, int]:
    """What is made good or looked for, how many are made good, and how many let go, by looking at each second."""
    managed = entry.task.managed
    policy: Catchup = managed.catchup if managed is not None else "latest"
    if managed is not None and managed.catchup_window:
        window = managed.catchup_window
    since, until = max(gap.after, entry.since), min(gap.until, entry.until)
    window_until = gap.until if gap.window_until is None else gap.window_until
    missed = dues(entry.task, max(since, window_until - window), until)
    made_good = missed if policy == "all" else missed[-1:] if policy == "latest" else []
    begun = set(dues(entry.task, since, min(until, gap.begun_until))) - set(made_good)
    found = sorted([(due, True) for due in made_good] + [(due, False) for due in begun])
    return found, len(made_good), len(set(missed) - set(made_good) - begun)


@given(
    entries(),
    SECONDS,
    SECONDS,
    st.sampled_from([300 * SECOND, HOUR]),
    st.just(0) | SECONDS.map(lambda second: START + second * SECOND),
    st.none() | st.integers(0, 1000),
)
def test_catch_up_is_what_looking_at_each_second_gives(
    entry: AgendaEntry, after: int, until: int, window: int, begun_until: int, later: int | None
) -> None:
    window_until = None if later is None else START + (until + later) * SECOND
    gap = Gap(START + after * SECOND, START + until * SECOND, begun_until, window_until)
    missed = catch_up(entry, gap, window)
    assert (list(missed.dues()), missed.made_good, missed.let_go) == model(entry, gap, window)


@given(entries(), SECONDS)
def test_previous_dues_are_all_that_were_due_before_newest_first(entry: AgendaEntry, due: int) -> None:
    instant = START + due * SECOND
    hour = dues(entry.task, instant - HOUR, instant - 1)[::-1]
    assert list(islice(previous_dues(entry.times, instant), len(hour))) == hour


def test_a_schedule_that_is_never_due_was_never_due_before() -> None:
    assert list(previous_dues(entry_of("0 0 30 2 *", 0).times, START)) == []


def entry_of(schedule: str, since: int, **managed: object) -> AgendaEntry:
    scheduled = task("A", schedule=schedule, managed=Managed(OWNER, **managed))  # type: ignore[arg-type]
    return AgendaEntry(scheduled, times_of(scheduled), since)


def made_good(entry: AgendaEntry, gap: Gap, window: int = HOUR) -> list[int]:
    return [due for due, good in catch_up(entry, gap, window).dues() if good]


def test_each_policy_makes_good_what_it_says_and_counts_the_rest() -> None:
    gap = Gap(START, START + 600 * SECOND)
    fired = {}
    for policy in ("none", "latest", "all"):
        entry = entry_of("* * * * *", 0, catchup=policy)
        fired[policy] = [(due - START) // SECOND for due in made_good(entry, gap)], catch_up(entry, gap, HOUR).let_go
    every = list(range(60, 601, 60))
    assert fired == {"none": ([], 10), "latest": ([600], 9), "all": (every, 0)}


def test_nothing_is_made_good_that_was_due_before_the_schedule_was_stored() -> None:
    gap = Gap(START, START + 600 * SECOND)
    entry = entry_of("* * * * *", START + 540 * SECOND, catchup="all")
    assert made_good(entry, gap) == [START + 600 * SECOND]


def test_the_latest_before_the_window_is_not_made_good() -> None:
    gap = Gap(START - 48 * HOUR, START + 2 * HOUR)
    noon = entry_of("0 12 * * *", 0)
    assert (made_good(noon, gap), catch_up(noon, gap, HOUR).let_go) == ([], 0)
    assert made_good(noon, gap, 3 * HOUR) == [START]
    assert made_good(entry_of("0 12 * * *", 0, catchup_window=3 * HOUR), gap) == [START]


@pytest.mark.parametrize("policy", ["none", "latest", "all"])
def test_what_the_leader_before_may_have_begun_is_looked_for_though_its_window_is_over(policy: str) -> None:
    gap = Gap(START - 48 * HOUR, START + 2 * HOUR, begun_until=START - 47 * HOUR)
    found = list(catch_up(entry_of("0 * * * *", 0, catchup=policy), gap, HOUR).dues())
    assert found[0] == (START - 47 * HOUR, False)


@pytest.mark.parametrize("policy", ["none", "latest", "all"])
def test_a_year_of_minutes_takes_no_more_than_some_searches(policy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    searches = Searches(monkeypatch)
    gap = Gap(START - 365 * 24 * HOUR, START, begun_until=START - 365 * 24 * HOUR + 10 * SECOND)
    missed = catch_up(entry_of("* * * * *", 0, catchup=policy), gap, 8760 * HOUR)
    counts = {"none": (0, 525_600), "latest": (1, 525_599), "all": (525_600, 0)}
    assert (missed.made_good, missed.let_go) == counts[policy]
    next(missed.dues(), None)
    assert searches.made <= 4


def test_a_sparse_schedule_finds_its_previous_due_years_ago() -> None:
    leap = entry_of("0 0 29 2 *", START - 20 * 365 * 24 * HOUR)
    found = [datetime.fromtimestamp(due / SECOND, UTC).year for due in previous_dues(leap.times, START)]
    assert found == [2024, 2020, 2016]
    for due in previous_dues(leap.times, START):
        fire_task_id("LEAP", due)  # which cannot hold a time before 2014


def test_a_dense_schedule_is_not_looked_through_to_its_beginning() -> None:
    second = entry_of("@every 1s", START - 20 * 365 * 24 * HOUR)
    assert list(islice(previous_dues(second.times, START), 3)) == [START - back * SECOND for back in (1, 2, 3)]
