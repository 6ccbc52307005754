"""What a line of the log may be: whoever wrote what it quotes, it stays one, and short."""

from __future__ import annotations

import json
import logging

import pytest

from ajsync.cli.output.logs import start_logging


@pytest.mark.parametrize("style", ["text", "json"])
def test_a_line_is_cut_whatever_it_quotes(style: str, capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    try:
        start_logging(style)
        logging.getLogger("test").error("%s, %s", "x" * 400_000, ValueError("y" * 400_000), extra={"queue": "q" * 9000})
    finally:
        root.handlers[:] = before
        root.setLevel(level)
    text = capsys.readouterr().err
    assert text.count("\n") == 1
    assert len(text) < 6000
    if style == "json":
        assert json.loads(text)["queue"].startswith("qqq")
