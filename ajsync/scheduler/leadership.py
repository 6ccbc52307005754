"""Leadership: when to take the election's key, when to keep it, and from where the term that begins has to fire.

The same election as the Go scheduler's. Between two of ours no waiting is needed, since both would make the same tasks
with the same ids; a holder that is not ours keeps its ten seconds, and after it the winner waits as the Go tool does.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.asyncjobs.election import GO_CAMPAIGN_SECONDS, TTL_SECONDS, Election, Holding
from ajsync.errors import StoredValueError, UnreachableError
from ajsync.scheduler.metrics import Metrics
from ajsync.scheduler.watermark import WATERMARK_KEY, Watermark, decode_watermark

log = logging.getLogger(__name__)

REFRESH_SECONDS = 2.5
POLL_SECONDS = 0.25
"""How often a stand-by looks at key and watermark: a watch would be faster, but can stall for seconds after a restart,
and make a living leader look silent."""
_ANSWER_SECONDS = 2.0
_RETRY_SECONDS = 0.5
_STEP_DOWN_SECONDS = TTL_SECONDS - REFRESH_SECONDS
"""Without a refresh for so long the key may soon be somebody else's."""

Kind = Literal["vacant", "handover", "silent"]
"""How we came to lead: nobody did; the leader gave the key back; the leader, one of ours, fell silent."""


@dataclass(frozen=True, slots=True)
class Term:
    """A term of ours that begins."""

    kind: Kind
    after: int | None
    """Everything due up to this instant (nanoseconds since 1970) was fired by ours; None: nothing to catch up with."""
    wait: float
    """Seconds to wait before firing, so that a leader that is not ours has stepped down."""


class Leadership:
    """Campaigns for the key and holds it; one term after the other."""

    def __init__(
        self,
        bucket: ConfigurationBucket,
        name: str,
        *,
        takeover_after: float,
        metrics: Metrics,
        on_watermark: Callable[[Watermark], None],
    ) -> None:
        """`on_watermark` hears, while another leads, up to when it has fired."""
        self.name = name
        self.revision = 0
        """Of the election's key, while we hold it."""
        self.holder: str | None = None
        """Who holds the key, as far as is known."""
        self._bucket = bucket
        self._election = Election(bucket.connection, name)
        self._takeover_after = takeover_after
        self._metrics = metrics
        metrics.interval(REFRESH_SECONDS)
        self._on_watermark = on_watermark
        self._confirmed_at = 0.0
        self._unanswered = False
        self._refreshing = asyncio.Lock()
        self._seen: tuple[str | None, int] = (None, 0)
        self._revision_before = 0
        """Of the holder's refresh before the one last seen: a leader may die between refresh and watermark."""
        self._mark: Watermark | None = None
        self._mark_changed_at = time.monotonic()

    async def campaign(self, stop: asyncio.Event) -> Term | None:
        """Try until we hold the key; None once stopped."""
        unreachable = ""
        self._seen = (None, 0)
        self._mark_changed_at = time.monotonic()
        while not stop.is_set():
            try:
                term = await self._try()
                if term is not None:
                    return term
                unreachable = ""
            except UnreachableError as error:
                if str(error) != unreachable:
                    log.warning("Cannot take part in the election: %s", error)
                unreachable = str(error)
                self._mark_changed_at = time.monotonic()  # silence that nobody listened to is none
            await _sleep(POLL_SECONDS, stop)
        return None

    async def hold(self, lost: asyncio.Event, ended: asyncio.Event) -> None:
        """Refresh the key until `ended` is set; `lost` is set when it is not ours any more."""
        while not ended.is_set() and not lost.is_set():
            fresh = await self._refresh()
            if fresh is False or time.monotonic() - self._confirmed_at > _STEP_DOWN_SECONDS:
                lost.set()
                return
            await _sleep(REFRESH_SECONDS if fresh else _RETRY_SECONDS, ended)

    async def check(self) -> bool:
        """Whether the key is ours at this moment, after a time in which this process may have stood still."""
        return await self._refresh() is True

    async def announce(self) -> None:
        """Publish that we lead."""
        await self._election.announce()

    async def give_back(self) -> None:
        """Let another take the key at once. Not an error where it is not ours any more, or nobody answers."""
        try:
            await self._election.give_back(self.revision, timeout=1.0)
        except UnreachableError as error:
            log.warning("The leadership could not be given back, it expires in %d s: %s", TTL_SECONDS, error)

    async def _try(self) -> Term | None:
        holding = await self._election.read()
        mark = await self._read_mark()
        self._observe(holding, mark)
        if holding.holder is None:
            self._metrics.campaigned("candidate")
            inherited = await self._was_ours(holding, mark)
            if not await self._take(holding):
                return None
            return self._term("handover" if holding.given_back else "vacant", mark, inherited)
        silent = time.monotonic() - self._mark_changed_at
        if not self._is_ours(holding, mark) or silent < self._takeover_after:
            return None
        log.warning("The leader %s has been silent for %.1f s, taking over", holding.holder, silent)
        self._metrics.campaigned("candidate")
        return self._term("silent", mark, inherited=True) if await self._take(holding) else None

    def _term(self, kind: Kind, mark: Watermark | None, inherited: bool) -> Term:
        if inherited:
            return Term(kind, mark.instant if mark else None, 0.0)
        return Term(kind, None, GO_CAMPAIGN_SECONDS)

    async def _was_ours(self, holding: Holding, mark: Watermark | None) -> bool:
        """Whether the last holder of a key that nobody holds was one of ours, or there never was one."""
        last = await self._election.last_revision()
        if last == 0:
            return True
        # Ours delete the key when they stop. A leader that died wrote the bucket last, and its watermark says so.
        return holding.given_back or (mark is not None and mark.election in (last, self._revision_before or last))

    def _is_ours(self, holding: Holding, mark: Watermark | None) -> bool:
        """Whether the holder writes watermarks: one of an earlier term of the same name does not count."""
        return (
            mark is not None
            and mark.leader == holding.holder
            and mark.election in (holding.revision, self._revision_before)
        )

    def _observe(self, holding: Holding, mark: Watermark | None) -> None:
        holder, revision = self._seen
        if holding.holder is not None:
            if holding.holder != holder:
                self._revision_before = 0
            elif holding.revision != revision:
                self._revision_before = revision
            self._seen = (holding.holder, holding.revision)
        self.holder = holding.holder
        if mark != self._mark:
            self._mark = mark
            self._mark_changed_at = time.monotonic()
            if mark is not None:
                self._on_watermark(mark)

    async def _read_mark(self) -> Watermark | None:
        message = await self._bucket.get(WATERMARK_KEY)
        if message is None or message.deleted:
            return None
        try:
            return decode_watermark(message.data)
        except StoredValueError as error:
            log.error("The key %s is %s; it is taken for none", WATERMARK_KEY, error)
            return None

    async def _take(self, holding: Holding) -> bool:
        asked_at = time.monotonic()
        revision = await self._election.take(holding.revision, timeout=_ANSWER_SECONDS)
        if revision is None:
            return False
        self.revision, self._confirmed_at, self._unanswered = revision, asked_at, False
        self.holder = self.name
        return True

    async def _refresh(self) -> bool | None:
        """Refresh the key; None where nobody answered."""
        async with self._refreshing:
            self._metrics.campaigned("leader")
            asked_at = time.monotonic()
            try:
                revision = await self._election.take(self.revision, timeout=_ANSWER_SECONDS)
                if revision is None and self._unanswered:
                    # A refresh whose answer was lost may have been stored: then the key is at its revision.
                    holding = await self._election.read()
                    if holding.holder == self.name:
                        revision = holding.revision
            except UnreachableError as error:
                log.warning("The leadership could not be refreshed: %s", error)
                self._unanswered = True
                return None
            if revision is None:
                return False
            self.revision, self._confirmed_at, self._unanswered = revision, asked_at, False
            return True


async def _sleep(seconds: float, wake: asyncio.Event) -> None:
    try:
        await asyncio.wait_for(wake.wait(), seconds)
    except TimeoutError:
        return
