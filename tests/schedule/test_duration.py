"""Durations are Go's, both ways, and a wrong one is explained."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ajsync.errors import ScheduleError
from ajsync.schedule import format_duration, format_duration_short, parse_duration
from ajsync.schedule.duration_hints import duration_hint
from ajsync.schedule.units import HOUR, MINUTE, SECOND

INT64 = st.integers(-(1 << 63), (1 << 63) - 1)
# Whole seconds, minutes and hours are rare among all numbers, and the ones that people write.
DURATIONS = INT64 | st.builds(
    lambda count, unit: count * unit, st.integers(-9999, 9999), st.sampled_from([1, 1000, SECOND, MINUTE, HOUR])
)


ANY = "write numbers with the units h, m and s, such as 1h30m"


@given(DURATIONS)
def test_what_is_written_reads_as_the_same_duration(duration: int) -> None:
    assert parse_duration(format_duration(duration)) == duration


@given(DURATIONS)
def test_the_short_form_reads_as_the_same_duration(duration: int) -> None:
    assert parse_duration(format_duration_short(duration)) == duration


@given(st.integers(0, 9999), st.integers(0, 9999), st.integers(0, 9999), st.permutations("hms"))
def test_parts_add_up_in_any_order(hours: int, minutes: int, seconds: int, order: list[str]) -> None:
    counts = {"h": hours, "m": minutes, "s": seconds}
    text = "".join(f"{counts[unit]}{unit}" for unit in order)
    assert parse_duration(text) == hours * HOUR + minutes * MINUTE + seconds * SECOND
    assert parse_duration(f"-{text}") == -parse_duration(text)


@given(st.text(alphabet="0123456789.+-hmsnu\u00b5\u03bcd e\x00\u0665"))
def test_any_text_gives_a_duration_or_an_explanation(text: str) -> None:
    problem = ""
    try:
        parse_duration(text)
    except ScheduleError as error:
        problem = str(error)
    assert problem.isprintable()


@pytest.mark.parametrize(
    "duration", ["1ns", "999ns", "1\u00b5s", "999\u00b5s", "1ms", "999ms", "1s", "59s", "1m0s", "1h0m0s"]
)
def test_a_duration_is_written_in_the_largest_unit_that_it_reaches(duration: str) -> None:
    assert format_duration(parse_duration(duration)) == duration


@pytest.mark.parametrize(
    ("duration", "short"),
    [
        (12 * HOUR, "12h"),
        (HOUR + 10 * MINUTE, "1h10m"),
        (10 * MINUTE, "10m"),
        (HOUR + 5 * SECOND, "1h0m5s"),
        (100 * HOUR, "100h"),
        (10 * SECOND, "10s"),
        (3 * SECOND // 2, "1.5s"),
        (SECOND // 10, "100ms"),
        (-90 * MINUTE, "-1h30m"),
        (0, "0s"),
    ],
)
def test_the_short_form_drops_the_zeros_at_its_end(duration: int, short: str) -> None:
    assert format_duration_short(duration) == short


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", f'duration: a number and a unit are missing, as in 1h30m (in ""); {ANY}'),
        ("5", 'duration: 5 has no unit such as h, m, s or ms (in "5"); write 5s if these are seconds'),
        (
            "3600",
            'duration: 3600 has no unit such as h, m, s or ms (in "3600"); write 3600s or 1h if these are seconds',
        ),
        ("1d", 'duration: "d" is not a unit such as h, m, s or ms (in "1d"); write 24h'),
        ("1H", 'duration: "H" is not a unit such as h, m, s or ms (in "1H"); write 1h'),
        ("ten minutes", f'duration: a number is missing before "ten minutes" (in "ten minutes"); {ANY}'),
        *(
            (text, f'duration: it is longer than the longest duration, 2562047h47m16s (in "{text}")')
            for text in ("3000000h", "2562047h48m", "9223372036.9s")
        ),
    ],
)
def test_a_wrong_duration_is_explained(text: str, message: str) -> None:
    with pytest.raises(ScheduleError) as error:
        parse_duration(text)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("written", "duration"),
    [
        ("hour", "1h"),
        ("a minute", "1m"),
        ("an hour", "1h"),
        ("half an hour", "30m"),
        ("half a day", "12h"),
        ("one week", "168h"),
        ("1h30", "1h30m"),
        ("1 hour, 30 minutes", "1h30m"),
        ("2 days and 12 hours", "60h"),
        ("1,5 h", "1h30m"),
        ("P1DT12H", "36h"),
        ("PT0000000000015M", "15m"),
        ("01:30:00", "1h30m"),
        ('"5m"', "5m"),
        ("36500 days", "876000h"),  # a century
    ],
)
def test_a_duration_in_words_or_of_another_system_is_told_as_one_of_go(written: str, duration: str) -> None:
    assert duration_hint(written) == f"write {duration}"


@pytest.mark.parametrize("written", ["0 minutes", "36501 days", "5 apples", "1h 30 20", "1 30m", "P", '"5m', "-5 min"])
def test_what_is_no_duration_in_any_notation_is_told_with_the_units(written: str) -> None:
    assert duration_hint(written) == ANY


def test_a_number_alone_that_is_long_enough_is_taken_as_seconds() -> None:
    assert duration_hint("60", MINUTE) == "write 60s or 1m if these are seconds"


def test_what_is_shorter_than_allowed_is_told_with_the_minimum() -> None:
    with pytest.raises(ScheduleError, match=r"; write 5m if these are minutes; the minimum is 1m$"):
        parse_duration("5", MINUTE)
    assert duration_hint("5 seconds", MINUTE) == "the minimum is 1m"


@pytest.mark.parametrize("text", ["9" * 1_000_000 + "h", "h" * 1_000_000, "0." + "0" * 1_000_000, "-" * 1_000_000])
def test_a_duration_without_end_is_refused_in_a_line(text: str) -> None:
    with pytest.raises(ScheduleError) as error:
        parse_duration(text)
    assert len(str(error.value)) < 300
