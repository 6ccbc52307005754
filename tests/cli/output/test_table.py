"""Tables of text: aligned, within the width of a terminal, and whole in a pipe."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from ajsync.cli.output.columns import Column, fitted
from ajsync.cli.output.table import Cell, Surface, aligned, framed
from ajsync.text import Paint
from tests.texts import SHOWN

PLAIN = Paint(False)
PIPE = Surface(None, PLAIN)
COLUMNS = (
    Column("Name", 1, least=6, keep="ends"),
    Column("Fires", 4, right=True),
    Column("Due", 2, times=True),
    Column("Text", 3, least=8),
    Column("Next", 5, least=8, times=True),
)
ROWS = st.lists(
    st.tuples(SHOWN.map(lambda text: text or "x"), st.sampled_from(["", "7", "1,234"]), SHOWN, SHOWN, SHOWN),
    min_size=1,
    max_size=4,
)


def on(width: int) -> Surface:
    return Surface(width, PLAIN)


def test_numbers_stand_right_aligned_below_their_title() -> None:
    assert aligned(COLUMNS[:2], [("A", "7"), ("LONGER", "1,234")], PIPE) == [
        "Name    Fires",
        "A           7",
        "LONGER  1,234",
    ]


def test_on_a_terminal_a_column_without_content_is_left_out_and_in_a_pipe_it_has_a_sign() -> None:
    row = ("A", "", "", "x", "")
    assert aligned(COLUMNS, [row], on(80)) == ["Name  Text", "A     x"]
    assert aligned(COLUMNS, [row], PIPE)[1].split() == ["A", "-", "-", "x", "-"]


def test_colour_changes_nothing_but_the_colour() -> None:
    painted = aligned(COLUMNS[:2], [(Cell("A", "alarm"), "1")], Surface(None, Paint(True)))
    assert painted[1].startswith("\x1b[1;31mA\x1b[0m   ")


@given(ROWS, st.integers(1, 200))
def test_a_table_is_never_wider_than_the_terminal(rows: list[Sequence[str]], width: int) -> None:
    assert all(cell_len(line) <= width for line in aligned(COLUMNS, rows, on(width), zone="Europe/Malta"))


@given(ROWS, st.integers(5, 200))
def test_a_frame_is_never_wider_than_the_terminal_and_is_straight(rows: list[Sequence[str]], width: int) -> None:
    lines = [*framed("4 Scheduled Task(s)", COLUMNS, rows, on(width), zone="UTC")]
    assert len({cell_len(line) for line in lines}) == 1
    assert cell_len(lines[0]) <= width


@given(ROWS)
def test_a_table_in_a_pipe_has_every_column_of_every_row_in_full(rows: list[Sequence[str]]) -> None:
    single = [[re.sub(" +", " ", cell) for cell in row] for row in rows]
    for line, row in zip(aligned(COLUMNS, single, PIPE)[1:], single, strict=True):
        cells = [cell or "-" for cell in row]
        assert [cell.strip() for cell in re.split("  +", line)] == [cell.strip() for cell in cells]


@given(st.lists(st.tuples(st.integers(1, 300), st.one_of(st.none(), st.integers(1, 20))), min_size=1), st.data())
def test_columns_go_by_their_rank_and_no_long_one_empties_another(
    wanted: list[tuple[int, int | None]], data: st.DataObject
) -> None:
    ranks = data.draw(st.permutations(range(1, len(wanted) + 1)))
    width = data.draw(st.integers(1, 400))
    columns = [Column("", rank, least=least) for rank, (_, least) in zip(ranks, wanted, strict=True)]
    whole = {index: size for index, (size, _) in enumerate(wanted)}
    shown = fitted(columns, whole, width, gap=2)
    assert sum(shown.values()) + 2 * (len(shown) - 1) <= width
    assert sorted(columns[index].rank for index in shown) == [*range(1, len(shown) + 1)]
    if len(shown) > 1:
        least = {index: min(whole[index], columns[index].least or whole[index]) for index in shown}
        first = ranks.index(1)  # with one more column beside it, it may be narrower than it should
        least[first] = min(least[first], shown[first]) if len(shown) == 2 and columns[first].least else least[first]
        assert all(least[index] <= size <= whole[index] for index, size in shown.items())
        # None is wider than another that is shortened, unless it cannot be narrower.
        shortened = [size for index, size in shown.items() if size < whole[index]]
        if shortened:
            assert all(size <= max(least[index], min(shortened) + 1) for index, size in shown.items())
            assert sum(shown.values()) + 2 * (len(shown) - 1) == width


def test_a_long_name_leaves_the_other_columns_what_they_need() -> None:
    head, row = aligned(COLUMNS, [("N" * 300, "1,234", "Sun 2026-11-29 18:00", "text", "never")], on(80), zone="UTC")
    assert head.split() == ["Name", "Fires", "Due", "(UTC)", "Text", "Next"]
    assert row.split()[1:] == ["1,234", "Sun", "2026-11-29", "18:00", "text", "never"]
    assert len(row) == 80


def test_where_shortening_is_not_enough_the_least_important_columns_go() -> None:
    row = ("A" * 20, "1", "Sun 2026-11-29 18:00", "text" * 5, "more" * 5)
    shown = {width: aligned(COLUMNS, [row], on(width))[0].split() for width in (55, 46, 38, 30, 20)}
    assert shown == {
        55: ["Name", "Fires", "Due", "Text", "Next"],
        46: ["Name", "Fires", "Due", "Text"],
        38: ["Name", "Due", "Text"],
        30: ["Name", "Due"],
        20: ["Name"],
    }


@pytest.mark.parametrize(
    ("row", "title"),
    [(("A", "1", "Sun", "x", "Mon"), "Due (UTC)"), (("A", "1", "", "x", "Mon"), "Next (UTC)")],
)
def test_the_zone_is_named_once_above_the_most_important_times_that_are_there(row: Sequence[str], title: str) -> None:
    head = aligned(COLUMNS, [row], on(80), zone="UTC")[0]
    assert title in head
    assert head.count("UTC") == 1


def test_a_zone_is_shortened_only_where_that_leaves_more_room() -> None:
    zone, row = "America/Argentina/ComodRivadavia", ("A" * 20, "1", "Sun 2026-11-29 18:00", "text" * 5, "")
    heads = {width: aligned(COLUMNS, [row], on(width), zone=zone)[0] for width in (200, 60)}
    assert f"Due ({zone})" in heads[200]
    assert "Due (…ComodRivadavia)" in heads[60]
    assert "Due (Europe/Malta)" in aligned(COLUMNS, [row], on(60), zone="Europe/Malta")[0]


def test_a_frame_has_a_title_and_a_line_for_each_row() -> None:
    rows = [("A", "7", "Sun", "", ""), ("BILLING_EU", "1,234", "Mon", "", "")]
    assert [*framed("2 of them", COLUMNS, rows, on(28))] == [
        "╭──────────────────────────╮",
        "│        2 of them         │",
        "├────────────┬───────┬─────┤",
        "│ Name       │ Fires │ Due │",
        "├────────────┼───────┼─────┤",
        "│ A          │     7 │ Sun │",
        "│ BILLING_EU │ 1,234 │ Mon │",
        "╰────────────┴───────┴─────╯",
    ]
    assert [*framed("2 of them", COLUMNS, rows, on(24))][5:7] == [
        "│ A      │     7 │ Sun │",
        "│ BIL…EU │ 1,234 │ Mon │",
    ]
