"""Instants of a table: one format and one zone, and no two of them alike."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ajsync.reconcile.render.times import TimeFormat, instant_told, iso_instant
from ajsync.timestamp import to_nanoseconds

MALTA = ZoneInfo("Europe/Malta")
ZONES = st.sampled_from(["UTC", "Europe/Malta", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]).map(
    ZoneInfo
)
MINUTE = 60_000_000_000
NOON = to_nanoseconds(datetime(2026, 11, 29, 12, tzinfo=UTC))
YEAR_1 = -62_135_596_800_000_000_000


def test_the_times_of_a_table_are_in_its_zone() -> None:
    assert TimeFormat(MALTA, [NOON])(NOON) == "Sun 2026-11-29 13:00"
    assert TimeFormat(UTC, [NOON])(NOON) == "Sun 2026-11-29 12:00"


def test_all_have_seconds_if_one_has_some() -> None:
    times = TimeFormat(UTC, [NOON, NOON + 1_000_000_000])
    assert [times(NOON), times(NOON + 1_000_000_000)] == ["Sun 2026-11-29 12:00:00", "Sun 2026-11-29 12:00:01"]


def test_all_have_their_offset_if_the_clocks_show_one_of_them_twice() -> None:
    first = to_nanoseconds(datetime(2026, 10, 25, 0, 30, tzinfo=UTC))
    instants = [first - 180 * MINUTE, first, first + 60 * MINUTE]
    times = TimeFormat(MALTA, instants)
    assert [*map(times, instants)] == [
        "Sat 2026-10-24 23:30 +02:00",
        "Sun 2026-10-25 02:30 +02:00",
        "Sun 2026-10-25 02:30 +01:00",
    ]
    assert TimeFormat(MALTA, instants[:1])(instants[0]) == "Sat 2026-10-24 23:30"


@given(ZONES, st.lists(st.integers(0, 4_000_000).map(lambda minute: NOON + minute * MINUTE), min_size=1), st.booleans())
def test_different_minutes_are_written_differently_and_alike_long(
    zone: ZoneInfo, instants: list[int], whole: bool
) -> None:
    times = TimeFormat(zone, instants, whole=whole)
    shown = {instant: times(instant) for instant in instants}
    assert len(set(shown.values())) == len(shown)
    assert len({*map(len, shown.values())}) == 1


def test_for_a_program_every_table_has_the_same_format() -> None:
    assert TimeFormat(MALTA, [NOON], whole=True)(NOON) == "Sun 2026-11-29 13:00:00 +01:00"
    assert TimeFormat(UTC, [NOON], whole=True)(NOON) == "Sun 2026-11-29 12:00:00 UTC"


def test_nothing_is_written_for_no_instant() -> None:
    assert TimeFormat(UTC, [0])(0) == ""


@pytest.mark.parametrize(
    ("zone", "shown"),
    [
        (UTC, "Mon 0001-01-01 00:00"),
        (MALTA, "Mon 0001-01-01 00:58:04"),
        (ZoneInfo("America/New_York"), "Mon 0001-01-01 00:00 UTC"),
    ],
)
def test_the_zero_time_of_go_is_a_time_too(zone: ZoneInfo, shown: str) -> None:
    assert TimeFormat(zone, [YEAR_1])(YEAR_1) == shown


def test_in_a_sentence_the_zone_stands_behind_the_time() -> None:
    assert instant_told(NOON) == "Sun 2026-11-29 12:00 UTC"
    assert instant_told(NOON, MALTA) == "Sun 2026-11-29 13:00 +01:00"
    assert instant_told(NOON + int(timedelta(seconds=3).total_seconds() * 1e9)) == "Sun 2026-11-29 12:00:03 UTC"


def test_in_a_document_the_offset_of_the_zone_belongs_to_an_instant_and_none_is_null() -> None:
    assert iso_instant(NOON, MALTA) == "2026-11-29T13:00:00+01:00"
    assert iso_instant(0, MALTA) is None
