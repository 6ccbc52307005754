"""What fits on a terminal: no line is wider than it, and as much is kept as there is room for."""

from __future__ import annotations

import unicodedata
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from ajsync.fitting import Keep, cells, shortened, wrapped
from tests.texts import SHOWN

KEEPS: tuple[Keep, ...] = get_args(Keep)


@given(SHOWN, st.integers(1, 40), st.sampled_from(KEEPS))
def test_a_shortened_text_fits_and_wastes_at_most_three_columns(text: str, width: int, keep: Keep) -> None:
    shown = shortened(text, width, keep)
    assert cell_len(shown) <= width
    if cell_len(text) <= width:
        assert shown == text
    elif not text.isspace() and " " not in text:
        assert cell_len(shown) >= min(width, cell_len(text)) - 3  # a wide character at each end may not fit


@given(SHOWN, st.integers(1, 40), st.sampled_from(KEEPS))
def test_a_shortened_text_is_its_beginning_or_its_end_or_both(text: str, width: int, keep: Keep) -> None:
    shown = shortened(text, width, keep, mark="\x00")
    if shown != text:
        start, end = shown.split("\x00")
        assert text.startswith(start)
        assert text.endswith(end)
        assert keep != "start" or not end
        assert keep != "end" or not start


@given(SHOWN, st.integers(2, 40))
def test_no_mark_is_torn_from_its_character(text: str, width: int) -> None:
    shown = shortened(text, width, "end", mark="\x00")
    if shown != text:
        assert not unicodedata.combining(shown[1:2] or "x")


@pytest.mark.parametrize(
    ("keep", "shown"),
    [("start", "BILLING…"), ("ends", "BILL…_EU"), ("end", "…REPORT_EU")],
)
def test_what_is_kept(keep: Keep, shown: str) -> None:
    assert shortened("BILLING_REPORT_EU", len(shown), keep) == shown


@given(SHOWN, st.integers(8, 60), st.integers(0, 7), st.integers(0, 7))
def test_a_broken_sentence_has_every_word_and_fits_but_for_words_that_are_too_long(
    text: str, width: int, used: int, indent: int
) -> None:
    lines = wrapped(text, width, used=used, indent=indent)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    for number, line in enumerate(lines):
        room = width - used if number == 0 else width
        assert cells(line) <= room or " " not in line.strip(" ")


def test_a_sentence_is_broken_at_its_spaces_and_indented() -> None:
    assert wrapped("one two three four", 9, used=4, indent=2) == ["one", "  two", "  three", "  four"]
    assert wrapped("  - one two three four", 16, indent=4) == ["  - one two", "    three four"]
    assert wrapped("one two three", 8, indent=4) == ["one two", "  three"]  # a narrow terminal


def test_without_a_width_nothing_is_broken() -> None:
    assert wrapped("one " * 100, None) == ["one " * 100]


def test_a_word_that_is_too_long_is_left_whole() -> None:
    assert wrapped("see https://example.net/a/long/address now", 12) == [
        "see",
        "https://example.net/a/long/address",
        "now",
    ]


def test_styles_take_no_room() -> None:
    assert cells("\x1b[1;31mab\x1b[0m") == 2
    assert wrapped("\x1b[1;31mone\x1b[0m two", 7) == ["\x1b[1;31mone\x1b[0m two"]
