"""The table of transitions: whole, as docs/architecture.md draws it, and with a way out of each state."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from ajsync.asyncjobs.outcome import STATES, UNKNOWN, WITHOUT_TASK
from ajsync.scheduler.firing.in_flight import FireOutcome, InFlightFire
from ajsync.scheduler.firing.lifecycle import DEFERRED, IN_WINDOW, MADE, TABLE, UNSETTLED, Effect, Event, State
from ajsync.scheduler.monitor.status import FireState
from tests.docs.pages import DOCS
from tests.scheduler.fires import fire

FINAL = frozenset(State) - frozenset(UNSETTLED)
Arrow = tuple[State, str, State]


def drawn() -> set[Arrow]:
    """The arrows of the picture, those of a group as one for each of its states."""
    picture = DOCS.joinpath("architecture.md").read_text().partition("stateDiagram-v2")[2].partition("```")[0]
    groups: dict[str, set[str]] = {}
    within: list[str] = []
    lines = []
    for line in picture.splitlines():
        if group := re.fullmatch(r" *state (\w+) \{", line):
            within.append(group[1])
        elif line.strip() == "}":
            within.pop()
        elif arrow := re.fullmatch(r" *(\S+) --> (\w+)(?:: (.+))?", line):
            lines.append(arrow.groups())
            for name in within:
                groups.setdefault(name, set()).update((arrow[1], arrow[2]))
    return {
        (State[origin], event, State[to])
        for source, to, events in lines
        if source != "[*]"
        for origin in groups.get(source, {source})
        for event in events.split(", ")
    }


def test_the_picture_shows_the_table_and_nothing_else() -> None:
    arrows = {(state, event.name, row.to) for (state, event), row in TABLE.items()}
    arrows |= {(state, f"{event.name} if made", row.if_made) for (state, event), row in TABLE.items() if row.if_made}
    assert drawn() == arrows


@pytest.mark.parametrize("state", UNSETTLED)
def test_each_state_is_reached_and_left_and_ends_with_the_term(state: State) -> None:
    assert state in (State.TAKEN, State.SOUGHT) or any(row.to is state for row in TABLE.values())
    reached, found = {state}, {state}
    while found:
        found = {row.to for (origin, _), row in TABLE.items() if origin in found} - reached
        reached |= found
    assert reached & FINAL - {State.HANDED_BACK, State.LEFT}
    assert TABLE[state, Event.TERM_ENDED].to in (State.HANDED_BACK, State.LEFT)


def test_a_final_state_is_left_by_nothing() -> None:
    assert {state for state, _ in TABLE} == set(UNSETTLED)


def test_every_event_and_every_effect_is_used() -> None:
    assert {event for _, event in TABLE} == set(Event)
    assert {effect for row in TABLE.values() for effect in row.effects} == set(Effect)


def test_what_is_under_way_can_be_given_up_and_is_reported() -> None:
    given_up = {state for state, event in TABLE if event is Event.GIVEN_UP}
    assert given_up == {State.QUEUED, *IN_WINDOW, *DEFERRED}
    for state in given_up:
        row = TABLE[state, Event.GIVEN_UP]
        assert row.to is State.MISSED
        assert row.effects[-1] is Effect.REPORT
        assert (Effect.FLAG_UNHEARD in row.effects) == (state not in (State.FLAGGING, State.FLAG_DEFERRED))


def test_each_outcome_of_what_was_written_is_reported_once() -> None:
    for (state, _), row in TABLE.items():
        reports = row.effects.count(Effect.REPORT)
        assert reports == (row.to in MADE or (row.to is State.MISSED and state is not State.CHECKED))


def test_each_outcome_that_is_reported_has_a_name_for_monitors() -> None:
    reported = [row for row in TABLE.values() if Effect.REPORT in row.effects]
    states = {row.to for row in reported} | {row.if_made for row in reported if row.if_made}
    assert {InFlightFire(fire("A"), state=state).outcome for state in states} == {*get_args(FireOutcome)}
    assert {*get_args(FireOutcome)} < {*get_args(FireState)}


def test_what_came_of_the_work_has_words_for_each_outcome_without_a_task() -> None:
    """The tasks of the others have states of their own."""
    made = {"created", "repaired", "exists"}
    assert {*get_args(FireState)} - made <= {*STATES}
    assert {*get_args(FireState)} - made - {"queue_error"} == {*WITHOUT_TASK} - {UNKNOWN}


def test_a_task_is_told_of_before_its_work_item_is_sent() -> None:
    for (state, _), row in TABLE.items():
        if state in (State.STORING, State.LOOKING) and row.to is State.ENQUEUING:
            assert row.effects == (Effect.TELL, Effect.SEND_ITEM)


@pytest.mark.parametrize(
    ("to", "effect"),
    [
        (State.STORING, Effect.SEND_TASK),
        (State.ENQUEUING, Effect.SEND_ITEM),
        (State.FLAGGING, Effect.SEND_FLAG),
        (State.LOOKING, Effect.LOOK_AT_TASK),
        (State.LOOKING_AGAIN, Effect.LOOK_AT_TASK),
        (State.FINDING_QUEUE, Effect.LOOK_FOR_QUEUE),
        *((state, Effect.DEFER) for state in DEFERRED),
    ],
)
def test_each_state_in_which_something_is_waited_for_begins_with_it(to: State, effect: Effect) -> None:
    rows = [row for row in TABLE.values() if row.to is to]
    assert rows
    assert all(effect in row.effects for row in rows)
