"""Leadership: when to take the election's key, how long to keep it, and from which instant a term has to fire.

The election is that of the Go schedulers. Between two ajsync schedulers no waiting is needed, because both would make
the same tasks with the same ids. A Go scheduler keeps the ten seconds of its lease, and then the winner waits as the Go
tool does.

Each write of ours says since which revision only ajsync schedulers have held the key. A term can go on from a watermark
that was written after that revision.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from ajsync.asyncjobs.election import GO_CAMPAIGN_SECONDS, TTL_SECONDS, Election, Lease
from ajsync.errors import ConflictError, UnreachableError
from ajsync.scheduler.clock import Clock, unfit
from ajsync.scheduler.election.lease_history import LeaseHistory, covers, is_close
from ajsync.scheduler.election.role import TakeoverKind
from ajsync.scheduler.election.silence import PATIENT_SECONDS, TAKEOVERS_IN_A_ROW, Silence
from ajsync.scheduler.election.watermark import StoredWatermark, Watermark
from ajsync.scheduler.throttled_log import ThrottledLog
from ajsync.text import cut, excerpt
from ajsync.transport.errors import NoRespondersError, StreamNotFoundError
from ajsync.waiting import set_within

log = logging.getLogger(__name__)

REFRESH_SECONDS = 2.5
POLL_SECONDS = 0.1
"""How often a stand-by reads key and watermark. A watch would be faster, but can stall for seconds after a restart of
the server, so that a living leader would look silent."""
_ANSWER_SECONDS = 2.0
"""A stream without a leader never answers, so it is soon asked again."""
_LEAST_ANSWER_SECONDS = 0.01
_RETRY_SECONDS = 0.5
STEP_DOWN_SECONDS = TTL_SECONDS - REFRESH_SECONDS
"""After this long without a refresh another scheduler may soon take the key."""
_GIVE_BACK_SECONDS = 1.0
MOST_MOVES = 100
"""How many moves of the leadership are remembered."""
_MAKE_AGAIN_SECONDS = 5.0
"""Pause between two attempts to make the missing stream, in case the server refuses."""


@dataclass(frozen=True, slots=True)
class Term:
    """A term of this scheduler that begins."""

    kind: TakeoverKind
    after: int | None
    """Everything due up to this instant (nanoseconds since 1970) was fired by ajsync schedulers; None if the term has
    nothing to catch up with."""
    wait: float
    """Seconds to wait before firing, until a Go scheduler has certainly stopped."""
    stored: StoredWatermark
    """The watermark as the previous leader left it."""
    go_led: bool = False
    """Whether the previous leader was a Go scheduler, as far as this scheduler saw."""

    @property
    def may_follow_go(self) -> bool:
        """Whether a Go scheduler may have fired since the watermark."""
        return self.wait > 0


class Leadership:
    """Campaigns for the key and holds it, one term after the other."""

    def __init__(
        self,
        election: Election,
        read_watermark: Callable[[], Awaitable[StoredWatermark]],
        *,
        name: str,
        takeover_after: float,
        clock: Clock,
        is_connected: Callable[[], bool],
        make_stream: Callable[[], Awaitable[None]],
        on_campaign: Callable[[Literal["candidate", "leader"]], None],
        on_watermark: Callable[[StoredWatermark], None],
        on_go_leader: Callable[[int], None],
        on_replaced: Callable[[], None] = lambda: None,
    ) -> None:
        """`takeover_after` is the silence, in seconds, after which an ajsync leader is replaced.

        `make_stream` makes the stream of the election if it is missing. `on_campaign` is called for each campaign;
        `on_watermark` is called for each new watermark while another scheduler leads; `on_go_leader` for each look that
        finds a Go scheduler leading, with the revision of its key; `on_replaced` when another scheduler took over
        although this one led and was alive.
        """
        self.name = name
        self.revision = 0
        """The revision of our last write of the key."""
        self.holder: str | None = None
        """The scheduler that holds the key, as far as is known."""
        self.moves: deque[int] = deque(maxlen=MOST_MOVES)
        """When the leadership was seen to move from one scheduler to another, in nanoseconds since 1970."""
        self._last_holder: str | None = None
        self.trouble = ""
        """Why this scheduler cannot take part in the election; empty while it can."""
        self._election = election
        self._read_watermark = read_watermark
        self._clock = clock
        self._is_connected = is_connected
        self._make_stream = make_stream
        self._on_campaign = on_campaign
        self._on_watermark = on_watermark
        self._on_go_leader = on_go_leader
        self._on_replaced = on_replaced
        self._history = LeaseHistory(name, clock)
        self._errors = ThrottledLog(log, clock.monotonic)
        self._make_again_at = 0.0
        self._since = 0
        """While we hold the key, only ajsync schedulers have written it after this revision."""
        self._confirmed_at = 0.0
        """When the last confirmed write was sent; the server counts the lease from a later moment."""
        self._unanswered = False
        """Whether the last refresh had no answer, so that it may have been stored or not."""
        self._refused = False
        """Whether another scheduler was found to hold our key, and it is not known yet which one."""
        self._refreshing = asyncio.Lock()
        self._watermark_revision = 0
        self._silence = Silence(takeover_after, clock.monotonic)
        """The silence of the leader since it last wrote the watermark or was first seen."""

    async def campaign(self, stop: asyncio.Event) -> Term | None:
        """Try until we hold the key; None once stopped."""
        self._silence.end()
        while not stop.is_set():
            try:
                if reason := unfit(self._clock.wall()):
                    self._stay_out(reason)
                else:
                    term = await self._try()
                    self.trouble = ""
                    if term is not None:
                        return term
            except UnreachableError as error:
                self._stay_out(str(error))
                # If the stream is missing, JetStream says so to a read, and nothing answers a write.
                if isinstance(error, StreamNotFoundError | NoRespondersError):
                    await self._make_again()
            await set_within(stop, POLL_SECONDS)
        return None

    async def hold(self, lost: asyncio.Event, ended: asyncio.Event) -> None:
        """Refresh the key until `ended` is set; set `lost` when it is no longer ours, or soon may not be."""
        fresh: bool | None = True
        while fresh is not False:
            pause = REFRESH_SECONDS if fresh else _RETRY_SECONDS
            if await set_within(ended, min(pause, self._step_down_at - self._clock.monotonic())):
                return
            now = self._clock.monotonic()
            fresh = now < self._step_down_at and await self._refresh(min(now + _ANSWER_SECONDS, self._step_down_at))
        lost.set()

    async def check(self) -> bool:
        """Whether the key is still ours, for a process that may have been paused."""
        return await self._refresh(self._clock.monotonic() + _ANSWER_SECONDS) is True

    async def announce(self) -> None:
        """Publish that this scheduler leads."""
        await self._election.announce()

    async def give_back(self) -> None:
        """Delete the key so that a stand-by can lead at once. If that fails, the key expires."""
        reason = "the server is away"
        if self._is_connected():
            try:
                if await self._election.give_back(self.revision, self._since, timeout=_GIVE_BACK_SECONDS):
                    log.info("Gave the leadership back", extra={"leader": self.name})
                return
            except UnreachableError as error:
                reason = str(error)
        fields = {"leader": self.name, "reason": reason, "seconds": TTL_SECONDS}
        log.warning("The leadership was not given back and expires in %d s: %s", TTL_SECONDS, reason, extra=fields)

    @property
    def is_go(self) -> bool:
        """Whether a Go scheduler leads, as far as is known."""
        return self.holder is not None and self._history.is_go

    @property
    def _step_down_at(self) -> float:
        return self._confirmed_at + STEP_DOWN_SECONDS

    def _stay_out(self, reason: str) -> None:
        if reason != self.trouble:
            log.warning("Cannot take part in the election: %s", reason, extra={"reason": reason})
        self.trouble = reason
        self._silence.end()  # not having listened to a leader does not make it silent

    async def _make_again(self) -> None:
        """Make the election's stream again; it was deleted, or was in memory when the server restarted."""
        if self._clock.monotonic() < self._make_again_at:
            return
        self._make_again_at = self._clock.monotonic() + _MAKE_AGAIN_SECONDS
        try:
            await self._make_stream()
        except (ConflictError, UnreachableError) as error:
            reason = str(error)
            self._errors.tell(f"The election's stream cannot be made again: {reason}", None, "made", reason=reason)

    async def _try(self) -> Term | None:
        """Look at key and watermark once, and take the key if it is free or its holder is silent."""
        lease = await self._election.read(timeout=_ANSWER_SECONDS)
        stored = await self._read_and_follow()
        watermark = stored.watermark
        if lease.holder != self.holder:  # a new leader has not written a watermark yet
            self._see_holder(lease.holder)
            self._silence.end()
        self._history.see(lease, watermark, self.revision)
        if self._refused and lease.holder not in (None, self.name) and lease.since is not None:
            self._on_replaced()
            self._took_over()
        self._refused = False
        kind: TakeoverKind
        if lease.holder is None:
            kind = "handover" if lease.given_back else "vacant"
            last = lease.revision if lease.given_back else await self._election.last_revision()
            since, goes_on = self._history.known(lease, watermark, last)
        elif lease.since is not None and self._is_silent(lease.holder, lease.since, lease.revision, watermark):
            kind, since, goes_on = "silent", lease.since, covers(lease.since, watermark)
        else:
            if self._history.is_go:
                self._on_go_leader(lease.revision)
            return None
        go_led = self._history.is_go
        self._on_campaign("candidate")
        if not await self._take(lease, since):
            return None
        if kind == "silent" and lease.holder != self.name:
            self._took_over()
        if goes_on:
            return Term(kind, watermark.instant if watermark else None, 0.0, stored)
        return Term(kind, None, GO_CAMPAIGN_SECONDS, stored, go_led)

    def _is_silent(self, holder: str, since: int, revision: int, watermark: Watermark | None) -> bool:
        """Whether the holder of the key, an ajsync scheduler, has stopped firing."""
        if holder == self.name and revision == self.revision:
            return True  # it is our own lease: we stepped down while the server was away
        # A leader that has not written a watermark may be waiting for a Go scheduler to stop. A leader that refreshes
        # the key but cannot write the watermark is alive.
        if watermark is None or not covers(since, watermark) or not is_close(watermark, revision):
            return False
        if not self._silence.is_over:
            return False
        silent = self._silence.seconds
        fields = {"leader": cut(holder), "seconds": round(silent, 3)}
        log.warning("The leader %s has been silent for %.1f s, taking over", excerpt(holder), silent, extra=fields)
        return True

    def _took_over(self) -> None:
        """Take in that an ajsync scheduler has replaced a silent one."""
        if self._silence.took_over():
            patience, minutes = self._silence.patience, PATIENT_SECONDS / 60
            text = "%d takeovers of silent leaders within a minute: for %.0f minutes a leader is replaced after %.1f s"
            fields = {"seconds": patience}
            log.warning(text, TAKEOVERS_IN_A_ROW, minutes, patience, extra=fields)

    async def _read_and_follow(self) -> StoredWatermark:
        stored = await self._read_watermark()
        # A living leader may write the same watermark repeatedly, so the revision counts.
        if stored.revision == self._watermark_revision:
            self._silence.go_on()
        else:
            self._watermark_revision = stored.revision
            self._silence.end()
            if stored.watermark is not None:
                self._on_watermark(stored)
        return stored

    async def _take(self, lease: Lease, since: int) -> bool:
        asked_at = self._clock.monotonic()
        revision = await self._election.take(lease.revision, since, timeout=_ANSWER_SECONDS)
        if revision is None:
            return False
        self.revision, self._since, self._confirmed_at, self._unanswered = revision, since, asked_at, False
        self._see_holder(self.name)
        self._history.is_go = False
        return True

    def _see_holder(self, holder: str | None) -> None:
        self.holder = holder
        if holder is not None and holder != self._last_holder:
            if self._last_holder is not None:
                self.moves.append(self._clock.wall())
            self._last_holder = holder

    async def _refresh(self, deadline: float) -> bool | None:
        """Refresh the key. True if it is ours, False if it is not, None if there was no answer by the deadline."""
        async with self._refreshing:
            self._on_campaign("leader")
            asked_at = self._clock.monotonic()
            try:
                revision = await self._election.take(self.revision, self._since, timeout=self._left(deadline))
                if revision is None and self._unanswered:
                    # The previous refresh, which had no answer, may have been stored. Then the key is ours after all,
                    # but it is not known since when; so it is refreshed once more.
                    lease = await self._election.read(timeout=self._left(deadline))
                    if lease.holder == self.name:
                        asked_at = self._clock.monotonic()
                        timeout = self._left(deadline)
                        revision = await self._election.take(lease.revision, self._since, timeout=timeout)
            except UnreachableError as error:
                if not self._unanswered:
                    fields = {"leader": self.name, "reason": str(error)}
                    log.warning("The leadership could not be refreshed: %s", error, extra=fields)
                self._unanswered = True
                return None
            if revision is None:
                self._refused = True
                return False
            self.revision, self._confirmed_at, self._unanswered = revision, asked_at, False
            return True

    def _left(self, deadline: float) -> float:
        return max(deadline - self._clock.monotonic(), _LEAST_ANSWER_SECONDS)
