"""What text for people looks like: values and sentences, counts, spans of time, sizes, and names that are alike."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given

from ajsync.text import (
    Paint,
    alike,
    byte_size,
    counted,
    cut,
    escape,
    excerpt,
    listed,
    moment,
    nearest,
    one_line,
    quote,
    span,
    visible,
)
from tests.reconcile.samples import ANY_TEXTS


@given(ANY_TEXTS, ANY_TEXTS)
def test_different_values_look_different(one: str, other: str) -> None:
    assert (visible(one) == visible(other)) == (one == other)


@given(ANY_TEXTS)
def test_escaped_text_is_printable_and_stays_as_it_is_when_it_is_escaped_again(value: str) -> None:
    assert escape(value).isprintable()
    assert escape(escape(value)) == escape(value)
    assert one_line(value).isprintable()


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("a b", "a b"),
        ("", '""'),
        (" a", '" a"'),
        ('"a"', r'"\"a\""'),
        ("::error::", '"::error::"'),
        ("##vso[task]", r'"#\x23vso[task]"'),
        ("a\nb", r'"a\nb"'),
        ("a\u202eb", r'"a\u202eb"'),
    ],
)
def test_a_value_that_is_not_plain_is_shown_in_quotes(value: str, shown: str) -> None:
    assert visible(value) == shown


def test_a_long_value_is_cut_and_its_digest_tells_it_from_another() -> None:
    assert visible("x" * 400) == "x" * 400
    one, other = visible("x" * 401), visible("x" * 400 + "y")
    assert one.startswith("x" * 120 + "… (401 characters, sha256 ")
    assert one != other


def test_a_long_text_says_how_much_more_there_is() -> None:
    assert cut("x" * 300) == "x" * 300
    assert excerpt("\n" + "x" * 1_299) == r"\n" + "x" * 299 + "… (1,000 characters more)"
    assert one_line("  " + "x" * 1_001) == "x" * 1_000 + "… (1 character more)"


def test_a_piece_of_a_file_is_quoted_and_ends_in_dots_where_it_is_long() -> None:
    assert quote("a\tb") == r'"a\tb"'
    assert quote("x" * 60) == f'"{"x" * 60}"'
    assert quote("x" * 61) == f'"{"x" * 60}..."'


def test_of_many_names_the_first_are_listed_and_the_rest_counted() -> None:
    assert listed(["A", "B"], 2) == "A, B"
    assert listed([f"N{number}" for number in range(1_502)], 2) == "N0, N1 and 1,500 more"


def test_a_count_has_its_noun_in_the_right_number() -> None:
    assert [counted(count, "schedule") for count in (0, 1, 2_000)] == ["0 schedules", "1 schedule", "2,000 schedules"]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 ms"),
        (0.9994, "999 ms"),
        (0.9995, "1.0 s"),
        (9.949, "9.9 s"),
        (9.95, "10 s"),
        (59.4, "59 s"),
        (59.5, "1 min"),
        (250, "4 min 10 s"),
        (3_600, "1 h"),
        (52_195, "14 h 29 min"),
        (187_200, "2 d 4 h"),
        (604_799, "6 d 23 h"),
        (604_800 + 3_600, "7 d"),
    ],
)
def test_a_span_of_time_is_told_in_its_two_largest_units(seconds: float, words: str) -> None:
    assert span(seconds) == words


def test_an_instant_is_shown_with_its_weekday_and_offset() -> None:
    time = datetime(2027, 3, 28, 3, 30, 0, 123, tzinfo=timezone(timedelta(hours=2)))
    assert moment(time) == "Sun 2027-03-28 03:30:00 +02:00"
    assert moment(time, seconds=False) == "Sun 2027-03-28 03:30 +02:00"
    assert moment(time.replace(second=1), seconds=False) == "Sun 2027-03-28 03:30:01 +02:00"
    assert moment(time, offset=False) == "Sun 2027-03-28 03:30:00"


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 B"),
        (1_023, "1023 B"),
        (1_024, "1.0 KiB"),
        (10_188, "9.9 KiB"),
        (10_189, "10 KiB"),
        (1_048_576, "1.0 MiB"),
        (2**60, "1024 PiB"),
    ],
)
def test_bytes_are_told_as_the_go_tool_tells_them(count: int, words: str) -> None:
    assert byte_size(count) == words


def test_a_style_is_put_on_a_text_only_where_there_are_colours() -> None:
    assert Paint(True)("strong", "A") == "\x1b[1mA\x1b[0m"
    assert Paint(True)("", "A") == Paint(False)("strong", "A") == "A"
    assert Paint(True)("strong", "") == ""


def test_the_nearest_name_is_suggested_and_nothing_where_none_is_near() -> None:
    assert nearest("aply", ["plan", "apply", "validate"]) == "apply"
    assert nearest("apply", []) == nearest("xyz", ["plan", "apply"]) == ""
    assert alike("plan", ["plan", "plans", "planned", "apply"], 2) == ["plan", "plans"]
