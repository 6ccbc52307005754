"""How long a lease is held: it counts from the question, it is refreshed in time, and it ends before the key
expires."""

from __future__ import annotations

import asyncio

import pytest

from ajsync.asyncjobs.election import TTL_SECONDS, Lease
from ajsync.errors import UnreachableError
from ajsync.scheduler.election.leadership import REFRESH_SECONDS, STEP_DOWN_SECONDS
from tests.scheduler.election.simulation import Candidate, World, now, simulated
from tests.scheduler.log import logged

RETRY_SECONDS = 0.5
PATIENCE = 2.0


class Held:
    """A lease that is held from now on."""

    def __init__(self, candidate: Candidate) -> None:
        self.lost = asyncio.Event()
        self.ended = asyncio.Event()
        self.job = asyncio.create_task(candidate.leadership.hold(self.lost, self.ended))

    async def lost_at(self) -> float:
        """When it is lost."""
        await self.lost.wait()
        await self.job
        return now()


async def leader(world: World, *, there: float = 0.0, back: float = 0.0) -> Candidate:
    """A scheduler that has just taken the key; `there` and `back` are the seconds that question and answer take."""
    found = world.candidate("ours")
    found.election.there, found.election.back = there, back
    await found.wins()
    return found


def approx(seconds: float) -> object:
    return pytest.approx(seconds, abs=1e-6)


@simulated
async def test_a_lease_counts_from_the_question_not_from_the_answer() -> None:
    ours = await leader(World(), there=0.3, back=1.5)
    (asked,) = ours.election.times("take")
    assert now() == approx(asked + 1.8)
    ours.election.deaf = True
    assert await Held(ours).lost_at() == approx(asked + STEP_DOWN_SECONDS)


@simulated
async def test_a_refreshed_lease_counts_from_the_question_of_its_refresh() -> None:
    world = World()
    ours = await leader(world)
    held = Held(ours)
    ours.election.there, ours.election.back = 0.3, 1.5
    await asyncio.sleep(REFRESH_SECONDS + 1.9)
    ours.election.cut_off = True
    assert len(world.key.writes) == 2
    assert await held.lost_at() == approx(REFRESH_SECONDS + STEP_DOWN_SECONDS)


@simulated
async def test_a_lease_is_lost_before_its_key_can_expire() -> None:
    world = World()
    ours = await leader(world, back=1.9)
    held = Held(ours)
    ours.election.deaf = True
    await held.lost_at()
    assert world.key.read().holder == "ours"
    assert now() <= world.key.writes[0][0] + TTL_SECONDS - REFRESH_SECONDS


@simulated
async def test_a_lease_is_refreshed_as_long_as_it_is_held_and_not_after() -> None:
    world = World()
    held = Held(await leader(world))
    await asyncio.sleep(99)
    assert [at for at, *_ in world.key.writes] == [approx(number * REFRESH_SECONDS) for number in range(40)]
    held.ended.set()
    await held.job
    await asyncio.sleep(99)
    assert len(world.key.writes) == 40
    assert not held.lost.is_set()


@simulated
async def test_each_refresh_is_a_campaign_of_a_leader() -> None:
    ours = await leader(World())
    Held(ours)
    await asyncio.sleep(2 * REFRESH_SECONDS + 0.1)
    assert ours.campaigns == ["candidate", "leader", "leader"]


@simulated
async def test_a_lease_ends_at_once_when_another_has_the_key() -> None:
    world = World()
    ours = await leader(world)
    held = Held(ours)
    await asyncio.sleep(1)
    assert world.key.write("other", 1, 0)
    assert await held.lost_at() == approx(REFRESH_SECONDS)
    assert world.key.read().holder == "other"


@simulated
async def test_without_an_answer_it_asks_again_and_goes_on_when_one_comes(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    ours = await leader(world)
    held = Held(ours)
    await asyncio.sleep(1)
    ours.election.cut_off = True
    await asyncio.sleep(3)
    ours.election.cut_off = False
    await asyncio.sleep(99)
    again = REFRESH_SECONDS + PATIENCE + RETRY_SECONDS
    assert ours.election.times("take")[:4] == [0, REFRESH_SECONDS, approx(again), approx(again + REFRESH_SECONDS)]
    assert not held.lost.is_set()
    reason = "the server did not answer"
    text = f"The leadership could not be refreshed: {reason}"
    assert logged(caplog) == [(text, {"leader": "ours", "reason": reason})]


@simulated
async def test_a_second_silence_is_logged_again(caplog: pytest.LogCaptureFixture) -> None:
    ours = await leader(World())
    Held(ours)
    for _ in range(2):
        await asyncio.sleep(1)
        ours.election.cut_off = True
        await asyncio.sleep(3)
        ours.election.cut_off = False
        await asyncio.sleep(5)
    assert len([text for text in caplog.messages if "could not be refreshed" in text]) == 2


@simulated
async def test_an_error_of_the_server_is_asked_again_soon() -> None:
    ours = await leader(World())
    held = Held(ours)
    ours.election.error = UnreachableError("no")
    assert await held.lost_at() == approx(STEP_DOWN_SECONDS)
    asked = ours.election.times("take")[1:]
    assert asked == [approx(REFRESH_SECONDS + number * RETRY_SECONDS) for number in range(10)]


@simulated
async def test_it_does_not_pause_beyond_the_end_of_its_lease() -> None:
    ours = await leader(World())
    held = Held(ours)
    await asyncio.sleep(3.2)
    assert await ours.leadership.check()  # so that the end is not a whole number of pauses away
    ours.election.error = UnreachableError("no")
    assert await held.lost_at() == approx(3.2 + STEP_DOWN_SECONDS)


@simulated
async def test_a_refresh_whose_answer_was_lost_is_found_and_done_again() -> None:
    """That it is found says nothing of when it was stored: its key may be about to expire."""
    world = World()
    ours = await leader(world)
    held = Held(ours)
    ours.election.deaf = True
    await asyncio.sleep(REFRESH_SECONDS + 1)
    ours.election.deaf = False
    await asyncio.sleep(2)  # the next one is refused, because the key is at the revision of the one before
    assert [revision for _, _, revision in world.key.writes] == [1, 2, 3]
    assert (ours.leadership.revision, world.key.read().since) == (3, 0)
    ours.election.cut_off = True
    (_, _, stored) = (at for at, *_ in world.key.writes)
    assert await held.lost_at() == approx(stored + STEP_DOWN_SECONDS)


@simulated
async def test_after_a_lost_answer_the_key_of_another_is_not_taken_for_ours() -> None:
    world = World()
    ours = await leader(world)
    held = Held(ours)
    ours.election.deaf = True
    await asyncio.sleep(REFRESH_SECONDS + 1)
    ours.election.deaf = False
    assert world.key.write("other", 2, 0)
    assert await held.lost_at() == approx(REFRESH_SECONDS + PATIENCE + RETRY_SECONDS)
    assert [name for _, name, _ in world.key.writes] == ["ours", "ours", "other"]


@simulated
async def test_a_key_under_our_name_is_not_ours_unless_an_answer_was_lost() -> None:
    world = World()
    ours = await leader(world)
    held = Held(ours)
    assert world.key.write("ours", 1, 0)
    assert await held.lost_at() == approx(REFRESH_SECONDS)


@pytest.mark.parametrize(("cut_off_after", "asked"), [(0.1, "take"), (0.3, "read"), (0.45, "take again")])
@simulated
async def test_all_that_a_refresh_asks_ends_before_the_lease_does(cut_off_after: float, asked: str) -> None:
    """If an answer was lost it asks three times: to refresh, who has the key, and to refresh that."""
    world = World()
    ours = await leader(world)
    held = Held(ours)
    ours.election.error = UnreachableError("no")
    await asyncio.sleep(6.9)
    assert world.key.write("ours", 1, 0)  # a refresh was stored after all
    ours.election.error, ours.election.there = None, 0.2
    await asyncio.sleep(0.1 + cut_off_after)
    ours.election.cut_off = True
    assert await held.lost_at() == approx(STEP_DOWN_SECONDS)
    begun = {"take": ["take"], "read": ["take", "read"], "take again": ["take", "read", "take"]}
    assert [what for at, what in ours.election.asked if at >= 6.99] == begun[asked]


@simulated
async def test_asked_whether_it_leads_it_refreshes_the_key() -> None:
    world = World()
    ours = await leader(world)
    await asyncio.sleep(9)
    assert await ours.leadership.check()
    assert world.key.writes[-1] == (9.0, "ours", 2)
    world.key.expire()
    assert not await ours.leadership.check()
    ours.election.cut_off = True
    assert not await ours.leadership.check()
    assert now() == approx(9 + PATIENCE)


@simulated
async def test_what_it_is_asked_meanwhile_waits_for_the_refresh_and_both_succeed() -> None:
    world = World()
    ours = await leader(world)
    held = Held(ours)
    ours.election.there = ours.election.back = 0.1
    await asyncio.sleep(REFRESH_SECONDS + 0.05)
    assert await ours.leadership.check()
    assert now() == approx(REFRESH_SECONDS + 0.4)
    assert [revision for _, _, revision in world.key.writes] == [1, 2, 3]
    assert not held.lost.is_set()


@simulated
async def test_a_lease_that_is_given_back_leaves_the_key_to_the_next(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    world = World()
    ours = await leader(world)
    await ours.leadership.give_back()
    assert world.key.read() == Lease(None, 2, given_back=True, since=0)
    assert logged(caplog) == [("Gave the leadership back", {"leader": "ours"})]


@simulated
async def test_a_key_of_another_is_not_given_back(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    world = World()
    ours = await leader(world)
    world.key.write("other", 1, 0)
    await ours.leadership.give_back()
    assert world.key.read().holder == "other"
    assert caplog.messages == []


@pytest.mark.parametrize("away", [True, False], ids=["away", "silent"])
@simulated
async def test_a_lease_that_cannot_be_given_back_expires(away: bool, caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    ours = await leader(world)
    if away:
        ours.election.cut_off = True
    else:
        ours.election.error = UnreachableError("the server did not answer")
    await ours.leadership.give_back()
    reason = "the server is away" if away else "the server did not answer"
    text = f"The leadership was not given back and expires in 10 s: {reason}"
    assert logged(caplog) == [(text, {"leader": "ours", "reason": reason, "seconds": TTL_SECONDS})]
    assert ours.election.times("give back") == ([] if away else [now()])
    assert now() == 0, "a stop waits for no server that is away"


@simulated
async def test_a_stop_waits_a_second_for_an_answer() -> None:
    ours = await leader(World())
    ours.election.deaf = True
    await ours.leadership.give_back()
    assert now() == approx(1.0)


@simulated
async def test_a_win_is_announced_when_it_is_asked_to() -> None:
    ours = await leader(World())
    await ours.leadership.announce()
    assert ours.election.times("announce") == [0.0]
