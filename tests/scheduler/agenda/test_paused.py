"""Pauses as the watch tells of them, beside updates that have deleted a schedule and not made it again yet."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from ajsync.asyncjobs.journal import Step
from ajsync.asyncjobs.model import Pause, ScheduledTask, encode_scheduled_task
from ajsync.asyncjobs.pause import PAUSE_SUBJECT, encode_pause, new_pause
from ajsync.scheduler.agenda.paused import Pauses
from ajsync.timestamp import NANOSECONDS as SECOND
from ajsync.transport.watch import KeyChange
from tests.scheduler.agenda.test_parked import AFTER, BEFORE, Updated
from tests.scheduler.agenda.test_schedules import BROKEN, START
from tests.scheduler.log import logged
from tests.tasks import task

MINUTE = 60 * SECOND
OTHER = replace(BEFORE, name="B")


def held(name: str = "A", *, until: int = 0) -> bytes:
    """What the key of a pause holds."""
    return encode_pause(new_pause(replace(BEFORE, name=name), Pause(START, "ann", "why", until)))


def steps(*names: str) -> list[Step]:
    """Updates of these schedules."""
    return [Step(name, replace(BEFORE, name=name), replace(AFTER, name=name)) for name in names]


class Paused(Updated):
    """Schedules that are updated and paused."""

    def pause(self, name: str = "A", *, at: int = START, data: bytes | None = None) -> None:
        """Have the bucket hold a pause."""
        self._see(name, held(name) if data is None else data, at)

    def unpause(self, name: str = "A") -> None:
        """Have the bucket hold no pause."""
        self._see(name, None, START)

    def _see(self, name: str, data: bytes | None, at: int) -> None:
        self.revision += 1
        self.schedules.see(KeyChange(PAUSE_SUBJECT + name, self.revision, at, data, initial=False))

    def good_values(self, *tasks: ScheduledTask) -> None:
        """Have the bucket hold these schedules."""
        for each in tasks:
            self.put(each.name, encode_scheduled_task(each))

    def names(self, minutes: int) -> list[str]:
        """The schedules that are due until so many minutes after the start."""
        return sorted(fire.task.name for fire in self.agenda.advance(START + minutes * MINUTE) if not fire.is_withdrawn)


def test_a_pause_is_there_until_its_key_is_gone() -> None:
    changes: list[int] = []
    pauses = Pauses()
    pauses.on_change = lambda: changes.append(len(pauses))
    pauses.see("A", held(until=START + MINUTE))
    pauses.see("B", b"{")
    pauses.see("C", None)
    pause = Pause(START, "ann", "why", START + MINUTE)
    unreadable = Pause(0, "", "")
    assert [*pauses] == [("A", pause), ("B", unreadable)]
    found, schedule = pauses.schedules()["A"]
    assert schedule is not None
    assert (found, schedule.name, schedule.task_type) == (pause, "A", "old")
    assert pauses.schedules()["B"] == (unreadable, None)
    assert ("A" in pauses, "B" in pauses, "C" in pauses) == (True, True, False)
    pauses.see("A", b"{")
    assert pauses.schedules()["A"] == (unreadable, None)
    pauses.see("A", None)
    assert [*pauses] == [("B", unreadable)]
    assert changes == [1, 2, 2, 2, 1]


def test_nobody_is_told_of_changes_by_default() -> None:
    pauses = Pauses()
    pauses.see("A", held())
    assert len(pauses) == 1


def test_a_pause_ends_at_its_instant_and_one_without_never() -> None:
    pauses = Pauses()
    assert pauses.next_end(0) is None
    for name, until in (("NEVER", 0), ("LATE", 30), ("SOON", 10)):
        pauses.see(name, held(name, until=until))
    assert [pauses.next_end(after) for after in (0, 9, 10, 29, 30)] == [10, 10, 30, 30, None]
    assert [pauses.ended(now) for now in (0, 9, 10, 30)] == [[], [], ["SOON"], ["LATE", "SOON"]]
    pauses.see("FIRST", held("FIRST", until=1))
    assert pauses.ended(1) == ["FIRST"]


def test_how_many_are_paused_is_measured() -> None:
    paused = Paused()
    for name in ("A", "B"):
        paused.pause(name)
    assert paused.sample("ajsync_scheduler_paused_schedules") == "2"
    paused.unpause()
    assert paused.sample("ajsync_scheduler_paused_schedules") == "1"
    assert [name for name, _ in paused.schedules.pauses] == ["B"]


def test_a_schedule_that_is_paused_amid_an_update_fires_no_more() -> None:
    paused = Paused()
    paused.good_values(BEFORE, OTHER)
    paused.journal(*steps("A", "B"))
    paused.put("A", None, at=START + 1)
    paused.put("B", None, at=START + 1)
    paused.pause(at=START + 2 * MINUTE)
    assert paused.names(4) == ["A", "A", "B", "B", "B", "B"]
    paused.journal(at=START + 5 * MINUTE)  # which says nothing more of A
    assert paused.names(7) == ["B"]


def test_a_delete_after_the_pause_is_no_update() -> None:
    paused = Paused()
    paused.good_values(BEFORE, OTHER)
    paused.journal(*steps("A"))
    paused.pause()
    paused.put("A", None, at=START + 1)
    assert paused.names(1) == ["B"]


def test_the_end_of_a_pause_and_a_pause_of_what_fires_leave_the_schedule() -> None:
    paused = Paused()
    paused.good_values(BEFORE, OTHER)
    paused.journal(*steps("A"))
    paused.put("A", None, at=START + 1)
    paused.unpause("A")
    paused.pause("B")  # its own key counts
    assert paused.names(1) == ["A", "B"]


@pytest.mark.parametrize("is_there", [False, True])
def test_the_problem_of_a_pause_ends_with_it_unless_a_schedule_has_its_own(is_there: bool) -> None:
    paused = Paused()
    paused.pause()
    paused.schedules.all_loaded()
    paused.records.not_resumed("A", "no room")
    if is_there:
        paused.good_values(BEFORE)
        paused.records.not_resumed("A", "no room")
    paused.unpause()
    assert ("A" in paused.problems()) == is_there


def test_a_value_that_is_no_schedule_stays_a_problem_when_its_pause_goes() -> None:
    paused = Paused()
    paused.put("A", BROKEN["JSON"])
    paused.pause()
    paused.unpause()
    assert paused.problems().keys() == {"A"}


def test_a_process_that_begins_amid_updates_takes_what_is_away_and_only_that() -> None:
    paused = Paused()
    there, broken, held_up, unfit, odd = (
        replace(AFTER, name=name) for name in ("THERE", "BAD", "HELD", "UNFIT", "ODD")
    )
    paused.put("THERE", encode_scheduled_task(there), initial=True)
    paused.put("BAD", b"{", initial=True)
    paused.pause("HELD")
    old = {
        "UNFIT": replace(BEFORE, name="UNFIT", queue="a.b"),
        "ODD": replace(BEFORE, name="ODD", schedule="61 * * * *"),
    }
    updates = [
        Step(each.name, old.get(each.name, replace(BEFORE, name=each.name)), each)
        for each in (there, broken, held_up, unfit, odd, replace(AFTER, name="Z"))
    ]
    paused.journal(*updates)
    paused.schedules.all_loaded()
    assert paused.names(2) == ["THERE", "Z", "Z"]
    assert paused.sample("choria_asyncjobs_task_scheduler_schedules_total") == "1"
    paused.journal(at=START + 2 * MINUTE)
    assert paused.names(4) == ["THERE"]


@pytest.mark.parametrize(("created", "pauses"), [(2, ()), (0, ((0, 2),)), (1, ((0, 1), (1, 2)))])
def test_what_is_taken_from_a_journal_was_not_due_before_it_was_made_or_while_it_was_paused(
    created: int, pauses: tuple[tuple[int, int], ...]
) -> None:
    spans = tuple((START + since * MINUTE, START + until * MINUTE) for since, until in pauses)
    before = replace(BEFORE, created_at=START + created * MINUTE, pauses=spans)
    paused = Paused()
    paused.journal(Step("A", before, replace(AFTER, created_at=before.created_at)))
    paused.schedules.all_loaded()
    assert paused.fired(4) == [(3, "old"), (4, "old")]


def test_counters_of_what_is_taken_from_a_journal_begin_at_nothing() -> None:
    paused = Paused()
    paused.journal(*steps("A"))
    paused.schedules.all_loaded()
    shown = paused.metrics.exposition().decode()
    assert 'type="old"' in shown


def test_an_update_and_what_becomes_of_it_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    paused = Paused()
    paused.put("A", encode_scheduled_task(BEFORE))
    paused.journal(*steps("A"))
    caplog.clear()
    paused.put("A", None, at=START + 1)
    paused.journal()
    assert logged(caplog) == [
        ("Scheduled task A is being updated; until then it fires as before", {"schedule": "A"}),
        ("Removed scheduled task A", {"schedule": "A"}),
    ]


def test_an_invalid_schedule_and_those_that_are_not_named_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    paused = Paused()
    for number in range(100):
        paused.good_values(task(f"S{number}"))
    paused.schedules.all_loaded()
    assert caplog.messages[-2:] == [
        "Registered a new item S99 on queue EMAIL: @daily",
        "Loaded 100 scheduled task(s)",
    ]
    more = Paused()
    for number in range(101):
        more.good_values(task(f"S{number}"))
    more.schedules.all_loaded()
    assert logged(caplog)[-2] == ("… and 1 more", {"count": 1})
    more.put("A", b"{")
    ((text, fields),) = logged(caplog)[-1:]
    assert text == f"The scheduled task 'A' is not valid and will not fire: {fields['reason']}"


def test_a_schedule_that_becomes_invalid_was_due_until_then_and_its_own_name_is_what_goes() -> None:
    paused = Paused()
    paused.good_values(BEFORE, OTHER)
    paused.put("A", b"{", at=START + 90 * SECOND)
    assert paused.names(3) == ["A", "B", "B", "B"]
