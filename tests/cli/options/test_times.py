"""Durations and instants on the command line."""

from __future__ import annotations

from datetime import UTC, datetime

import click
import pytest

from ajsync.cli.options.times import read_start
from ajsync.schedule import load_zone

MALTA = load_zone("Europe/Malta")


def test_a_date_is_the_first_instant_of_that_day_in_the_zone() -> None:
    assert read_start("2027-07-01", MALTA).astimezone(UTC) == datetime(2027, 6, 30, 22, tzinfo=UTC)
    assert read_start("2027-07-01", None) == datetime(2027, 7, 1, tzinfo=UTC)


def test_a_time_names_its_offset_itself() -> None:
    assert read_start("2027-07-01T02:00:00+02:00", MALTA) == datetime(2027, 7, 1, tzinfo=UTC)
    assert read_start("2027-07-01T00:00:00.5Z", None).microsecond == 500_000


@pytest.mark.parametrize(
    "text", ["", "tomorrow", "2027-13-01", "2027-07-01T00:00:00", "10:00", "2027-7-1", "0001-01-01", "9999-12-30"]
)
def test_anything_else_is_an_error_that_says_what_would_be_right(text: str) -> None:
    with pytest.raises(click.BadParameter, match="write for example 2026-03-29"):
        read_start(text, None)
