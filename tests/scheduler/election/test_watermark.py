"""The value of the watermark: what is written is read, what is hostile is refused, and what is too far ahead is cut."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ajsync.errors import StoredValueError
from ajsync.scheduler.election.watermark import (
    MOST_OPEN,
    MOST_OPEN_BYTES,
    Watermark,
    as_it_counts,
    decode_watermark,
    encode_watermark,
    size_of,
    up_to,
)
from ajsync.timestamp import NANOSECONDS, format_timestamp
from tests.docs.pages import DOCS

NOW = 1_795_000_000 * NANOSECONDS
FIRES = st.frozensets(st.tuples(st.text(max_size=6), st.integers(NOW - 10**15, NOW)), max_size=20)
BEFORE = st.integers(NOW - 10**15, NOW - 10**12)
GAPS = st.lists(BEFORE, max_size=12, unique=True).map(
    lambda found: tuple(zip(*[iter(sorted(found))] * 2, strict=False))
)
MARKS = st.builds(
    Watermark, st.text(max_size=5), st.integers(NOW - 10**12, NOW), st.integers(0, 10**9), FIRES, FIRES, GAPS
)
BARE = Watermark("one", NOW, 7)
NOT_AN_OBJECT = "its open fires are not an object with a list for each name"
TOO_MANY = f"it names more than {MOST_OPEN} fires"


def changed(**members: Any) -> bytes:
    """The value of a watermark with other members."""
    return json.dumps(json.loads(encode_watermark(BARE)) | members).encode()


def stamps(*instants: int) -> list[str]:
    """Instants as they are stored."""
    return [format_timestamp(instant) for instant in instants]


@given(MARKS)
def test_what_is_written_is_read(mark: Watermark) -> None:
    assert decode_watermark(encode_watermark(mark)) == mark


def test_without_open_fires_it_is_what_it_always_was() -> None:
    text = f'{{"leader":"one","instant":"{format_timestamp(NOW)}","election_revision":7}}'
    assert encode_watermark(BARE) == text.encode()
    assert decode_watermark(text.encode()) == BARE


def test_open_fires_are_grouped_by_name() -> None:
    data = encode_watermark(Watermark("one", NOW, 7, frozenset((("A", NOW), ("A", NOW - NANOSECONDS), ("B", NOW)))))
    assert json.loads(data)["open"] == {
        "A": [format_timestamp(NOW - NANOSECONDS), format_timestamp(NOW)],
        "B": [format_timestamp(NOW)],
    }


@pytest.mark.parametrize("member", ["open", "looked_for"])
@pytest.mark.parametrize(
    ("fires", "problem"),
    [
        pytest.param([], NOT_AN_OBJECT, id="a list"),
        pytest.param("A", NOT_AN_OBJECT, id="a text"),
        pytest.param({"A": format_timestamp(NOW)}, NOT_AN_OBJECT, id="no list of instants"),
        pytest.param({"A": [NOW]}, "expected string", id="a number"),
        pytest.param({"A": [10**400]}, "expected string", id="a huge number"),
        pytest.param({"A": ["yesterday"]}, "not an RFC 3339 time", id="no instant"),
        pytest.param({"A": ["99999-01-01T00:00:00Z"]}, "not an RFC 3339 time", id="an instant that is too late"),
        pytest.param({"A": [None]}, "expected string", id="null"),
        pytest.param({str(n): [] for n in range(MOST_OPEN + 1)}, NOT_AN_OBJECT, id="too many names"),
        pytest.param({str(n): stamps(NOW - n, NOW) for n in range(MOST_OPEN // 2 + 1)}, TOO_MANY, id="too many fires"),
        pytest.param({"A": stamps(NOW) * (MOST_OPEN + 1)}, NOT_AN_OBJECT, id="too many of one"),
    ],
)
def test_hostile_fires_make_it_unreadable(member: str, fires: Any, problem: str) -> None:
    with pytest.raises(StoredValueError, match=f"^not a watermark: .*{problem}"):
        decode_watermark(changed(**{member: fires}))


@pytest.mark.parametrize(
    ("members", "problem"),
    [
        ({"leader": None}, "TypeError()"),
        ({"leader": 7}, "TypeError()"),
        ({"election_revision": "7"}, "TypeError()"),
        ({"election_revision": True}, "TypeError()"),
        ({"instant": None}, "expected string"),
        ({"catching_up": {}}, "what it catches up with is not a list of spans"),
        ({"catching_up": "gaps"}, "what it catches up with is not a list of spans"),
        ({"catching_up": [stamps(NOW - 2, NOW - 1)] * 17}, "what it catches up with is not a list of spans"),
        ({"unseen": "gaps"}, "what it catches up with is not a list of spans"),
        ({"unseen": [stamps(NOW)]}, "not enough values to unpack"),
        ({"catching_up": [stamps(NOW)]}, "not enough values to unpack"),
        ({"catching_up": [stamps(1, 2, 3)]}, "too many values to unpack"),
        ({"catching_up": [[1, 2]]}, "expected string"),
    ],
)
def test_hostile_members_make_it_unreadable(members: dict[str, Any], problem: str) -> None:
    with pytest.raises(StoredValueError, match=f"^not a watermark: .*{re.escape(problem)}"):
        decode_watermark(changed(**members))


@pytest.mark.parametrize("data", [b"", b"\xff", b"[]", b"{}", b"null", b"[" * 100_000, b'"leader"'])
def test_what_is_no_object_is_unreadable(data: bytes) -> None:
    with pytest.raises(StoredValueError, match=r"^not a watermark: "):
        decode_watermark(data)


def test_as_many_fires_as_it_may_name_are_read() -> None:
    one, many = {"A": [*map(format_timestamp, range(MOST_OPEN))]}, {str(n): stamps(n) for n in range(MOST_OPEN)}
    assert len(decode_watermark(changed(open=one)).open) == MOST_OPEN
    assert len(decode_watermark(changed(looked_for=many)).looked_for) == MOST_OPEN


def test_open_and_looked_for_count_together() -> None:
    names = [str(n) for n in range(MOST_OPEN)]
    half, rest = ({name: stamps(NOW) for name in part} for part in (names[:500], names[500:]))
    assert len(decode_watermark(changed(open=half, looked_for=rest)).unsettled) == MOST_OPEN
    with pytest.raises(StoredValueError, match=TOO_MANY):
        decode_watermark(changed(open=half, looked_for={**rest, "MORE": stamps(NOW)}))


def test_gaps_are_read_oldest_first_and_up_to_the_instant() -> None:
    gaps = [(NOW - 30, NOW + 5), (NOW - 90, NOW - 80), (NOW, NOW + 1), (NOW - 70, NOW - 70)]
    found = decode_watermark(changed(catching_up=[stamps(*gap) for gap in gaps]))
    assert found.catching_up == ((NOW - 90, NOW - 80), (NOW - 30, NOW))
    assert found.open_after == NOW - 90
    assert decode_watermark(encode_watermark(BARE)).open_after is None


def test_unseen_spans_are_written_and_read_like_gaps_and_are_no_gaps() -> None:
    spans = ((NOW - 90, NOW - 80), (NOW - 30, NOW))
    found = decode_watermark(encode_watermark(replace(BARE, unseen=spans)))
    assert (found.unseen, found.catching_up, found.open_after) == (spans, (), None)
    assert as_it_counts(found, NOW - 85).unseen == ((NOW - 90, NOW - 85),)
    many = tuple((NOW - 1000 + 10 * number, NOW - 995 + 10 * number) for number in range(17))
    assert len(decode_watermark(encode_watermark(replace(BARE, unseen=many))).unseen) == 16


@pytest.mark.parametrize("count", [15, 16, 17, 40])
def test_of_many_gaps_the_last_one_that_is_written_reaches_over_the_rest(count: int) -> None:
    gaps = tuple((NOW - 1000 + 10 * number, NOW - 995 + 10 * number) for number in range(count))
    found = decode_watermark(encode_watermark(replace(BARE, catching_up=gaps))).catching_up
    assert found == (gaps if count <= 16 else (*gaps[:15], (gaps[15][0], gaps[-1][1])))


def test_the_size_of_a_fire_is_what_it_takes_up_in_the_value() -> None:
    odd = 123_456_789  # an instant with all nine digits

    def size(*fires: tuple[str, int]) -> int:
        return len(encode_watermark(replace(BARE, open=frozenset(fires)))) - len(encode_watermark(BARE))

    braces = len(',"open":{}')
    for name in ("A", 'quoted "name"', "\u00fcber"):
        first, more = size_of(name)
        assert size((name, odd)) - braces == first - 2, "a comma after the instant and one after the list"
        assert size((name, odd), (name, odd - 1)) - size((name, odd)) == more


def test_a_value_that_is_too_long_is_not_read() -> None:
    longest = 4 * MOST_OPEN_BYTES
    data = encode_watermark(BARE).ljust(longest)
    assert decode_watermark(data) == BARE
    with pytest.raises(StoredValueError, match=f"it has {longest + 1} bytes"):
        decode_watermark(data + b" ")


@given(MARKS, st.integers(NOW - 10**13, NOW + 10**12))
def test_nothing_later_than_what_counts_is_left_in_it(mark: Watermark, until: int) -> None:
    counting = as_it_counts(mark, until)
    assert counting.instant == min(mark.instant, until)
    assert counting.open == {fire for fire in mark.open if fire[1] <= counting.instant}
    assert counting.looked_for == {fire for fire in mark.looked_for if fire[1] <= counting.instant}
    assert counting.catching_up == up_to(mark.catching_up, counting.instant)


def test_what_is_due_at_the_last_instant_that_counts_is_left_in_it() -> None:
    fires, gaps = frozenset({("A", NOW), ("B", NOW - 5)}), ((NOW - 9, NOW - 3),)
    mark = Watermark("one", NOW, 7, fires, frozenset({("C", NOW - 5)}), gaps)
    assert as_it_counts(mark, NOW) is mark
    cut = Watermark("one", NOW - 5, 7, frozenset({("B", NOW - 5)}), frozenset({("C", NOW - 5)}), ((NOW - 9, NOW - 5),))
    assert as_it_counts(mark, NOW - 5) == cut


def test_fires_that_are_due_later_than_its_own_instant_do_not_count() -> None:
    forged = replace(BARE, open=frozenset({("A", NOW + 1), ("B", NOW)}))
    assert as_it_counts(forged, NOW + 100).open == {("B", NOW)}


def test_spans_end_with_an_instant() -> None:
    assert up_to([(1, 5), (5, 9), (7, 8)], 6) == ((1, 5), (5, 6))
    assert up_to([(1, 5)], 1) == ()


def test_the_page_shows_one_as_it_is_stored() -> None:
    (shown,) = re.findall(r"```json\n(\{\"leader\".*)\n```", (DOCS / "scheduler.md").read_text())
    data = encode_watermark(decode_watermark(shown.encode()))
    assert json.loads(data) == json.loads(shown)
    assert json.loads(shown)["open"]
