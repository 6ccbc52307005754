"""The value of the watermark: what is written is read, what is hostile is refused, and what is too far ahead is cut."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ajsync.errors import StoredValueError
from ajsync.scheduler.election.watermark import MOST_OPEN, Watermark, as_it_counts, decode_watermark, encode_watermark
from ajsync.timestamp import NANOSECONDS, format_timestamp
from tests.docs.pages import DOCS

NOW = 1_795_000_000 * NANOSECONDS
FIRES = st.frozensets(st.tuples(st.text(max_size=6), st.integers(NOW - 10**15, NOW)), max_size=20)
MARKS = st.builds(Watermark, st.text(max_size=5), st.integers(NOW - 10**12, NOW), st.integers(0, 10**9), FIRES, FIRES)


@given(MARKS)
def test_what_is_written_is_read(mark: Watermark) -> None:
    assert decode_watermark(encode_watermark(mark)) == mark


def test_without_open_fires_it_is_what_it_always_was() -> None:
    data = encode_watermark(Watermark("one", NOW, 7))
    assert json.loads(data) == {"leader": "one", "instant": format_timestamp(NOW), "election_revision": 7}


def test_open_fires_are_grouped_by_name() -> None:
    data = encode_watermark(Watermark("one", NOW, 7, frozenset((("A", NOW), ("A", NOW - NANOSECONDS), ("B", NOW)))))
    assert json.loads(data)["open"] == {
        "A": [format_timestamp(NOW - NANOSECONDS), format_timestamp(NOW)],
        "B": [format_timestamp(NOW)],
    }


@pytest.mark.parametrize("member", ["open", "looked_for"])
@pytest.mark.parametrize(
    "fires",
    [
        pytest.param([], id="a list"),
        pytest.param("A", id="a text"),
        pytest.param({"A": format_timestamp(NOW)}, id="no list of instants"),
        pytest.param({"A": [NOW]}, id="a number"),
        pytest.param({"A": [10**400]}, id="a huge number"),
        pytest.param({"A": ["yesterday"]}, id="no instant"),
        pytest.param({"A": ["99999-01-01T00:00:00Z"]}, id="an instant that is too late"),
        pytest.param({"A": [None]}, id="null"),
        pytest.param({str(n): [] for n in range(MOST_OPEN + 1)}, id="too many names"),
        pytest.param({str(n): [format_timestamp(NOW - n)] for n in range(MOST_OPEN + 1)}, id="too many fires"),
        pytest.param({"A": [format_timestamp(NOW)] * (MOST_OPEN + 1)}, id="too many of one"),
    ],
)
def test_hostile_fires_make_it_unreadable(member: str, fires: Any) -> None:
    value = json.loads(encode_watermark(Watermark("one", NOW, 7))) | {member: fires}
    with pytest.raises(StoredValueError, match="not a watermark"):
        decode_watermark(json.dumps(value).encode())


def test_a_value_of_a_megabyte_is_not_read() -> None:
    with pytest.raises(StoredValueError, match="it has 1048576 bytes"):
        decode_watermark(b" " * 2**20)


@given(MARKS, st.integers(NOW - 10**13, NOW + 10**12))
def test_nothing_later_than_what_counts_is_left_in_it(mark: Watermark, until: int) -> None:
    counting = as_it_counts(mark, until)
    assert counting.instant == min(mark.instant, until)
    assert counting.open == {fire for fire in mark.open if fire[1] <= counting.instant}
    assert counting.looked_for == {fire for fire in mark.looked_for if fire[1] <= counting.instant}


def test_the_page_shows_one_as_it_is_stored() -> None:
    (shown,) = re.findall(r"```json\n(\{\"leader\".*)\n```", (DOCS / "scheduler.md").read_text())
    data = encode_watermark(decode_watermark(shown.encode()))
    assert json.loads(data) == json.loads(shown)
    assert json.loads(shown)["open"]
