"""The last day in spans of half an hour: what was fired, missed and failed, from counters that only grow. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from ajsync.timestamp import NANOSECONDS

SPAN = 1800 * NANOSECONDS
SPANS = 48
"""How many spans a day has."""


@dataclass(frozen=True, slots=True)
class Span:
    """What happened in one span of time."""

    start: int
    """Nanoseconds since 1970, a multiple of `SPAN`."""
    fired: int = 0
    """Tasks that were made."""
    missed: int = 0
    """Fires that made none."""
    failed: int = 0
    """Tasks that ended without success."""
    known: bool = True
    """Whether a scheduler counted through the whole span; if not, there may have been more."""


class LastDay:
    """Keeps the spans of the last day."""

    def __init__(self, now: int) -> None:
        """Counting begins at `now`, in nanoseconds since 1970."""
        first = now // SPAN * SPAN
        self._spans: deque[Span] = deque(maxlen=SPANS)
        self._spans.append(Span(first, known=False))
        self._before = (0, 0, 0)

    def see(self, now: int, fired: int, missed: int, failed: int) -> None:
        """Take in the counters as they are now: their growth since the last call happened in the span of `now`.

        A counter that shrank has begun again, because its queue was gone in between; it is left out this time.
        """
        start, last = now // SPAN * SPAN, self._spans[-1]
        if start > last.start:
            # The clock may have been set ahead by years.
            first = max(last.start + SPAN, start - (SPANS - 1) * SPAN)
            self._spans.extend(Span(each) for each in range(first, start + 1, SPAN))
            last = self._spans[-1]
        values = (fired, missed, failed)
        grown = [max(value - before, 0) for value, before in zip(values, self._before, strict=True)]
        self._before = values
        sums = (last.fired + grown[0], last.missed + grown[1], last.failed + grown[2])
        self._spans[-1] = Span(last.start, *sums, last.known)

    def spans(self, now: int) -> tuple[Span, ...]:
        """The spans of the 24 hours up to `now`, the oldest first; those before counting began are not known."""
        end = max(now // SPAN * SPAN, self._spans[-1].start)
        counted = {span.start: span for span in self._spans}
        starts = range(end - (SPANS - 1) * SPAN, end + 1, SPAN)
        return tuple(counted.get(start) or Span(start, known=start > self._spans[-1].start) for start in starts)
