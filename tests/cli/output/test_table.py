"""Tables and bars of text: aligned, within the width, and plain where the output is no terminal."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from ajsync.cli.output.table import Cell, Column, aligned, bar, framed, levels
from ajsync.text import Paint

PLAIN = Paint(False)
COLUMNS = (Column("Name"), Column("Fires", right=True), Column("Text", flexible=True), Column("More", flexible=True))


def test_numbers_stand_right_aligned_below_their_title() -> None:
    assert aligned(COLUMNS[:2], [("A", "7"), ("LONGER", "1,234")], width=None, paint=PLAIN) == [
        "Name    Fires",
        "A           7",
        "LONGER  1,234",
    ]


def test_a_column_without_content_is_left_out() -> None:
    assert aligned(COLUMNS[:3], [("A", "", "x")], width=None, paint=PLAIN) == ["Name  Text", "A     x"]


def test_a_wide_character_takes_two_columns() -> None:
    lines = aligned(COLUMNS[:2], [("日本", "1"), ("abcd", "2")], width=None, paint=PLAIN)
    assert {cell_len(line) for line in lines} == {11}


def test_colour_changes_nothing_but_the_colour() -> None:
    painted = aligned(COLUMNS[:2], [(Cell("A", "alarm"), "1")], width=None, paint=Paint(True))
    assert painted[1].startswith("\x1b[1;31mA\x1b[0m   ")


@given(
    st.lists(st.tuples(*[st.text("ab 日", max_size=30)] * 4), min_size=1, max_size=4),
    st.integers(60, 200),
)
def test_what_can_be_cut_is_cut_to_the_width_of_the_terminal(rows: list[tuple[str, ...]], width: int) -> None:
    rows = [(name[:10], fires[:10], text, more) for name, fires, text, more in rows]
    assert all(cell_len(line) <= width for line in aligned(COLUMNS, rows, width=width, paint=PLAIN))


def test_where_cutting_is_not_enough_the_last_flexible_column_goes() -> None:
    row = ("A" * 20, "1", "text" * 5, "more" * 5)
    assert aligned(COLUMNS, [row], width=44, paint=PLAIN)[0].split() == ["Name", "Fires", "Text"]
    assert aligned(COLUMNS, [row], width=30, paint=PLAIN)[0].split() == ["Name", "Fires"]


@given(st.integers(1, 10_000), st.integers(0, 10_000), st.integers(1, 80), st.booleans())
def test_a_bar_is_never_longer_than_its_room_and_never_nothing_for_something(
    most: int, fires: int, room: int, blocks: bool
) -> None:
    drawn = bar(min(fires, most), most, room, blocks=blocks)
    assert len(drawn) <= room
    assert bool(drawn) == bool(fires)
    assert len(bar(most, most, room, blocks=blocks)) == room
    assert blocks or drawn.isascii()


def test_levels_show_the_largest_as_the_tallest_and_something_as_something() -> None:
    assert levels([0, 1, 1000, 500], blocks=True) == " ▁█▄"
    assert levels([0, 1, 1000, 500], blocks=False) == " .@+"
    assert levels([0, 0], blocks=True) == "  "


def test_a_frame_breaks_a_long_cell_at_its_spaces_and_pads_the_others() -> None:
    rows = [("A", "30 7 * * mon-fri"), ("LONGER", "日本日本日本")]
    assert [*framed("2 of them", ("Name", "Text"), rows, (4, 8), PLAIN)] == [
        "╭─────────────────╮",
        "│    2 of them    │",
        "├──────┬──────────┤",
        "│ Name │ Text     │",
        "├──────┼──────────┤",
        "│ A    │ 30 7 * * │",
        "│      │ mon-fri  │",
        "│ LONG │ 日本日本 │",
        "│ ER   │ 日本     │",
        "╰──────┴──────────╯",
    ]
