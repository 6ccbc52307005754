"""A world without waiting: a clock that leaps to the next thing to do, and the election's key as its stream keeps it.

`simulated` runs a test on a loop whose time costs nothing: 17 seconds of an election are some milliseconds, and always
the same. What the key does here, it does on a real server too: test_simulation.py compares both.
"""

from __future__ import annotations

import asyncio
import functools
import math
import selectors
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, ParamSpec, TypeVar

from ajsync.asyncjobs.election import GO_CAMPAIGN_SECONDS, TTL_SECONDS, Election, Lease
from ajsync.errors import UnreachableError
from ajsync.scheduler.clock import Clock
from ajsync.scheduler.election.leadership import Leadership, Term
from ajsync.scheduler.election.watermark import StoredWatermark, Watermark
from ajsync.timestamp import NANOSECONDS
from ajsync.waiting import first_of

P = ParamSpec("P")
T = TypeVar("T")

_MOMENT_SECONDS = 1e-6
"""A wait ends a moment later than what takes just as long: in a world without delays both would be at one instant."""

STARTED = 1_800_000_000 * NANOSECONDS
"""The wall clock at the beginning, when the monotonic one is at 0."""


class _Leaping(selectors.SelectSelector):
    """Waits for nothing: the time that it would wait is over at once."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise AssertionError("everything waits for something that never comes")
        self.now += max(timeout, 0.0)
        return super().select(0)


class LeapingLoop(asyncio.SelectorEventLoop):
    """A loop whose clock leaps to the next timer."""

    def __init__(self) -> None:
        self._leaping = _Leaping()
        super().__init__(self._leaping)

    def time(self) -> float:
        """Seconds since the loop was made."""
        return self._leaping.now


def simulated(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run a test on a `LeapingLoop`; what it has started ends with it."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        with asyncio.Runner(loop_factory=LeapingLoop) as runner:
            runner.run(test(*args, **kwargs))

    return run


def now() -> float:
    """The monotonic clock of the world."""
    return asyncio.get_running_loop().time()


def wall() -> int:
    """The wall clock of the world."""
    return STARTED + round(now() * NANOSECONDS)


class Key:
    """The stream of the election: one key, which expires, and revisions that only grow."""

    def __init__(self) -> None:
        self.revision = 0
        """That of the last write to the stream."""
        self.writes: list[tuple[float, str, int]] = []
        """Each write that was stored: when, by which scheduler, and its revision."""
        self.deleted_at = -math.inf
        """When it was last deleted, and did not expire of itself."""
        self._lease = Lease(None, 0)
        self._expires_at = math.inf

    def read(self) -> Lease:
        """The key as it is now."""
        return self._lease if now() < self._expires_at else Lease(None, 0)

    def write(self, name: str, expected: int, since: int | None, *, give_back: bool = False) -> int | None:
        """Store a name, or that the key is given back; None if it is not at the revision that is expected.

        `since` is what an ajsync scheduler says in its header; None for a Go scheduler, which has none.
        """
        if self.read().revision != expected:
            return None
        self.revision += 1
        self.writes.append((now(), name, self.revision))
        known = since if since is not None and 0 <= since < self.revision else None
        self._lease = Lease(None if give_back else name, self.revision, given_back=give_back, since=known)
        self._expires_at = now() + TTL_SECONDS
        return self.revision

    def expire(self) -> None:
        """Let the key expire now, or delete it without a trace as people can."""
        self._expires_at = self.deleted_at = now()


class World:
    """A server with the key and the watermark, and those that take part in the election."""

    def __init__(self) -> None:
        self.key = Key()
        self.watermark = StoredWatermark(None, 0, 0)
        self.candidates: list[Candidate] = []
        self.go: list[GoCandidate] = []

    def mark(self, leader: str, election: int, instant: int | None = None) -> None:
        """Write the watermark, by default with what is due by now."""
        written = Watermark(leader, wall() if instant is None else instant, election)
        self.watermark = StoredWatermark(written, self.watermark.revision + 1, wall())

    def candidate(self, name: str, *, takeover_after: float = 3.0) -> Candidate:
        """Let one more ajsync scheduler take part."""
        self.candidates.append(Candidate(self, name, takeover_after=takeover_after))
        return self.candidates[-1]

    def look(self) -> None:
        """Fail if an ajsync scheduler and a Go scheduler may fire at once, or after its lease ended."""
        ours = [each.name for each in self.candidates if each.fires]
        go = [each.name for each in self.go if each.fires]
        assert not (ours and go), f"{ours} and {go} may fire at once, {now()} s after the begin"
        lease = self.key.read()
        is_go = lease.holder is not None and lease.since is None
        if is_go and now() > self.key.deleted_at + TTL_SECONDS:
            assert not ours, f"{ours} may fire while {lease.holder} has the key, {now()} s after the begin"


class SimulatedElection(Election):
    """The election as one scheduler sees it: a question and its answer take time, or are lost."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.name = name
        self.there = 0.0
        """Seconds that a question takes."""
        self.back = 0.0
        """Seconds that an answer takes."""
        self.deaf = False
        """Whether answers are lost, while questions arrive."""
        self.cut_off = False
        """Whether questions are lost too."""
        self.error: UnreachableError | None = None
        """What each question fails with at once."""
        self.asked: list[tuple[float, str]] = []
        """Each question, and when it was asked."""

    async def read(self, *, timeout: float = 5.0) -> Lease:
        return await self.ask("read", self.world.key.read, timeout)

    async def last_revision(self) -> int:
        return await self.ask("last revision", lambda: self.world.key.revision, 5.0)

    async def take(self, revision: int, since: int, *, timeout: float) -> int | None:
        return await self.ask("take", lambda: self.world.key.write(self.name, revision, since), timeout)

    async def give_back(self, revision: int, since: int, *, timeout: float) -> bool:
        write = functools.partial(self.world.key.write, self.name, revision, since, give_back=True)
        return await self.ask("give back", write, timeout) is not None

    async def announce(self) -> None:
        self.asked.append((now(), "announce"))

    async def ask(self, what: str, question: Callable[[], T], timeout: float) -> T:
        """Ask the server something."""
        self.asked.append((now(), what))
        if self.error is not None:
            raise self.error
        try:
            async with asyncio.timeout(timeout):
                await asyncio.sleep(self.there)
                while self.cut_off:
                    await asyncio.sleep(timeout)
                answer = question()
                await asyncio.sleep(self.back)
                while self.deaf or self.cut_off:
                    await asyncio.sleep(timeout)
                return answer
        except TimeoutError:
            raise UnreachableError("the server did not answer") from None

    def times(self, what: str) -> list[float]:
        """When this was asked."""
        return [at for at, asked in self.asked if asked == what]


class Candidate:
    """An ajsync scheduler in the world: it campaigns, writes the watermark while it leads, and is seen to fire."""

    def __init__(self, world: World, name: str, *, takeover_after: float = 3.0) -> None:
        self.world = world
        self.name = name
        self.election = SimulatedElection(world, name)
        self.offset = 0
        """Nanoseconds by which its wall clock is wrong."""
        self.seen: list[StoredWatermark] = []
        """The watermarks of other leaders that it followed."""
        self.go_leaders = 0
        """How often it heard that a Go scheduler leads."""
        self.replaced = 0
        """How often it was told that another has replaced it."""
        self.campaigns: list[str] = []
        self.made: list[float] = []
        """When it made the stream again."""
        self.refuses_to_make: UnreachableError | None = None
        self.fires = False
        """Whether it may fire now."""
        self.leadership = Leadership(
            self.election,
            self._read_watermark,
            name=name,
            takeover_after=takeover_after,
            clock=Clock(lambda: wall() + self.offset, now),
            is_connected=lambda: not self.election.cut_off,
            make_stream=self._make_stream,
            on_campaign=self.campaigns.append,
            on_watermark=self.seen.append,
            on_go_leader=self._hear_of_go_leader,
            on_replaced=self._be_replaced,
        )

    async def wins(self) -> Term:
        """Campaign until the key is ours."""
        term = await self.leadership.campaign(asyncio.Event())
        assert term is not None
        return term

    async def live(self, stop: asyncio.Event) -> None:
        """Lead again and again, as a scheduler does: wait, fire, and write the watermark five times a second."""
        while (term := await self.leadership.campaign(stop)) is not None:
            lost, ended = asyncio.Event(), asyncio.Event()
            holding = asyncio.create_task(self.leadership.hold(lost, ended))
            try:
                await first_of(lost, stop, timeout=term.wait)
                await asyncio.sleep(_MOMENT_SECONDS)
                while not lost.is_set() and not stop.is_set():
                    self.fires = True
                    self.world.look()
                    with suppress(UnreachableError):
                        write = functools.partial(self.world.mark, self.name, self.leadership.revision)
                        await self.election.ask("mark", write, 1.0)
                    await first_of(lost, stop, timeout=0.2)
            finally:
                self.fires = False
                ended.set()
                holding.cancel()
                await asyncio.gather(holding, return_exceptions=True)
            if not lost.is_set():
                await self.leadership.give_back()

    async def _read_watermark(self) -> StoredWatermark:
        return await self.election.ask("read watermark", lambda: self.world.watermark, 2.0)

    async def _make_stream(self) -> None:
        self.made.append(now())
        if self.refuses_to_make is not None:
            raise self.refuses_to_make

    def _be_replaced(self) -> None:
        self.replaced += 1

    def _hear_of_go_leader(self, _revision: int) -> None:
        self.go_leaders += 1


class GoCandidate:
    """A Go scheduler in the world: it campaigns every 7.5 s, and fires from its second success on."""

    def __init__(self, world: World, name: str = "go") -> None:
        self.world = world
        self.name = name
        self.fires = False

    async def live(self) -> None:
        """Campaign until cancelled, as by SIGKILL: the key stays until it expires."""
        revision: int | None = None
        try:
            while True:
                key = self.world.key
                if revision is None:
                    lease = key.read()
                    revision = key.write(self.name, lease.revision, None) if lease.holder is None else None
                else:
                    revision = key.write(self.name, revision, None)
                    self.fires = revision is not None
                self.world.look()
                await asyncio.sleep(GO_CAMPAIGN_SECONDS)
        finally:
            self.fires = False
