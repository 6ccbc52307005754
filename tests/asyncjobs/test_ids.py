"""Ids are KSUIDs as Go makes them, and a fire has the same one wherever and whenever it is computed."""

from __future__ import annotations

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ajsync.asyncjobs.ids import KSUID_END, KSUID_EPOCH, fire_task_id, first_id, new_id, second_of
from ajsync.timestamp import NANOSECONDS, parse_timestamp
from tests.recorded import recorded
from tests.tasks import TEXTS, id_seconds

DUES = st.integers(KSUID_EPOCH * NANOSECONDS, KSUID_END * NANOSECONDS - 1)
NAMES = st.text("AZaz09_-", min_size=1, max_size=20)


@pytest.mark.parametrize(
    ("name", "due", "task_id"),
    [
        ("EMAIL_MONTHLY_UPDATE", 1_795_442_993_000_000_000, "3MVkCOJqGhJoWuph0sQWpsu2jgO"),
        ("tick", 1_795_442_993_885_345_525, "3MVkCP16IbFlslzUoS6cONdO1jz"),
        ("tick", 1_795_442_993_885_345_526, "3MVkCKdzWu9hHzybVIRBbqDwKTj"),
        ("A", KSUID_EPOCH * NANOSECONDS, "0000074LGFoFWrXaqtw18gJcGvG"),
        ("A-b_9", KSUID_END * NANOSECONDS - 1, "aWgEPSuQYFFtuWl0YSrlmkoDmOe"),
    ],
)
def test_the_id_of_a_fire_never_changes(name: str, due: int, task_id: str) -> None:
    # Made in Go, with segmentio/ksuid 1.0.4 and crypto/sha256 over "name\x00due". Other values here would let
    # leaders of two versions fire twice.
    assert fire_task_id(name, due) == task_id


@given(TEXTS, DUES)
def test_the_id_of_a_fire_holds_its_second_in_27_letters_and_digits(name: str, due: int) -> None:
    task_id = fire_task_id(name, due)
    assert len(task_id) == 27
    assert task_id.isascii()
    assert task_id.isalnum()
    assert id_seconds(task_id) == due // NANOSECONDS
    assert fire_task_id(name, due) == task_id


@given(st.tuples(NAMES, DUES), st.tuples(NAMES, DUES))
def test_ids_sort_by_the_second_at_which_they_were_due(one: tuple[str, int], other: tuple[str, int]) -> None:
    seconds = one[1] // NANOSECONDS, other[1] // NANOSECONDS
    if seconds[0] != seconds[1]:
        assert (fire_task_id(*one) < fire_task_id(*other)) == (seconds[0] < seconds[1])


@given(NAMES, st.integers(KSUID_EPOCH + 1, KSUID_END - 1))
def test_the_last_nanosecond_of_a_second_sorts_before_the_next(name: str, second: int) -> None:
    assert fire_task_id(name, second * NANOSECONDS - 1) < fire_task_id(name, second * NANOSECONDS)


@given(st.lists(st.tuples(st.text("AB0\0", max_size=4), st.integers(0, 300)), unique=True))
def test_every_name_and_instant_has_an_id_of_its_own(fires: list[tuple[str, int]]) -> None:
    start = KSUID_EPOCH * NANOSECONDS
    assert len({fire_task_id(name, start + due) for name, due in fires}) == len(fires)


@pytest.mark.parametrize("due", [KSUID_EPOCH * NANOSECONDS - 1, KSUID_END * NANOSECONDS, 0, -1])
def test_an_instant_that_no_ksuid_can_hold_is_refused(due: int) -> None:
    with pytest.raises(ValueError, match="an id cannot hold a time before May 2014 or after June 2150"):
        fire_task_id("A", due)


@pytest.mark.parametrize(("seconds", "held"), [(0, KSUID_EPOCH), (-1, KSUID_EPOCH), (2**40, KSUID_END - 1)])
def test_a_new_id_of_a_clock_that_is_wrong_holds_the_nearest_time(seconds: int, held: int) -> None:
    assert id_seconds(new_id(seconds)) == held


def test_a_name_that_has_no_bytes_is_refused() -> None:
    with pytest.raises(ValueError, match="surrogates not allowed"):
        fire_task_id("\ud800", KSUID_EPOCH * NANOSECONDS)


@given(st.integers(KSUID_EPOCH, KSUID_END - 1))
def test_a_new_id_holds_the_second_it_is_given(seconds: int) -> None:
    first, second = new_id(seconds), new_id(seconds)
    assert id_seconds(first) == id_seconds(second) == seconds
    assert first != second


def test_no_new_id_comes_twice_however_many_a_second_needs() -> None:
    drawn = [new_id(seconds) for _ in range(5000) for seconds in (KSUID_EPOCH, KSUID_END - 1)]
    assert len({*drawn}) == 10_000
    assert {second_of(each) for each in drawn} == {KSUID_EPOCH, KSUID_END - 1}
    assert len({each[:-2] for each in drawn}) == 4


def test_a_process_that_is_forked_draws_other_ids() -> None:
    new_id(KSUID_EPOCH)
    reading, writing = os.pipe()
    if not (child := os.fork()):
        os.write(writing, new_id(KSUID_EPOCH).encode())
        os._exit(0)
    os.waitpid(child, 0)
    theirs = os.read(reading, 100).decode()
    os.close(reading)
    os.close(writing)
    assert second_of(theirs) == KSUID_EPOCH
    assert theirs[:-2] != new_id(KSUID_EPOCH)[:-2]


@given(NAMES, DUES)
def test_the_second_that_an_id_holds_is_read(name: str, due: int) -> None:
    assert second_of(fire_task_id(name, due)) == due // NANOSECONDS


LAST = "aWgEPTl1tmebfsQzFP4bxwgy80V"
"""The last id of all."""


@pytest.mark.parametrize("text", ["", "0" * 26, "0" * 28, "-" * 27, "é" * 27, "z" * 27, LAST[:-1] + "W"])
def test_what_is_no_ksuid_holds_no_second(text: str) -> None:
    assert second_of(LAST) == KSUID_END - 1
    assert second_of(text) is None


def test_the_first_ids_of_the_ends_of_the_range_are_written_as_go_writes_them() -> None:
    # What segmentio/ksuid 1.0.4 prints for the first payload of the first and the last second.
    assert first_id(KSUID_EPOCH) == "000000000000000000000000000"
    assert first_id(KSUID_END - 1) == "aWgEPLxxrZOFaOlDVFHTB3ZiQOO"


def test_the_seconds_that_ajc_put_into_its_ids_are_read() -> None:
    events = [json.loads(line["data"]) for line in recorded("events.jsonl")]
    assert len(events) == 6
    for event in events:
        assert id_seconds(event["event_id"]) * NANOSECONDS == parse_timestamp(event["timestamp"])
