"""Schedulers of ajsync and of Go in one election: whatever happens, both kinds never fire at once."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from ajsync.asyncjobs.election import GO_CAMPAIGN_SECONDS, TTL_SECONDS
from tests.scheduler.election.simulation import Candidate, GoCandidate, World, now, simulated

NAMES = ("one", "two", "three")
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
"""Without looking for the shortest example, which takes minutes."""


@dataclass(frozen=True)
class Happening:
    """Something that befalls a scheduler some seconds after the one before."""

    after: float
    to: int
    """Which one of them; 0 and 1 are of ajsync, 2 and 3 of Go. 4 is the key itself."""
    what: str


OURS = ("start", "stop", "kill", "cut off", "deafen", "reconnect", "slow")
PAUSES = st.one_of(st.floats(0, 3), st.floats(5, 20))
HAPPENINGS = st.one_of(
    st.builds(Happening, PAUSES, st.integers(0, 1), st.sampled_from(OURS)),
    st.builds(Happening, PAUSES, st.integers(2, 3), st.sampled_from(("start", "kill"))),
    st.builds(Happening, PAUSES, st.just(4), st.just("delete the key")),
)


class Life:
    """One scheduler of either kind, which is started and stopped."""

    def __init__(self, world: World, which: int) -> None:
        self.world = world
        self.which = which
        self.job: asyncio.Task[None] | None = None
        self.stop = asyncio.Event()
        self.candidate: Candidate | None = None

    async def befall(self, what: str) -> None:
        """Let something happen to it."""
        if what == "start":
            if self.job is None or self.job.done():
                self._start()
        elif self.job is None:
            return
        elif what == "stop":
            self.stop.set()
        elif what == "kill":
            self.job.cancel()
            await asyncio.gather(self.job, return_exceptions=True)
        elif self.candidate is not None:
            election = self.candidate.election
            election.cut_off, election.deaf = what == "cut off", what == "deafen"
            election.there = election.back = 0.9 if what == "slow" else 0.0

    def _start(self) -> None:
        if self.which < 2:
            self.candidate, self.stop = self.world.candidate(NAMES[self.which]), asyncio.Event()
            self.job = asyncio.create_task(self.candidate.live(self.stop))
        else:
            go = GoCandidate(self.world, f"go{self.which}")
            self.world.go.append(go)
            self.job = asyncio.create_task(go.live())


DELETED = Happening(18, 4, "delete the key")


@given(st.lists(HAPPENINGS, max_size=25), st.lists(st.integers(0, 3), max_size=4))
@example([Happening(0.5, 0, "start"), DELETED], [2])
@example([Happening(8, 0, "cut off"), Happening(3, 2, "start"), Happening(19, 2, "kill")], [0])
@example(
    [
        Happening(0, 0, "start"),
        Happening(7.5, 4, "delete the key"),
        Happening(0, 2, "start"),
        Happening(7.5, 4, "delete the key"),
    ],
    [],
)
@settings(max_examples=50, phases=PHASES)
@simulated
async def test_both_kinds_never_fire_at_once(happenings: list[Happening], started: list[int]) -> None:
    world = World()
    lives = [Life(world, which) for which in range(4)]
    for which in started:
        await lives[which].befall("start")
    for each in happenings:
        await asyncio.sleep(each.after)
        if each.to < len(lives):
            await lives[each.to].befall(each.what)
        else:
            world.key.expire()
    await asyncio.sleep(30)
    world.look()
    for life in lives:
        await life.befall("kill")
        if life.job is not None and not life.job.cancelled():
            assert not life.job.done() or life.job.exception() is None, life.job.exception()


@simulated
async def test_after_a_go_scheduler_ours_fires_when_another_go_scheduler_would() -> None:
    world = World()
    go = GoCandidate(world)
    world.go.append(go)
    job = asyncio.create_task(go.live())
    await asyncio.sleep(GO_CAMPAIGN_SECONDS + 1)
    assert go.fires
    ours = world.candidate("ours")
    asyncio.create_task(ours.live(asyncio.Event()))  # noqa: RUF006 - it ends with the simulation
    await asyncio.sleep(100)
    job.cancel()
    last = world.key.writes[-1][0]
    while not ours.fires:
        await asyncio.sleep(0.01)
    assert now() == pytest.approx(last + TTL_SECONDS + GO_CAMPAIGN_SECONDS, abs=0.3)


@simulated
async def test_two_of_ours_take_turns_and_a_third_that_is_silent_is_replaced() -> None:
    world = World()
    stops = [asyncio.Event() for _ in NAMES]
    ours = [world.candidate(name) for name in NAMES]
    jobs = [asyncio.create_task(each.live(stop)) for each, stop in zip(ours, stops, strict=True)]
    await asyncio.sleep(20)
    (first,) = (number for number, each in enumerate(ours) if each.fires)
    stops[first].set()
    await asyncio.sleep(1)
    (second,) = (number for number, each in enumerate(ours) if each.fires)
    assert second != first
    jobs[second].cancel()
    await asyncio.sleep(4.5)
    (third,) = (number for number, each in enumerate(ours) if each.fires)
    assert {first, second, third} == {0, 1, 2}


@simulated
async def test_a_term_knows_whether_it_may_follow_a_go_scheduler_and_whether_it_saw_that_one() -> None:
    world = World()
    go = GoCandidate(world)
    world.go.append(go)
    job = asyncio.create_task(go.live())
    await asyncio.sleep(GO_CAMPAIGN_SECONDS + 1)
    saw, started_later = world.candidate("saw"), world.candidate("started later")
    winning = asyncio.create_task(saw.wins())
    await asyncio.sleep(1)
    job.cancel()
    term = await winning
    assert (term.may_follow_go, term.go_led) == (True, True)
    world.key.expire()
    term = await started_later.wins()
    assert (term.may_follow_go, term.go_led) == (True, False)


@simulated
async def test_a_term_after_one_of_ours_follows_no_go_scheduler() -> None:
    world = World()
    first = await world.candidate("one").wins()
    world.mark("one", world.key.revision)
    world.key.expire()
    second = await world.candidate("two").wins()
    assert [(term.may_follow_go, term.go_led) for term in (first, second)] == [(False, False)] * 2
