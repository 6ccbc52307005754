"""Runs give out the fires of single entries, each once, and stop where they are told to, to the nanosecond."""

from __future__ import annotations

from itertools import count

import pytest

from ajsync.asyncjobs.due import times_of
from ajsync.scheduler.agenda.runs import AgendaRuns
from ajsync.scheduler.agenda.sources import EFFORT, AgendaEntry, Fire
from ajsync.timestamp import NANOSECONDS as SECOND
from tests.tasks import task


def entry(name: str = "A", schedule: str = "@every 1s", *, until: int | None = None) -> AgendaEntry:
    """An entry that is due each second after 1970; with `until` it ended then."""
    made = task(name, schedule=schedule)
    found = AgendaEntry(made, times_of(made), 0)
    if until is not None:
        found.until = until
    return found


def runs() -> AgendaRuns:
    return AgendaRuns(count())


def taken(made: AgendaRuns, until: int = 10 * SECOND) -> list[float]:
    return [fire.due / SECOND for fire in made.take(until)]


def peeked(made: AgendaRuns, until: int = 10 * SECOND) -> list[float]:
    return sorted(fire.due / SECOND for fire in made.peek(until))


def test_a_run_without_an_instant_in_it_is_none() -> None:
    made = runs()
    made.add(entry(), SECOND, SECOND)
    assert list(made.entries()) == []
    assert made.next_due() is None


def test_consecutive_instants_are_each_given_out() -> None:
    made = runs()
    made.add(entry(schedule="@every 1s"), 0, 3 * SECOND)
    assert taken(made) == [1, 2, 3]
    assert taken(made) == []


def test_the_next_fire_is_found_and_not_only_a_moment_before_it() -> None:
    made = runs()
    made.add(entry(schedule="@every 5s"), 0, 20 * SECOND)
    assert made.next_due() == 5 * SECOND


def test_a_search_for_the_next_fire_ends_at_its_bound_and_goes_on_in_the_next_call() -> None:
    made, rare = runs(), EFFORT
    for number in range(rare):  # each of these has no fire, which is found only by a search
        made.add(entry(f"RARE_{number}", "@every 1h"), number, number + SECOND)
    made.add(entry("A", "@every 7s"), rare, 10 * SECOND)
    first = made.next_due()
    assert first is not None
    assert first < 7 * SECOND
    assert len(list(made.entries())) == 1 + rare - EFFORT // 2
    made.next_due()
    made.next_due()
    assert made.next_due() == 7 * SECOND


def test_a_call_gives_out_a_part_of_many_fires() -> None:
    made, one = runs(), entry()
    made.give_back(Fire(due, one) for due in range(2 * EFFORT))
    assert [len(made.take(EFFORT * SECOND)) for _ in range(3)] == [EFFORT, EFFORT, 0]


@pytest.mark.parametrize(("ended", "until", "found"), [(5, 1, 1), (5, 0, 0), (None, 1, 0)])
def test_of_the_entries_that_ended_those_with_something_to_fire_by_then_are_told(
    ended: int | None, until: int, found: int
) -> None:
    made = runs()
    made.add(entry(until=ended and ended * SECOND), SECOND - 1, 3 * SECOND)
    assert len(list(made.ended(until * SECOND))) == found


def test_a_fire_that_was_given_back_comes_alone() -> None:
    made, one = runs(), entry()
    made.give_back([Fire(3 * SECOND, one)])
    made.skip(SECOND, 2 * SECOND)
    assert peeked(made) == [3]
    assert taken(made) == [3]
    # Also one that the times of its entry do not have, since its value may have changed meanwhile.
    made.give_back([Fire(3 * SECOND + 1, one)])
    assert [fire.due for fire in made.take(10 * SECOND)] == [3 * SECOND + 1]


def test_a_look_at_what_there_is_stops_at_its_instant() -> None:
    made = runs()
    made.add(entry(), 2 * SECOND, 5 * SECOND)
    assert peeked(made, 2 * SECOND) == []
    assert peeked(made, 4 * SECOND) == [3, 4]
    assert taken(made) == [3, 4, 5]


@pytest.mark.parametrize(
    ("after", "until", "left"),
    [
        (0, 10, []),
        (2, 4, [1, 2, 5, 6]),
        (2, 5, [1, 2, 6]),
        (2, 6, [1, 2]),
        (6, 9, [1, 2, 3, 4, 5, 6]),
        (0, 0, [1, 2, 3, 4, 5, 6]),
    ],
)
def test_what_is_skipped_begins_after_one_instant_and_ends_with_another(
    after: int, until: int, left: list[int]
) -> None:
    made = runs()
    made.add(entry(), 0, 6 * SECOND)
    made.skip(after * SECOND, until * SECOND)
    assert taken(made) == left


def test_what_is_skipped_ends_with_its_instant_to_the_nanosecond() -> None:
    made = runs()
    made.add(entry(), 0, 6 * SECOND)
    made.skip(0, 3 * SECOND - 1)
    assert taken(made) == [3, 4, 5, 6]


def test_a_fire_alone_is_skipped_as_any_other() -> None:
    made, one = runs(), entry()
    made.give_back(Fire(due * SECOND, one) for due in (1, 2, 3))
    made.skip(SECOND, 2 * SECOND)
    assert taken(made) == [1, 3]


def test_what_counts_again_in_its_group_ends_where_the_agenda_goes_back_to() -> None:
    made = runs()
    made.add(entry("A"), 0, 4 * SECOND)
    made.add(entry("B"), 2 * SECOND, 4 * SECOND)
    made.add(entry("C", until=9 * SECOND), 2 * SECOND, 4 * SECOND)
    made.rewind(2 * SECOND)
    assert [(fire.task.name, fire.due / SECOND) for fire in made.take(10 * SECOND)] == [
        ("A", 1),
        ("A", 2),
        ("C", 3),
        ("C", 4),
    ]


def test_of_a_run_one_fire_is_left_out_and_its_neighbours_stay() -> None:
    made, one = runs(), entry()
    made.add(one, 0, 5 * SECOND)
    made.add(entry("B"), 2 * SECOND, 3 * SECOND)
    made.leave_out([Fire(3 * SECOND, one), Fire(3 * SECOND, entry("C"))])
    assert [(fire.task.name, fire.due / SECOND) for fire in made.take(10 * SECOND)] == [
        ("A", 1),
        ("A", 2),
        ("B", 3),
        ("A", 4),
        ("A", 5),
    ]


def test_of_a_run_that_was_cut_short_the_last_nanosecond_counts() -> None:
    made, one = runs(), entry()
    made.add(one, 0, 5 * SECOND)
    made.leave_out([Fire(2 * SECOND + 1, one)])
    assert taken(made) == [1, 2, 3, 4, 5]
