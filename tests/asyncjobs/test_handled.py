"""Tasks that a Go worker has handled are read as it left them, and told of in the events that it published."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ajsync.asyncjobs import events
from ajsync.asyncjobs.events import task_state_event, task_state_subject
from ajsync.asyncjobs.tasks import UNFINISHED, decode_task, encode_task, task_subject, work_item, work_item_subject
from ajsync.timestamp import NANOSECONDS, parse_timestamp
from tests.recorded import recorded

MOMENT = "2026-11-23T14:10:06Z"
GOOD, BAD = (
    [{**each, "data": each["data"].replace("MOMENT", MOMENT)} for each in task] for task in recorded("handled.json")
)
"""All messages about a task that a worker completed, and about one that it failed to."""
ONLY_A_WORKERS = ("result", "tried")
"""Members that only workers write, and ajsync never."""


def of(kind: str, messages: list[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    """Subject and value of each message whose subject begins so."""
    return [(each["subject"], json.loads(each["data"])) for each in messages if each["subject"].startswith(kind)]


def test_every_state_that_a_worker_can_leave_by_itself_is_recorded() -> None:
    assert [value["state"] for _, value in of("CHORIA_AJ.T.", GOOD)] == ["new", "active", "complete"]
    assert [value["state"] for _, value in of("CHORIA_AJ.T.", BAD)] == ["new", "active", "retry", "expired"]


@pytest.mark.parametrize(("subject", "value"), [*of("CHORIA_AJ.T.", GOOD), *of("CHORIA_AJ.T.", BAD)])
def test_a_task_is_read_and_written_as_the_worker_left_it_but_for_what_only_workers_add(
    subject: str, value: dict[str, Any]
) -> None:
    data = json.dumps(value).encode()
    read = decode_task(data)
    kept = {name: each for name, each in value.items() if name not in ONLY_A_WORKERS}
    assert list(json.loads(encode_task(read)).items()) == list(kept.items())
    assert task_subject(read.id) == subject
    assert (read.state in UNFINISHED) == (read.state in ("new", "active", "retry"))


@pytest.mark.parametrize(("subject", "value"), [*of("CHORIA_AJ.E.", GOOD), *of("CHORIA_AJ.E.", BAD)])
def test_the_event_of_such_a_task_is_the_one_that_was_published(
    subject: str, value: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "new_id", lambda _seconds: value["event_id"])
    (task,) = [
        read
        for messages in (GOOD, BAD)
        for _, each in of("CHORIA_AJ.T.", messages)
        if ((read := decode_task(json.dumps(each).encode())).type, read.state) == (value["task_type"], value["state"])
    ]
    event = task_state_event(task, parse_timestamp(MOMENT) // NANOSECONDS, value["task_age"])
    assert list(json.loads(event).items()) == list(value.items())
    assert task_state_subject(task.id) == subject


def test_the_order_of_enqueuing_is_task_event_and_work_item() -> None:
    for messages in (GOOD, BAD):
        task, event, item = messages[:3]
        value = json.loads(task["data"])
        assert (task["subject"], task["headers"]) == (
            task_subject(value["id"]),
            {"Nats-Expected-Last-Subject-Sequence": "0"},
        )
        assert event["subject"] == task_state_subject(value["id"])
        assert item["subject"] == work_item_subject(value["queue"], value["id"])
        assert item["data"].encode() == work_item(value["id"])
