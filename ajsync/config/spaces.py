"""Spaces that are none to YAML, as web pages and word processors leave them: they look like an indentation."""

from __future__ import annotations

import re

ODD_SPACE = re.compile("[ ]*[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000\ufeff]")
"""What a line or a key begins with that is indented so."""
ODD_INDENT = "indent with plain spaces: another character that looks like one stands in front"


def begins_oddly(text: str) -> bool:
    """Whether a key begins with a space that is none to YAML."""
    return ODD_SPACE.match(text) is not None
