"""Events are the JSON that `ajc` publishes, byte for byte."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ajsync.asyncjobs import events
from ajsync.asyncjobs.events import (
    LEADER_ELECTION_SUBJECT,
    leader_elected_event,
    task_state_event,
    task_state_event_prefix,
    task_state_subject,
)
from ajsync.asyncjobs.ids import nearest_second
from ajsync.asyncjobs.tasks import QUEUE_ERROR, StoredTask
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
