"""The ledger, whatever happens to its fires: a watermark passes no fire that is neither settled nor named."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ajsync.scheduler.firing.ledger import Ledger
from ajsync.scheduler.firing.lifecycle import UNSETTLED, WAITING, Event, State
from ajsync.scheduler.firing.prepare import Preparer
from ajsync.timestamp import NANOSECONDS as SECOND
from tests.scheduler.fires import fire

NOW = 1_795_442_990 * SECOND
_FAR = 6
_PREPARER = Preparer("_INBOX.x")
_DUES = st.integers(-_FAR, _FAR).map(lambda seconds: NOW + seconds * SECOND)
_FIRES = st.builds(lambda name, due: fire(name, due=due), st.sampled_from("ABCD"), _DUES)
_NEXT = st.sampled_from([Event.DUE, Event.DUE_IN_TURN, Event.TOO_OLD, Event.CHANGED])
_LATER = st.sampled_from([each for each in Event if each not in (Event.ENCODED, Event.DUE, Event.DUE_IN_TURN)])
"""What may happen to any fire; the others are for those that were just taken out of a queue."""


@st.composite
def ledgers(draw: st.DrawFn) -> Ledger:
    """Ledgers after some steps, between two of which nothing is in nobody's hands."""
    ledger = Ledger()
    for _ in range(draw(st.integers(0, 25))):
        match draw(st.sampled_from(["take", "make good", "seek", "encode", "encode", "hand over", "forget", "other"])):
            case "take":
                ledger.take([draw(_FIRES)])
            case "make good":
                ledger.make_good(draw(_FIRES))
            case "seek":
                ledger.seek(draw(_FIRES))
            case "encode":
                if (taken := ledger.next_to_encode(made_good=draw(st.booleans()))) is not None:
                    ledger.encoded(taken, _PREPARER.prepare(taken.fire))
            case "hand over":
                for each in ledger.take_due(draw(_DUES), 3):
                    ledger.apply(each, draw(_NEXT))
            case "forget":
                ledger.forget_after(draw(_DUES))
            case "other":
                if fires := [*ledger]:
                    ledger.apply(draw(st.sampled_from(fires)), draw(_LATER))
    return ledger


@given(ledgers())
def test_a_watermark_names_every_fire_that_it_passes(ledger: Ledger) -> None:
    for reached in range(NOW - _FAR * SECOND, NOW + (_FAR + 1) * SECOND, SECOND):
        found = ledger.progress(reached, 10_000)
        assert found.instant == reached
        passed = [each for each in ledger if each.due <= reached]
        assert found.looked_for == {(each.name, each.due) for each in passed if each.state is State.SOUGHT}
        assert found.open == {(each.name, each.due) for each in passed if each.state is not State.SOUGHT}


@given(ledgers())
def test_what_is_counted_is_what_is_there(ledger: Ledger) -> None:
    assert len(ledger) == sum(each.state not in WAITING for each in ledger)
    assert [ledger.count(state) for state in UNSETTLED] == [
        sum(each.state is state for each in ledger) for state in UNSETTLED
    ]
