"""The ledger: a fire enters once and leaves once, and all else follows from what it holds."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ajsync.asyncjobs.model import Managed
from ajsync.scheduler.agenda.agenda import Fire
from ajsync.scheduler.election.progress import UnseenProgress
from ajsync.scheduler.firing.in_flight import InFlightFire
from ajsync.scheduler.firing.ledger import Ledger
from ajsync.scheduler.firing.lifecycle import TABLE, UNSETTLED, WAITING, Event, State
from ajsync.scheduler.firing.prepare import Preparer
from ajsync.timestamp import NANOSECONDS as SECOND
from ajsync.transport.window import NO_STREAM, Answer
from tests.scheduler.fires import fire

NOW = 1_795_442_990 * SECOND
ROOM = 10_000
CONFLICT = Answer(error="wrong last sequence", code=10071)
ALL, LATEST = (Managed("team", catchup=policy) for policy in ("all", "latest"))
LATE = 100 * SECOND + 1
"""For so long after it was due a fire's work item is told from a repeated one."""


class Encoded(Ledger):
    """A ledger that encodes what it takes."""

    def __init__(self) -> None:
        super().__init__()
        self._preparer = Preparer("_INBOX.x")

    def encode_all(self) -> None:
        for made_good in (False, True):
            while (taken := self.next_to_encode(made_good=made_good)) is not None:
                self.encoded(taken, self._preparer.prepare(taken.fire))


def due(name: str = "A", seconds: int = 0, **fields: Any) -> Fire:
    return fire(name, due=NOW + seconds * SECOND, **fields)


def names(fires: list[InFlightFire]) -> list[str]:
    return [each.name for each in fires]


def written(*fires: Fire) -> tuple[Encoded, list[InFlightFire]]:
    """A ledger, and fires of it that are written."""
    ledger = Encoded()
    ledger.take(fires)
    ledger.encode_all()
    taken = ledger.take_due(NOW, len(fires))
    for each in taken:
        ledger.apply(each, Event.DUE)
        ledger.apply(each, Event.ROOM)
    return ledger, taken


def test_what_is_encoded_is_given_out_at_its_instant_in_order_and_once() -> None:
    ledger = Encoded()
    ledger.take([due("C", 2), due("A"), due("B", 1)])
    assert ledger.take_due(NOW + 9 * SECOND, 9) == []
    assert (len(ledger), ledger.first_waiting(), ledger.next_due()) == (0, NOW, None)
    ledger.encode_all()
    assert ledger.next_due() == NOW
    assert names(ledger.take_due(NOW, 9)) == ["A"]
    assert names(ledger.take_due(NOW + 2 * SECOND, 1)) == ["B"]
    assert names(ledger.take_due(NOW + 2 * SECOND, 9)) == ["C"]
    assert ledger.take_due(NOW + 9 * SECOND, 9) == []
    assert not ledger.is_empty, "they are not settled"


def test_of_two_fires_of_one_name_and_instant_only_the_first_is_kept() -> None:
    ledger = Encoded()
    ledger.take([due(), due()])
    ledger.make_good(due())
    assert ledger.seek(due()) is None
    assert len([*ledger]) == 1


def test_the_fire_of_a_value_that_was_replaced_gives_way_until_it_is_handed_over() -> None:
    ledger, (old, new) = Encoded(), (due(), due())
    ledger.take([old])
    old.entry.until = NOW - 1
    ledger.take([new])
    assert [each.fire for each in ledger] == [new]
    ledger.encode_all()
    assert [each.fire for each in ledger.take_due(NOW, 9)] == [new]
    ledger, (handed_over,) = written(old)
    ledger.take([new])
    assert [*ledger] == [handed_over]


def test_what_is_made_good_is_encoded_apart_from_what_is_due() -> None:
    ledger = Encoded()
    ledger.make_good(due("OLD", -999))
    ledger.take([due("NOW")])
    assert (ledger.to_encode(made_good=True), ledger.to_encode(made_good=False)) == (1, 1)
    assert ledger.first_waiting() == NOW
    first, second = ledger.next_to_encode(made_good=False), ledger.next_to_encode(made_good=True)
    assert first is not None
    assert second is not None
    assert (first.name, second.name) == ("NOW", "OLD")
    assert (ledger.to_encode(made_good=True), ledger.to_encode(made_good=False)) == (0, 0)


def test_the_mark_names_what_is_open_and_passes_nothing_else() -> None:
    ledger, (sent,) = written(due("SENT"))
    ledger.take([due("SOON", 3)])
    sought = ledger.seek(due("SOUGHT", -9))
    assert sought is not None
    found = ledger.progress(NOW + SECOND, ROOM)
    assert (found.instant, {*found.open}, {*found.looked_for}) == (
        NOW + SECOND,
        {("SENT", NOW)},
        {("SOUGHT", sought.due)},
    )
    assert ledger.progress(NOW, ROOM).open == {("SENT", NOW)}
    assert ledger.progress(NOW - 1, ROOM).open == frozenset()
    assert ledger.progress(NOW + SECOND, 0).instant == sought.due - 1
    late = ledger.progress(NOW + SECOND, ROOM, late=[due("LATE")])
    assert late.open == {("SENT", NOW), ("LATE", NOW)}
    for event in (Event.TASK_STORED, Event.ITEM_STORED):
        ledger.apply(sent, event)
    ledger.apply(sought, Event.NOT_BEGUN)
    assert ledger.progress(NOW + SECOND, 0).instant == NOW + SECOND


@pytest.mark.parametrize("encode", [False, True])
@pytest.mark.parametrize("made_good", [False, True])
def test_the_mark_names_what_waits_although_it_is_due(encode: bool, made_good: bool) -> None:
    ledger = Encoded()
    ledger.take([due("SOON", 9)])
    if made_good:
        ledger.make_good(due())
    else:
        ledger.take([due()])
    if encode:
        ledger.encode_all()
    assert len(ledger) == 0
    assert ledger.progress(NOW, ROOM).open == {("A", NOW)}
    assert ledger.progress(NOW - 1, ROOM).open == frozenset()


def test_without_room_for_what_is_made_good_by_the_policy_all_its_gap_begins_before_that() -> None:
    ledger = Ledger()
    ledger.make_good(due("B", -40, managed=ALL))
    ledger.make_good(due("A", -50, managed=ALL))
    gap_until = NOW - 40 * SECOND
    found = ledger.progress(NOW, 0, gap_until=gap_until)
    assert (found.instant, found.open, found.catching_up) == (NOW, frozenset(), ((NOW - 50 * SECOND - 1, gap_until),))
    named = ledger.progress(NOW, ROOM, gap_until=gap_until)
    assert (len(named.open), named.catching_up) == (2, ())
    # What is of another policy, or was due after the gap, can only hold the watermark back.
    assert ledger.progress(NOW, 0, gap_until=gap_until - 1).instant == NOW - 40 * SECOND - 1
    ledger.make_good(due("C", -60, managed=LATEST))
    assert ledger.progress(NOW, 0, gap_until=gap_until).instant == NOW - 60 * SECOND - 1


def test_without_room_for_what_is_made_good_in_an_unseen_span_the_span_is_named_instead() -> None:
    spans = ((NOW - 60 * SECOND, NOW - 40 * SECOND),)
    ledger = Ledger()
    ledger.make_good(due("LAST", -40))
    ledger.seek(due("SOUGHT", -50))
    named = ledger.progress(NOW, ROOM, unseen=UnseenProgress(spans))
    assert (named.instant, {*named.open}, {*named.looked_for}, named.unseen) == (
        NOW,
        {("LAST", NOW - 40 * SECOND)},
        {("SOUGHT", NOW - 50 * SECOND)},
        (),
    )
    found = ledger.progress(NOW, 0, unseen=UnseenProgress(spans))
    assert (found.instant, found.unsettled, found.unseen) == (NOW, frozenset(), spans)
    # What was due before the span can only hold the watermark back, and not further than to the end of the span.
    ledger.make_good(due("BEFORE", -60))
    assert ledger.progress(NOW, 0, unseen=UnseenProgress(spans)).instant == NOW - 40 * SECOND


SETTLED, HANDED_OVER, WITHDRAWN = ((Event.DUE, Event.ROOM, Event.GIVEN_UP), (Event.DUE,), (Event.CHANGED,))
HELD = st.tuples(
    st.integers(-3, 3),
    st.sampled_from([(), (), SETTLED, HANDED_OVER, WITHDRAWN]),
    st.sampled_from(["taken", "taken", "made good", "sought"]),
)


@given(st.lists(HELD, max_size=4), st.lists(HELD, max_size=3), st.integers(-3, 3))
def test_all_that_it_tells_follows_from_the_fires_that_it_holds(
    encoded: list[tuple[int, tuple[Event, ...], str]], new: list[tuple[int, tuple[Event, ...], str]], reached: int
) -> None:
    ledger = Encoded()
    for number, (seconds, _, how) in enumerate([*encoded, *new]):
        if number == len(encoded):
            ledger.encode_all()
        entering = due(f"S{number}", seconds)
        if how == "taken":
            ledger.take([entering])
        elif how == "made good":
            ledger.make_good(entering)
        else:
            ledger.seek(entering)
    if not new:
        ledger.encode_all()
    happening = {f"S{number}": events for number, (_, events, _) in enumerate(encoded)}
    for each in [*ledger]:
        for event in happening.get(each.name, ()):
            ledger.apply(each, event)

    instant = NOW + reached * SECOND
    held = [*ledger]
    prepared = [each.due for each in held if each.state is State.PREPARED]
    coming = sorted([*prepared, *(each.due for each in held if each.state is State.TAKEN and not each.made_good)])
    assert len(ledger) == sum(each.state not in WAITING for each in held)
    told = ledger.progress(instant, ROOM)
    sought = {(each.name, each.due) for each in held if each.state is State.SOUGHT}
    assert told.looked_for == {(name, due) for name, due in sought if due <= instant}
    assert told.open == {(each.name, each.due) for each in held if each.due <= instant} - sought
    assert [each.due for each in ledger.upcoming(9)] == coming
    assert ledger.first_waiting() == min(coming, default=None)
    assert ledger.next_due() == min(prepared, default=None)


def test_what_was_begun_before_is_encoded_with_what_is_made_good() -> None:
    ledger = Ledger()
    sought = ledger.seek(due("SOUGHT", -9))
    assert sought is not None
    assert ledger.next_to_encode(made_good=True) is None
    ledger.apply(sought, Event.BEGUN)
    assert ledger.next_to_encode(made_good=False) is None
    assert ledger.next_to_encode(made_good=True) is sought


def test_at_the_end_of_a_term_all_is_handed_back_but_what_is_sought() -> None:
    ledger, _ = written(due("SENT"))
    ledger.take([due("TAKEN", 1)])
    ledger.encode_all()
    ledger.take([due("LATER", 2)])
    sought = ledger.seek(due("SOUGHT", -9))
    assert len(ledger) == 2
    assert [each.task.name for each in ledger.hand_back()] == ["SENT", "TAKEN", "LATER"]
    assert ledger.is_empty
    assert sought is not None
    assert sought.state is State.LEFT
    assert (len(ledger), ledger.to_encode(made_good=False), ledger.next_due()) == (0, 0, None)


def test_a_clock_that_is_set_back_makes_it_forget_what_is_not_handed_over() -> None:
    ledger, (sent,) = written(due("SENT"))
    ledger.take([due("SOON", 5), due("NEVER", 1)])
    ledger.encode_all()
    ledger.take([due("TAKEN", 6)])
    ledger.forget_after(NOW + SECOND)
    assert [each.name for each in ledger] == ["SENT", "NEVER"]
    assert (ledger.next_due(), ledger.first_waiting()) == (NOW + SECOND, NOW + SECOND)
    assert ledger.next_to_encode(made_good=False) is None
    assert names(ledger.take_due(NOW + 9 * SECOND, 9)) == ["NEVER"]
    ledger.forget_after(NOW - SECOND)
    assert [*ledger] == [sent]
    assert (ledger.next_due(), ledger.first_waiting()) == (None, None)


def test_a_fire_that_is_made_leaves_it() -> None:
    ledger, (made, other) = written(due("A"), due("B"))
    for _ in range(2):
        ledger.apply(made, made.answered(Answer(7), NOW))
    assert (made.state, made.outcome, [*ledger]) == (State.CREATED, "created", [other])


def test_what_comes_next_is_what_waits_in_order() -> None:
    ledger, _ = written(due("SENT"))
    ledger.take([due("C", 3), due("B", 2)])
    ledger.encode_all()
    ledger.take([due("A", 1)])
    assert [each.task.name for each in ledger.upcoming(9)] == ["A", "B", "C"]
    assert [each.task.name for each in ledger.upcoming(2)] == ["A", "B"]


def test_it_counts_by_state() -> None:
    ledger, (one, two) = written(due("A"), due("B"))
    assert (len(ledger), ledger.count(State.STORING), ledger.count(*WAITING)) == (2, 2, 0)
    ledger.apply(one, Event.TASK_STORED)
    assert (ledger.count(State.STORING), ledger.count(State.STORING, State.ENQUEUING)) == (1, 2)
    for each in (one, two):
        ledger.apply(each, Event.GIVEN_UP)
    assert (len(ledger), ledger.count(*UNSETTLED)) == (0, 0)


def test_an_event_that_means_nothing_in_a_state_changes_nothing() -> None:
    ledger, (sent,) = written(due())
    for event in Event:
        if (State.STORING, event) not in TABLE:
            assert ledger.apply(sent, event) == ()
            assert (sent.state, [*ledger]) == (State.STORING, [sent])


@pytest.mark.parametrize(
    ("answer", "late", "unsure", "event", "made"),
    [
        (Answer(sequence=7), False, False, Event.TASK_STORED, True),
        (Answer(sequence=7), True, False, Event.TASK_STORED, True),
        (Answer(sequence=7, duplicate=True), False, False, Event.TASK_STORED, False),
        (Answer(sequence=7, duplicate=True), True, False, Event.TASK_FOUND_LATE, False),
        (CONFLICT, False, False, Event.TASK_STORED, False),
        (CONFLICT, True, False, Event.TASK_FOUND_LATE, False),
        (CONFLICT, False, True, Event.TASK_STORED, True),
        (CONFLICT, True, True, Event.TASK_FOUND_LATE, True),
    ],
)
def test_what_an_answer_to_a_task_means(answer: Answer, late: bool, unsure: bool, event: Event, made: bool) -> None:
    _, (sent,) = written(due())
    sent.unsure = unsure
    now = NOW + (LATE if late else LATE - 1)
    assert sent.answered(answer, now) is event
    assert (sent.made, sent.lateness) == (made, now - NOW if made else 0)
    assert sent.sequence == (0 if answer.conflict else 7)


def enqueuing() -> InFlightFire:
    ledger, (sent,) = written(due())
    ledger.apply(sent, sent.answered(Answer(sequence=7), NOW))
    return sent


@pytest.mark.parametrize(
    ("answer", "event", "reason"),
    [
        (Answer(sequence=1), Event.ITEM_STORED, ""),
        (Answer(sequence=1, duplicate=True), Event.ITEM_FOUND, ""),
        (NO_STREAM, Event.NO_QUEUE_ANSWERS, ""),
        (Answer(error="maximum bytes exceeded", code=10077), Event.REFUSED, "maximum bytes exceeded"),
        (CONFLICT, Event.REFUSED, CONFLICT.error),
    ],
)
def test_what_an_answer_to_a_work_item_means(answer: Answer, event: Event, reason: str) -> None:
    sent = enqueuing()
    assert (sent.answered(answer, NOW), sent.reason) == (event, reason)


def test_a_task_that_no_stream_takes_is_refused() -> None:
    _, (sent,) = written(due())
    assert (sent.answered(NO_STREAM, NOW), sent.reason) == (Event.REFUSED, NO_STREAM.error)


def test_a_task_is_flagged_only_where_we_know_in_which_version_we_stored_it() -> None:
    assert enqueuing().no_queue() is Event.NO_QUEUE
    ledger, (sent,) = written(due())
    ledger.apply(sent, sent.answered(CONFLICT, NOW))
    assert sent.no_queue() is Event.NO_QUEUE_FOR_OTHERS


def test_a_work_item_that_may_be_stored_is_not_sent_again_once_the_queue_may_have_forgotten_it() -> None:
    for now, event in ((NOW + LATE - 1, Event.RECONNECTED), (NOW + LATE, Event.RECONNECTED_LATE)):
        sent = enqueuing()
        assert (sent.reconnected(now), sent.unsure) == (event, True)
    _, (stored,) = written(due())
    assert stored.reconnected(NOW + LATE) is Event.RECONNECTED, "a task is stored once, however late"
    for silent, now, event in (
        (True, NOW + LATE - 1, Event.RETRY),
        (True, NOW + LATE, Event.RETRY_LATE),
        (False, NOW + LATE, Event.RETRY),
    ):
        sent = enqueuing()
        sent.state = State.ITEM_DEFERRED
        if silent:
            assert sent.silent() is Event.SILENT
        assert sent.retry(now) is event


def test_it_is_given_up_at_its_deadline_or_sooner() -> None:
    _, (patient, hasty) = written(due("A"), fire("B", due=NOW, deadline=60 * SECOND))
    for each in (patient, hasty):
        each.give_up_at(NOW + 3600 * SECOND)
    assert (patient.until, hasty.until) == (NOW + 3600 * SECOND, NOW + 60 * SECOND)
    hasty.give_up_at(NOW + SECOND)
    assert hasty.until == NOW + SECOND
