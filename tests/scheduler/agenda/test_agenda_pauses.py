"""Nothing of the time of a pause is fired, whatever a scheduler has seen of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ajsync.asyncjobs.history import previous_dues
from ajsync.asyncjobs.journal import JOURNAL_SUBJECT, Step, encode_journal
from ajsync.asyncjobs.model import Pause, ScheduledTask, decode_scheduled_task, encode_scheduled_task
from ajsync.asyncjobs.names import SCHEDULE_SUBJECT
from ajsync.asyncjobs.pause import PAUSE_SUBJECT, encode_pause, paused_schedule, resumed_value
from ajsync.scheduler.agenda.agenda import Agenda
from ajsync.scheduler.agenda.catch_up import Gap, catch_up
from ajsync.scheduler.agenda.schedules import Schedules
from ajsync.scheduler.monitor.metrics import Metrics
from ajsync.scheduler.monitor.records import Records
from ajsync.timestamp import NANOSECONDS as SECOND
from ajsync.transport.watch import KeyChange
from tests.scheduler.agenda.test_agenda import at
from tests.tasks import task

SCHEDULES = st.sampled_from(["@every 1s", "@every 7s", "* * * * *"])
SPANS = st.lists(st.integers(1, 400), min_size=2, max_size=6, unique=True).map(
    lambda instants: [(first, last) for first, last in zip(*[iter(sorted(instants))] * 2, strict=False)]
)
END = 500


def value(schedule: str = "@every 1s") -> ScheduledTask:
    return task("A", schedule=schedule, created_at=at(-1000))


def resumed(before: ScheduledTask, since: float, until: float) -> ScheduledTask:
    paused = paused_schedule("A", encode_scheduled_task(before), Pause(at(since), "ann", "why"))
    return decode_scheduled_task("A", resumed_value(paused, at(until)))


def given_out(agenda: Agenda, until: float = END) -> list[float]:
    """Seconds of everything that the agenda gives out up to an instant."""
    found: list[float] = []
    while True:
        fires = agenda.advance(at(until))
        found += [(fire.due - at(0)) / SECOND for fire in fires if not fire.is_withdrawn]
        if agenda.position >= at(until):
            return found


def expected(schedule: str, pauses: list[tuple[int, int]]) -> list[float]:
    whole = Agenda(at(0))
    whole.load(value(schedule), at(-1000))
    return [due for due in given_out(whole) if not any(since < due <= until for since, until in pauses)]


@given(SCHEDULES, SPANS, st.data())
def test_each_fire_outside_of_the_pauses_is_given_out_and_none_within(
    schedule: str, pauses: list[tuple[int, int]], data: st.DataObject
) -> None:
    """Whether the agenda is told of each delete and of each value, or only of the last value, or anything between."""
    agenda = Agenda(at(0))
    now = value(schedule)
    agenda.load(now, at(-1000))
    found: list[float] = []
    cut_off = False
    for number, (since, until) in enumerate(pauses):
        last = number == len(pauses) - 1
        if data.draw(st.booleans()) and not cut_off:
            found += given_out(agenda, data.draw(st.integers(0, since)))
        sees_delete, sees_value = data.draw(st.booleans()), last or data.draw(st.booleans())
        if sees_delete and not cut_off:
            agenda.remove("A", at(since))
        now = resumed(now, since, until)
        if sees_value:
            agenda.put(now, at(until))
        # After a delete without the value that followed, another one tells of nothing that is known.
        cut_off = not sees_value
        if cut_off and sees_delete:
            return
    found += given_out(agenda)
    assert sorted(found) == expected(schedule, pauses)


@given(SPANS)
def test_an_update_after_the_pauses_tells_a_scheduler_that_was_cut_off_for_all_of_that(
    pauses: list[tuple[int, int]],
) -> None:
    agenda, now = Agenda(at(0)), value()
    agenda.load(now, at(-1000))
    for since, until in pauses:
        now = resumed(now, since, until)
    agenda.put(replace(now, queue="OTHER"), at(450))
    assert given_out(agenda) == expected("@every 1s", pauses)


def test_within_a_minute_a_pause_is_no_update() -> None:
    agenda = Agenda(at(0))
    agenda.load(value(), at(-1000))
    agenda.remove("A", at(2.5))
    agenda.put(resumed(value(), 2.5, 5.5), at(5.5))
    assert given_out(agenda, 8) == [1, 2, 6, 7, 8]


def test_an_update_by_a_delete_and_a_create_after_a_pause_goes_on_where_it_was() -> None:
    agenda = Agenda(at(0))
    agenda.load(value(), at(-1000))
    agenda.remove("A", at(2.5))
    agenda.put(after := resumed(value(), 2.5, 3.5), at(3.5))
    agenda.remove("A", at(5.5))
    agenda.put(replace(after, queue="OTHER"), at(7.5))
    assert given_out(agenda, 8) == [1, 2, 4, 5, 6, 7, 8]


@pytest.mark.parametrize("policy", ["latest", "all"])
@given(since=st.integers(-300, -100), until=st.integers(-99, -1))
def test_a_scheduler_that_starts_after_the_pause_catches_up_with_nothing_of_it(
    policy: str, since: int, until: int
) -> None:
    agenda = Agenda(at(-500))  # where the leader before stopped
    now = resumed(value(), since, until)
    assert now.managed is not None
    now = replace(now, managed=replace(now.managed, catchup=policy))  # type: ignore[arg-type]  # both are policies
    agenda.load(now, at(until))
    (entry,) = agenda.entries()
    dues = [due for due, good in catch_up(entry, Gap(at(-500), at(0)), 3600 * SECOND).dues() if good]
    assert dues
    assert all(due > at(until) for due in dues)


def test_a_resumed_value_that_was_stored_before_the_pause_by_a_wrong_clock_is_no_trouble() -> None:
    agenda = Agenda(at(0))
    agenda.load(value(), at(-1000))
    agenda.put(replace(value(), pauses=((at(300), at(-20)), (at(200), at(900)))), at(4.5))
    assert given_out(agenda, 6) == [1, 2, 3, 4, 5, 6]


def test_late_news_of_a_pause_withdraws_what_was_given_out_and_gives_out_what_followed() -> None:
    agenda = Agenda(at(0))
    agenda.load(value(), at(-1000))
    early = agenda.advance(at(9))
    agenda.put(replace(resumed(value(), 2.5, 5.5), queue="OTHER"), at(7.5))
    assert [(fire.due - at(0)) / SECOND for fire in early if not fire.is_withdrawn] == [1, 2]
    assert given_out(agenda, 9) == [6, 7, 8, 9]


def test_a_pause_is_taken_in_once_even_if_a_wrong_clock_says_that_it_lasts() -> None:
    agenda = Agenda(at(0))
    now = replace(value(), pauses=((at(-100), at(400)),))
    agenda.load(now, at(-50))
    assert given_out(agenda, 5) == [1, 2, 3, 4, 5]
    agenda.put(resumed(now, 7.5, 8.5), at(8.5))
    assert given_out(agenda, 10) == [6, 7, 9, 10]


@given(SPANS, st.integers(1, END))
def test_dues_before_an_instant_leave_out_the_pauses(pauses: list[tuple[int, int]], due: int) -> None:
    agenda = Agenda(at(0))
    agenda.load(value(), at(-1000))
    (entry,) = agenda.entries()
    spans = [(at(since), at(until)) for since, until in pauses]
    found = [(each - at(0)) / SECOND for each in previous_dues(entry.times, at(due), at(0), spans)]
    assert found == [each for each in reversed(expected("@every 1s", pauses)) if each < due]


class Followed:
    """An agenda that follows a bucket."""

    def __init__(self) -> None:
        self.agenda = Agenda(at(0))
        self.records = Records(Metrics("test"))
        self.schedules = Schedules(self.agenda, self.records)

    def see(self, subject: str, data: bytes | None, second: float, *, initial: bool = False) -> None:
        self.schedules.see(KeyChange(subject, 1, at(second), data, initial))


def journal(*steps: Step) -> bytes:
    return encode_journal(steps)


STEP = Step("A", value(), replace(value(), queue="OTHER"))
PAUSE = encode_pause(paused_schedule("A", encode_scheduled_task(value()), Pause(at(2.5), "ann", "why")))


@pytest.mark.parametrize("paused_first", [True, False])
def test_a_schedule_that_is_paused_during_an_update_does_not_fire_its_old_value(paused_first: bool) -> None:
    followed = Followed()
    followed.see(SCHEDULE_SUBJECT + "A", encode_scheduled_task(value()), -10, initial=True)
    followed.schedules.all_loaded()
    followed.see(f"{JOURNAL_SUBJECT}team", journal(STEP), 2)
    writes = [(PAUSE_SUBJECT + "A", PAUSE, 2.5), (SCHEDULE_SUBJECT + "A", None, 2.5)]
    for write in writes if paused_first else reversed(writes):
        followed.see(*write)
    assert given_out(followed.agenda, 8) == [1, 2]
    assert "A" in followed.schedules.pauses


def test_a_scheduler_that_starts_between_fires_no_old_value_of_a_paused_schedule() -> None:
    followed = Followed()
    followed.see(f"{JOURNAL_SUBJECT}team", journal(STEP), -5, initial=True)
    followed.see(PAUSE_SUBJECT + "A", PAUSE, -4, initial=True)
    followed.schedules.all_loaded()
    assert given_out(followed.agenda, 8) == []


def test_an_old_value_in_a_journal_counts_from_the_end_of_its_last_pause() -> None:
    followed = Followed()
    before = resumed(value(), -300, 3.5)
    followed.see(f"{JOURNAL_SUBJECT}team", journal(Step("A", before, replace(before, queue="B"))), 5, initial=True)
    followed.schedules.all_loaded()
    assert given_out(followed.agenda, 6) == [4, 5, 6]


def test_pauses_that_cannot_be_read_are_no_reason_to_stop() -> None:
    followed = Followed()
    followed.see(PAUSE_SUBJECT + "A", b"{", 1)
    assert "A" in followed.schedules.pauses
    assert followed.schedules.pauses.ended(at(10**6)) == []
    followed.see(PAUSE_SUBJECT + "A", None, 2)
    assert "A" not in followed.schedules.pauses
