"""Events are the JSON that `ajc` publishes, byte for byte."""

from __future__ import annotations

import contextlib
import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ajsync.asyncjobs import events
from ajsync.asyncjobs.events import (
    LEADER_ELECTION_SUBJECT,
    TaskStateEvent,
    decode_leader_elected,
    decode_task_state,
    heard_outcome,
    leader_elected_event,
    task_state_event,
    task_state_event_prefix,
    task_state_subject,
    usual_change,
)
from ajsync.asyncjobs.ids import nearest_second
from ajsync.asyncjobs.outcome import WorkOutcome
from ajsync.asyncjobs.tasks import QUEUE_ERROR, StoredTask
from ajsync.errors import StoredValueError
from ajsync.timestamp import NANOSECONDS, parse_timestamp
from tests.recorded import recorded
from tests.tasks import INT64, TEXTS, id_seconds

LINES = recorded("events.jsonl")
SECONDS = 1_795_443_006
TASK = StoredTask("3MVlg5Up32Gk6EbGnAyc4GIwHZ1", "email:new", "EMAIL", 1_795_442_990_000_000_000)


@pytest.fixture
def event_ids(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids that events get, from the end."""
    ids: list[str] = []
    monkeypatch.setattr(events, "new_id", lambda _seconds: ids.pop())
    return ids


def golden(kind: str) -> list[tuple[str, bytes]]:
    """Subject and data of each event of a kind that the real `ajc` published."""
    return [(line["subject"], line["data"].encode()) for line in LINES if kind in line["subject"]]


def seconds_of(event: dict[str, Any]) -> int:
    """The second in an event's `timestamp`, which the real `ajc` wrote."""
    return parse_timestamp(event["timestamp"]) // NANOSECONDS


def test_there_are_golden_events() -> None:
    assert len(golden("task_state")) == 5
    assert len(golden("leader_election")) == 1


@pytest.mark.parametrize(("subject", "data"), golden("task_state"))
def test_a_task_state_event_is_ajcs_byte_for_byte(subject: str, data: bytes, event_ids: list[str]) -> None:
    event: dict[str, Any] = json.loads(data)
    task = StoredTask(
        event["task_id"], event["task_type"], event["queue"], 0, state=event["state"], tries=event["tries"]
    )
    event_ids.append(event["event_id"])
    assert task_state_event(task, seconds_of(event), event["task_age"]) == data
    assert task_state_subject(task.id) == subject


@pytest.mark.parametrize(("subject", "data"), golden("leader_election"))
def test_a_leader_elected_event_is_ajcs_byte_for_byte(subject: str, data: bytes, event_ids: list[str]) -> None:
    event: dict[str, Any] = json.loads(data)
    event_ids.append(event["event_id"])
    assert leader_elected_event(event["name"], seconds_of(event)) == data
    assert subject == LEADER_ELECTION_SUBJECT
    assert decode_leader_elected(data) == event["name"]


@pytest.mark.parametrize("data", [b"", b"[]", task_state_event(TASK, SECONDS, 1)])
def test_what_does_not_say_who_leads_is_refused(data: bytes) -> None:
    with pytest.raises(StoredValueError):
        decode_leader_elected(data)


def test_an_error_is_told_and_an_empty_queue_is_not_as_go_does(event_ids: list[str]) -> None:
    # What encoding/json of Go 1.26 prints for asyncjobs' own TaskStateChangeEvent.
    error = 'nats: "<no>" & é\u2028\x01\b\f\x7f'
    task = StoredTask(TASK.id, TASK.type, "", TASK.created, state=QUEUE_ERROR, tries=2, last_err=error)
    event_ids.append("3MVkDzakevTNBTnZf0YDPmyKtJM")
    assert task_state_event(task, SECONDS, -5) == (
        b'{"event_id":"3MVkDzakevTNBTnZf0YDPmyKtJM","type":"io.choria.asyncjobs.v1.task_state",'
        b'"timestamp":"2026-11-23T14:10:06Z","task_id":"3MVlg5Up32Gk6EbGnAyc4GIwHZ1","state":"queue_error","tries":2,'
        b'"task_type":"email:new","last_error":"nats: \\"\\u003cno\\u003e\\" \\u0026 \xc3\xa9\\u2028\\u0001\\b\\f\x7f",'
        b'"task_age":-5}'
    )


@given(st.integers(-INT64, INT64))
def test_an_event_is_what_was_prepared_and_its_age(age: int) -> None:
    event = json.loads(task_state_event_prefix(TASK, SECONDS) + b"%d}" % age)
    told = json.loads(task_state_event(TASK, SECONDS, age))
    assert {**told, "event_id": event["event_id"]} == event
    assert event["task_age"] == age


@given(TEXTS, TEXTS, TEXTS)
def test_any_text_stays_inside_its_string(one: str, other: str, third: str) -> None:
    event = json.loads(task_state_event(StoredTask(one, other, third, 0, last_err=one), SECONDS, 1))
    assert (event["task_id"], event["task_type"], event["task_age"]) == (one, other, 1)
    assert (event.get("queue", ""), event.get("last_error", "")) == (third, one)
    event = json.loads(leader_elected_event(one, SECONDS))
    assert (event["name"], event["component"]) == (one, "task_scheduler")


@pytest.mark.parametrize("seconds", [SECONDS, 0, 2**40])
def test_an_event_has_the_time_of_its_id_whatever_the_clock_says(seconds: int) -> None:
    for event in (task_state_event(TASK, seconds, 1), leader_elected_event("name", seconds)):
        told = json.loads(event)
        assert id_seconds(told["event_id"]) == seconds_of(told) == nearest_second(seconds)


@pytest.mark.parametrize(("subject", "data"), golden("task_state"))
def test_an_event_of_ajc_is_read(subject: str, data: bytes) -> None:
    found = decode_task_state(data)
    assert task_state_subject(found.task_id) == subject
    task = StoredTask(found.task_id, found.task_type, found.queue, 0, state=found.state, tries=found.tries)
    told = json.loads(task_state_event(task, seconds_of(json.loads(data)), found.age))
    assert {**told, "event_id": ""} == {**json.loads(data), "event_id": ""}


@given(TEXTS, TEXTS, TEXTS, st.integers(-INT64, INT64), st.integers(0, INT64))
def test_what_an_event_tells_is_read_again(one: str, other: str, third: str, age: int, tries: int) -> None:
    task = StoredTask(one, other, third, 0, state=one, tries=tries, last_err=third)
    event = task_state_event(task, SECONDS, age)
    assert decode_task_state(event) == TaskStateEvent(one, one, tries, third, other, third, age)


VALID: dict[str, Any] = {
    "type": "io.choria.asyncjobs.v1.task_state",
    "task_id": TASK.id,
    "state": "new",
    "tries": 0,
    "task_type": "email:new",
    "task_age": 5,
}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not JSON: "),
        (b"[" * 100_000, "JSON that is nested too deeply"),
        (b"[]", "not a JSON object but an array"),
        (b"{}", 'it has no member "type"'),
        (leader_elected_event("x", SECONDS), 'an event of the type "io.choria.asyncjobs.v1.leader_elected", not io.'),
        (json.dumps({**VALID, "task_id": 5}).encode(), 'its member "task_id" is a whole number, not a string'),
        (json.dumps({**VALID, "state": None}).encode(), 'its member "state" is null, not a string'),
        (json.dumps({**VALID, "tries": "1"}).encode(), 'its member "tries" is a string, not a whole number'),
        (json.dumps({**VALID, "task_age": 2**64}).encode(), 'its member "task_age" is a number that does not fit'),
        (json.dumps({**VALID, "last_error": []}).encode(), 'its member "last_error" is an array, not a string'),
    ],
)
def test_what_is_not_an_event_of_a_task_is_refused_with_the_reason(data: bytes, reason: str) -> None:
    with pytest.raises(StoredValueError, match=f"^{re.escape(reason)}"):
        decode_task_state(data)


def test_what_go_leaves_out_of_an_event_is_read_as_go_reads_it() -> None:
    data = {name: VALID[name] for name in ("type", "task_id", "state")}
    assert decode_task_state(json.dumps(data).encode()) == TaskStateEvent(TASK.id, "new", 0, "", "", "", 0)


@given(st.binary())
def test_any_bytes_are_an_event_or_refused(data: bytes) -> None:
    with contextlib.suppress(StoredValueError):
        decode_task_state(data)


DUE = SECONDS * NANOSECONDS


@pytest.mark.parametrize(
    ("age", "at"), [(5, 5), (-5, 0), (-INT64, 0), (100, 50), (INT64, 50)], ids=["past", "early", "old", "ahead", "far"]
)
def test_an_event_was_neither_before_its_fire_nor_after_it_was_heard(age: int, at: int) -> None:
    event = decode_task_state(json.dumps({**VALID, "task_age": age}).encode())
    assert event.outcome(DUE, DUE + 50) == WorkOutcome(DUE, TASK.id, "new", DUE + at, lateness=at)


def test_only_the_first_event_of_a_task_tells_how_late_it_was_made() -> None:
    for more in ({"tries": 1}, {"state": "active"}):
        event = decode_task_state(json.dumps({**VALID, **more}).encode())
        assert event.outcome(DUE, DUE + 50).lateness is None


def test_long_texts_of_others_are_kept_in_part() -> None:
    event = decode_task_state(json.dumps({**VALID, "state": "x" * 10_000, "last_error": "y" * 10**6}).encode())
    found = event.outcome(DUE, DUE)
    assert found.state.endswith("… (9,700 characters more)")
    assert found.last_error.endswith("… (999,700 characters more)")


STATES = st.sampled_from(["new", "active", "complete", "retry", "blocked", "odd", ""])
STORED = st.builds(
    StoredTask,
    st.sampled_from([TASK.id, "other", "\u20ac", ""]),
    st.sampled_from(["email:new", "a.b/c-d", 'quo"te', ""]),
    st.sampled_from(["EMAIL", "", "A B"]),
    st.just(TASK.created),
    state=STATES,
    tries=st.integers(-1, 10**10),
    last_err=st.sampled_from(["", "no such host"]),
)


@given(STORED, st.integers(-(10**9), 2**63 - 1), st.integers(-(2**63), 2**63), st.integers(0, 2**63))
def test_what_an_event_says_of_a_fire_is_the_same_however_it_is_read(
    stored: StoredTask, age: int, due: int, now: int
) -> None:
    data = task_state_event(stored, SECONDS, age)
    event = TaskStateEvent(**json.loads(data, object_hook=_members))
    assert decode_task_state(data) == event
    said = event.outcome(due, now) if stored.id == TASK.id else None
    assert heard_outcome(data, TASK.id, due, now) == said
    usual = (event.state, event.tries, event.age)
    assert usual_change(data, TASK.id) in ((usual,) if said is not None and not event.last_error else ()) + (None,)
    spaced = json.dumps(json.loads(data)).encode()
    assert (decode_task_state(spaced), heard_outcome(spaced, TASK.id, due, now)) == (event, said)


WORDS = ("", "a.b", "a-b", "a:b/c", "a b", 'a","b":"', "\\u0041", "\\n", "\\x", "\n", "é")
NUMBERS = (
    *("0", "7", "999999999", "1000000000", "999999999999999999", "1000000000000000000", "9" * 19, "9" * 40),
    *("00", "07", "-0", "-7", "", "1.0", "1e3", "true", "null", "٣"),
)
FIELDS = {"task_id": WORDS, "state": WORDS, "tries": NUMBERS, "queue": WORDS, "task_type": WORDS, "task_age": NUMBERS}


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in FIELDS.items() for text in texts])
def test_the_short_way_finds_what_is_there_in_json_and_nothing_else(name: str, text: str) -> None:
    usual_ones = {"task_id": "A", "state": "new", "tries": "0", "queue": "Q", "task_type": "t", "task_age": "0"}
    told = usual_ones | {name: text}
    members = [
        f'"{each}":{value}' if FIELDS[each] is NUMBERS else f'"{each}":"{value}"' for each, value in told.items()
    ]
    data = f'{{"event_id":"x","type":"{VALID["type"]}","timestamp":"x",{",".join(members)}}}'.encode()
    usual, found = usual_change(data, told["task_id"]), _read(data)
    assert found == _read(b" " + data), "which takes the long way"
    assert usual is None or (found is not None and usual == (found.state, found.tries, found.age))


def _read(data: bytes) -> TaskStateEvent | None:
    try:
        return decode_task_state(data)
    except StoredValueError:
        return None


def _members(value: dict[str, Any]) -> dict[str, Any]:
    names = {"task_age": "age"}
    known = {names.get(name, name): found for name, found in value.items()}
    return {name: known.get(name, 0 if name == "age" else "") for name in TaskStateEvent._fields}


@pytest.mark.parametrize("number", range(5))
def test_events_of_ajc_say_what_they_say(number: int) -> None:
    _, data = golden("task_state")[number]
    event = decode_task_state(data)
    assert heard_outcome(data, event.task_id, 0, 2**62) == event.outcome(0, 2**62)
    assert usual_change(data, event.task_id) == (None if event.last_error else (event.state, event.tries, event.age))
    assert usual_change(data, event.task_id[:-1]) is None
    assert usual_change(data.replace(b"io.choria", b"io_choria"), event.task_id) is None


@pytest.mark.parametrize(
    "fields", [{"state": "odd"}, {"queue": ""}, {"id": "other"}, {"last_err": "no such host"}, {"tries": -1}]
)
def test_an_event_that_is_not_as_usual_is_read_as_any_other(fields: dict[str, Any]) -> None:
    assert usual_change(task_state_event(TASK, SECONDS, 7), TASK.id) == ("new", 0, 7)
    assert usual_change(task_state_event(replace(TASK, **fields), SECONDS, 7), TASK.id) is None


@pytest.mark.parametrize("end", [b"\n", b" ", b"{}", b"}"])
def test_what_follows_an_event_is_not_left_out(end: bytes) -> None:
    data = task_state_event(TASK, SECONDS, 1)
    with contextlib.suppress(StoredValueError):
        assert decode_task_state(data + end) == decode_task_state(data)
        assert not end.strip()
