"""Reading the watermark: what others have written there, as far as it counts."""

from __future__ import annotations

import logging
from collections.abc import Callable

from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.errors import StoredValueError
from ajsync.scheduler.election.watermark import (
    AHEAD_AT_MOST,
    WATERMARK_KEY,
    Stored,
    Watermark,
    as_it_counts,
    decode_watermark,
)
from ajsync.text import cut, excerpt
from ajsync.timestamp import NANOSECONDS
from ajsync.transport.messages import LastMessage

log = logging.getLogger(__name__)


class MarkReader:
    """Reads the watermark of a bucket."""

    def __init__(self, bucket: ConfigurationBucket, skew: Callable[[], float | None]) -> None:
        """`skew` gives the seconds by which this clock is ahead of the server's, None while that is not known."""
        self._bucket = bucket
        self._skew = skew
        self._last = Stored(None, 0, 0)
        """As it was read last, whether it counts or not."""
        self._told_ahead = 0

    async def read(self, timeout: float) -> Stored:
        """The watermark as it is stored now. Raises UnreachableError.

        No leader can have fired what is due long after it wrote that: where the instant says so, the clock of its host
        is fast, or somebody has forged it, and it would silence whoever goes on from there.
        """
        message = await self._bucket.get(WATERMARK_KEY, timeout=timeout)
        if message is None:
            return Stored(None, 0, 0)
        if (message.revision, message.stored_at) != (self._last.revision, self._last.stored_at):
            self._last = Stored(_decode(message), message.revision, message.stored_at)
        found = self._last
        if found.watermark is None:
            return found
        # Where the server's clock is slow, all of ours are ahead of it.
        slow = max(int((self._skew() or 0) * NANOSECONDS), 0)
        counting = as_it_counts(found.watermark, found.stored_at + slow + AHEAD_AT_MOST)
        ahead = found.watermark.instant - counting.instant
        if ahead:
            self._tell(found, ahead)
        return Stored(counting, found.revision, found.stored_at, ahead)

    def _tell(self, found: Stored, ahead: int) -> None:
        assert found.watermark is not None
        leader, seconds = found.watermark.leader, ahead / NANOSECONDS + AHEAD_AT_MOST / NANOSECONDS
        if self._told_ahead == found.watermark.election:
            return
        self._told_ahead = found.watermark.election
        text = "The watermark of %s is %.0f s ahead of the server's clock, and does not count beyond it"
        log.warning(text, excerpt(leader), seconds, extra={"leader": cut(leader), "seconds": round(seconds, 3)})


def _decode(message: LastMessage) -> Watermark | None:
    try:
        return None if message.deleted else decode_watermark(message.data)
    except StoredValueError as error:
        reason = cut(str(error))
        log.error("The key %s is %s; it is taken for none", WATERMARK_KEY, excerpt(reason), extra={"reason": reason})
        return None
