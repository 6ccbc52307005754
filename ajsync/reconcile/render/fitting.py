"""Making many pieces of text fit into a limited room: the last ones are shortened first, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fitted:
    """What became of the pieces."""

    shown: tuple[str, ...]
    """One text for each piece; "" for one that had to go."""
    steps: tuple[int, ...]
    """How many steps each piece was shortened."""


def fit(pieces: Sequence[Sequence[str]], room: int) -> Fitted:
    """Choose a form of each piece so that all together take no more than `room` units.

    A piece is its forms, all in the same number, from the longest to the shortest. Every piece has lost one step before
    one loses the next, and at last they go altogether; the most important pieces stand first and lose last.
    """
    sizes = [[*map(units, forms), 0] for forms in pieces]
    steps = [0] * len(pieces)
    total = sum(size[0] for size in sizes)
    for step in range(1, len(pieces[0]) + 1 if pieces else 0):
        for index in reversed(range(len(pieces))):
            if total <= room:
                break
            total -= sizes[index][step - 1] - sizes[index][step]
            steps[index] = step
    shown = tuple("" if step == len(forms) else forms[step] for forms, step in zip(pieces, steps, strict=True))
    return Fitted(shown, tuple(steps))


def units(text: str) -> int:
    """The length of a text in UTF-16 units, which is never less than its characters."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2
