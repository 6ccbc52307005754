"""Progress: how far a term has come, as its watermark says. Pure."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from ajsync.scheduler.election.watermark import MOST_OPEN, NamedFires, Span, size_of, up_to

Unsettled = tuple[int, str, bool]
"""A fire's due instant, the name of its schedule, and whether it is only looked for."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Everything due at or before `instant` is settled, except the fires that are named."""

    instant: int
    """Nanoseconds since 1970."""
    open: NamedFires
    looked_for: NamedFires
    behind: int = 0
    """Nanoseconds by which `instant` is held back, because more fires are not settled than can be named."""
    catching_up: tuple[Span, ...] = ()
    """Spans before `instant` whose missed fires are not all made good."""
    unseen: tuple[Span, ...] = ()
    """Spans before `instant` in which others may have fired, and in which not every fire is decided."""

    @property
    def unsettled(self) -> NamedFires:
        """All named fires."""
        return self.open | self.looked_for


@dataclass(frozen=True, slots=True)
class UnseenProgress:
    """How far a term has come with its unseen spans."""

    spans: tuple[Span, ...] = ()
    is_open: bool = False
    """Whether some fire in the spans is not decided, or not taken up."""
    made_good: Collection[Unsettled] = ()
    """Fires in the spans that are made good and not settled."""

    @property
    def until(self) -> int:
        """The end of the last span; -1 if there is none."""
        return max((until for _, until in self.spans), default=-1)

    def holds(self, due: int) -> bool:
        """Whether an instant is in one of the spans."""
        return any(after < due <= until for after, until in self.spans)


NOTHING_UNSEEN = UnseenProgress()


def progress(
    reached: int,
    unsettled: Iterable[Unsettled],
    room: int,
    catching_up: tuple[Span, ...] = (),
    made_good: Collection[Unsettled] = (),
    made_good_until: int = 0,
    unseen: UnseenProgress = NOTHING_UNSEEN,
) -> Progress:
    """How far a term has come; it has taken up everything due up to `reached`, except what it is catching up with.

    The oldest unsettled fires are named, as many as fit into `room` bytes; the first that does not fit holds the
    instant back. The fires of `made_good` come from a gap that ends with `made_good_until`. If there is no room for
    them too, the gap begins before them instead, and the next leader makes them good again. In the same way the next
    leader looks at the unseen spans again if there is no room for their fires. The instant never goes back into those
    spans: a leader that went on from there would fire again what others have fired.
    """
    named = [*unsettled]
    floor = unseen.until
    spans = unseen.spans if unseen.is_open else ()
    found = _progress(reached, (*named, *made_good, *unseen.made_good), room, catching_up, spans, floor)
    if found.is_whole:
        return found.progress
    if unseen.made_good:
        spans = unseen.spans
        found = _progress(reached, (*named, *made_good), room, catching_up, spans, floor)
    if found.is_whole or not made_good:
        return found.progress
    again = (min(made_good)[0] - 1, made_good_until)
    gaps = (again, *(each for each in catching_up if each[1] > made_good_until))
    return _progress(reached, named, room, gaps, spans, floor).progress


class _Fitted(NamedTuple):
    progress: Progress
    is_whole: bool
    """Whether there was room for every fire."""


def _progress(
    reached: int,
    unsettled: Iterable[Unsettled],
    room: int,
    catching_up: tuple[Span, ...],
    unseen: tuple[Span, ...],
    floor: int,
) -> _Fitted:
    oldest = heapq.nsmallest(MOST_OPEN + 1, {each for each in unsettled if each[0] <= reached})
    first = _first_without_room(oldest, room)
    until = reached if first is None else first - 1
    named = [each for each in oldest if each[0] <= until]
    instant = min(max(until, floor), reached)
    found = Progress(
        instant,
        frozenset((name, due) for due, name, looked_for in named if not looked_for),
        frozenset((name, due) for due, name, looked_for in named if looked_for),
        reached - instant,
        up_to(catching_up, instant),
        up_to(unseen, instant),
    )
    return _Fitted(found, first is None)


def _first_without_room(oldest: Iterable[Unsettled], room: int) -> int | None:
    """The instant of the first fire that cannot be named; None if all can."""
    names: set[tuple[str, bool]] = set()
    for count, (due, name, looked_for) in enumerate(oldest):
        first, more = size_of(name)
        room -= more if (name, looked_for) in names else first
        if count == MOST_OPEN or room < 0:
            return due
        names.add((name, looked_for))
    return None
