"""Fires by minute: as many as a search for each schedule by itself finds."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from ajsync.asyncjobs.due import times_of
from ajsync.asyncjobs.minutes import MINUTE, due_in_minute, fires_by_minute, grouped
from ajsync.asyncjobs.model import Managed, ScheduledTask
from ajsync.timestamp import NANOSECONDS, parse_timestamp
from tests.tasks import OWNER, task

BEGIN = parse_timestamp("2027-03-28T00:00:00Z")
"""The day on which the clocks of Europe are set forward."""
SCHEDULES = st.sampled_from(
    [
        *("* * * * *", "*/7 1-3 * * *", "@daily", "0 0 29 2 *", "CRON_TZ=Europe/Malta 30 2 * * *"),
        *("CRON_TZ=Asia/Kathmandu 0 */5 * * *", "CRON_TZ=Europe/Malta */20 * * * SUN"),
        *("@every 45s", "@every 10m", "@every 26h", "@every 7s"),
    ]
)
SEASONS: list[dict[str, Any]] = [
    *({}, {}, {}),
    {"from_": "2027-03-28T01:00:30Z"},
    {"until": "2027-03-28"},
    {"except_": ("2027-03-28",)},
    {"from_": "2027-03-28", "until": "2027-03-29T05:00:00Z", "except_": ("2027-03-27", "2027-03-29..2027-03-30")},
]
JITTERS = st.sampled_from([0, 0, 1_000_000, 30 * NANOSECONDS, 7 * MINUTE, 3000 * MINUTE])


def one_by_one(each: ScheduledTask, start: int, until: int) -> Counter[int]:
    return Counter(due // MINUTE for due in times_of(each).between(start - 1, until - 1))


@st.composite
def scheduled(draw: st.DrawFn) -> ScheduledTask:
    """Any schedule with any jitter, stored at any time."""
    season = draw(st.sampled_from(SEASONS))
    managed = Managed(OWNER, jitter=draw(JITTERS), **season)
    created_at = BEGIN - draw(st.integers(0, 40 * 60)) * MINUTE // 7
    return task(draw(st.text("ABC", min_size=1)), schedule=draw(SCHEDULES), created_at=created_at, managed=managed)


@given(
    st.lists(scheduled(), max_size=6),
    st.integers(0, 24 * 60),
    st.sampled_from([0, 0, 1, 7 * NANOSECONDS, MINUTE - 1]),
    st.sampled_from([1, MINUTE // 2, 45 * MINUTE, 26 * 60 * MINUTE]),
)
@example([task("A", schedule="* * * * *")], 0, 0, 24 * 60 * MINUTE)
def test_each_minute_has_as_many_fires_as_are_found_one_by_one(
    tasks: list[ScheduledTask], minutes: int, more: int, length: int
) -> None:
    start = BEGIN + minutes * MINUTE + more
    until = start + length
    found = fires_by_minute(grouped(tasks), start, until)
    assert found == sum((one_by_one(each, start, until) for each in tasks), Counter())
    assert 0 not in found.values()


@given(st.lists(scheduled(), max_size=4), st.integers(0, 60))
def test_a_minute_has_the_names_of_what_is_due_in_it(tasks: list[ScheduledTask], minute: int) -> None:
    begin = BEGIN + minute * MINUTE
    names = [each.name for each in tasks if times_of(each).count(begin - 1, begin + MINUTE - 1)]
    assert due_in_minute(grouped(tasks), begin // MINUTE) == sorted(names)


def test_extreme_jitter_and_years_are_no_error() -> None:
    late = task("LATE", schedule="* * * * *", managed=Managed(OWNER, jitter=2**63 - 1))
    for start in (-(10**18), 0, 2**63 - 2 * MINUTE, 2**63):
        assert fires_by_minute(grouped([late]), start, start + 60 * MINUTE).total() == 60


@settings(max_examples=150)  # a fire at the very end takes a certain schedule, season and nanosecond at once
@given(
    st.sampled_from(["@every 1h", "@every 26h", "*/30 * * * *"]),
    st.sampled_from([0, 0, 1, -1]),
    st.integers(1, 2**30),
    st.sampled_from(SEASONS),
)
def test_the_ends_of_a_span_and_the_first_fires_of_an_every_are_exact(
    schedule: str, nanoseconds: int, jitter: int, season: dict[str, Any]
) -> None:
    each = task("A", schedule=schedule, created_at=BEGIN, managed=Managed(OWNER, jitter=jitter * 1_000, **season))
    other = task("B", schedule="*/30 * * * *")
    first = BEGIN + times_of(each).offset  # where nothing is due yet, if it is an @every
    for start in (first, first + nanoseconds, BEGIN):
        for until in (first + 30 * 60 * MINUTE + nanoseconds, BEGIN + 30 * 60 * MINUTE):
            expected = one_by_one(each, start, until) + one_by_one(other, start, until)
            assert fires_by_minute(grouped([each, other]), start, until) == expected
