"""The unseen spans of a term: what fell due in them waits for the look, and then for its turn to be made good.

Fires that are due now go on meanwhile. The watermark names the spans until everything in them is decided and taken up,
so that the next leader looks again.
"""

from __future__ import annotations

from collections import deque

from ajsync.scheduler.agenda.agenda import Fire
from ajsync.scheduler.election.watermark import Span, Watermark
from ajsync.scheduler.monitor.records import Records
from ajsync.scheduler.unseen.look import UnseenLook


def unseen_spans(left: Watermark | None, until: int, oldest: int, *, may_be_go: bool) -> tuple[Span, ...]:
    """The spans that a term has to look at; it begins to fire at `until`, and makes good nothing before `oldest`.

    They are the ones that the watermark `left` names, and the time since then if a scheduler other than ajsync's may
    have led. Without a watermark nothing is known, so it is all the time since `oldest`.
    """
    spans = () if left is None else left.unseen
    if may_be_go:
        spans = (*spans, (0 if left is None else left.instant, until))
    return tuple((max(after, oldest), end) for after, end in spans if max(after, oldest) < end)


class Unseen:
    """What one term does about its unseen spans."""

    def __init__(self, spans: tuple[Span, ...], look: UnseenLook, records: Records) -> None:
        self.spans = spans
        self._look = look
        self._records = records
        self._decided = not spans
        self._missing: deque[Fire] = deque()
        self._begun: deque[Fire] = deque()

    @property
    def is_open(self) -> bool:
        """Whether something in the spans is not decided, or not taken up."""
        return not self._decided or self.has_work

    @property
    def has_work(self) -> bool:
        """Whether there is something to take up."""
        return bool(self._missing or self._begun)

    async def run(self) -> None:
        """Look at the spans, once."""
        if self._decided:
            return
        seen = await self._look.run()
        self._records.unseen(seen.fired, len(seen.missing), seen.left)
        self._missing.extend(seen.missing)
        self._begun.extend(seen.begun)
        self._decided = True

    def take(self) -> tuple[Fire, bool]:
        """The next fire, with True if it has no task, and False if its task may be without its work item."""
        if self._missing:
            return self._missing.popleft(), True
        return self._begun.popleft(), False
