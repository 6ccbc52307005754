"""The agenda gives out each fire once, and what it gives out follows from the history of the bucket alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ajsync.asyncjobs.due import jitter_offset, times_of
from ajsync.asyncjobs.model import Managed, ScheduledTask
from ajsync.errors import ScheduleError
from ajsync.scheduler.agenda.agenda import FOREVER, Agenda, AgendaEntry, Fire
from ajsync.scheduler.election.progress import progress
from ajsync.timestamp import NANOSECONDS as SECOND
from tests.scheduler.firing.searches import Searches
from tests.tasks import OWNER, task

START = int(datetime(2026, 11, 24, 12, 0, tzinfo=UTC).timestamp()) * SECOND
MINUTE = 60 * SECOND


def at(seconds: float) -> int:
    return START + int(seconds * SECOND)


def agenda(*tasks: ScheduledTask, position: float = 0) -> Agenda:
    made = Agenda(at(position))
    for each in tasks:
        made.load(each, START - MINUTE)
    return made


def seconds(fires: list[Fire]) -> list[tuple[str, float]]:
    """Name and second of each fire, counted from the start."""
    return [(fire.task.name, (fire.due - START) / SECOND) for fire in fires]


def test_schedules_with_the_same_times_are_due_together_and_in_the_order_of_their_names() -> None:
    made = agenda(task("B", schedule="* * * * *"), task("A", schedule="* * * * *"), task("C", schedule="@every 90s"))
    assert seconds(made.advance(at(120))) == [("A", 60), ("B", 60), ("C", 90), ("A", 120), ("B", 120)]
    assert made.advance(at(120)) == []
    assert made.next_due() == at(180)


def test_an_every_has_its_phase_from_its_creation() -> None:
    one = task("A", schedule="@every 10s", created_at=at(-3.4))
    assert seconds(agenda(one).advance(at(20))) == [("A", 6), ("A", 16)]
    assert seconds(agenda(one, position=100).advance(at(120))) == [("A", 106), ("A", 116)]


def test_an_empty_agenda_has_nothing_due() -> None:
    assert agenda().next_due() is None
    made = agenda(task("A", schedule="* * * * *"))
    made.remove("A", at(1))
    assert made.next_due() is None
    assert made.advance(at(600)) == []


def test_a_schedule_that_never_fires_is_no_harm() -> None:
    made = agenda(task("NEVER", schedule="0 0 30 2 *"), task("A", schedule="* * * * *"))
    assert seconds(made.advance(at(60))) == [("A", 60)]


def test_nothing_is_due_out_of_a_season_and_what_is_over_is_no_harm() -> None:
    day, over = Managed(OWNER, except_=("2026-11-24",)), Managed(OWNER, until="2026-11-24T12:01:00Z")
    made = agenda(task("DAY", schedule="@every 1s", managed=day), task("OVER", schedule="* * * * *", managed=over))
    assert seconds(made.advance(at(3600))) == [("OVER", 60)]
    assert made.next_due() == at(12 * 3600)
    assert seconds(made.advance(at(12 * 3600 + 1))) == [("DAY", 12 * 3600), ("DAY", 12 * 3600 + 1)]
    made.remove("DAY", at(12 * 3600 + 1))
    assert (made.advance(at(10**6)), made.next_due()) == ([], FOREVER)


def test_an_invalid_schedule_is_an_error_and_leaves_no_entry() -> None:
    made = agenda(task("A", schedule="* * * * *"))
    with pytest.raises(ScheduleError):
        made.put(task("A", schedule="61 * * * *"), at(1))
    assert "A" not in made
    assert made.advance(at(600)) == []


def test_nothing_is_due_before_the_value_that_says_so_was_stored() -> None:
    made = agenda(position=-3600)
    made.load(task("A", schedule="* * * * *"), at(30))
    assert seconds(made.advance(at(120))) == [("A", 60), ("A", 120)]


def test_a_change_counts_from_the_moment_in_which_it_was_stored() -> None:
    made = agenda(task("A", schedule="* * * * *"))
    made.put(task("A", schedule="@every 7s", created_at=START), at(90))
    assert seconds(made.advance(at(110))) == [("A", 60), ("A", 91), ("A", 98), ("A", 105)]


def test_a_change_takes_back_what_was_given_out_ahead_and_is_due_after_it() -> None:
    made = agenda(task("A", schedule="* * * * *"))
    ahead = made.advance(at(120))
    made.put(task("A", schedule="@every 50s", created_at=START), at(90))
    assert [(fire.due, fire.is_withdrawn) for fire in ahead] == [(at(60), False), (at(120), True)]
    assert seconds(made.advance(at(150))) == [("A", 100), ("A", 150)]


def test_a_deletion_takes_back_what_is_due_after_it() -> None:
    made = agenda(task("A", schedule="* * * * *"))
    ahead = made.advance(at(120))
    made.remove("A", at(90))
    assert [fire.is_withdrawn for fire in ahead] == [False, True]
    assert not made.remove("A", at(91))


def test_what_was_due_before_a_deletion_is_still_given_out() -> None:
    made = agenda(task("A", schedule="* * * * *"))
    made.remove("A", at(61))
    assert seconds(made.advance(at(600))) == [("A", 60)]


def test_what_comes_back_within_a_minute_with_its_time_of_creation_goes_on_where_it_was() -> None:
    made = agenda(task("A", schedule="* * * * *", created_at=START))
    made.advance(at(58))
    made.remove("A", at(59))
    made.advance(at(62))
    made.put(task("A", schedule="* * * * *", queue="NEW", created_at=START), at(61))
    (fire,) = made.advance(at(62))
    assert (fire.due, fire.task.queue) == (at(60), "NEW")


@pytest.mark.parametrize(("created", "back"), [(1, 61), (0, 120)])
def test_what_comes_back_later_or_is_another_begins_anew(created: int, back: float) -> None:
    made = agenda(task("A", schedule="* * * * *", created_at=START))
    made.remove("A", at(59))
    made.put(task("A", schedule="* * * * *", created_at=START + created), at(back))
    assert seconds(made.advance(at(180))) == [("A", 120), ("A", 180)][-1 if back == 120 else 0 :]


def test_what_is_given_back_is_due_again() -> None:
    made = agenda(task("A", schedule="* * * * *"))
    fires = made.advance(at(60))
    made.advance(at(90))
    made.give_back(fires)
    assert made.next_due() == at(60)
    assert made.advance(at(60)) == fires
    assert made.position == at(90)


def test_what_is_skipped_is_not_given_out() -> None:
    made = agenda(task("A", schedule="* * * * *"))
    made.give_back(agenda(task("B", schedule="* * * * *")).advance(at(60)))
    made.skip(at(119))
    assert seconds(made.advance(at(120))) == [("A", 120)]


@pytest.mark.parametrize(("after", "left"), [(-1, [360]), (59, [360]), (60, [60, 360]), (90, [60, 90, 360])])
def test_what_late_news_brought_before_what_is_skipped_is_given_out(after: int, left: list[int]) -> None:
    made = agenda()
    made.advance(at(90))
    made.put(task("A", schedule="@every 30s", created_at=at(0)), at(30))
    made.remove("A", at(360))
    made.skip(at(330), after=at(after))
    assert [fire.due for fire in made.advance(at(400))] == [at(each) for each in left]


@pytest.mark.parametrize(("window", "longest"), [(0, 60), (120, 180)])
def test_of_a_value_that_ends_long_after_the_position_it_holds_no_more_than_catch_up_may_ask_for(
    window: int, longest: int
) -> None:
    made = Agenda(START, look_back=MINUTE)
    made.load(task("A", schedule="@every 1s", managed=Managed(OWNER, catchup_window=window * SECOND)), START)
    made.remove("A", at(30 * 86400))
    held = made.advance(at(30 * 86400))
    assert [fire.due for fire in held] == [at(30 * 86400 - ago) for ago in reversed(range(longest))]


def test_what_it_goes_back_over_is_given_out_once_more() -> None:
    made = agenda(task("A", schedule="* * * * *"), task("B", schedule="* * * * *"), task("GONE", schedule="* * * * *"))
    made.remove("GONE", at(65))
    overdue = made.advance(at(60))
    made.advance(at(3600))
    made.give_back(overdue)
    made.put(task("B", schedule="* * * * *", task_type="new"), at(100))
    made.rewind(at(120))
    assert made.position == at(120)
    again = made.advance(at(180))
    assert seconds(again) == [("A", 60), ("B", 60), ("GONE", 60), ("B", 120), ("A", 180), ("B", 180)]
    assert again[-1].task.task_type == "new"


def test_jitter_spreads_by_the_name_and_is_the_same_everywhere() -> None:
    spread = [task(f"N{n}", schedule="* * * * *", managed=Managed(OWNER, jitter=30 * SECOND)) for n in range(50)]
    offsets = [jitter_offset(each) for each in spread]
    assert len(set(offsets)) > 40
    assert all(0 <= offset < 30 * SECOND for offset in offsets)
    assert jitter_offset(spread[0]) == 22_652_000_000
    fires = agenda(*spread).advance(at(89.999))
    dues = [at(start) + offset for start in (0, 60) for offset in offsets if offset]
    assert sorted(fire.due for fire in fires) == sorted(dues)


SCHEDULES = ["* * * * *", "*/2 * * * *", "@every 7s", "@every 45s", "@hourly", "CRON_TZ=Asia/Kolkata 31 17 * * *"]
NAMES = ["A", "B", "C"]


@dataclass(frozen=True)
class Step:
    """Something that happens to the bucket, at a second."""

    second: int
    name: str
    schedule: str | None
    jitter: int

    def happen(self, agenda: Agenda) -> None:
        moment = START + self.second * SECOND + 1
        if self.schedule is None:
            agenda.remove(self.name, moment)
        else:
            managed = Managed(OWNER, jitter=self.jitter * SECOND)
            agenda.put(task(self.name, schedule=self.schedule, created_at=START, managed=managed), moment)


STEPS = st.lists(
    st.builds(
        Step,
        st.integers(0, 600),
        st.sampled_from(NAMES),
        st.none() | st.sampled_from(SCHEDULES),
        st.sampled_from([0, 0, 20]),
    ),
    max_size=12,
).map(lambda steps: sorted(steps, key=lambda step: step.second))


def one_leader(steps: list[Step], until: int) -> list[tuple[int, str, str]]:
    """What a leader fires that looks at each second, after what has happened in it."""
    made = Agenda(START - 1)
    fired: list[Fire] = []
    rest = list(steps)
    for second in range(until + 1):
        fired += [fire for fire in made.advance(at(second)) if not fire.is_withdrawn]
        while rest and rest[0].second == second:
            rest.pop(0).happen(made)
    return described(fired)


def described(fires: list[Fire]) -> list[tuple[int, str, str]]:
    return sorted((fire.due, fire.task.name, fire.task.schedule) for fire in fires)


@given(STEPS, st.lists(st.integers(0, 700), max_size=6), st.integers(0, 10))
def test_whatever_terms_leaders_have_together_they_fire_what_one_leader_would(
    steps: list[Step], handovers: list[int], ahead: int
) -> None:
    """Each was a stand-by from the start, takes over from the watermark of the one before, and looks seconds ahead."""
    until = 700
    fired: list[Fire] = []
    began = 0
    for end in sorted({*handovers, until}):
        made = Agenda(START - 1)
        rest = [*steps]
        for second in range(began):  # the others lead, and this one follows their watermark
            made.advance(at(second))
            while rest and rest[0].second == second:
                rest.pop(0).happen(made)
        prepared: list[Fire] = []
        for second in range(began, end + 1):
            prepared += made.advance(at(min(second + ahead, until)))
            fired += [fire for fire in prepared if fire.due <= at(second) and not fire.is_withdrawn]
            prepared = [fire for fire in prepared if fire.due > at(second)]
            while rest and rest[0].second == second:
                rest.pop(0).happen(made)
        began = end + 1
    assert described(fired) == one_leader(steps, until)


@given(STEPS, st.booleans())
@example([Step(0, "C", "* * * * *", 0), Step(19, "C", None, 0), Step(77, "C", "@every 7s", 0)], False)
def test_each_fire_is_foretold_to_who_fires_it_and_to_who_follows(steps: list[Step], leads: bool) -> None:
    told: set[tuple[int, str, str]] = set()

    def tell(entries: Iterable[AgendaEntry], due: int) -> None:
        told.update(described([Fire(due, entry) for entry in entries if entry.since < due]))

    made = Agenda(START - 1, on_next=tell)
    rest = [*steps]
    for second in range(700):
        if leads:
            made.advance(at(second))
        else:
            made.follow(at(second), ())
        while rest and rest[0].second == second:
            rest.pop(0).happen(made)
        made.next_due()
    assert set(one_leader(steps, 699)) <= told


def test_the_first_fire_is_foretold_of_a_value_that_is_seen_after_it_was_due() -> None:
    told: list[tuple[str, int]] = []
    made = Agenda(START, on_next=lambda entries, due: told.extend((each.task.name, due) for each in entries))
    made.advance(at(200))
    made.put(task("A", schedule="* * * * *"), at(30))
    assert told == [("A", at(240)), ("A", at(60))]


@given(STEPS, st.lists(st.integers(0, 700), max_size=6))
def test_what_a_leader_gives_back_another_term_of_it_fires(steps: list[Step], handovers: list[int]) -> None:
    """One scheduler leads again and again; at the end of a term it gives back what it holds and has not fired."""
    until = 700
    made = Agenda(START - 1)
    rest = [*steps]
    fired: list[Fire] = []
    held: list[Fire] = []
    for second in range(until + 1):
        held += made.advance(at(min(second + 10, until)))
        if second in handovers:
            made.give_back(held)
            held = made.advance(at(min(second + 10, until)))
        fired += [fire for fire in held if fire.due <= at(second) and not fire.is_withdrawn]
        held = [fire for fire in held if fire.due > at(second)]
        while rest and rest[0].second == second:
            rest.pop(0).happen(made)
    assert described(fired) == one_leader(steps, until)


@given(STEPS, st.lists(st.integers(0, 700), max_size=8))
@example([Step(0, "B", "* * * * *", 0), Step(246, "B", None, 0), Step(306, "B", "* * * * *", 0)], [300])
def test_a_stand_by_that_follows_a_watermark_holds_exactly_what_lies_after_it(
    steps: list[Step], watermarks: list[int]
) -> None:
    made = Agenda(START - 1)
    events: list[tuple[int, Callable[[Agenda], object]]] = [(step.second, step.happen) for step in steps]
    last = max(watermarks, default=-1)
    # A watermark is seen some time after it was written.
    events += [(mark + 5, lambda agenda, mark=mark: agenda.advance(at(mark))) for mark in watermarks]  # type: ignore[misc]
    for _, happen in sorted(events, key=lambda event: event[0]):
        happen(made)
    left = described([fire for fire in made.advance(at(700)) if not fire.is_withdrawn])
    fired = one_leader(steps, 700)
    assert [fire for fire in left if fire[0] > at(last)] == [fire for fire in fired if fire[0] > at(last)]
    # Of a schedule that comes back after that, the leader fires what fell due while it was away, and this one holds it.
    came_back = {step.name for step in steps if step.schedule is not None and step.second > last + 5}
    assert all(fire in fired and fire[1] in came_back for fire in left if fire[0] <= at(last))


def test_of_what_another_has_reached_only_what_is_open_is_left() -> None:
    made = agenda(task("A", schedule="* * * * *"), task("B", schedule="* * * * *"))
    made.follow(at(200), {("A", at(60)), ("B", at(120)), ("B", at(240))})
    assert seconds(made.take_open()) == [("A", 60), ("B", 120)]
    assert made.take_open() == []
    assert seconds(made.advance(at(240))) == [("A", 240), ("B", 240)]


def test_what_falls_out_of_the_open_fires_is_settled() -> None:
    made = agenda(task("A", schedule="* * * * *"))
    made.follow(at(130), {("A", at(60)), ("A", at(120))})
    made.follow(at(130), {("A", at(120))})
    assert seconds(made.take_open()) == [("A", 120)]


@pytest.mark.parametrize("name", ["A", "B"])
def test_an_open_fire_that_nothing_was_due_for_is_none(name: str) -> None:
    made = agenda(task("A", schedule="* * * * *"))
    made.follow(at(200), {(name, at(61)), (name, -(10**18)), ("A", START - 2 * MINUTE)})
    assert made.take_open() == []


@pytest.mark.parametrize("before", [True, False])
def test_an_open_fire_of_a_value_that_ended_is_fired_as_it_was(before: bool) -> None:
    made = agenda(task("A", schedule="* * * * *", queue="OLD"))
    if not before:
        made.follow(at(90), {("A", at(60))})
    made.put(task("A", schedule="* * * * *", queue="NEW"), at(100))
    made.follow(at(150), {("A", at(60)), ("A", at(120))})
    assert [(fire.due, fire.task.queue) for fire in made.take_open()] == [(at(60), "OLD"), (at(120), "NEW")]


def test_an_open_fire_is_that_of_the_value_that_counted_then_whatever_was_given_back() -> None:
    made = agenda(task("A", schedule="* * * * *", queue="OLD"))
    taken = made.advance(at(60))
    made.give_back(taken)
    made.put(task("A", schedule="* * * * *", queue="NEW"), at(59))
    made.follow(at(61), {("A", at(60))})
    assert [(fire.due, fire.task.queue) for fire in made.take_open()] == [(at(60), "NEW")]


@pytest.mark.parametrize("marked", [80, 120], ids=["before", "after"])
def test_a_value_that_ends_while_a_leader_catches_up_is_kept_with_its_open_fires(marked: int) -> None:
    made = agenda(task("A", schedule="* * * * *"))
    made.follow(at(50), (), open_after=at(-900))
    made.remove("A", at(100))
    made.follow(at(marked), {("A", at(0))}, open_after=at(-800))
    assert [entry.task.name for entry in made.entries_until(at(-500))] == ["A"]
    assert seconds(made.take_open()) == [("A", 0)]


def test_so_is_one_of_whose_end_the_news_come_after_the_watermark() -> None:
    made = agenda(task("A", schedule="* * * * *"))
    made.follow(at(120), (), open_after=at(-900))
    made.remove("A", at(100))
    assert [entry.task.name for entry in made.entries_until(at(-500))] == ["A"]
    made.follow(at(130), {("A", at(0))}, open_after=at(-800))
    assert seconds(made.take_open()) == [("A", 0)]
    made.follow(at(140), ())
    assert made.entries_until(at(-500)) == []


def test_what_late_news_brought_is_overdue_until_it_is_given_out() -> None:
    made = agenda()
    made.advance(at(200))
    made.put(task("A", schedule="* * * * *"), at(30))
    assert seconds([*made.overdue(at(130))]) == [("A", 60), ("A", 120)]
    assert seconds([*made.overdue(at(300))]) == [("A", 60), ("A", 120), ("A", 180)]
    made.advance(at(200))
    assert [*made.overdue(at(300))] == []


def test_a_watermark_does_not_settle_what_a_value_brings_that_its_leader_may_not_have_seen() -> None:
    made = agenda(task("A", schedule="* * * * *"))
    made.follow(at(50), ())
    made.remove("A", at(50))
    made.follow(at(66), ())
    made.put(task("A", schedule="* * * * *"), at(66))
    for follows, overdue in ((66, [("A", 60)]), (67, [("A", 60)]), (68, [])):
        made.follow(at(follows), ())
        assert seconds([*made.overdue(at(66))]) == overdue


def test_an_open_fire_that_late_news_brings_too_is_given_out_once() -> None:
    made = agenda()
    made.follow(at(150), {("A", at(120))})
    made.put(task("A", schedule="* * * * *"), at(100))
    assert seconds(made.take_open()) == [("A", 120)]
    assert made.advance(at(150)) == []


def test_an_agenda_that_is_years_behind_steps_over_them() -> None:
    made = Agenda(0)
    made.load(task("A", schedule="@every 1s"), START)
    assert seconds(made.upcoming(2)) == [("A", 1), ("A", 2)]
    assert seconds(made.advance(at(2))) == [("A", 1), ("A", 2)]


DELAYS = st.lists(st.sampled_from([0, 0, 0, 1, 30, 400]), min_size=1, max_size=7)
"""Seconds that a fire takes until it is settled."""
TURNS = st.lists(st.tuples(st.integers(0, 700), st.integers(0, 2)), max_size=6).map(sorted)
"""When another term begins, and whose."""


RESTORED = [Step(0, "C", "* * * * *", 0), Step(21, "C", None, 0), Step(66, "C", "* * * * *", 0)]


@given(STEPS, TURNS, DELAYS, st.integers(1, 50), st.sampled_from([0, 200, 10**6]))
@example(RESTORED, [(67, 1)], [0], 1, 10**6)
@example(RESTORED, [(68, 1)], [0], 1, 10**6)
@example(RESTORED, [(298, 1)], [400], 1, 0)
def test_whatever_is_not_settled_when_a_leader_ends_the_next_ones_fire_once(
    steps: list[Step], turns: list[tuple[int, int]], delays: list[int], lag: int, room: int
) -> None:
    """Three follow the bucket, and the watermark now and then; what they settled together is what one leader fires."""
    until = 700
    everyone = [Agenda(START - 1) for _ in range(3)]
    leader, flying, settled = everyone[0], list[Fire](), list[Fire]()
    reached = progress(START - 1, [], room)
    rest, terms = [*steps], [*turns]
    for second in range(until + 1):
        while terms and terms[0][0] == second:
            leader.give_back(flying)
            leader = everyone[terms.pop(0)[1]]
            leader.follow(reached.instant, reached.open)
            flying = leader.take_open()
        flying += [fire for fire in leader.advance(at(second)) if not fire.is_withdrawn]
        for fire in [*flying]:
            delay = delays[(fire.due // SECOND + ord(fire.task.name)) % len(delays)]
            if fire.due + delay * SECOND <= at(second) or second == until:
                flying.remove(fire)
                settled.append(fire)
        reached = progress(at(second), [(fire.due, fire.task.name, False) for fire in flying], room)
        while rest and rest[0].second == second:
            step = rest.pop(0)
            for each in everyone:
                step.happen(each)
        if second % lag == 0:
            for each in everyone:
                if each is not leader:
                    each.follow(reached.instant, reached.open)
    found = described(settled)
    assert sorted({*found}) == one_leader(steps, until)
    if room == 10**6:  # beyond the bound some are looked at again, and found by their ids
        assert all(brought_late(steps, due, name) for (due, name, _), times in Counter(found).items() if times > 1)


def brought_late(steps: list[Step], due: int, name: str) -> bool:
    """Whether a value was stored after its fire was due: for a moment nobody knows if its leader knew of it."""
    return any(each.schedule and each.name == name and due <= at(each.second) for each in steps)


def test_entries_without_a_time_of_creation_have_times_all_the_same() -> None:
    assert times_of(task("A", schedule="@every 1h")).next(START) == START + 3600 * SECOND


def test_of_many_that_are_due_together_only_those_that_are_asked_for_are_looked_at() -> None:
    made = agenda(
        *(task(f"T{number}", schedule="* * * * *") for number in range(1000)), task("SOON", schedule="@every 1s")
    )
    upcoming = made.upcoming(70)
    assert [fire.task.name for fire in upcoming[:59]] == ["SOON"] * 59
    assert len({(fire.task.name, fire.due) for fire in upcoming}) == 70
    assert [fire.due for fire in upcoming] == sorted(fire.due for fire in upcoming)
    assert len(made.upcoming(2000)) == 2000


WEEKS = 14 * 24 * 60 * MINUTE
YEAR = 365 * 24 * 60 * MINUTE
MOST_SEARCHES = 900
"""In one call, however many schedules there are and however long a time lies between."""


def many(count: int) -> Agenda:
    """An agenda of so many schedules of which no two are due together."""
    return agenda(*(task(f"S{n}", schedule=f"{n % 60} {n // 60 % 24} */{n // 1440 + 1} * *") for n in range(count)))


def given_out(made: Agenda, until: int, searches: Searches) -> list[Fire]:
    """What an agenda gives out, call by call; none of these searches long."""
    found: list[Fire] = []
    while made.position < until:
        before = searches.made
        found += made.advance(until)
        assert searches.since(before) <= MOST_SEARCHES
    return found


@pytest.mark.parametrize("go", ["skip", "rewind"])
def test_to_go_far_searches_little_at_a_time_and_finds_the_same(go: str, monkeypatch: pytest.MonkeyPatch) -> None:
    searches = Searches(monkeypatch)
    made, other = many(4000), many(4000)
    before = searches.made
    made.skip(START + YEAR) if go == "skip" else made.rewind(START - YEAR)
    assert searches.since(before) <= MOST_SEARCHES
    other = Agenda(made.position)
    for entry in made.entries():
        other.load(entry.task, entry.since)
    until = made.position + 90 * MINUTE
    assert seconds(given_out(made, until, searches)) == seconds(other.advance(until))


def test_a_value_that_ends_after_weeks_of_silence_costs_nothing_and_loses_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    searches = Searches(monkeypatch)
    made = agenda(task("A", schedule="* * * * *"))
    before = searches.made
    made.remove("A", START + WEEKS)
    made.put(task("A", schedule="@daily", created_at=START), START + WEEKS)
    made.upcoming(50)
    made.next_due()
    assert searches.since(before) < 200
    fires = [fire for fire in given_out(made, START + WEEKS, searches) if fire.task.schedule == "* * * * *"]
    while found := made.advance(START + WEEKS):
        fires += found
    assert [fire.due for fire in fires] == [START + number * MINUTE for number in range(1, 14 * 24 * 60 + 1)]


def test_what_fell_due_in_an_hour_is_given_out_in_parts_and_each_fire_once() -> None:
    made = agenda(*(task(f"S{n}", schedule="@every 1s", created_at=START) for n in range(100)))
    parts = []
    while made.position < at(600):
        parts.append(made.advance(at(600)))
    assert max(map(len, parts)) <= 2100
    found = [(fire.task.name, fire.due) for part in parts for fire in part]
    assert len(found) == len(set(found)) == 60_000
    assert [due for _, due in found] == sorted(due for _, due in found)


def test_ten_thousand_schedules_due_at_one_instant_are_given_out_together_and_searched_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = agenda(
        *(task(f"S{n}", schedule=f"0 12,{n % 12} {n // 12 % 27 + 1},24 {n // 300 + 1}-12 *") for n in range(3000))
    )
    searches = Searches(monkeypatch)
    made.rewind(at(-5))
    found = given_out(made, at(0), searches)
    assert len(found) == len({fire.task.name for fire in found}) > 2500
    assert given_out(made, at(60), searches) == []


def test_entries_that_ended_are_kept_for_a_leader_that_has_not_made_everything_good() -> None:
    made = agenda(task("A", schedule="* * * * *"), task("B", schedule="* * * * *"))
    made.remove("A", at(600))
    made.follow(at(900), (), at(300))
    assert [entry.task.name for entry in made.entries_until(at(800))] == ["B", "A"]
    assert seconds(made.advance(at(960))) == [("B", 960)]
    made.follow(at(1000), (), at(700))
    assert [entry.task.name for entry in made.entries_until(at(1000))] == ["B"]


def test_to_look_for_what_was_due_pauses_where_there_is_little(monkeypatch: pytest.MonkeyPatch) -> None:
    made = many(1000)
    searches = Searches(monkeypatch)
    before, longest = 0, 0
    found = []
    for fire in made.between(START - MINUTE, START):
        longest, before = max(longest, searches.since(before)), searches.made
        found.append(fire)
    assert found.count(None) == 10
    assert longest <= 200


def test_it_tells_the_value_that_counts_now() -> None:
    value = task("A", schedule="* * * * *")
    made = agenda(value)
    assert (made.task("A"), made.task("B")) == (value, None)
    assert made.remove("A", at(1))
    assert made.task("A") is None


def test_a_search_in_many_schedules_pauses_after_each_hundred() -> None:
    def pauses(schedules: int) -> list[int]:
        """The index of each pause among what was found, where nothing is due."""
        made = agenda(*(task(f"N{number}", schedule=f"@every {number + 10}h") for number in range(schedules)))
        found = list(made.between(at(1), at(2)))
        return [index for index, fire in enumerate(found) if fire is None]

    assert [pauses(number) for number in (99, 100, 250)] == [[], [0], [0, 1]]


def test_what_was_due_in_a_time_is_found_without_giving_it_out() -> None:
    made = agenda(task("A", schedule="* * * * *"), position=600)
    made.load(task("NEW", schedule="* * * * *"), at(120))
    found = [fire for fire in made.between(at(60), at(180)) if fire is not None]
    assert seconds(found) == [("A", 120), ("A", 180), ("NEW", 180)]


def test_what_ends_in_the_future_is_given_out_no_sooner_than_it_is_due() -> None:
    made = agenda(task("A", schedule="* * * * *"))
    made.remove("A", at(180))
    assert seconds(made.advance(at(90))) == [("A", 60)]
    assert seconds(made.advance(at(300))) == [("A", 120), ("A", 180)]


def test_what_comes_next_has_late_news_and_what_was_given_back_too() -> None:
    made = agenda(task("A", schedule="* * * * *"), position=90)
    made.put(task("LATE", schedule="@every 40s", created_at=START), at(0))
    assert seconds(made.upcoming(9)[:4]) == [("LATE", 40), ("LATE", 80), ("A", 120), ("LATE", 120)]
    (*_, fire) = made.advance(at(120))
    made.give_back([fire])
    assert seconds(made.upcoming(3)) == [("LATE", 120), ("LATE", 160), ("A", 180)]


def test_late_news_are_overdue_up_to_the_position_only() -> None:
    made = agenda(task("A", schedule="* * * * *"), position=120)
    made.put(task("LATE", schedule="@every 40s", created_at=START), at(0))
    assert seconds([*made.overdue(at(600))]) == [("LATE", 40), ("LATE", 80), ("LATE", 120)]
    assert seconds([*made.overdue(at(80))]) == [("LATE", 40), ("LATE", 80)]
    assert seconds([*made.overdue(at(40))]) == [("LATE", 40)]
    assert [*made.overdue(at(39))] == []


def test_an_entry_that_comes_back_just_in_time_goes_on_where_it_was() -> None:
    made = agenda(task("A", schedule="* * * * *", created_at=START))
    made.remove("A", at(30))
    made.advance(at(95))
    made.put(task("A", schedule="* * * * *", created_at=START), at(90))
    assert seconds(made.advance(at(95))) == [("A", 60)]


def test_all_that_ended_with_something_left_is_listed_until_then_and_each_once() -> None:
    made = agenda(*(task(name, schedule="* * * * *") for name in ("A", "B")))
    made.remove("A", at(60))
    made.remove("B", at(61))
    assert sorted(entry.task.name for entry in made.entries_until(at(600))) == ["A", "B"]
    assert sorted(entry.task.name for entry in made.entries_until(at(60))) == ["A", "B"]
    made.follow(at(90), [("A", at(60)), ("B", at(60))], open_after=at(0))
    assert sorted(entry.task.name for entry in made.entries_until(at(600))) == ["A", "B"]
    made.skip(at(90))
    assert made.entries_until(at(600)) == []


def test_a_fire_that_is_due_at_the_watermark_itself_may_be_open() -> None:
    made = agenda(task("A", schedule="* * * * *"))
    made.follow(at(60), [("A", at(60)), ("A", at(120))])
    assert seconds(made.take_open()) == [("A", 60)]


def test_who_goes_back_forgets_open_fires_that_come_again() -> None:
    made = agenda(
        task("A", schedule="* * * * *"), task("ENDED", schedule="* * * * *"), task("ODD", schedule="* * * * *")
    )
    made.follow(at(240), [("A", at(60)), ("A", at(120)), ("A", at(180)), ("ENDED", at(180)), ("ODD", at(60))])
    made.remove("ENDED", at(200))
    made.rewind(at(120))
    assert seconds(made.take_open()) == [("A", 60), ("ODD", 60), ("A", 120), ("ENDED", 180)]
    assert seconds(made.advance(at(180))) == [("A", 180), ("ODD", 180)]


@pytest.mark.parametrize(
    ("after", "until", "left"),
    [
        (-1, 79, [80, 120]),
        (-1, 80, [120]),
        (40, 80, [40, 120]),
        (39, 80, [120]),
        (80, 120, [40, 80]),
        (120, 121, [40, 80, 120]),
    ],
)
def test_late_news_are_skipped_within_a_time_only(after: float, until: float, left: list[int]) -> None:
    made = agenda(position=120)
    made.put(task("LATE", schedule="@every 40s", created_at=START), at(0))
    made.remove("LATE", at(125))
    made.skip(at(until), after=at(after))
    assert seconds(made.advance(at(600))) == [("LATE", each) for each in left]


@pytest.mark.parametrize("due", [40, 80, 120])
def test_an_open_fire_is_left_out_of_late_news_wherever_it_is(due: float) -> None:
    made = agenda(position=120)
    made.follow(at(120), [("LATE", at(due))])
    made.put(task("LATE", schedule="@every 40s", created_at=START), at(0))
    assert seconds(made.take_open()) == [("LATE", due)]
    assert seconds(made.advance(at(120))) == [("LATE", each) for each in (40, 80, 120) if each != due]


def test_while_not_all_is_searched_the_next_instant_is_just_after_the_position() -> None:
    made = agenda(*(task(f"S{number}", schedule=f"{number % 60} {number // 60} * * *") for number in range(600)))
    made.skip(at(48 * 3600))
    assert made.next_due() == at(48 * 3600) + 1


def test_what_was_given_back_is_overdue_until_it_is_given_out_again() -> None:
    made = agenda(task("A", schedule="* * * * *"))
    made.give_back(made.advance(at(120)))
    assert seconds([*made.overdue(at(60))]) == [("A", 60)]
    assert seconds([*made.overdue(at(300))]) == [("A", 60), ("A", 120)]
    made.advance(at(120))
    assert [*made.overdue(at(300))] == []


@pytest.mark.parametrize("due", [40, 80, 120])
def test_to_leave_out_an_open_fire_keeps_the_first_of_late_news_that_was_looked_for(due: float) -> None:
    made = agenda(position=120)
    made.follow(at(120), [("LATE", at(due))])
    made.put(task("LATE", schedule="@every 40s", created_at=START), at(0))
    assert made.next_due() == at(40)
    assert seconds(made.take_open()) == [("LATE", due)]
    assert seconds(made.advance(at(120))) == [("LATE", each) for each in (40, 80, 120) if each != due]


def test_after_a_part_of_what_is_due_the_position_is_just_before_the_next() -> None:
    made = agenda(*(task(f"S{n}", schedule="@every 1s", created_at=START) for n in range(100)))
    last = max(fire.due for fire in made.advance(at(600)))
    assert last < at(600)
    assert made.position == last + SECOND - 1
    assert made.next_due() == last + SECOND
