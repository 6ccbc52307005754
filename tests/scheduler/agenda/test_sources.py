"""When an entry counts, and what a group or a stretch of one entry has due: to the nanosecond at both ends."""

from __future__ import annotations

import pytest

from ajsync.asyncjobs.due import times_of
from ajsync.asyncjobs.ids import fire_task_id
from ajsync.asyncjobs.model import Managed
from ajsync.scheduler.agenda.sources import FOREVER, AgendaEntry, Fire, Group, Stretch
from ajsync.timestamp import NANOSECONDS as SECOND
from ajsync.timestamp import parse_timestamp
from tests.tasks import OWNER, task

START = parse_timestamp("2026-11-24T12:00:00Z")
MINUTE = 60 * SECOND


def entry(since: int = START, until: int = FOREVER, *, schedule: str = "* * * * *", last: str = "") -> AgendaEntry:
    """An entry that is due each minute until the season ends, and counts for some time."""
    scheduled = task("A", schedule=schedule, managed=Managed(OWNER, until=last))
    return AgendaEntry(scheduled, times_of(scheduled), since, until)


def test_an_entry_is_due_after_its_begin_and_up_to_its_end() -> None:
    counts = entry(START, START + 2 * MINUTE)
    assert [counts.is_due(START + number * MINUTE) for number in range(4)] == [False, True, True, False]
    assert not counts.is_due(START + MINUTE - 1)
    assert not counts.is_due(START + MINUTE + 1)


def test_an_entry_whose_time_lies_a_nanosecond_before_is_not_due() -> None:
    each_second = entry(0, schedule="@every 1s")
    assert [each_second.is_due(START + each) for each in (-1, 0, 1)] == [False, True, False]


def test_each_fire_of_an_entry_has_the_id_of_its_own_task() -> None:
    counts = entry()
    dues = [START, START + MINUTE, START, START + MINUTE, START + MINUTE]
    assert [Fire(due, counts).task_id for due in dues] == [fire_task_id("A", due) for due in dues]
    with pytest.raises(ValueError, match="an id cannot hold"):
        Fire(0, counts).task_id  # noqa: B018 - it is computed


@pytest.mark.parametrize(("since", "counts"), [(-1, True), (0, False), (1, False)])
def test_a_member_of_a_group_has_fires_after_its_begin(since: int, counts: bool) -> None:
    member = entry(START + since)
    group = Group(member.times, {"A": member})
    assert [(fire.due, fire.entry) for fire in group.counting(START)] == [(START, member)] * counts


def test_a_group_goes_on_where_the_first_of_its_members_begins() -> None:
    group = Group(entry().times)
    assert group.following(START) == START + MINUTE
    group.members["LATE"] = entry(START + 9 * MINUTE)
    group.members["LATER"] = entry(START + 11 * MINUTE)
    assert group.following(START) == START + 10 * MINUTE
    assert group.following(START + 20 * MINUTE) == START + 21 * MINUTE


def test_a_group_whose_season_has_ended_is_due_no_more() -> None:
    ended = entry(last="2026-11-24T12:01:00Z")
    group = Group(ended.times, {"A": ended})
    assert (group.next(START), group.next(START + MINUTE)) == (START + MINUTE, FOREVER)


def test_a_stretch_has_the_fires_up_to_its_end() -> None:
    stretch = Stretch(entry(), START + 2 * MINUTE)
    assert stretch.next(START) == stretch.following(START) == START + MINUTE
    assert stretch.following(START + MINUTE) == START + 2 * MINUTE
    assert stretch.following(START + 2 * MINUTE) == FOREVER
    between = Stretch(entry(), START + 2 * MINUTE - 1)
    assert between.next(START + MINUTE) == FOREVER
    assert [(fire.due, fire.entry) for fire in stretch.counting(START)] == [(START, stretch.entry)]


def test_a_stretch_whose_season_ends_before_it_does_is_due_no_more() -> None:
    stretch = Stretch(entry(last="2026-11-24T12:01:00Z"), START + 9 * MINUTE)
    assert (stretch.next(START), stretch.next(START + MINUTE)) == (START + MINUTE, FOREVER)


def test_a_stretch_of_a_single_fire_has_that_at_its_end() -> None:
    stretch = Stretch(entry(), START + 7, single=True)
    assert (stretch.next(START), stretch.next(START + 6), stretch.next(START + 7)) == (START + 7, START + 7, FOREVER)


def test_the_effort_of_a_search_depends_on_the_times() -> None:
    every, fields = entry(schedule="@every 1h"), entry()
    assert (Group(every.times).effort, Group(fields.times).effort) == (1, 5)
    assert (Stretch(every, START).effort, Stretch(fields, START).effort) == (2, 10)
    assert Stretch(fields, START, single=True).effort == 1
    days = tuple(f"2026-12-{day:02}" for day in range(1, 30, 3))  # ten days, of which each begins and ends
    for excepted, effort in ((days, 3), (days[1:], 2)):
        scheduled = task("A", schedule="@every 1h", managed=Managed(OWNER, except_=excepted))
        assert Group(times_of(scheduled)).effort == effort
