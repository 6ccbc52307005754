"""How far a term has come: nothing that is not settled is left out, and one fire does not hold back all others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ajsync.scheduler.election.progress import NOTHING_UNSEEN, UnseenProgress, progress
from ajsync.scheduler.election.watermark import MOST_OPEN, MOST_OPEN_BYTES, Watermark, encode_watermark, size_of

UNSETTLED = st.lists(st.tuples(st.integers(0, 100), st.text(max_size=3), st.booleans()), max_size=40)
PLENTY = 10**9


def test_where_all_is_settled_it_is_what_was_handed_over() -> None:
    assert progress(100, [], PLENTY).instant == 100


def test_a_fire_that_cannot_be_stored_is_named_and_holds_back_nothing() -> None:
    found = progress(100, [(10, "STUCK", False), (20, "PERHAPS", True)], PLENTY)
    assert (found.instant, found.behind) == (100, 0)
    assert found.open == {("STUCK", 10)}
    assert found.looked_for == {("PERHAPS", 20)}


def test_what_is_due_later_than_what_was_handed_over_is_not_named() -> None:
    assert progress(100, [(101, "A", False)], PLENTY).open == frozenset()


@given(st.integers(0, 100), UNSETTLED, st.integers(0, 2000))
def test_each_fire_that_is_not_settled_is_named_or_still_ahead(
    reached: int, unsettled: list[tuple[int, str, bool]], room: int
) -> None:
    found = progress(reached, unsettled, room)
    assert found.instant <= reached
    assert found.behind == reached - found.instant
    assert found.unsettled == {(name, due) for due, name, _ in unsettled if due <= found.instant}
    assert found.open == {(name, due) for due, name, looked_for in unsettled if due <= found.instant and not looked_for}


@given(UNSETTLED, st.integers(0, 2000))
def test_what_is_named_fits_into_its_room(unsettled: list[tuple[int, str, bool]], room: int) -> None:
    found = progress(100, unsettled, room)
    bare = len(encode_watermark(Watermark("", found.instant, 1)))
    whole = len(encode_watermark(Watermark("", found.instant, 1, found.open, found.looked_for)))
    assert whole - bare <= room + len(',"open":{},"looked_for":{}')


@pytest.mark.parametrize(
    ("second", "takes"),
    [(("A", False), size_of("A")[1]), (("A", True), size_of("A")[0]), (("BB", False), size_of("BB")[0])],
    ids=["of the same schedule", "looked for", "of another"],
)
def test_the_last_byte_of_the_room_is_used_and_no_more(second: tuple[str, bool], takes: int) -> None:
    unsettled = [(10, "A", False), (20, *second)]
    room = size_of("A")[0] + takes
    assert progress(100, unsettled, room).unsettled == {("A", 10), (second[0], 20)}
    found = progress(100, unsettled, room - 1)
    assert (found.instant, found.behind, found.unsettled) == (19, 81, frozenset({("A", 10)}))


def test_beyond_a_thousand_it_stands_before_the_first_that_is_not_named() -> None:
    found = progress(10**6, [(number, "A", False) for number in range(2 * MOST_OPEN)], PLENTY)
    assert found.instant == MOST_OPEN - 1
    assert len(found.open) == MOST_OPEN


def test_of_more_at_one_instant_than_it_can_name_it_names_none() -> None:
    found = progress(50, [(40, f"N{number}", False) for number in range(MOST_OPEN + 1)], PLENTY)
    assert (found.instant, found.unsettled) == (39, frozenset())


def test_a_thousand_with_names_of_usual_length_fit() -> None:
    found = progress(50, [(40, f"{number:04}_NIGHTLY_REPORT", False) for number in range(MOST_OPEN)], MOST_OPEN_BYTES)
    assert len(found.open) == MOST_OPEN


def test_what_is_made_good_does_not_hold_it_back_however_many_they_are() -> None:
    """The next leader makes good again what cannot be named, because the gap is said to begin before it."""
    made_good = [(number, "OLD", False) for number in range(100, 100 + 2 * MOST_OPEN)]
    now = [(10**6, "NOW", False), (50, "BEGUN", True)]
    found = progress(10**6, now, PLENTY, ((5000, 9000),), made_good, 9000)
    assert (found.instant, found.catching_up) == (10**6, ((99, 9000),))
    assert found.unsettled == {("NOW", 10**6), ("BEGUN", 50)}
    few = progress(10**6, now, PLENTY, ((5000, 9000), (9500, 9900)), made_good[:5], 9000)
    assert few.catching_up == ((5000, 9000), (9500, 9900))
    assert len(few.unsettled) == 7


UNSEEN_SPAN = (100, 900)


def of_unseen(*fires: tuple[int, str, bool], is_open: bool = False) -> UnseenProgress:
    return UnseenProgress((UNSEEN_SPAN,), is_open, fires)


def test_an_unseen_span_is_named_until_all_of_it_is_taken_up() -> None:
    assert progress(1000, [], PLENTY, unseen=of_unseen(is_open=True)).unseen == (UNSEEN_SPAN,)
    assert progress(1000, [], PLENTY, unseen=of_unseen()).unseen == ()
    assert progress(500, [], PLENTY, unseen=of_unseen(is_open=True)).unseen == ((100, 500),)


def test_what_is_made_good_of_an_unseen_span_is_named_as_any_other() -> None:
    found = progress(1000, [(950, "NOW", False)], PLENTY, unseen=of_unseen((500, "OLD", False), (600, "BEGUN", True)))
    assert (found.instant, found.unseen) == (1000, ())
    assert found.open == {("NOW", 950), ("OLD", 500)}
    assert found.looked_for == {("BEGUN", 600)}


def test_where_there_is_no_room_for_it_the_span_is_named_and_the_next_leader_looks_again() -> None:
    many = [(500, f"OLD{number}", False) for number in range(2 * MOST_OPEN)]
    found = progress(1000, [(950, "NOW", False)], PLENTY, unseen=of_unseen(*many))
    assert (found.instant, found.behind, found.unseen) == (1000, 0, (UNSEEN_SPAN,))
    assert found.unsettled == {("NOW", 950)}


def test_it_never_stands_within_an_unseen_span() -> None:
    """What it does not name is lost if this leader dies too; a leader that began there would fire what others have."""
    many = [(50, f"OLD{number}", False) for number in range(2 * MOST_OPEN)]
    found = progress(1000, many, PLENTY, unseen=of_unseen())
    assert (found.instant, found.unsettled, found.unseen) == (900, frozenset(), ())
    few = progress(1000, [*many[:7], *((950, f"NOW{number}", False) for number in range(2 * MOST_OPEN))], PLENTY)
    assert few.instant == 949
    held = progress(1000, [(950, f"NOW{number}", False) for number in range(2 * MOST_OPEN)], PLENTY, unseen=of_unseen())
    assert held.instant == 949


def test_gaps_and_unseen_spans_give_way_to_what_must_be_named() -> None:
    made_good = [(930 + number % 10, f"GAP{number}", False) for number in range(2 * MOST_OPEN)]
    found = progress(1000, [(950, "NOW", False)], PLENTY, ((935, 945),), made_good, 945, of_unseen((500, "OLD", False)))
    assert (found.instant, found.catching_up, found.unseen) == (1000, ((929, 945),), (UNSEEN_SPAN,))
    assert found.unsettled == {("NOW", 950)}


def test_an_instant_is_in_a_span_after_its_begin_and_up_to_its_end() -> None:
    assert [due for due in (100, 101, 900, 901) if of_unseen().holds(due)] == [101, 900]
    assert not NOTHING_UNSEEN.holds(500)
