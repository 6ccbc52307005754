"""LeaseHistory: what a scheduler has seen of the election's key, and what that means for a term that begins.

Each ajsync scheduler writes into the key since which revision only ajsync schedulers have held it. That is lost when
the key expires, so each of them remembers what it has seen. A Go scheduler fires after its second write of the key.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from ajsync.asyncjobs.election import GO_CAMPAIGN_SECONDS, TTL_SECONDS, Lease
from ajsync.scheduler.clock import Clock
from ajsync.scheduler.election.watermark import Watermark
from ajsync.text import escape
from ajsync.timestamp import NANOSECONDS

log = logging.getLogger(__name__)

GO_TERM_SECONDS = GO_CAMPAIGN_SECONDS + TTL_SECONDS - 1
"""If a Go scheduler has fired between a key of ours and a key without a holder, at least this much time lies between
them: it campaigns twice, and then its key has to expire."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """A write of the key by an ajsync scheduler, and when it was seen."""

    revision: int
    since: int
    monotonic: float
    wall: int


class LeaseHistory:
    """Remembers the last lease of an ajsync scheduler, and whether a Go scheduler led after it."""

    def __init__(self, name: str, clock: Clock) -> None:
        """`name` is the name of this scheduler."""
        self.is_go = False
        """Whether the last leader that was seen is a Go scheduler."""
        self._name = name
        self._clock = clock
        self._ours: _Seen | None = None
        """The last write of the key that was seen, if an ajsync scheduler made it."""
        self._namesake = 0
        """The revision of a key with our name that we did not write."""
        self._warned = False

    def see(self, lease: Lease, watermark: Watermark | None, own_revision: int) -> None:
        """Take in the key and the watermark as they are now; `own_revision` is the revision of our last write."""
        if lease.since is not None:
            self._ours = _Seen(lease.revision, lease.since, self._clock.monotonic(), self._clock.wall())
            self.is_go = False
        elif lease.holder is not None:
            self._ours = None
            self.is_go = watermark is None or not is_close(watermark, lease.revision)
        self._look_for_namesake(lease, own_revision)

    def known(self, lease: Lease, watermark: Watermark | None, last: int) -> tuple[int, bool]:
        """What is known of a key without a holder: since which revision only ajsync schedulers have written it.

        The second value says whether a term may go on from `watermark`, because only ajsync schedulers can have fired
        after it. `last` is the revision of the key's last write.
        """
        if lease.given_back:  # which only ajsync schedulers do
            since = lease.since if lease.since is not None else _before(watermark)
            return since, covers(since, watermark)
        if last == 0:  # the election is new, or its stream was made again
            return 0, not self.is_go
        ours = self._ours
        if ours is not None and ours.revision <= last:
            # Only the wall clock goes on while the host is suspended.
            ago = max(self._clock.monotonic() - ours.monotonic, (self._clock.wall() - ours.wall) / NANOSECONDS)
            if ours.revision == last or ago < GO_TERM_SECONDS:
                return ours.since, covers(ours.since, watermark)
        if watermark is not None and is_close(watermark, last):
            return _before(watermark), True
        return last, False

    def _look_for_namesake(self, lease: Lease, own_revision: int) -> None:
        """Warn once of another scheduler with our name, because each would mistake the other's lease for its own.

        A key that an earlier process of ours has left has our name too, but is not refreshed.
        """
        if lease.holder != self._name or lease.revision <= own_revision:
            self._namesake = 0
        elif not self._namesake:
            self._namesake = lease.revision
        elif lease.revision != self._namesake and not self._warned:
            self._warned = True
            log.warning(
                "Another scheduler with the name %s leads. Each scheduler needs a name of its own, as argument or in "
                "AJC_SCHEDULER_NAME, because two with one name mistake each other's leadership for their own.",
                escape(self._name),
                extra={"scheduler": self._name},
            )


def covers(since: int, watermark: Watermark | None) -> bool:
    """Whether the watermark was written after the revision `since` of the election's key, so by an ajsync scheduler.

    If only ajsync schedulers have ever held the key, there need not be a watermark.
    """
    return since == 0 or (watermark is not None and watermark.election > since)


def is_close(watermark: Watermark, revision: int) -> bool:
    """Whether a write of the election's key is the one that the watermark names, or the next.

    The next write is that of a leader that died before its next watermark, or the first one of a Go scheduler, which
    does not fire yet. In either case only ajsync schedulers can have fired since the watermark.
    """
    return revision - watermark.election in (0, 1)


def _before(watermark: Watermark | None) -> int:
    return watermark.election - 1 if watermark is not None else 0
