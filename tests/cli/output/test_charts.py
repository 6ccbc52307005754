"""Bars and levels: as long as their numbers say, and plain where the output is no terminal."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ajsync.cli.output.charts import bar, levels


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
