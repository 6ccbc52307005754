"""A fire makes the task and the work item that Go's asyncjobs would write, byte for byte."""

from __future__ import annotations

import contextlib
import gc
import json
import re
import sys
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ajsync.asyncjobs.ids import KSUID_END, KSUID_EPOCH, fire_task_id
from ajsync.asyncjobs.model import ScheduledTask, decode_scheduled_task
from ajsync.asyncjobs.names import LONGEST_NAME
from ajsync.asyncjobs.outcome import WorkOutcome
from ajsync.asyncjobs.tasks import (
    NEW,
    QUEUE_ERROR,
    UNFINISHED,
    StoredTask,
    decode_task,
    encode_task,
    task_for_fire,
    task_subject,
    work_item,
    work_item_subject,
)
from ajsync.errors import StoredValueError
from ajsync.timestamp import NANOSECONDS
from tests.recorded import recorded, recorded_schedules
from tests.tasks import INT64, TEXTS, scheduled_tasks, task

LINES = recorded("stored.jsonl")
DUE = 1_795_442_993_000_000_000
DUES = st.integers(KSUID_EPOCH * NANOSECONDS, KSUID_END * NANOSECONDS - 1)


def golden(stream: str) -> list[tuple[str, bytes]]:
    """Subject and data of each message that the real `ajc` stored in a stream."""
    return [(line["subject"], line["data"].encode()) for line in LINES if line["stream"] == stream]


def tasks() -> st.SearchStrategy[StoredTask]:
    """Any task that can be stored."""
    return st.builds(
        StoredTask,
        id=TEXTS,
        type=TEXTS,
        queue=TEXTS,
        created=st.integers(0, INT64),
        payload=st.none() | st.binary(max_size=20),
        deadline=st.integers(0, INT64),
        max_tries=st.integers(0, 20),
        state=st.sampled_from([*UNFINISHED, QUEUE_ERROR, "complete", "expired", "terminated", "unreachable"]) | TEXTS,
        tries=st.integers(0, 20),
        last_err=TEXTS,
        signature=TEXTS,
    )


def test_there_are_golden_tasks_and_work_items() -> None:
    assert len(golden("CHORIA_AJ_TASKS")) == len(golden("CHORIA_AJ_Q_EMAIL")) == 13


@pytest.mark.parametrize(("subject", "data"), golden("CHORIA_AJ_TASKS"))
def test_a_task_of_ajc_is_read_and_written_byte_for_byte(subject: str, data: bytes) -> None:
    read = decode_task(data)
    assert encode_task(read) == data
    assert task_subject(read.id) == subject
    assert read.state == NEW


@pytest.mark.parametrize(("subject", "data"), golden("CHORIA_AJ_Q_EMAIL"))
def test_a_work_item_is_ajcs_byte_for_byte(subject: str, data: bytes) -> None:
    task_id = subject.rpartition(".")[2]
    assert work_item(task_id) == data
    assert work_item_subject("EMAIL", task_id) == subject


@pytest.mark.parametrize("data", [data for _, data in golden("CHORIA_AJ_TASKS")])
def test_with_its_payloads_a_fire_makes_the_task_that_ajc_made_but_for_the_id(data: bytes) -> None:
    read = decode_task(data)
    name = "nopay" if read.payload == b"null" else "tick"
    stored = recorded_schedules()[name]
    fired = task_for_fire(decode_scheduled_task(name, stored), read.created, ajc_payloads=True)
    assert encode_task(replace(fired, id=read.id)) == data


def test_every_field_stands_where_go_puts_it() -> None:
    # What encoding/json of Go 1.26 prints for asyncjobs' own `Task`.
    full = StoredTask(
        id="3MVlg5Up32Gk6EbGnAyc4GIwHZ1",
        type="email:new",
        queue="EMAIL",
        created=1_795_442_990_000_000_000,
        payload=b"",
        deadline=1_795_442_993_885_345_500,
        max_tries=3,
        state=QUEUE_ERROR,
        tries=2,
        last_err='nats: "<no>" & é\u2028\x01\b\f\x7f',
        signature="ab",
    )
    assert encode_task(full) == (
        b'{"id":"3MVlg5Up32Gk6EbGnAyc4GIwHZ1","type":"email:new","queue":"EMAIL","payload":"",'
        b'"deadline":"2026-11-23T14:09:53.8853455Z","max_tries":3,"state":"queue_error",'
        b'"created":"2026-11-23T14:09:50Z","tries":2,'
        b'"last_err":"nats: \\"\\u003cno\\u003e\\" \\u0026 \xc3\xa9\\u2028\\u0001\\b\\f\x7f","signature":"ab"}'
    )
    assert decode_task(encode_task(full)) == full


@given(tasks())
def test_a_task_survives_being_stored(any_task: StoredTask) -> None:
    assert decode_task(encode_task(any_task)) == any_task


@given(scheduled_tasks(), DUES, st.booleans())
def test_a_fire_depends_on_nothing_but_schedule_and_instant(
    scheduled: ScheduledTask, due: int, ajc_payloads: bool
) -> None:
    fired = task_for_fire(scheduled, due, ajc_payloads=ajc_payloads)
    assert fired == task_for_fire(scheduled, due, ajc_payloads=ajc_payloads)
    assert fired.id == fire_task_id(scheduled.name, due)
    assert fired.created == due
    assert fired.deadline == (due + scheduled.deadline if scheduled.deadline else 0)
    assert fired.max_tries == (scheduled.max_tries or 10)
    assert (fired.state, fired.tries, fired.signature) == (NEW, 0, "")
    assert decode_task(encode_task(fired)) == fired


def test_a_payload_is_delivered_as_stored() -> None:
    assert task_for_fire(task("A", payload=b'"hello"'), DUE).payload == b'"hello"'
    assert task_for_fire(task("A", payload=b""), DUE).payload == b""
    assert task_for_fire(task("A"), DUE).payload is None


def test_ajcs_payloads_are_the_base64_in_json_once_more() -> None:
    assert task_for_fire(task("A", payload=b'"hello"'), DUE, ajc_payloads=True).payload == b'"ImhlbGxvIg=="'
    assert task_for_fire(task("A", payload=b""), DUE, ajc_payloads=True).payload == b'""'
    assert task_for_fire(task("A"), DUE, ajc_payloads=True).payload == b"null"


@pytest.mark.parametrize("max_tries", [0, -1])
def test_a_schedule_without_max_tries_makes_tasks_with_the_default_as_ajc_does(max_tries: int) -> None:
    assert task_for_fire(task("A", max_tries=max_tries), DUE).max_tries == 10


def test_a_deadline_that_is_not_after_the_fire_is_none_as_with_ajc() -> None:
    assert task_for_fire(task("A", deadline=-1), DUE).deadline == 0


@pytest.mark.parametrize("text", ["", "A.B", "A B", "*", ">", "A\r\nPUB x 0\r\n", "A\n", "é", "A:B", '"', "\0"])
def test_a_name_that_would_not_stay_one_token_of_a_subject_makes_no_task(text: str) -> None:
    with pytest.raises(StoredValueError, match=r"its name .* is not a valid name"):
        task_for_fire(task(text), DUE)
    with pytest.raises(StoredValueError, match=r"its queue .* is not a valid name of a queue"):
        task_for_fire(task("A", queue=text), DUE)
    if text != "A:B":  # a type may hold a colon
        with pytest.raises(StoredValueError, match=r"its task_type .* is not a valid task type"):
            task_for_fire(task("A", task_type=text), DUE)


def test_the_longest_names_make_a_task() -> None:
    longest = "x" * LONGEST_NAME
    fired = task_for_fire(task(longest, queue=longest, task_type=longest), DUE)
    assert (fired.queue, fired.type) == (longest, longest)


@pytest.mark.parametrize("field", ["name", "queue", "task_type"])
def test_a_text_that_is_too_long_for_a_name_is_refused_and_not_kept(field: str) -> None:
    texts = ["x" * (LONGEST_NAME + length) for length in (1, 2**20)]
    before = [sys.getrefcount(text) for text in texts]
    for number in range(len(texts)):
        fields: dict[str, Any] = {field: texts[number]}
        with pytest.raises(StoredValueError, match=f"its {field} has {len(texts[number]):,} characters"):
            task_for_fire(replace(task("A"), **fields), DUE)
        del fields
    gc.collect()
    assert [sys.getrefcount(text) for text in texts] == before


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"deadline": INT64 - DUE + 1}, "its deadline of [0-9]+ ns is too far away"),
        ({"deadline": 10**40}, "its deadline of 1[0]+ ns is too far away"),
        ({"max_tries": INT64 + 1}, "its max_tries 9223372036854775808 is more than a worker can count"),
    ],
)
def test_numbers_that_no_worker_can_hold_make_no_task(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(StoredValueError, match=reason):
        task_for_fire(task("A", **fields), DUE)


def test_the_least_and_the_greatest_numbers_that_a_worker_can_hold_make_a_task() -> None:
    fired = task_for_fire(task("A", deadline=INT64 - DUE, max_tries=INT64), DUE)
    assert b'"deadline":"2262-04-11T23:47:16.854775807Z","max_tries":9223372036854775807' in encode_task(fired)
    fired = task_for_fire(task("A", deadline=1, max_tries=1), DUE)
    assert (fired.deadline, fired.max_tries) == (DUE + 1, 1)


def test_a_fire_beyond_what_an_id_can_hold_makes_no_task() -> None:
    with pytest.raises(ValueError, match="an id cannot hold a time"):
        task_for_fire(task("A"), KSUID_EPOCH * NANOSECONDS - 1)


def test_what_workers_added_is_not_read() -> None:
    handled: dict[str, Any] = {
        **json.loads(golden("CHORIA_AJ_TASKS")[0][1]),
        "dependencies": ["a"],
        "load_dependencies": True,
        "result": {"payload": {"any": 1}, "completed": "2026-11-23T14:10:07Z"},
        "state": "complete",
        "tried": "2026-11-23T14:10:06.5+01:00",
        "tries": 1,
        "later": None,
    }
    read = decode_task(json.dumps(handled).encode())
    assert (read.state, read.tries) == ("complete", 1)
    assert read.state not in UNFINISHED


@pytest.mark.parametrize("state", ["new", "active", "retry", "blocked"])
def test_a_task_that_may_still_be_handled_is_unfinished(state: str) -> None:
    assert state in UNFINISHED


@pytest.mark.parametrize("state", ["expired", "terminated", "complete", "queue_error", "unreachable", "", "unheard_of"])
def test_a_task_that_nothing_will_handle_is_finished(state: str) -> None:
    assert state not in UNFINISHED


VALID = {
    "id": "3MVkDxJq42HoD2gPoJ0e6TktgEx",
    "type": "t",
    "queue": "Q",
    "payload": None,
    "max_tries": 10,
    "state": "new",
    "created": "2026-11-23T14:09:53.885345525Z",
    "tries": 0,
}


def test_numbers_that_are_left_out_are_0() -> None:
    left = {name: value for name, value in VALID.items() if name not in ("max_tries", "tries")}
    read = decode_task(json.dumps(left).encode())
    assert (read.max_tries, read.tries) == (0, 0)


def test_a_deadline_of_null_is_none() -> None:
    assert decode_task(json.dumps({**VALID, "deadline": None}).encode()).deadline == 0


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not JSON: "),
        (b"\xff\xfe", "not JSON: "),
        (b"[" * 100_000, "JSON that is nested too deeply"),
        (b"[]", "not a JSON object but an array"),
        (b"{}", 'it has no member "id"'),
        (json.dumps({**VALID, "id": 5}).encode(), 'its member "id" is a whole number, not a string'),
        (json.dumps({**VALID, "state": None}).encode(), 'its member "state" is null, not a string'),
        (json.dumps({**VALID, "tries": 1.5}).encode(), 'its member "tries" is a number, not a whole number'),
        (json.dumps({**VALID, "max_tries": True}).encode(), 'its member "max_tries" is a truth value, not a whole'),
        (json.dumps({**VALID, "payload": "?"}).encode(), 'its member "payload" is not base64'),
        (json.dumps({**VALID, "created": "yesterday"}).encode(), 'its member "created" is not an RFC 3339 time'),
        (json.dumps({**VALID, "created": None}).encode(), 'its member "created" is null, not a string'),
        (json.dumps({**VALID, "deadline": 5}).encode(), 'its member "deadline" is a whole number, not a string'),
        (json.dumps({**VALID, "signature": []}).encode(), 'its member "signature" is an array, not a string'),
    ],
)
def test_what_is_not_a_task_is_refused_with_the_reason(data: bytes, reason: str) -> None:
    with pytest.raises(StoredValueError, match=f"^{re.escape(reason)}"):
        decode_task(data)


@given(st.binary())
def test_any_bytes_are_a_task_or_refused(data: bytes) -> None:
    with contextlib.suppress(StoredValueError):
        decode_task(data)


def test_a_task_says_what_became_of_its_fire() -> None:
    new = task_for_fire(task("A"), DUE)
    assert new.outcome(DUE, DUE + 7) == WorkOutcome(DUE, new.id, "new", DUE + 7, lateness=7)
    assert new.outcome(DUE, DUE - 7).lateness == 0, "the clock of the server is behind"
    for later in (replace(new, state="active"), replace(new, tries=1)):
        assert later.outcome(DUE, DUE + 7).lateness is None
    failed = replace(new, state="retry", tries=2, last_err="y" * 1000)
    found = failed.outcome(DUE, DUE + 9)
    assert (found.state, found.at, found.tries, found.lateness) == ("retry", DUE + 9, 2, None)
    assert found.last_error.endswith("… (700 characters more)")
