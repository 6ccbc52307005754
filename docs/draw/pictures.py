"""The pictures of the pages: diagrams drawn by Chromium."""

from __future__ import annotations

import sys

from docs.draw.chromium import find_chromium
from docs.draw.diagrams import draw_diagrams


def make_pictures() -> None:
    """Make each picture whose content has changed; those that need a program which is not here stay as they are."""
    chromium = find_chromium()
    if chromium is None:
        print("There is no Chromium, so diagrams stay as they are.", file=sys.stderr)
        return
    draw_diagrams(chromium)


if __name__ == "__main__":
    make_pictures()
