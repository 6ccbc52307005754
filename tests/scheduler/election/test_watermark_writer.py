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
        self.questions = 0
        """How often it was found out how far the term has come."""
        self.answers: list[Answer | Exception] = []
        """To the next writes, instead of what is true of the key."""
        self.lost = asyncio.Event()
        leadership = SimpleNamespace(name="ours", revision=3, check=self.check)
        super().__init__(
            cast(Any, SimpleNamespace(connection=SimpleNamespace(max_payload=2**20))),
            cast(Leadership, leadership),
            progress=self._progress_now,
            under_way=lambda: self.fires,
            revision=7,
            lost=self.lost,
            clock=Clock(lambda: wall() + int(ahead * NANOSECONDS), now),
            on_written=lambda _watermark, problem: self.heard.append(problem),
            on_failed=self.failures.append,
        )

    def _progress_now(self, _room: int) -> Progress:
        self.questions += 1
        return self.reached

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
async def test_it_is_written_five_times_a_second_and_not_when_most_fires_are_due() -> None:
    scene = Scene(ahead=0.5)
    scene.run_beside()
    await asyncio.sleep(1.1)
    assert scene.times() == [0.2, 0.4, 0.6, 0.8, 1.0]
    assert scene.stored[0][1] == Watermark("ours", INSTANT, 3)
    assert scene.heard == [""] * 5


@pytest.mark.parametrize(("ahead", "first"), [(0.83, 0.07), (0.85, 0.25)])
@simulated
async def test_it_is_not_written_twice_within_a_moment(ahead: float, first: float) -> None:
    scene = Scene(ahead=ahead)
    scene.run_beside()
    await asyncio.sleep(0.3)
    assert scene.times()[0] == first


@pytest.mark.parametrize(("fires", "after"), [(0, 0.05), (100, 0.1)])
@simulated
async def test_it_is_written_soon_after_fires_are_settled_and_later_the_more_there_are(
    fires: int, after: float
) -> None:
    scene = Scene(ahead=0.1)
    scene.fires = fires
    scene.run_beside()
    await asyncio.sleep(0)
    scene.settled()
    await asyncio.sleep(0.19)
    assert scene.times() == [after]


@simulated
async def test_what_is_settled_together_is_written_together() -> None:
    scene = Scene(ahead=0.1)
    scene.run_beside()
    await asyncio.sleep(0.1)
    for _ in range(5):
        scene.settled()
        await asyncio.sleep(0.001)
    await asyncio.sleep(0.08)
    assert scene.times() == [0.11]


@simulated
async def test_fires_that_are_settled_all_the_time_do_not_put_the_heartbeat_off() -> None:
    scene = Scene(ahead=0.1)
    scene.fires = 100_000
    scene.run_beside()
    for _ in range(11):
        scene.settled()
        await asyncio.sleep(0.04)
    assert scene.times() == [0.2, 0.4]


@pytest.mark.parametrize(("fires", "asked"), [(1000, 10), (1001, 2)])
@simulated
async def test_with_more_fires_under_way_than_can_be_named_heartbeats_repeat_what_is_known_for_a_second(
    fires: int, asked: int
) -> None:
    scene = Scene(ahead=0.1)
    scene.fires = fires
    scene.run_beside()
    await asyncio.sleep(2.1)
    assert len(scene.times()) == 10
    assert scene.questions == asked


@simulated
async def test_the_last_watermark_of_a_term_is_no_repetition() -> None:
    scene = Scene(ahead=0.1)
    scene.fires = 100_000
    scene.run_beside()
    await asyncio.sleep(0.3)
    scene.reached = Progress(INSTANT + 1, frozenset(), frozenset())
    await scene.write()
    assert [watermark.instant - INSTANT for _, watermark in scene.stored] == [0, 1]


@simulated
async def test_a_watermark_that_was_not_stored_is_not_repeated() -> None:
    scene = Scene(ahead=0.1)
    scene.fires = 100_000
    scene.answers = [UnreachableError("away")]
    scene.run_beside()
    await asyncio.sleep(0.5)
    assert (len(scene.failures), len(scene.stored), scene.questions) == (1, 1, 2)


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
    assert scene.failures == ["another program that does not lead writes it too"]
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
    await asyncio.sleep(0.6)
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
