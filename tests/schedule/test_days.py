"""Days as texts: what is read, what is refused, and the one form in which each set of days is stored."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ajsync.errors import ScheduleError
from ajsync.schedule.days import MOST_SPANS, canonical_days, days_text, merged, read_days, without

ORDINALS = st.integers(date(2026, 12, 1).toordinal(), date(2027, 2, 1).toordinal())
SPANS = st.tuples(ORDINALS, ORDINALS).map(lambda ends: (min(ends), max(ends)))


def each_day(texts: tuple[str, ...]) -> set[int]:
    return {day for first, last in map(read_days, texts) for day in range(first, last + 1)}


@given(st.lists(SPANS, max_size=8))
def test_the_canonical_form_has_the_same_days_and_only_one_spelling(spans: list[tuple[int, int]]) -> None:
    texts = tuple(map(days_text, spans))
    found = canonical_days(texts)
    assert each_day(found) == each_day(texts)
    days = sorted(each_day(texts))
    assert canonical_days([days_text((day, day)) for day in reversed(days)]) == found == canonical_days(found)


@given(st.lists(SPANS, max_size=8))
def test_between_two_ranges_there_is_a_day(spans: list[tuple[int, int]]) -> None:
    found = merged(spans)
    assert all(before[1] + 1 < after[0] for before, after in pairwise(found))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2026-02-30", 'there is no day "2026-02-30"'),
        ("0000-01-01", 'there is no day "0000-01-01"'),
        ("2026-2-3", '"2026-2-3" is not a date'),
        ("20261225", '"20261225" is not a date'),
        ("2026-W52-5", '"2026-W52-5" is not a date'),
        ("٢٠٢٦-12-25", "is not a date"),
        ("2026-12-25\n", "is not a date"),
        ("2026-12-25..", '"" is not a date'),
        ("2026-12-25..2026-12-26..2026-12-27", "is not a date"),
        ("2027-01-02..2026-12-20", "ends before it begins"),
        ("", "is not a date"),
    ],
)
def test_what_is_no_day_says_so(text: str, message: str) -> None:
    with pytest.raises(ScheduleError, match=message):
        canonical_days([text])


def test_a_range_has_its_last_day_too() -> None:
    assert canonical_days(["2026-12-24..2026-12-26", "2026-12-27"]) == ("2026-12-24..2026-12-27",)


def test_there_may_be_so_many_ranges_and_no_more() -> None:
    separate = [days_text((day, day)) for day in range(730_000, 730_000 + 2 * MOST_SPANS + 2, 2)]
    assert len(canonical_days(separate[:-1])) == MOST_SPANS
    with pytest.raises(ScheduleError, match="1,001 separate days or ranges are too many; the maximum is 1,000"):
        canonical_days(separate)


@given(st.lists(SPANS, max_size=6), st.lists(SPANS, max_size=6))
def test_what_is_left_of_days_without_others(spans: list[tuple[int, int]], others: list[tuple[int, int]]) -> None:
    left = without(merged(spans), merged(others))
    days = [{day for first, last in some for day in range(first, last + 1)} for some in (spans, others, left)]
    assert days[2] == days[0] - days[1]
    assert left == merged(left)
