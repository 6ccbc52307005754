"""The feed: what a term goes on with of what the leader before has not settled."""

from __future__ import annotations

import pytest

from ajsync.scheduler.election.watermark import Watermark
from ajsync.scheduler.firing.lifecycle import State
from ajsync.timestamp import NANOSECONDS as SECOND
from tests.scheduler.simulation import YEAR, Server, Simulated, value

START = 1_795_442_990 * SECOND
DUE = START + 60 * SECOND
KEY = frozenset({("A", DUE)})
LONGEST = 30 * SECOND + YEAR + YEAR
"""The grace and the window for which the leader before tried to store a fire, and the schedule's own window."""


def inheriting(after: int, mark: Watermark) -> list[State]:
    """The states of what a term goes on with that begins so many nanoseconds after a fire of the mark was due."""
    now = START
    scheduler = Simulated(Server(lambda: now), START)
    scheduler.agenda.put(value("A", 60, START), START)
    scheduler.follow(mark)
    now = DUE + after
    scheduler.lead(mark)
    return [fire.state for fire in scheduler.wire.ledger]


@pytest.mark.parametrize(("after", "goes_on"), [(0, True), (YEAR + 1, True), (LONGEST, True), (LONGEST + 1, False)])
def test_what_was_begun_is_gone_on_with_for_as_long_as_it_may_have_been_tried_and_its_window(
    after: int, goes_on: bool
) -> None:
    assert inheriting(after, Watermark("one", DUE, 1, open=KEY)) == [State.TAKEN] * goes_on


def test_what_was_only_looked_for_is_looked_for_however_long_ago_it_was() -> None:
    assert inheriting(LONGEST + 1, Watermark("one", DUE, 1, looked_for=KEY)) == [State.SOUGHT]
