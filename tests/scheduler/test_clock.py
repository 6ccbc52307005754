"""The clocks of a host: which times are fit, and which pauses count until they are forgiven."""

from __future__ import annotations

import math

import pytest

from ajsync.asyncjobs.ids import KSUID_END, KSUID_EPOCH
from ajsync.scheduler.clock import Clock, Standstill, unfit
from ajsync.timestamp import NANOSECONDS


@pytest.mark.parametrize(
    ("second", "when"),
    [
        (KSUID_EPOCH, ""),
        (KSUID_END - 1, ""),
        (KSUID_EPOCH - 1, "before May 2014"),
        (-1, "before May 2014"),
        (KSUID_END, "after June 2150"),
    ],
)
def test_the_times_that_an_id_can_hold_are_fit(second: int, when: str) -> None:
    says = f"the clock of this host shows a time {when}, which no task id can hold; it goes on once the clock is right"
    assert unfit(second * NANOSECONDS) == (says if when else "")
    assert unfit(second * NANOSECONDS + NANOSECONDS - 1) == (says if when else "")


class Clocks:
    """Both clocks of a host, which the test moves."""

    def __init__(self) -> None:
        self.monotonic = 100.0
        self.wall = 0.0

    def go_on(self, seconds: float, *, suspended: bool = False) -> None:
        """Let time pass; that of a suspended host only the wall clock knows."""
        self.wall += seconds
        self.monotonic += 0 if suspended else seconds

    def standstill(self, longest: float = 1.0) -> Standstill:
        """Made now."""
        return Standstill(longest, Clock(lambda: int(self.wall * NANOSECONDS), lambda: self.monotonic))


@pytest.mark.parametrize("suspended", [False, True])
def test_a_pause_counts_until_it_is_forgiven(suspended: bool) -> None:
    clocks = Clocks()
    seen = clocks.standstill()
    for _ in range(5):
        clocks.go_on(1.0)
        assert not seen.look()
    clocks.go_on(3.0, suspended=suspended)
    assert seen.look() == 3.0
    clocks.go_on(0.5)
    assert seen.look() == 3.0
    seen.forgive(3.0)
    assert not seen.look()


def test_two_pauses_add_up() -> None:
    clocks = Clocks()
    seen = clocks.standstill()
    for seconds in (3.0, 2.0):
        clocks.go_on(seconds)
        seen.look()
    assert seen.look() == 5.0


def test_a_pause_while_somebody_asks_is_not_forgiven_with_the_one_before() -> None:
    clocks = Clocks()
    seen = clocks.standstill()
    clocks.go_on(3.0)
    asked = seen.look()
    clocks.go_on(4.0)
    seen.forgive(asked)
    assert seen.look() == 4.0
    seen.forgive(4.0)
    assert not seen.look()


def test_a_clock_that_is_set_back_is_no_pause() -> None:
    clocks = Clocks()
    seen, never = clocks.standstill(), clocks.standstill(math.inf)
    clocks.wall -= 1000
    assert not seen.look()
    clocks.go_on(1000)
    assert seen.look()
    assert not never.look()


def test_a_pause_of_the_longest_length_is_none() -> None:
    clocks = Clocks()
    seen = clocks.standstill(longest=1.0)
    clocks.go_on(1.0)
    assert seen.look() == 0
    clocks.go_on(1.5)
    assert seen.look() == 1.5
