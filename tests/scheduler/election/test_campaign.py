"""When the key is taken, and from where the term that begins has to fire: by the key and the watermark as others left
them."""

from __future__ import annotations

import asyncio

import pytest

from ajsync.asyncjobs.election import GO_CAMPAIGN_SECONDS, TTL_SECONDS, Lease
from ajsync.asyncjobs.ids import KSUID_EPOCH
from ajsync.errors import UnreachableError
from ajsync.scheduler.election.leadership import POLL_SECONDS, Term
from ajsync.scheduler.election.lease_history import GO_TERM_SECONDS
from ajsync.scheduler.election.watermark import StoredWatermark
from ajsync.timestamp import NANOSECONDS
from ajsync.transport.errors import JetStreamError, NoRespondersError, StreamNotFoundError
from tests.scheduler.election.simulation import STARTED, World, now, simulated, wall
from tests.scheduler.log import logged

LOOK = POLL_SECONDS + 0.001
"""Seconds until a candidate has surely looked once more."""


class Scene:
    """A world with the key and the watermark that others have written, and one of ours that campaigns."""

    def __init__(self) -> None:
        self.world = World()
        self.key = self.world.key
        self.ours = self.world.candidate("ours")
        self.stop = asyncio.Event()

    def take(self, name: str, *, since: int | None = 0) -> None:
        """A scheduler takes or refreshes the key: a Go scheduler if `since` is None."""
        assert self.key.write(name, self.key.read().revision, since)

    def campaign(self) -> asyncio.Task[Term | None]:
        """Let ours campaign until it holds the key."""
        return asyncio.create_task(self.ours.leadership.campaign(self.stop))


def goes_on(term: Term | None) -> bool:
    """Whether a term fires at once what is due since the watermark; else it waits, and lets go of all that."""
    assert term is not None
    assert isinstance(term.stored, StoredWatermark)
    if term.wait:
        assert (term.after, term.wait) == (None, GO_CAMPAIGN_SECONDS)
        return False
    assert term.after == (term.stored.watermark.instant if term.stored.watermark else None)
    return True


# A key without a holder


@simulated
async def test_the_first_scheduler_of_all_leads_at_once() -> None:
    scene = Scene()
    assert (scene.ours.leadership.holder, scene.ours.leadership.trouble) == (None, "")
    term = await scene.ours.wins()
    assert (now(), term.kind, term.after, term.wait) == (0, "vacant", None, 0)
    assert scene.key.read() == Lease("ours", 1, since=0)
    assert (scene.ours.leadership.holder, scene.ours.leadership.revision) == ("ours", 1)
    assert scene.ours.campaigns == ["candidate"]


@simulated
async def test_a_leader_that_stops_hands_over_to_a_stand_by_at_its_next_look() -> None:
    scene = Scene()
    scene.take("one")
    scene.world.mark("one", 1)
    campaign = scene.campaign()
    await asyncio.sleep(10 * LOOK)
    scene.world.mark("one", 1)
    assert scene.key.write("one", 1, 0, give_back=True)
    gone_at = now()
    term = await campaign
    assert term is not None
    assert term.kind == "handover"
    assert goes_on(term)
    assert now() <= gone_at + LOOK
    assert scene.ours.election.times("last revision") == [], "that costs a question"


@pytest.mark.parametrize(("since", "known"), [(0, True), (3, False)])
@simulated
async def test_a_key_that_is_given_back_says_what_its_holder_knew(since: int, known: bool) -> None:
    scene = Scene()
    for _ in range(3):
        scene.take("one")
    scene.world.mark("one", 1)
    scene.take("two", since=since)
    assert scene.key.write("two", 4, since, give_back=True)
    assert goes_on(await scene.ours.wins()) == known
    assert scene.key.read().since == since


@pytest.mark.parametrize("unseen", [0, 2])
@simulated
async def test_after_a_leader_that_died_without_a_watermark_for_long_the_next_goes_on_from_the_last(
    unseen: int,
) -> None:
    scene = Scene()
    scene.take("one")
    scene.world.mark("one", 1)
    for _ in range(3):
        scene.take("one")
    campaign = scene.campaign()
    await asyncio.sleep(LOOK)
    assert scene.ours.leadership.holder == "one"
    for _ in range(unseen):
        scene.take("one")
    scene.key.expire()
    assert goes_on(await campaign)
    assert scene.ours.go_leaders == 0


@simulated
async def test_a_key_that_expired_unseen_may_have_been_held_by_a_go_scheduler() -> None:
    scene = Scene()
    scene.take("one")
    scene.world.mark("one", 1)
    for _ in range(3):
        scene.take("one")
    scene.key.expire()
    assert not goes_on(await scene.ours.wins())
    assert scene.key.read().since == 4


@simulated
async def test_what_a_scheduler_knows_of_earlier_leases_it_tells_the_next_with_each_write() -> None:
    scene = Scene()
    scene.take("go", since=None)
    scene.key.expire()
    scene.take("one", since=1)
    scene.world.mark("one", 2)
    assert goes_on(await scene.ours.wins())
    assert scene.key.read().since == 1
    assert await scene.ours.leadership.check()
    assert scene.key.read().since == 1
    await scene.ours.leadership.give_back()
    assert scene.key.read().since == 1


@pytest.mark.parametrize("revision", [0, 5], ids=["made again", "with writes"])
@simulated
async def test_in_a_new_election_there_is_no_go_scheduler_to_wait_for(revision: int) -> None:
    """In a stream with writes whose authors are unknown there may be."""
    scene = Scene()
    scene.key.revision = revision
    scene.world.mark("one", 17)
    assert goes_on(await scene.ours.wins()) == (revision == 0)


@simulated
async def test_after_a_go_scheduler_it_is_waited_for_though_the_stream_was_made_again() -> None:
    scene = Scene()
    scene.take("go", since=None)
    scene.take("go", since=None)
    campaign = scene.campaign()
    await asyncio.sleep(LOOK)
    scene.key.expire()
    scene.key.revision = 0
    assert not goes_on(await campaign)
    assert scene.ours.leadership.revision == 1


# A leader that falls silent


@simulated
async def test_a_leader_is_replaced_after_the_silence_and_not_before(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene()
    scene.take("one")
    campaign = scene.campaign()
    for _ in range(20):
        scene.world.mark("one", scene.key.revision)
        scene.take("one")
        await asyncio.sleep(2.5)
    last = now() - 2.5
    term = await campaign
    assert term is not None
    assert term.kind == "silent"
    assert goes_on(term)
    assert term.after == pytest.approx(STARTED + last * NANOSECONDS, abs=1000)
    assert last + 3.0 <= now() <= last + 3.0 + 2 * LOOK
    (line,) = logged(caplog)
    assert line[0] == "The leader one has been silent for 3.0 s, taking over"
    assert line[1] == {"leader": "one", "seconds": pytest.approx(3.0, abs=LOOK)}


@simulated
async def test_the_silence_is_as_long_as_the_scheduler_is_told() -> None:
    scene = Scene()
    scene.take("one")
    scene.world.mark("one", 1)
    await scene.world.candidate("patient", takeover_after=7.0).wins()
    assert 7.0 - LOOK <= now() <= 7.0 + LOOK


@simulated
async def test_a_leader_that_writes_the_same_watermark_again_and_again_is_alive() -> None:
    scene = Scene()
    scene.take("one")
    campaign = scene.campaign()
    for _ in range(30):
        scene.world.mark("one", scene.key.revision, instant=STARTED)
        scene.take("one")
        await asyncio.sleep(2)
    assert not campaign.done()


@simulated
async def test_a_leader_that_refreshes_the_key_and_cannot_write_the_watermark_is_alive() -> None:
    scene = Scene()
    patient = scene.world.candidate("patient", takeover_after=6.0)  # two refreshes and some more
    scene.take("one")
    scene.world.mark("one", 1)
    campaign = asyncio.create_task(patient.wins())
    for _ in range(20):
        await asyncio.sleep(2.5)
        scene.take("one")
    assert not campaign.done()


@simulated
async def test_a_leader_that_dies_before_its_first_watermark_is_replaced_like_any_other() -> None:
    scene = Scene()
    scene.take("one")
    scene.world.mark("one", 1)
    campaign = scene.campaign()
    await asyncio.sleep(LOOK)
    scene.take("two")
    term = await campaign
    assert term is not None
    assert (term.kind, goes_on(term)) == ("silent", True)
    assert scene.ours.go_leaders == 0


@simulated
async def test_a_leader_that_has_just_begun_has_its_time_for_the_first_watermark() -> None:
    scene = Scene()
    scene.take("one")
    scene.world.mark("one", 1)
    campaign = scene.campaign()
    await asyncio.sleep(2.9)
    scene.take("two")
    begun = now()
    await campaign
    assert begun + 3.0 <= now() <= begun + 3.0 + 2 * LOOK


@simulated
async def test_a_leader_that_waits_for_a_go_scheduler_is_not_taken_for_silent() -> None:
    scene = Scene()
    scene.take("one")
    scene.world.mark("one", 1)
    for _ in range(2):
        scene.take("go", since=None)
    scene.key.expire()
    scene.take("two", since=3)
    campaign = scene.campaign()
    await asyncio.sleep(TTL_SECONDS - 0.01)
    assert not campaign.done()
    assert scene.ours.go_leaders == 0
    assert not goes_on(await campaign)


@simulated
async def test_silence_that_was_not_listened_to_does_not_count() -> None:
    scene = Scene()
    scene.take("one")
    scene.world.mark("one", 1)
    campaign = scene.campaign()
    await asyncio.sleep(1)
    scene.ours.election.cut_off = True
    await asyncio.sleep(4)
    scene.ours.election.cut_off = False
    back = now()
    await campaign
    assert back + 2.9 <= now()
    assert scene.ours.leadership.trouble == ""


@simulated
async def test_a_stand_by_that_stood_still_has_heard_nothing_and_looks_again() -> None:
    scene = Scene()
    scene.take("one")
    scene.world.mark("one", 1)
    campaign = scene.campaign()
    await asyncio.sleep(LOOK)
    scene.ours.election.back = 10.0  # as long as the answers of one look take
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1.9):
            await asyncio.shield(campaign)
    scene.ours.election.back = 0.0
    assert not campaign.done()


@simulated
async def test_three_takeovers_within_a_minute_make_a_scheduler_patient_for_ten_minutes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    scene = Scene()
    scene.take("one")
    waits = []
    for number in range(5):
        scene.take("one")
        scene.world.mark("one", scene.key.revision)
        if number == 4:
            await asyncio.sleep(600)
            scene.take("one")
            scene.world.mark("one", scene.key.revision)
        began = now()
        term = await scene.ours.wins()
        assert term.kind == "silent"
        waits.append(now() - began)
    assert waits == pytest.approx([3, 3, 3, 6, 3], abs=2 * LOOK)
    said = "3 takeovers of silent leaders within a minute: for 10 minutes a leader is replaced after 6.0 s"
    assert [text for text in caplog.messages if "within a minute" in text] == [said]


@simulated
async def test_a_leader_that_lives_and_is_replaced_counts_that_as_a_takeover_too() -> None:
    scene = Scene()
    for taken_by, since in (("one", 0), ("one", 0), ("go", None), ("one", 0)):
        await scene.ours.wins()
        scene.world.mark("ours", scene.key.revision)
        scene.take(taken_by, since=since)
        assert not await scene.ours.leadership.check()
        campaign = scene.campaign()
        await asyncio.sleep(LOOK)
        campaign.cancel()
        await asyncio.gather(campaign, return_exceptions=True)
        scene.key.expire()
    assert scene.ours.replaced == 3, "a Go scheduler has never replaced one of ours"
    scene.take("one")
    scene.world.mark("one", scene.key.revision)
    began = now()
    await scene.ours.wins()
    assert now() - began == pytest.approx(6.0, abs=2 * LOOK)


@simulated
async def test_silence_of_before_the_campaign_does_not_count() -> None:
    scene = Scene()
    scene.take("one")
    scene.world.mark("one", 1)
    await asyncio.sleep(5)
    await scene.ours.wins()
    assert now() >= 8.0


@simulated
async def test_who_stepped_down_while_the_server_was_away_takes_its_own_key_again_at_once() -> None:
    scene = Scene()
    await scene.ours.wins()
    scene.world.mark("ours", 1)
    await asyncio.sleep(8)
    term = await scene.ours.wins()
    assert (now(), term.kind, goes_on(term)) == (8, "silent", True)


@simulated
async def test_a_key_that_is_not_the_one_we_wrote_is_not_our_own() -> None:
    scene = Scene()
    await scene.ours.wins()
    scene.world.mark("ours", 1)
    scene.take("ours")
    await scene.ours.wins()
    assert now() >= 3.0


@simulated
async def test_a_key_that_is_taken_first_by_another_is_not_ours() -> None:
    scene = Scene()
    scene.ours.election.there = 0.1
    campaign = scene.campaign()
    await asyncio.sleep(0.35)  # it has read key and watermark, and asked for the key
    scene.take("one")
    scene.world.mark("one", 1)
    await asyncio.sleep(2)
    assert not campaign.done()
    assert scene.key.read().holder == "one"
    assert scene.ours.campaigns == ["candidate"]


@simulated
async def test_a_silent_leader_is_replaced_though_a_go_scheduler_led_long_before() -> None:
    scene = Scene()
    scene.take("go", since=None)
    scene.key.expire()
    scene.take("one", since=1)
    scene.world.mark("one", 2)
    term = await scene.ours.wins()
    assert 3.0 - LOOK <= now() <= 3.0 + LOOK
    assert (term.kind, goes_on(term)) == ("silent", True)


@simulated
async def test_a_stand_by_follows_each_watermark_once() -> None:
    scene = Scene()
    scene.take("one")
    scene.campaign()
    await asyncio.sleep(LOOK)
    assert scene.ours.seen == []
    for number in range(3):
        scene.world.mark("one", 1, instant=STARTED + number)
        await asyncio.sleep(3 * LOOK)
    scene.world.watermark = StoredWatermark(None, 4, wall())  # what is there cannot be read
    await asyncio.sleep(3 * LOOK)
    assert [stored.watermark and stored.watermark.instant - STARTED for stored in scene.ours.seen] == [0, 1, 2]


# A Go scheduler


@pytest.mark.parametrize("writes", [1, 2])
@simulated
async def test_a_term_of_a_go_scheduler_is_not_caught_up_with(writes: int) -> None:
    """But after its first write it has not fired yet."""
    scene = Scene()
    scene.take("one")
    scene.world.mark("one", 1)
    campaign = scene.campaign()
    await asyncio.sleep(LOOK)
    for _ in range(writes):
        scene.take("go", since=None)
    await asyncio.sleep(2 * LOOK)
    assert scene.ours.leadership.holder == "go"
    assert bool(scene.ours.go_leaders) == (writes == 2)
    scene.key.expire()
    assert goes_on(await campaign) == (writes == 1)


@pytest.mark.parametrize("ago", [GO_TERM_SECONDS - 0.01, GO_TERM_SECONDS + 0.01])
@simulated
async def test_a_go_scheduler_can_have_fired_unseen_only_in_a_time_that_is_long_enough(ago: float) -> None:
    scene = Scene()
    scene.take("one")
    scene.world.mark("one", 1)
    campaign = scene.campaign()
    await asyncio.sleep(0.1)
    scene.ours.election.cut_off = True
    scene.take("go", since=None)
    scene.take("go", since=None)
    scene.key.expire()
    await asyncio.sleep(0.1)
    campaign.cancel()
    await asyncio.gather(campaign, return_exceptions=True)
    scene.ours.election.cut_off = False
    await asyncio.sleep(ago - now())  # since the first look, at 0
    assert goes_on(await scene.ours.wins()) == (ago < GO_TERM_SECONDS)


@simulated
async def test_a_go_scheduler_is_never_pushed_aside_and_is_waited_for() -> None:
    scene = Scene()
    scene.take("one")
    scene.world.mark("one", 1)
    scene.key.expire()
    scene.take("go", since=None)
    campaign = scene.campaign()
    for _ in range(20):
        await asyncio.sleep(GO_CAMPAIGN_SECONDS)
        scene.take("go", since=None)
    assert not campaign.done()
    last = now()
    term = await campaign
    assert term is not None
    assert (term.kind, goes_on(term)) == ("vacant", False)
    assert last + TTL_SECONDS <= now() <= last + TTL_SECONDS + LOOK


@simulated
async def test_a_go_scheduler_of_before_our_own_term_is_not_waited_for_again() -> None:
    scene = Scene()
    for _ in range(2):
        scene.take("go", since=None)
    campaign = scene.campaign()
    await asyncio.sleep(LOOK)
    scene.key.expire()
    assert not goes_on(await campaign)
    scene.key.expire()
    scene.key.revision = 0  # the stream was made again
    assert goes_on(await scene.ours.wins())


@simulated
async def test_a_go_scheduler_that_restarts_under_the_name_of_one_of_ours_is_known_by_its_header() -> None:
    scene = Scene()
    scene.take("one")
    scene.world.mark("one", 1)
    scene.key.expire()
    scene.take("one", since=None)
    campaign = scene.campaign()
    for _ in range(5):
        await asyncio.sleep(GO_CAMPAIGN_SECONDS)
        scene.take("one", since=None)
    assert not campaign.done()
    assert scene.ours.go_leaders


# What keeps a scheduler from taking part


@simulated
async def test_it_stops_when_it_is_told_to() -> None:
    scene = Scene()
    scene.take("one")
    campaign = scene.campaign()
    await asyncio.sleep(1.1)
    scene.stop.set()
    assert await campaign is None
    assert now() == pytest.approx(1.1)


@simulated
async def test_it_looks_ten_times_a_second() -> None:
    scene = Scene()
    scene.take("one")
    scene.campaign()
    await asyncio.sleep(5.05)
    assert scene.ours.election.times("read") == pytest.approx([number / 10 for number in range(51)])


@simulated
async def test_a_clock_that_no_id_can_hold_keeps_it_out_until_it_is_right(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene()
    scene.ours.offset = (KSUID_EPOCH - 1000) * NANOSECONDS - wall()
    campaign = scene.campaign()
    await asyncio.sleep(10)
    assert "before May 2014" in scene.ours.leadership.trouble
    assert scene.ours.election.asked == []
    assert len(caplog.messages) == 1
    scene.ours.offset = 0
    await campaign
    assert scene.ours.leadership.trouble == ""


@simulated
async def test_each_trouble_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene()
    campaign = scene.campaign()
    for reason in ("one", "other"):
        scene.ours.election.error = UnreachableError(reason)
        await asyncio.sleep(3)
        assert scene.ours.leadership.trouble == reason
    scene.ours.election.error = None
    await campaign
    lines = [(f"Cannot take part in the election: {reason}", {"reason": reason}) for reason in ("one", "other")]
    assert logged(caplog) == lines


@simulated
async def test_without_an_answer_it_stays_out_after_two_seconds() -> None:
    scene = Scene()
    scene.ours.election.there = 0.1
    scene.campaign()
    await asyncio.sleep(0.35)  # it has read key, watermark and revision, and asked for the key
    scene.ours.election.deaf = True
    await asyncio.sleep(1.94)
    assert scene.ours.leadership.trouble == ""
    await asyncio.sleep(0.02)
    assert scene.ours.leadership.trouble == "the server did not answer"


@pytest.mark.parametrize(
    ("error", "makes"),
    [
        (StreamNotFoundError("S", 404, 10059, "stream not found"), True),
        (JetStreamError("S", 503, 10023, "insufficient resources"), False),
        (NoRespondersError("nobody"), True),
        (UnreachableError("away"), False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
@simulated
async def test_a_stream_that_is_missing_is_made_again_now_and_then(
    error: UnreachableError, makes: bool, caplog: pytest.LogCaptureFixture
) -> None:
    scene = Scene()
    scene.ours.election.error = error
    scene.ours.refuses_to_make = UnreachableError("no room")
    campaign = scene.campaign()
    await asyncio.sleep(11)
    assert scene.ours.made == pytest.approx([0, 5, 10] if makes else [], abs=3 * LOOK)
    refusal = ("The election's stream cannot be made again: no room", {"reason": "no room"})
    assert logged(caplog)[1:] == [refusal] * (2 if makes else 0), "once in ten seconds"
    assert not campaign.done()


# Another scheduler of the same name


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [text for text in caplog.messages if "Another scheduler with the name" in text]


@simulated
async def test_another_scheduler_of_the_same_name_is_warned_about_once(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene()
    scene.take("ours")
    scene.campaign()
    for _ in range(5):
        await asyncio.sleep(2)
        scene.world.mark("ours", scene.key.revision)
        scene.take("ours")
    assert len(warnings(caplog)) == 1
    assert "the name ours leads" in warnings(caplog)[0]


@simulated
async def test_an_earlier_process_of_the_same_name_is_not_warned_about(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene()
    scene.take("ours")
    await scene.ours.wins()
    scene.take("one")
    scene.key.expire()
    scene.take("ours", since=1)
    await scene.ours.wins()
    assert warnings(caplog) == []
