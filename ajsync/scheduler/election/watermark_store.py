"""The watermark in the bucket: read as far as it counts, and written by the leader while its term lasts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.errors import InvalidError, NotPermittedError, StoredValueError, UnreachableError
from ajsync.scheduler.clock import Clock
from ajsync.scheduler.election.leadership import Leadership
from ajsync.scheduler.election.progress import Progress
from ajsync.scheduler.election.watermark import (
    AHEAD_AT_MOST,
    MOST_OPEN,
    MOST_OPEN_BYTES,
    WATERMARK_KEY,
    StoredWatermark,
    Watermark,
    as_it_counts,
    decode_watermark,
    encode_watermark,
)
from ajsync.scheduler.throttled_log import ThrottledLog
from ajsync.text import cut, excerpt
from ajsync.timestamp import NANOSECONDS, format_timestamp
from ajsync.transport.errors import JetStreamError, MessageTooLargeError, NoRespondersError
from ajsync.transport.messages import LastMessage
from ajsync.transport.publisher import Write, publish_one
from ajsync.transport.window import Answer
from ajsync.waiting import set_within

log = logging.getLogger(__name__)

_READ_SECONDS = 2.0
"""A stream without a leader never answers, so it is soon asked again."""
_WRITE_SECONDS = 1.0
_HEARTBEAT_SECONDS = 0.2
_AFTER_SECOND = NANOSECONDS // 10
"""Least time from a full second, when most fires are due, to a heartbeat, because the fires need that time."""
_LEAST_SECONDS = 0.06
"""Least time from a write to the next heartbeat; an earlier one is left out."""
_SOON_SECONDS = 0.01
"""Time from the first settled fire to the write, because fires that are due together are settled together."""
_APART_SECONDS = 0.05
"""Least time between two writes that settled fires cause."""
_APART_FOR_EACH_SECONDS = 0.0005
"""Added to the wait for each fire under way: naming a thousand takes milliseconds that the fires themselves need."""
_REPEATED_SECONDS = 1.0
"""While more fires are under way than can be named, heartbeats repeat the last progress for this long: finding the
oldest of 100,000 fires takes 75 ms."""
_HELD_BACK = 30 * NANOSECONDS
"""A watermark held back for longer is a problem: a burst of fires does not take as long."""


class WatermarkReader:
    """Reads the watermark that the leader writes."""

    def __init__(self, bucket: ConfigurationBucket, skew: Callable[[], float | None]) -> None:
        """`skew` gives the seconds by which this clock is ahead of the server's; None while that is not known."""
        self._bucket = bucket
        self._skew = skew
        self._last = StoredWatermark(None, 0, 0)
        """The watermark that was read last, whether it counts or not."""
        self._warned_of = 0
        """The revision of the election whose term had a watermark that was ahead."""

    async def read(self) -> StoredWatermark:
        """The watermark as it is stored now. Raises UnreachableError.

        A leader cannot have fired what is due long after it wrote the watermark. If the watermark claims that, the
        clock of its host is fast or it is forged, and a scheduler that went on from there would fire nothing.
        """
        message = await self._bucket.get(WATERMARK_KEY, timeout=_READ_SECONDS)
        if message is None:
            return StoredWatermark(None, 0, 0)
        if (message.revision, message.stored_at) != (self._last.revision, self._last.stored_at):
            self._last = StoredWatermark(_decode(message), message.revision, message.stored_at)
        watermark, stored_at = self._last.watermark, self._last.stored_at
        if watermark is None:
            return self._last
        # If the server's clock is slow, all schedulers' clocks are ahead of it.
        slow = max(int((self._skew() or 0) * NANOSECONDS), 0)
        counting = as_it_counts(watermark, stored_at + slow + AHEAD_AT_MOST)
        ahead = watermark.instant - counting.instant
        if ahead and self._warned_of != watermark.election:
            self._warned_of = watermark.election
            seconds = (ahead + AHEAD_AT_MOST) / NANOSECONDS
            text = "The watermark of %s is %.0f s ahead of the server's clock, beyond which it does not count"
            fields = {"leader": cut(watermark.leader), "seconds": round(seconds, 3)}
            log.warning(text, excerpt(watermark.leader), seconds, extra=fields)
        return StoredWatermark(counting, message.revision, stored_at, ahead)


def _decode(message: LastMessage) -> Watermark | None:
    try:
        return None if message.deleted else decode_watermark(message.data)
    except StoredValueError as error:
        reason = cut(str(error))
        log.error("The key %s is %s; it is ignored", WATERMARK_KEY, excerpt(reason), extra={"reason": reason})
        return None


class WatermarkWriter:
    """Writes the watermark of a term: when it begins, after fires are settled, five times a second, and at its end."""

    def __init__(
        self,
        bucket: ConfigurationBucket,
        leadership: Leadership,
        *,
        progress: Callable[[int], Progress],
        under_way: Callable[[], int],
        revision: int,
        lost: asyncio.Event,
        clock: Clock,
        on_written: Callable[[Watermark, str], None],
        on_failed: Callable[[str], None],
    ) -> None:
        """`progress` says how far the term has come, in at most the given number of bytes; `under_way` counts its
        unsettled fires.

        `revision` is that of the watermark before this term; `lost` is set when another leader has written one.
        `on_written` is called with each stored watermark and what is wrong with it, "" for nothing; `on_failed` with
        the reason why one was not stored.
        """
        self._bucket = bucket
        self._leadership = leadership
        self._progress = progress
        self._under_way = under_way
        self._revision = revision
        self._lost = lost
        self._clock = clock
        self._on_written = on_written
        self._on_failed = on_failed
        self._room = min(MOST_OPEN_BYTES, bucket.connection.max_payload // 2)
        self._reached: Progress | None = None
        """The progress that was written last."""
        self._reached_at = 0.0
        self._settled = asyncio.Event()
        """Whether fires were settled since the last write."""
        self._errors = ThrottledLog(log, clock.monotonic)

    def settled(self) -> None:
        """Take in that fires are settled. Until the next write, a new leader would look at them again."""
        self._settled.set()

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await self._wait()
            young = self._clock.monotonic() < self._reached_at + _REPEATED_SECONDS
            await self.write(self._reached if young and self._under_way() > MOST_OPEN else None)

    async def _wait(self) -> None:
        """Wait until the next write: soon after a fire was settled, or for the next heartbeat."""
        began = self._clock.monotonic()
        period = int(_HEARTBEAT_SECONDS * NANOSECONDS)
        wait = _HEARTBEAT_SECONDS - (self._clock.wall() - _AFTER_SECOND) % period / NANOSECONDS
        heartbeat_at = began + (wait if wait > _LEAST_SECONDS else wait + _HEARTBEAT_SECONDS)
        if not await set_within(self._settled, heartbeat_at - began):
            return
        apart = began + _APART_SECONDS + _APART_FOR_EACH_SECONDS * self._under_way()
        soon = max(self._clock.monotonic() + _SOON_SECONDS, apart)
        await asyncio.sleep(min(soon, heartbeat_at) - self._clock.monotonic())

    async def write(self, again: Progress | None = None) -> None:
        """Write how far the term has come now, or the progress `again`, which was written before.

        If that fails, the term goes on: `on_failed` is called with the reason.
        """
        for _ in range(2):  # twice, in case the key was written in between and we still lead
            self._settled.clear()
            reached = again or self._progress(self._room)
            if again is None:
                self._reached, self._reached_at = reached, self._clock.monotonic()
            name, election = self._leadership.name, self._leadership.revision
            watermark = Watermark(
                name,
                reached.instant,
                election,
                reached.open,
                reached.looked_for,
                reached.catching_up,
                reached.unseen,
            )
            try:
                answer = await self._store(watermark)
            except (UnreachableError, InvalidError) as error:
                self._reached = None  # it may have been too large
                self._tell(error)
                return
            if not answer.conflict:
                self._revision = answer.sequence
                self._on_written(watermark, self._problem(reached))
                return
            # Another leader wrote it, or we did and the answer was lost. The lease shows which.
            found = await self._read_revision()
            if not await self._leadership.check():
                self._lost.set()
                return
            if found is not None:
                self._revision = found
        self._on_failed("another program that does not lead writes it too")

    async def _store(self, watermark: Watermark) -> Answer:
        headers = {"Nats-Expected-Last-Subject-Sequence": str(self._revision)}
        write = Write(self._bucket.subject(WATERMARK_KEY), encode_watermark(watermark), headers)
        try:
            return await publish_one(self._bucket.connection, write, timeout=_WRITE_SECONDS)
        except MessageTooLargeError:
            self._room //= 2
            raise

    def _problem(self, reached: Progress) -> str:
        if reached.behind <= _HELD_BACK:
            return ""
        stuck = f"stands still at {format_timestamp(reached.instant)}"
        problem = f"the watermark {stuck}: more fires are not stored than the {MOST_OPEN} that it can name"
        self._errors.tell(f"{problem[0].upper()}{problem[1:]}", None, "held back")
        return problem

    async def _read_revision(self) -> int | None:
        try:
            message = await self._bucket.get(WATERMARK_KEY, timeout=_WRITE_SECONDS)
        except UnreachableError:
            return None
        return message.revision if message is not None else 0

    def _tell(self, error: UnreachableError | InvalidError) -> None:
        reason = str(error)
        self._on_failed(reason)
        # If the server is away, the lease cannot be refreshed either, which is logged.
        if isinstance(error, JetStreamError | NoRespondersError | NotPermittedError | InvalidError):
            self._errors.tell(f"The watermark was not written: {reason}", None, "watermark", reason, reason=reason)
