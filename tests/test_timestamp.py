"""Instants are written as Go writes them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ajsync.timestamp import format_ajc, format_timestamp, parse_timestamp

YEAR_1 = -62_135_596_800 * 10**9
YEAR_10000 = 253_402_300_800 * 10**9


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2026-11-23T14:09:53.885345525Z", 1_795_442_993_885_345_525),
        ("2026-11-23T14:09:53.9Z", 1_795_442_993_900_000_000),
        ("0001-01-01T00:00:00Z", YEAR_1),
        ("1969-12-31T23:59:59.999999999Z", -1),
    ],
)
def test_an_instant_reads_and_writes_the_same(text: str, instant: int) -> None:
    assert parse_timestamp(text) == instant
    assert format_timestamp(instant) == text


def test_an_instant_is_written_for_people_as_the_go_tool_does() -> None:
    assert format_ajc(1_645_119_637_000_000_001) == "17 Feb 22 17:40:37 UTC"


def test_an_offset_is_an_instant_too() -> None:
    assert parse_timestamp("2026-11-23T15:09:53.5+01:00") == parse_timestamp("2026-11-23T14:09:53.5Z")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0001-01-01T00:00:00+05:00",
        "9999-12-31T23:59:59-05:00",
        "2026-11-23",
        "2026-11-23T14:09:53",
        "2026-13-01T00:00:00Z",
        "٢026-11-23T14:09:53Z",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_timestamp(text)


@given(st.integers(YEAR_1, YEAR_10000 - 1))
def test_every_instant_survives(instant: int) -> None:
    assert parse_timestamp(format_timestamp(instant)) == instant
