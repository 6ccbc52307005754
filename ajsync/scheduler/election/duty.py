"""Duty: who fires now, and up to when everything is fired, according to the election and the watermark."""

from __future__ import annotations

from dataclasses import dataclass

from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.asyncjobs.election import Election, Lease
from ajsync.errors import StoredValueError
from ajsync.scheduler.election.watermark import (
    AHEAD_AT_MOST,
    WATERMARK_KEY,
    Watermark,
    as_it_counts,
    decode_watermark,
)
from ajsync.timestamp import NANOSECONDS
from ajsync.transport.errors import StreamNotFoundError

LATE_AFTER = 10 * NANOSECONDS
"""A leader writes the watermark five times a second, and a change of leaders takes less than this."""
_LEAST_REFRESH = NANOSECONDS
"""On average, no scheduler writes the election's key more often than this."""


@dataclass(frozen=True, slots=True)
class Duty:
    """Who leads, and what is settled, at one moment. Instants are nanoseconds since 1970 by the server's clock."""

    now: int
    leader: str | None
    """The scheduler that holds the election's key, whichever program wrote that; None if none does."""
    is_go: bool = False
    """Whether the leader is a Go scheduler, which writes no watermark."""
    watermark: Watermark | None = None
    """The watermark as far as it counts."""
    stored_at: int = 0
    """When the watermark was stored; 0 if there is none."""
    ours_since: int | None = None
    """The instant since which no Go scheduler has led; None if that is not known."""

    @property
    def watermark_age(self) -> int | None:
        """Nanoseconds since the instant up to which everything is settled; None if there is no watermark."""
        return None if self.watermark is None else max(self.now - self.watermark.instant, 0)

    @property
    def late_fires(self) -> int:
        """How many fires have been open for a while, because their stream or queue does not take them."""
        fires = self.watermark.open if self.watermark is not None else frozenset()
        return sum(self.now - due > LATE_AFTER for _, due in fires)

    @property
    def is_behind(self) -> bool:
        """Whether a scheduler of ajsync leads and has not reported for a while that it is up to date."""
        age = self.watermark_age
        return self.leader is not None and not self.is_go and (age is None or age > LATE_AFTER)

    @property
    def is_trouble(self) -> bool:
        """Whether it may be that nothing is fired at the moment."""
        return self.leader is None or self.is_behind

    def may_come(self, name: str, due: int) -> bool:
        """Whether a fire that has made no task may still make one, because it is not settled."""
        mark = self.watermark
        if mark is None:
            return not self.is_go
        if due > mark.instant:
            return not self.is_go
        spans = (*mark.catching_up, *mark.unseen)
        return (name, due) in mark.unsettled or any(after < due <= until for after, until in spans)

    def is_ours(self, due: int) -> bool:
        """Whether a scheduler of ajsync, and no other one, has settled what was due at an instant."""
        return (
            self.watermark is not None
            and due <= self.watermark.instant
            and self.ours_since is not None
            and due > self.ours_since
        )


async def read_duty(bucket: ConfigurationBucket) -> Duty:
    """Read who is on duty. Raises as `Connection.jetstream_request`."""
    try:
        lease = await Election(bucket.connection, "").read()
    except StreamNotFoundError:  # no scheduler has ever run
        lease = Lease(None, 0)
    message = await bucket.get(WATERMARK_KEY)
    now = await bucket.server_time()
    mark, stored_at = None, 0
    if message is not None and not message.deleted:
        stored_at = message.stored_at
        try:
            mark = as_it_counts(decode_watermark(message.data), stored_at + AHEAD_AT_MOST)
        except StoredValueError:  # it is forged and does not count
            mark = None
    return Duty(now, lease.holder, lease.holder is not None and lease.since is None, mark, stored_at, _ours(lease, now))


def _ours(lease: Lease, now: int) -> int | None:
    """The instant after which every write of the election's key was one of ajsync's."""
    if lease.since is None:
        return None
    return now - (lease.revision - lease.since) * _LEAST_REFRESH if lease.since else 0
