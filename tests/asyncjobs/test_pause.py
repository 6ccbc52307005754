"""What the key of a pause holds: read back as it was written, whatever others have written."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ajsync.asyncjobs.model import Pause, ScheduledTask, decode_scheduled_task, encode_scheduled_task
from ajsync.asyncjobs.pause import (
    decode_pause,
    decode_paused_entry,
    encode_pause,
    paused_schedule,
    resumed_value,
    with_task,
)
from ajsync.errors import StoredValueError
from ajsync.timestamp import NANOSECONDS as SECOND
from tests.tasks import INT64, NAMES, TEXTS, scheduled_tasks, task

INSTANTS = st.integers(0, INT64)
SPANS = st.tuples(INSTANTS, INSTANTS)
PAUSES = st.builds(Pause, since=INSTANTS, by=TEXTS, reason=TEXTS, until=INSTANTS)


@given(scheduled_tasks(), PAUSES, st.lists(SPANS, max_size=3))
def test_a_pause_is_read_as_it_was_written(
    scheduled: ScheduledTask, pause: Pause, spans: list[tuple[int, int]]
) -> None:
    scheduled = replace(scheduled, pauses=tuple(spans))
    paused = paused_schedule(scheduled.name, encode_scheduled_task(scheduled), pause)
    found = decode_pause(scheduled.name, encode_pause(paused))
    assert found == paused
    assert (found.task, found.pause) == (scheduled, pause)
    assert decode_paused_entry(scheduled.name, 7, encode_pause(paused)).pause == pause


@given(scheduled_tasks(), PAUSES, INSTANTS, st.lists(SPANS, max_size=12))
def test_a_resumed_schedule_is_what_it_was_and_remembers_its_last_pauses(
    scheduled: ScheduledTask, pause: Pause, now: int, spans: list[tuple[int, int]]
) -> None:
    scheduled = replace(scheduled, pauses=tuple(spans))
    paused = paused_schedule(scheduled.name, encode_scheduled_task(scheduled), pause)
    found = decode_scheduled_task(scheduled.name, resumed_value(paused, now))
    assert replace(found, pauses=()) == replace(scheduled, pauses=())
    if pause.since == now:  # it was paused only to end a pause that had been interrupted
        assert found.pauses == scheduled.pauses
    else:
        expected = (*spans, (min(pause.since, now), max(pause.since, now)))
        assert found.pauses == expected[-10:]


def test_members_that_only_a_newer_ajsync_knows_survive_a_pause() -> None:
    newer = json.loads(encode_scheduled_task(task("A"))) | {"later": {"x": [1, 2.5, "é\ud800"]}}
    newer["ajsync"]["calendar"] = "holidays"
    paused = paused_schedule("A", json.dumps(newer).encode(), Pause(SECOND, "", "why"))
    back = json.loads(resumed_value(decode_pause("A", encode_pause(paused)), 2 * SECOND))
    assert back.pop("ajsync_paused") == [["1970-01-01T00:00:01Z", "1970-01-01T00:00:02Z"]]
    assert back == newer


def test_a_schedule_that_is_changed_while_it_is_paused_stays_paused() -> None:
    paused = paused_schedule("A", encode_scheduled_task(task("A")), Pause(SECOND, "ann", "why", 9 * SECOND))
    changed = with_task(paused, task("A", schedule="@hourly"))
    assert changed.pause == paused.pause
    assert decode_pause("A", encode_pause(changed)).task.schedule == "@hourly"


@given(
    st.binary(max_size=40)
    | st.recursive(st.none() | st.integers() | st.text(max_size=3), st.lists).map(
        lambda value: json.dumps(value).encode()
    ),
    NAMES,
)
@example(b'{"format":2,"since":"2026-11-29T00:00:00Z","schedule":{}}', "A")
@example(b"[" * 100_000, "A")
def test_what_is_no_pause_is_a_paused_schedule_that_cannot_be_read(data: bytes, name: str) -> None:
    with pytest.raises(StoredValueError):
        decode_pause(name, data)
    entry = decode_paused_entry(name, 3, data)
    assert entry.task is None
    assert entry.pause is not None
    assert entry.problem.startswith("it is paused, and ")


@pytest.mark.parametrize("member", ["format", "since", "schedule"])
def test_a_pause_without_a_member_that_it_needs_is_none(member: str) -> None:
    paused = paused_schedule("A", encode_scheduled_task(task("A")), Pause(SECOND, "ann", "why", 9 * SECOND))
    value = json.loads(encode_pause(paused))
    del value[member]
    with pytest.raises(StoredValueError, match=member):
        decode_pause("A", json.dumps(value).encode())


def test_a_pause_of_another_schedule_is_none() -> None:
    paused = paused_schedule("A", encode_scheduled_task(task("A")), Pause(SECOND, "ann", "why"))
    with pytest.raises(StoredValueError, match="its name is"):
        decode_pause("B", encode_pause(paused))


@pytest.mark.parametrize("wrong", [[1], "x", {"a": 1}, [["x", "y"]], [["2026-11-29T00:00:00Z"]], None, [[[], {}]]])
def test_pauses_of_a_strange_form_make_a_value_unreadable(wrong: object) -> None:
    value = json.loads(encode_scheduled_task(task("A"))) | {"ajsync_paused": wrong}
    with pytest.raises(StoredValueError, match="ajsync_paused"):
        decode_scheduled_task("A", json.dumps(value).encode())


def test_a_schedule_that_was_never_paused_is_stored_as_before() -> None:
    assert b"paused" not in encode_scheduled_task(task("A"))
