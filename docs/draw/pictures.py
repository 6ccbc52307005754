"""The pictures of the pages: terminals in which the real program has run, and what Chromium draws."""

from __future__ import annotations

import sys
from pathlib import Path

from docs.draw.chromium import find_chromium
from docs.draw.diagrams import draw_diagrams
from docs.draw.scenes import scenes
from docs.draw.status_page import draw_status_page
from docs.draw.terminal import draw_terminal

TERMINALS = Path(__file__).parents[1] / "pictures" / "terminal"


def make_pictures() -> None:
    """Make each picture whose content has changed; those that need a program which is not here stay as they are."""
    TERMINALS.mkdir(parents=True, exist_ok=True)
    drawn = set()
    for scene in scenes():
        file = TERMINALS / f"{scene.name}.svg"
        draw_terminal(file, scene.shown, scene.columns)
        drawn.add(file)
    for file in set(TERMINALS.glob("*.svg")) - drawn:
        file.unlink()
    chromium = find_chromium()
    if chromium is None:
        print("There is no Chromium, so diagrams and the status page stay as they are.", file=sys.stderr)
        return
    draw_diagrams(chromium)
    draw_status_page(chromium)


if __name__ == "__main__":
    make_pictures()
