"""Writing the watermark: at the begin of a term, once a second, and at its end."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Protocol

from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.asyncjobs.connection import JetStreamError, NobodyAnswersError
from ajsync.asyncjobs.publisher import Write, publish_one
from ajsync.asyncjobs.timestamp import NANOSECONDS
from ajsync.errors import NotPermittedError, UnreachableError
from ajsync.scheduler.complaints import Complaints
from ajsync.scheduler.leadership import Leadership
from ajsync.scheduler.watermark import WATERMARK_KEY, Watermark, encode_watermark

if TYPE_CHECKING:
    from ajsync.scheduler.scheduler import Scheduler

_ANSWER_SECONDS = 1.0
_AFTER_SECOND = NANOSECONDS // 5
_LEAST_SECONDS = 0.3


class Marked(Protocol):
    """What a watermark tells of."""

    def instant(self) -> int:
        """Up to when everything is fired and acknowledged, in nanoseconds since 1970."""

    def __len__(self) -> int:
        """How many fires are under way."""


class Marking:
    """Writes the watermark of one term."""

    def __init__(
        self,
        scheduler: Scheduler,
        leadership: Leadership,
        bucket: ConfigurationBucket,
        term: Marked,
        revision: int,
        lost: asyncio.Event,
    ) -> None:
        """`revision` is that of the watermark before this term; `lost` is set when somebody else has written one."""
        self._scheduler = scheduler
        self._leadership = leadership
        self._bucket = bucket
        self._term = term
        self._revision = revision
        self._lost = lost
        self._complaints = Complaints(logging.getLogger(__name__))

    async def run(self) -> None:
        """Write once a second until cancelled."""
        while True:
            # Just after the whole second, when most of what it has is fired: so silence is counted from the last fires.
            wait = 1 - (self._scheduler.clock() - _AFTER_SECOND) % NANOSECONDS / NANOSECONDS
            await asyncio.sleep(wait if wait > _LEAST_SECONDS else wait + 1)
            await self.write()

    async def write(self) -> None:
        """Write it now. That it cannot be written is no error: fires go on, and what is wrong is shown."""
        mark = Watermark(self._leadership.name, self._term.instant(), self._leadership.revision)
        headers = {"Nats-Expected-Last-Subject-Sequence": str(self._revision)}
        write = Write(self._bucket.subject(WATERMARK_KEY), encode_watermark(mark), headers)
        try:
            answer = await publish_one(self._bucket.connection, write, timeout=_ANSWER_SECONDS)
        except UnreachableError as error:
            self._complain(error)
            return
        if answer.conflict:
            # Our own write whose answer was lost, or another leader's: the lease tells which.
            found = await self._read_revision()
            if not await self._leadership.check():
                self._lost.set()
            elif found is not None:
                self._revision = found
            return
        self._revision = answer.sequence
        self._scheduler.records.marked()
        self._scheduler.watermark = mark
        self._scheduler.metrics.watermark(mark.instant)
        self._scheduler.metrics.in_flight(len(self._term))

    async def _read_revision(self) -> int | None:
        try:
            message = await self._bucket.get(WATERMARK_KEY, timeout=_ANSWER_SECONDS)
        except UnreachableError:
            return None
        return message.revision if message is not None else 0

    def _complain(self, error: UnreachableError) -> None:
        reason = str(error)
        self._scheduler.records.not_marked(reason)
        if isinstance(error, JetStreamError | NobodyAnswersError | NotPermittedError):
            self._complaints.tell(f"The watermark was not written: {reason}", None, "watermark", reason, reason=reason)
        # Where nobody answers for now, the lease says the same, and louder.
