"""Who held the election's key before: whether only ours have fired since a watermark was written.

Each write of ours says since when the key is ours without a break. It is gone when the key expires, so who sees it
remembers it. A Go scheduler fires from its second write on.
"""

from __future__ import annotations

import time

from ajsync.asyncjobs.election import GO_CAMPAIGN_SECONDS, TTL_SECONDS, Lease
from ajsync.scheduler.election.watermark import Watermark

_FOREIGN_TERM_SECONDS = GO_CAMPAIGN_SECONDS + TTL_SECONDS - 1
"""So long at least it takes from a key of ours to a key that nobody holds, if a Go scheduler has fired in between: two
of its campaigns, and then its key has to expire."""


class LeaseHistory:
    """What one of ours has seen of the key."""

    def __init__(self) -> None:
        self.foreign = False
        """The last leader that was seen is not ours."""
        self._ours: Lease | None = None
        """The last write that was seen, if it was ours, and when, by the monotonic clock and by the host's."""
        self._seen_at = (0.0, 0.0)

    def see(self, holding: Lease, mark: Watermark | None) -> None:
        """Take in how the key and the watermark are now."""
        if holding.since is not None:
            self._ours, self._seen_at = holding, (time.monotonic(), time.time())
            self.foreign = False
        elif holding.holder is not None:
            self._ours = None
            self.foreign = mark is None or not is_close(mark, holding.revision)

    def before(self, holding: Lease, mark: Watermark | None, last: int) -> tuple[int, bool]:
        """Of a key that nobody holds: since which revision all writes are known as ours, and whether `mark` is of then.

        It counts as that too where there never was another holder. `last` is the revision of the key's last write.
        """
        if holding.given_back:  # which only ours do
            since = holding.since if holding.since is not None else _before(mark)
            return since, covers(since, mark)
        if last == 0:  # where there was one, its stream was made anew since
            return 0, not self.foreign
        ours = self._ours
        if ours is not None and ours.since is not None and ours.revision <= last:
            monotonic, clock = self._seen_at
            ago = max(time.monotonic() - monotonic, time.time() - clock)  # of a host that slept the clock alone knows
            if ours.revision == last or ago < _FOREIGN_TERM_SECONDS:
                return ours.since, covers(ours.since, mark)
        if mark is not None and is_close(mark, last):
            return _before(mark), True
        return last, False


def covers(since: int, mark: Watermark | None) -> bool:
    """Whether `mark` was written while the key was ours without a break, as it is since the revision `since`."""
    return since == 0 or (mark is not None and mark.election > since)


def is_close(mark: Watermark, revision: int) -> bool:
    """Whether this write of the election's key is the one that `mark` names, or the next.

    The next is by a leader that died before its next mark, or the first of a Go scheduler, which does not fire yet: in
    either case nobody but ours can have fired since the mark.
    """
    return revision - mark.election in (0, 1)


def _before(mark: Watermark | None) -> int:
    return mark.election - 1 if mark is not None else 0
