"""For how long a leader is silent, as a stand-by hears it, and when its patience doubles."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ajsync.scheduler.election.silence import Silence


class Time:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def listening(takeover_after: float = 1.0) -> tuple[Silence, Time]:
    clock = Time()
    return Silence(takeover_after, clock), clock


@given(st.lists(st.tuples(st.sampled_from(["look", "news"]), st.floats(0, 3)), max_size=60))
def test_a_leader_is_silent_after_as_many_seconds_as_were_listened_to(steps: list[tuple[str, float]]) -> None:
    silence, clock = listening()
    unheard, looks = 0.0, 0
    for step, seconds in steps:
        clock.now += seconds
        if step == "news":
            silence.end()
            unheard, looks = 0.0, 0
        else:
            silence.go_on()
            unheard, looks = unheard + seconds, looks + 1
        assert silence.seconds <= unheard + 1e-9, "no more than has passed"
        assert not (silence.is_over and looks < 4), "a pause of the stand-by is no silence of the leader"
        if unheard < 1.0 - 1e-9:
            assert not silence.is_over


def test_what_is_looked_at_often_is_over_as_soon_as_the_time_is() -> None:
    silence, clock = listening()
    for look in range(1, 9):
        clock.now += 0.125
        silence.go_on()
        assert silence.is_over == (look == 8)


def test_the_third_takeover_within_a_minute_doubles_the_patience_for_ten_minutes() -> None:
    silence, clock = listening(1.5)
    assert not silence.took_over()
    clock.now += 30
    assert not silence.took_over()
    clock.now += 30
    assert silence.patience == 1.5
    assert silence.took_over()
    assert silence.patience == 3.0
    clock.now += 599.9
    assert silence.patience == 3.0
    clock.now += 0.1
    assert silence.patience == 1.5


def test_takeovers_that_are_further_apart_do_not() -> None:
    silence, clock = listening()
    for _ in range(6):
        clock.now += 30.1
        assert not silence.took_over()
    assert silence.patience == 1.0


def test_more_of_them_keep_it_patient_and_are_not_news() -> None:
    silence, clock = listening()
    assert [silence.took_over() for _ in range(5)] == [False, False, True, False, False]
    clock.now += 500
    assert [silence.took_over() for _ in range(3)] == [False, False, False]
    clock.now += 599
    assert silence.patience == 2.0
