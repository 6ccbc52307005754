"""The bar that shows on a terminal how far an apply is."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.cli.terminals import Terminal

WORK = """
from ajsync.cli.output import terminal
terminal._PATIENCE_SECONDS = {patience}
with terminal.progress("Working", 3) as advance:
    for _ in range(3):
        advance(1)
"""


@pytest.mark.parametrize(("patience", "shown"), [(-1, True), (3600, False)])
def test_a_bar_is_shown_once_the_work_takes_a_while(patience: int, shown: bool, tmp_path: Path) -> None:
    terminal = Terminal(sys.executable, "-c", WORK.format(patience=patience), folder=tmp_path)
    assert terminal.end() == 0
    assert ("Working" in terminal.shown and "3/3" in terminal.shown) == shown
    assert ("Working" in terminal.shown) == shown
