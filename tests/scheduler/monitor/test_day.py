"""The last day in spans of half an hour."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ajsync.scheduler.monitor.day import SPAN, SPANS, LastDay, Span

FIRST = 1000 * SPAN


def test_counters_count_for_the_span_in_which_they_grew() -> None:
    day = LastDay(FIRST + 5)
    day.see(FIRST + 6, 3, 0, 0)
    day.see(FIRST + SPAN, 5, 1, 0)
    day.see(FIRST + SPAN + 9, 6, 1, 4)
    assert day.spans(FIRST + SPAN + 9)[-2:] == (Span(FIRST, 3, known=False), Span(FIRST + SPAN, 3, 1, 4))


def test_what_was_before_counting_began_is_not_known() -> None:
    spans = LastDay(FIRST).spans(FIRST + SPAN)
    assert len(spans) == SPANS
    assert [span.known for span in spans[-3:]] == [False, False, True]
    assert spans[0].start == FIRST + SPAN - (SPANS - 1) * SPAN


def test_a_counter_that_began_again_takes_nothing_away() -> None:
    day = LastDay(FIRST)
    day.see(FIRST, 10, 0, 0)
    day.see(FIRST + 1, 4, 0, 0)
    day.see(FIRST + 2, 5, 0, 0)
    assert day.spans(FIRST)[-1].fired == 11


def test_a_clock_that_is_set_back_counts_in_the_last_span() -> None:
    day = LastDay(FIRST)
    day.see(FIRST - 5 * SPAN, 2, 0, 0)
    assert day.spans(FIRST - 5 * SPAN)[-1] == Span(FIRST, 2, known=False)


@given(st.lists(st.tuples(st.integers(0, 10**19), st.integers(0, 9)), max_size=20))
def test_a_day_is_a_day_whatever_the_clock_does(seen: list[tuple[int, int]]) -> None:
    day, total = LastDay(FIRST), 0
    for now, grown in seen:
        total += grown
        day.see(now, total, 0, 0)
        spans = day.spans(now)
        assert len(spans) == SPANS
        assert [span.start for span in spans] == [*range(spans[0].start, spans[0].start + SPANS * SPAN, SPAN)]
        assert sum(span.fired for span in spans) <= total
