"""Writing the watermark: at the begin of a term, soon after fires, once a second, and at the end of the term."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.errors import InvalidError, NotPermittedError, UnreachableError
from ajsync.scheduler.election.leadership import Leadership
from ajsync.scheduler.election.progress import Progress
from ajsync.scheduler.election.watermark import MOST_OPEN, MOST_OPEN_BYTES, WATERMARK_KEY, Watermark, encode_watermark
from ajsync.scheduler.throttled_log import ThrottledLog
from ajsync.timestamp import NANOSECONDS, format_timestamp
from ajsync.transport.errors import JetStreamError, MessageTooLargeError, NobodyAnswersError
from ajsync.transport.publisher import Write, publish_one
from ajsync.transport.window import Answer
from ajsync.waiting import set_within

log = logging.getLogger(__name__)

_ANSWER_SECONDS = 1.0
_AFTER_SECOND = NANOSECONDS // 5
_LEAST_SECONDS = 0.3
_HEARTBEAT_SECONDS = 1
_SOON_SECONDS = 0.01
"""After the first fire that is settled: what is due together is settled together."""
_APART_SECONDS = 0.05
"""Between two writes for the sake of fires."""
_APART_FOR_EACH_SECONDS = 0.0005
"""Longer, for each fire under way: to name a thousand takes milliseconds that they need themselves."""
_HELD_BACK = 30 * NANOSECONDS
"""A watermark that is held back for longer than a burst of fires takes is told of."""


class WatermarkWriter:
    """Writes the watermark of one term."""

    def __init__(
        self,
        bucket: ConfigurationBucket,
        leadership: Leadership,
        *,
        progress: Callable[[int], Progress],
        under_way: Callable[[], int],
        revision: int,
        lost: asyncio.Event,
        clock: Callable[[], int],
        on_written: Callable[[Watermark, str], None],
        on_failed: Callable[[str], None],
    ) -> None:
        """`progress` says how far the term has come, in so many bytes at most; `under_way` counts its unsettled fires.

        `revision` is that of the watermark before this term; `lost` is set when another leader has written one.
        `clock` gives nanoseconds since 1970. `on_written` is called with each watermark that is stored and with what is
        wrong with it, empty while nothing is; `on_failed` with the reason why one was not stored.
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
        self._settled = asyncio.Event()
        """Since the last write."""
        self._complaints = ThrottledLog(log)

    def settled(self) -> None:
        """Fires have ended: until that is written, whoever leads next looks at them once more."""
        self._settled.set()

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await self._wait()
            await self.write()

    async def _wait(self) -> None:
        """Until the next write: soon after a fire has ended, or once a second."""
        # Just after the whole second, when most of what it has is fired: so silence is counted from the last fires.
        began = time.monotonic()
        wait = 1 - (self._clock() - _AFTER_SECOND) % NANOSECONDS / NANOSECONDS
        heartbeat_at = began + (wait if wait > _LEAST_SECONDS else wait + _HEARTBEAT_SECONDS)
        if not await set_within(self._settled, heartbeat_at - began):
            return
        apart = began + _APART_SECONDS + _APART_FOR_EACH_SECONDS * self._under_way()
        soon = max(time.monotonic() + _SOON_SECONDS, apart)
        await asyncio.sleep(min(soon, heartbeat_at) - time.monotonic())

    async def write(self) -> None:
        """Write it now. That it cannot be written is no error: fires go on, and what is wrong is shown."""
        for _ in range(2):  # once more where it was written meanwhile, and the lease is ours
            self._settled.clear()
            reached = self._progress(self._room)
            name, election = self._leadership.name, self._leadership.revision
            mark = Watermark(name, reached.instant, election, reached.open, reached.looked_for, reached.catching_up)
            try:
                answer = await self._store(mark)
            except (UnreachableError, InvalidError) as error:
                self._complain(error)
                return
            if not answer.conflict:
                self._written(mark, reached, answer)
                return
            # Our own write whose answer was lost, or another leader's: the lease tells which.
            found = await self._read_revision()
            if not await self._leadership.check():
                self._lost.set()
                return
            if found is not None:
                self._revision = found
        self._on_failed("somebody who does not lead writes it too")

    async def _store(self, mark: Watermark) -> Answer:
        headers = {"Nats-Expected-Last-Subject-Sequence": str(self._revision)}
        write = Write(self._bucket.subject(WATERMARK_KEY), encode_watermark(mark), headers)
        try:
            return await publish_one(self._bucket.connection, write, timeout=_ANSWER_SECONDS)
        except MessageTooLargeError:
            self._room //= 2
            raise

    def _written(self, mark: Watermark, reached: Progress, answer: Answer) -> None:
        self._revision = answer.sequence
        problem = ""
        if reached.behind > _HELD_BACK:
            problem = (
                f"the watermark stands still at {format_timestamp(mark.instant)}: more fires are not stored than the "
                f"{MOST_OPEN} that it can name"
            )
            self._complaints.tell(f"{problem[0].upper()}{problem[1:]}", None, "held back")
        self._on_written(mark, problem)

    async def _read_revision(self) -> int | None:
        try:
            message = await self._bucket.get(WATERMARK_KEY, timeout=_ANSWER_SECONDS)
        except UnreachableError:
            return None
        return message.revision if message is not None else 0

    def _complain(self, error: UnreachableError | InvalidError) -> None:
        reason = str(error)
        self._on_failed(reason)
        if isinstance(error, JetStreamError | NobodyAnswersError | NotPermittedError | InvalidError):
            self._complaints.tell(f"The watermark was not written: {reason}", None, "watermark", reason, reason=reason)
        # Where nobody answers for now, the lease says the same, and louder.
