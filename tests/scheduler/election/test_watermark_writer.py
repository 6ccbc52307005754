"""When a leader writes the watermark, and what becomes of a write that is refused, or whose answer is lost."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ajsync.errors import InvalidError, NotPermittedError, UnreachableError
from ajsync.scheduler.clock import Clock
from ajsync.scheduler.election.leadership import Leadership
from ajsync.scheduler.election.progress import Progress
from ajsync.scheduler.election.watermark import Watermark
from ajsync.scheduler.election.watermark_store import WatermarkWriter
from ajsync.timestamp import NANOSECONDS
from ajsync.transport.errors import WRONG_SEQUENCE, JetStreamError, NoRespondersError
from ajsync.transport.window import Answer
from tests.scheduler.election.simulation import now, simulated, wall
from tests.scheduler.log import logged

CONFLICT = Answer(error="wrong last sequence", code=min(WRONG_SEQUENCE))
INSTANT = 1_800_000_000 * NANOSECONDS


class Scene(WatermarkWriter):
    """A term that writes to a key which only the test knows."""

    def __init__(self, *, ahead: float = 0.0) -> None:
        """`ahead`: seconds by which the wall clock is ahead of a full second at the beginning."""
        self.revision = 7
        """That of the key."""
        self.leads = True
        self.reached = Progress(INSTANT, frozenset(), frozenset())
        self.fires = 0
        self.stored: list[tuple[float, Watermark]] = []
        self.heard: list[str] = []
        """What was wrong with each watermark that was stored."""
        self.failures: list[str] = []
        self.answers: list[Answer | Exception] = []
        """To the next writes, instead of what is true of the key."""
        self.lost = asyncio.Event()
        leadership = SimpleNamespace(name="ours", revision=3, check=self.check)
        super().__init__(
            cast(Any, SimpleNamespace(connection=SimpleNamespace(max_payload=2**20))),
            cast(Leadership, leadership),
            progress=lambda _room: self.reached,
            under_way=lambda: self.fires,
            revision=7,
            lost=self.lost,
            clock=Clock(lambda: wall() + int(ahead * NANOSECONDS), now),
            on_written=lambda _watermark, problem: self.heard.append(problem),
            on_failed=self.failures.append,
        )

    async def check(self) -> bool:
        return self.leads

    async def _store(self, watermark: Watermark) -> Answer:
        if self.answers:
            answer = self.answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer
        if self._revision != self.revision:
            return CONFLICT
        self.revision += 1
        self.stored.append((round(now(), 6), watermark))
        return Answer(self.revision)

    async def _read_revision(self) -> int | None:
        return self.revision

    def run_beside(self) -> None:
        """Write until the test ends."""
        self.job = asyncio.create_task(self.run())

    def times(self) -> list[float]:
        """When a watermark was stored."""
        return [at for at, _ in self.stored]


@simulated
async def test_it_is_written_just_after_each_full_second() -> None:
    scene = Scene(ahead=0.5)
    scene.run_beside()
    await asyncio.sleep(4)
    assert scene.times() == [0.7, 1.7, 2.7, 3.7]
    assert scene.stored[0][1] == Watermark("ours", INSTANT, 3)
    assert scene.heard == [""] * 4


@pytest.mark.parametrize(("ahead", "first"), [(0.85, 0.35), (0.95, 1.25)])
@simulated
async def test_it_is_not_written_twice_within_a_moment(ahead: float, first: float) -> None:
    scene = Scene(ahead=ahead)
    scene.run_beside()
    await asyncio.sleep(1.3)
    assert scene.times()[0] == first


@pytest.mark.parametrize(("fires", "after"), [(0, 0.05), (400, 0.25)])
@simulated
async def test_it_is_written_soon_after_fires_are_settled_and_later_the_more_there_are(
    fires: int, after: float
) -> None:
    scene = Scene(ahead=0.2)
    scene.fires = fires
    scene.run_beside()
    await asyncio.sleep(0)
    scene.settled()
    await asyncio.sleep(0.3)
    assert scene.times() == [after]


@simulated
async def test_what_is_settled_together_is_written_together() -> None:
    scene = Scene(ahead=0.2)
    scene.run_beside()
    await asyncio.sleep(0.5)
    for _ in range(5):
        scene.settled()
        await asyncio.sleep(0.001)
    await asyncio.sleep(0.1)
    assert scene.times() == [0.51]


@simulated
async def test_fires_that_are_settled_all_the_time_do_not_put_it_off_beyond_its_second() -> None:
    scene = Scene(ahead=0.2)
    scene.fires = 100_000
    scene.run_beside()
    for _ in range(30):
        scene.settled()
        await asyncio.sleep(0.1)
    assert scene.times()[:2] == [1.0, 2.0]


@simulated
async def test_after_an_answer_that_was_lost_it_goes_on_from_what_is_stored() -> None:
    scene = Scene()
    scene.revision = 9
    await scene.write()
    assert (scene.revision, len(scene.stored), scene.failures) == (10, 1, [])
    await scene.write()
    assert scene.revision == 11
    assert not scene.lost.is_set()


@simulated
async def test_if_another_leads_the_term_is_lost() -> None:
    scene = Scene()
    scene.revision, scene.leads = 9, False
    await scene.write()
    assert scene.lost.is_set()
    assert (scene.stored, scene.heard, scene.failures) == ([], [], [])


@simulated
async def test_if_something_else_writes_it_all_the_time_the_term_goes_on_and_says_so() -> None:
    scene = Scene()
    scene.answers = [CONFLICT, CONFLICT]
    await scene.write()
    assert scene.failures == ["something that does not lead writes it too"]
    assert not scene.lost.is_set()


@pytest.mark.parametrize(
    ("error", "is_logged"),
    [
        (JetStreamError("S", 503, 10077, "full"), True),
        (NoRespondersError("nobody"), True),
        (NotPermittedError("no"), True),
        (InvalidError("odd"), True),
        (UnreachableError("away"), False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
@simulated
async def test_a_write_that_fails_is_told_and_tried_again(
    error: Exception, is_logged: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """While the server is away, the lease says so."""
    scene = Scene()
    scene.answers = [error, error]
    scene.run_beside()
    await asyncio.sleep(3.5)
    assert scene.failures == [str(error)] * 2
    assert len(scene.stored) == 1
    line = (f"The watermark was not written: {error}", {"reason": str(error)})
    assert logged(caplog) == [line] * is_logged


@pytest.mark.parametrize(("behind", "is_problem"), [(30, False), (31, True)])
@simulated
async def test_a_watermark_that_stands_still_for_long_is_a_problem(
    behind: int, is_problem: bool, caplog: pytest.LogCaptureFixture
) -> None:
    scene = Scene()
    scene.reached = Progress(INSTANT, frozenset(), frozenset(), behind * NANOSECONDS)
    await scene.write()
    stands_still = (
        "watermark stands still at 2027-01-15T08:00:00Z: more fires are not stored than the 1000 that it can name"
    )
    assert scene.heard == ([f"the {stands_still}"] if is_problem else [""])
    assert caplog.messages == [f"The {stands_still}"] * is_problem
