"""Leadership: when to take the election's key, when to keep it, and from where the term that begins has to fire.

The same election as the Go scheduler's. Between two of ours no waiting is needed, since both would make the same tasks
with the same ids; a holder that is not ours keeps its ten seconds, and after it the winner waits as the Go tool does.

Each write of ours says since when the key was ours without a break. A watermark of that time is one to go on from.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.asyncjobs.election import GO_CAMPAIGN_SECONDS, TTL_SECONDS, Election, Lease
from ajsync.errors import UnreachableError
from ajsync.scheduler.election.lease_history import LeaseHistory, covers, is_close
from ajsync.scheduler.election.mark_reading import MarkReader
from ajsync.scheduler.election.namesakes import Namesakes
from ajsync.scheduler.election.watermark import Stored, Watermark
from ajsync.scheduler.monitor.metrics import Metrics, TakeoverKind
from ajsync.scheduler.throttled_log import ThrottledLog
from ajsync.text import cut, excerpt
from ajsync.transport.errors import NobodyAnswersError, StreamNotFoundError
from ajsync.waiting import set_within

log = logging.getLogger(__name__)

REFRESH_SECONDS = 2.5
POLL_SECONDS = 0.25
"""How often a stand-by looks at key and watermark: a watch would be faster, but can stall for seconds after a restart,
and make a living leader look silent."""
_ANSWER_SECONDS = 2.0
"""A stream that has no leader at the moment never answers; it is soon asked again."""
_RETRY_SECONDS = 0.5
_STEP_DOWN_SECONDS = TTL_SECONDS - REFRESH_SECONDS
"""Without a refresh for so long the key may soon be somebody else's."""
_GIVE_BACK_SECONDS = 1.0
_MAKE_AGAIN_SECONDS = 5.0
"""Where the server refuses that, it is not asked at each look."""


@dataclass(frozen=True, slots=True)
class Term:
    """A term of ours that begins."""

    kind: TakeoverKind
    after: int | None
    """Everything due up to this instant (nanoseconds since 1970) was fired by ours; None: nothing to catch up with."""
    wait: float
    """Seconds to wait before firing, so that a leader that is not ours has stepped down."""
    mark: Stored
    """The watermark as the leader before us left it."""


class Leadership:
    """Campaigns for the key and holds it; one term after the other."""

    def __init__(
        self,
        bucket: ConfigurationBucket,
        name: str,
        *,
        takeover_after: float,
        metrics: Metrics,
        on_watermark: Callable[[Stored], None],
        on_foreign: Callable[[], None],
        make_stream: Callable[[], Awaitable[None]],
        skew: Callable[[], float | None] = lambda: None,
        unfit: Callable[[], str] = str,
    ) -> None:
        """`on_watermark` hears, while another leads, up to when it has fired; `on_foreign`, that it is not ours.

        `make_stream` makes the stream of the election where it is missing. `skew` gives the seconds by which this clock
        is ahead of the server's, `unfit` why we could not fire if we led.
        """
        self.name = name
        self.revision = 0
        """Of the election's key, while we hold it."""
        self.holder: str | None = None
        """Who holds the key, as far as is known."""
        self.trouble = ""
        """Why we cannot take part in the election."""
        self._bucket = bucket
        self._election = Election(bucket.connection, name)
        self._takeover_after = takeover_after
        self._metrics = metrics
        metrics.interval(REFRESH_SECONDS)
        self._on_watermark = on_watermark
        self._on_foreign = on_foreign
        self._holders = LeaseHistory()
        self._namesakes = Namesakes(name)
        self._reader = MarkReader(bucket, skew)
        self._unfit = unfit
        self._make_stream = make_stream
        self._make_again_at = 0.0
        self._complaints = ThrottledLog(log)
        self._confirmed_at = 0.0
        self._unanswered = False
        self._refreshing = asyncio.Lock()
        self._since = 0
        """While we hold the key: every write of it after this revision was one of ours."""
        self._mark_revision = 0
        self._alive_at = time.monotonic()
        """When whoever leads last wrote the watermark, or was first seen, by the monotonic clock."""

    async def campaign(self, stop: asyncio.Event) -> Term | None:
        """Try until we hold the key; None once stopped."""
        self._alive_at = time.monotonic()
        while not stop.is_set():
            try:
                if reason := self._unfit():
                    self._stay_out(reason)
                else:
                    term = await self._try()
                    self.trouble = ""
                    if term is not None:
                        return term
            except UnreachableError as error:
                self._stay_out(str(error))
                if _finds_no_stream(error):
                    await self._make_again()
            await set_within(stop, POLL_SECONDS)
        return None

    def _stay_out(self, reason: str) -> None:
        if reason != self.trouble:
            log.warning("Cannot take part in the election: %s", reason, extra={"reason": reason})
        self.trouble = reason
        self._alive_at = time.monotonic()  # silence that nobody listened to is none

    async def hold(self, lost: asyncio.Event, ended: asyncio.Event) -> None:
        """Refresh the key until `ended` is set; `lost` is set when it is not ours any more."""
        fresh: bool | None = True
        while True:
            if await set_within(ended, REFRESH_SECONDS if fresh else _RETRY_SECONDS):
                return
            left = self._confirmed_at + _STEP_DOWN_SECONDS - time.monotonic()
            fresh = await self._refresh(min(left, _ANSWER_SECONDS)) if left > 0 else False
            if fresh is False or time.monotonic() - self._confirmed_at > _STEP_DOWN_SECONDS:
                lost.set()
                return

    async def check(self) -> bool:
        """Whether the key is ours at this moment, after a time in which this process may have stood still."""
        return await self._refresh() is True

    async def announce(self) -> None:
        """Publish that we lead."""
        await self._election.announce()

    async def give_back(self) -> None:
        """Let another take the key at once. Not an error where it is not ours any more, or nobody answers."""
        reason = "the server is away"
        if self._bucket.connection.is_connected:
            try:
                if await self._election.give_back(self.revision, self._since, timeout=_GIVE_BACK_SECONDS):
                    log.info("Gave the leadership back", extra={"leader": self.name})
                return
            except UnreachableError as error:
                reason = str(error)
        fields = {"leader": self.name, "reason": reason, "seconds": TTL_SECONDS}
        log.warning("The leadership could not be given back, it expires in %d s: %s", TTL_SECONDS, reason, extra=fields)

    async def read_mark(self) -> Stored:
        """The watermark as it is stored now, as far as it counts."""
        return await self._reader.read(_ANSWER_SECONDS)

    async def _make_again(self) -> None:
        """Make the stream that was there at the start: it was deleted, or was in memory."""
        if time.monotonic() < self._make_again_at:
            return
        self._make_again_at = time.monotonic() + _MAKE_AGAIN_SECONDS
        try:
            await self._make_stream()
        except UnreachableError as error:
            reason = str(error)
            self._complaints.tell(f"The election's stream cannot be made again: {reason}", None, "made", reason=reason)

    async def _try(self) -> Term | None:
        holding = await self._election.read(timeout=_ANSWER_SECONDS)
        stored = await self._read_and_follow()
        mark = stored.watermark
        if holding.holder != self.holder:  # who has just begun has not written a watermark
            self.holder, self._alive_at = holding.holder, time.monotonic()
        self._holders.see(holding, mark)
        self._namesakes.see(holding, self.revision)
        kind: TakeoverKind
        if holding.holder is None:
            kind = "handover" if holding.given_back else "vacant"
            last = holding.revision if holding.given_back else await self._election.last_revision()
            since, inherited = self._holders.before(holding, mark, last)
        elif holding.since is not None and self._is_silent(holding, holding.since, mark):
            kind, since, inherited = "silent", holding.since, covers(holding.since, mark)
        else:
            if self._holders.foreign:
                self._on_foreign()
            return None
        self._metrics.campaigned("candidate")
        if not await self._take(holding, since):
            return None
        if inherited:
            return Term(kind, mark.instant if mark else None, 0.0, stored)
        return Term(kind, None, GO_CAMPAIGN_SECONDS, stored)

    def _is_silent(self, holding: Lease, since: int, mark: Watermark | None) -> bool:
        """Whether the holder, which is one of ours, does not fire any more."""
        if holding.holder == self.name and holding.revision == self.revision:
            return True  # we ourselves, who stepped down while the server was away
        # Without a watermark of its time it may be waiting for a Go scheduler to step down; and one that refreshes the
        # key and cannot write the watermark lives.
        if mark is None or not covers(since, mark) or not is_close(mark, holding.revision):
            return False
        silent = time.monotonic() - self._alive_at
        if silent < self._takeover_after:
            return False
        leader = holding.holder or ""
        fields = {"leader": cut(leader), "seconds": round(silent, 3)}
        log.warning("The leader %s has been silent for %.1f s, taking over", excerpt(leader), silent, extra=fields)
        return True

    async def _read_and_follow(self) -> Stored:
        stored = await self.read_mark()
        # Not by its value: while a fire cannot be stored, a leader that lives writes the same again and again.
        if stored.revision != self._mark_revision:
            self._mark_revision = stored.revision
            self._alive_at = time.monotonic()
            if stored.watermark is not None:
                self._on_watermark(stored)
        return stored

    async def _take(self, holding: Lease, since: int) -> bool:
        asked_at = time.monotonic()
        revision = await self._election.take(holding.revision, since, timeout=_ANSWER_SECONDS)
        if revision is None:
            return False
        self.revision, self._since, self._confirmed_at, self._unanswered = revision, since, asked_at, False
        self.holder, self._holders.foreign = self.name, False
        return True

    async def _refresh(self, timeout: float = _ANSWER_SECONDS) -> bool | None:
        """Refresh the key; None where nobody answered."""
        async with self._refreshing:
            self._metrics.campaigned("leader")
            asked_at = time.monotonic()
            try:
                revision = await self._election.take(self.revision, self._since, timeout=timeout)
                if revision is None and self._unanswered:
                    # A refresh whose answer was lost may have been stored: then the key is at its revision.
                    holding = await self._election.read(timeout=_ANSWER_SECONDS)
                    if holding.holder == self.name:
                        revision = holding.revision
            except UnreachableError as error:
                if not self._unanswered:
                    fields = {"leader": self.name, "reason": str(error)}
                    log.warning("The leadership could not be refreshed: %s", error, extra=fields)
                self._unanswered = True
                return None
            if revision is None:
                return False
            self.revision, self._confirmed_at, self._unanswered = revision, asked_at, False
            return True


def _finds_no_stream(error: UnreachableError) -> bool:
    """Whether a stream is missing: a read is told so, and a write is answered by nobody."""
    return isinstance(error, StreamNotFoundError | NobodyAnswersError)
