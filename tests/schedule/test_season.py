"""The season of a schedule: which instants are in it, and that a search comes to an end however long it is closed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ajsync.errors import ScheduleError
from ajsync.schedule.days import days_text
from ajsync.schedule.season import Season, canonical_bound, season
from ajsync.timestamp import to_datetime, to_nanoseconds

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
FIRST, LAST = (to_nanoseconds(datetime(year, 12, 30, tzinfo=UTC)) for year in (1, 9999))
FAR = ("0001-01-01..9999-12-31",)
# Toronto set its clocks back over midnight until 2006, Samoa had no 30 December 2011, Kwajalein no 21 August 1993, and
# Lord Howe sets its clocks by half an hour. Alaska and Manila had one day twice.
AT = {
    "UTC": "2026-12-20",
    "Europe/Malta": "2026-10-20",
    "America/Toronto": "2006-10-25",
    "America/St_Johns": "2006-10-25",
    "Pacific/Apia": "2011-12-26",
    "Pacific/Kwajalein": "1993-08-18",
    "Australia/Lord_Howe": "2026-10-01",
    "America/Juneau": "1867-10-14",
    "Asia/Manila": "1844-12-27",
    "Asia/Beirut": "2026-10-20",
}
BOUND = st.none() | st.integers(0, 11)
SPAN = st.tuples(st.integers(0, 11), st.integers(0, 6))


def zone_of(name: str) -> tzinfo:
    return UTC if name == "UTC" else ZoneInfo(name)


def begin_of(name: str) -> int:
    return to_nanoseconds(datetime.fromisoformat(AT[name]).replace(tzinfo=UTC))


@cache
def runs(name: str) -> tuple[tuple[int, int, int], ...]:
    """By looking at each minute, and then at each second: begin and end of what the clocks show as one day, and which.

    A day may come twice.
    """
    zone = zone_of(name)
    moment, after = begin_of(name) - 3 * DAY, begin_of(name) + 17 * DAY
    turns = [moment]
    while moment < after:
        day = shown(moment, zone)
        if day != shown(moment + MINUTE, zone):
            seconds = range(moment + SECOND, moment + MINUTE + SECOND, SECOND)
            turns.append(next(each for each in seconds if day != shown(each, zone)))
        moment += MINUTE
    return tuple((begin, end, shown(begin, zone)) for begin, end in pairwise([*turns, after]))


def shown(instant: int, zone: tzinfo) -> int:
    """The day that the clocks show."""
    return to_datetime(instant, zone).toordinal()


def closed_spans(name: str, is_closed: Callable[[int], bool]) -> list[tuple[int, int]]:
    """The spans in which the clocks show a day that is closed."""
    found: list[tuple[int, int]] = []
    for begin, end, day in runs(name):
        if is_closed(day):
            found.append((found.pop()[0] if found and found[-1][1] == begin else begin, end))
    return found


def check(name: str, one: Season, closed: list[tuple[int, int]]) -> None:
    """See that a season finds these spans, from wherever it is asked."""
    zone, first, last = zone_of(name), runs(name)[0][0], runs(name)[-1][1]
    assert [*one.closed(first, last, zone)] == closed
    edges = {edge for begin, end, _ in runs(name) for edge in (begin, begin + HOUR, end - 1)}
    for instant in filter(last.__gt__, edges):
        around = next((span for span in closed if span[0] <= instant < span[1]), None)
        opens, was = one.reopens(instant, zone), one.was_open(instant, zone)
        if around is None:
            assert (opens, was) == (instant, instant)
        else:
            assert opens == around[1] if around[1] < last else opens >= last
            assert was == around[0] - 1 if around[0] > first else was < first


@pytest.mark.parametrize("name", sorted(AT))
def test_a_range_is_closed_while_the_clocks_show_one_of_its_days(name: str) -> None:
    start = date.fromisoformat(AT[name]).toordinal()
    for first in range(start, start + 12):
        for last in range(first, first + 6):
            one = season("", "", (days_text((first, last)),))
            assert one is not None
            check(name, one, closed_spans(name, range(first, last + 1).__contains__))


@settings(deadline=None)
@given(st.sampled_from(sorted(AT)), st.lists(SPAN, max_size=3), BOUND, BOUND)
def test_several_ranges_and_both_ends_are_closed_together(
    name: str, ranges: list[tuple[int, int]], since: int | None, until: int | None
) -> None:
    start = date.fromisoformat(AT[name]).toordinal()
    spans = [(start + first, start + first + more) for first, more in ranges]
    bounds = ["" if day is None else date.fromordinal(start + day).isoformat() for day in (since, until)]
    one = season(bounds[0], bounds[1], (*map(days_text, spans), "1000-01-01"))
    assert one is not None

    def is_closed(day: int) -> bool:
        early, late = since is not None and day < start + since, until is not None and day > start + until
        return early or late or any(first <= day <= last for first, last in spans)

    check(name, one, closed_spans(name, is_closed))


@pytest.mark.parametrize("name", sorted(AT))
def test_what_is_closed_for_ever_says_so_at_once(name: str) -> None:
    zone, start = zone_of(name), begin_of(name)
    for one in (season("", "", FAR), season("", "1800-01-01", ())):
        assert one is not None
        assert one.reopens(start, zone) > LAST
    for one in (season("", "", ("0001-01-01..9999-12-30",)), season("9000-01-01", "", ())):
        assert one is not None
        assert one.was_open(start, zone) < FIRST


@pytest.mark.parametrize(
    ("since", "until", "excepted", "empty"),
    [
        ("2026-12-25", "2026-12-25", (), False),
        ("2026-12-26", "2026-12-25", (), True),
        ("2026-12-25", "2026-12-25", ("2026-12-25",), True),
        ("2026-12-25T08:00:00Z", "2026-12-25T08:00:00Z", (), False),
        ("2026-12-25T08:00:01Z", "2026-12-25T08:00:00Z", (), True),
        ("2026-12-25", "2026-12-24T22:59:59Z", (), True),
        ("2026-12-25", "2026-12-24T23:00:00Z", (), False),
        ("2026-12-25T22:59:59Z", "2026-12-25", (), False),
        ("2026-12-25T23:00:00Z", "2026-12-25", (), True),
        ("", "", ("2026-12-25",), False),
        ("", "", FAR, True),
    ],
)
def test_both_ends_belong_to_it_and_a_date_is_a_whole_day_of_the_zone(
    since: str, until: str, excepted: tuple[str, ...], empty: bool
) -> None:
    one = season(since, until, excepted)
    assert one is not None
    assert one.is_empty(ZoneInfo("Europe/Malta")) == empty


def test_there_is_none_without_members() -> None:
    assert season("", "", ()) is None


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("2026-12-25", "2026-12-25"),
        ("2026-12-25T09:00:00+01:00", "2026-12-25T08:00:00Z"),
        ("2026-12-25t08:00:00.500z", "2026-12-25T08:00:00.5Z"),
    ],
)
def test_an_instant_has_one_spelling(text: str, stored: str) -> None:
    assert canonical_bound(text) == stored


@pytest.mark.parametrize(
    "text", ["", "tomorrow", "2026-12-25T08:00:00", "2026-12-25 08:00:00Z", "2026-02-30", "2026-12-25T25:00:00Z"]
)
def test_what_is_neither_a_date_nor_an_instant_says_so(text: str) -> None:
    with pytest.raises(ScheduleError, match=r"is not an instant|there is no day"):
        canonical_bound(text)


def test_a_day_of_whole_hours_is_as_long_as_its_clocks_show() -> None:
    malta = ZoneInfo("Europe/Malta")
    begin = to_nanoseconds(datetime(2026, 10, 24, tzinfo=UTC))
    one = season("", "", ("2026-10-25",))
    assert one is not None
    assert [*one.closed(begin, begin + 3 * DAY, malta)] == [(begin + 22 * HOUR, begin + 22 * HOUR + 25 * HOUR)]
    assert timedelta(hours=25) == to_datetime(begin + 47 * HOUR) - to_datetime(begin + 22 * HOUR)
