"""Instants of the command line."""

from __future__ import annotations

from datetime import UTC, datetime

import click
import pytest

from ajsync.cli.options.moments import common_offset, read_start, shown
from ajsync.schedule import load_zone
from ajsync.timestamp import to_datetime, to_nanoseconds

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


def test_an_instant_is_shown_with_its_weekday_and_offset() -> None:
    moment = to_datetime(to_nanoseconds(datetime(2027, 3, 28, 1, 30, tzinfo=UTC)) + 123, MALTA)
    assert shown(moment) == "Sun 2027-03-28 03:30:00 +02:00"
    assert shown(moment, seconds=False) == "Sun 2027-03-28 03:30 +02:00"
    assert shown(moment, offset=False) == "Sun 2027-03-28 03:30:00"


def test_an_offset_is_common_only_while_the_clocks_stand() -> None:
    march, april = (datetime(2027, month, 1, tzinfo=MALTA) for month in (3, 4))
    assert common_offset([april, april]) == "+02:00"
    assert common_offset([march, april]) == ""
