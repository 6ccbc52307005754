"""The scheduled task on the wire is Go's, byte for byte."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ajsync.asyncjobs.model import Managed, ScheduledTask, decode_scheduled_task, encode_scheduled_task, has_drifted
from ajsync.errors import StoredValueError
from ajsync.reconcile.fields import changed_fields
from tests.recorded import recorded_schedules
from tests.tasks import managed, scheduled_tasks

GOLDEN = recorded_schedules()


def test_there_are_golden_schedules() -> None:
    assert len(GOLDEN) == 7


@pytest.mark.parametrize(("name", "data"), GOLDEN.items())
def test_what_ajc_stored_is_read_and_written_byte_for_byte(name: str, data: bytes) -> None:
    task = decode_scheduled_task(name, data)
    assert encode_scheduled_task(task) == data


@pytest.mark.parametrize(("name", "data"), GOLDEN.items())
def test_the_ajsync_object_stands_behind_gos_fields_and_changes_none(name: str, data: bytes) -> None:
    task = replace(decode_scheduled_task(name, data), managed=Managed("team", "schedules/a.yaml", jitter=30))
    encoded = encode_scheduled_task(task)
    assert encoded == data[:-1] + b',"ajsync":{"owner":"team","source":"schedules/a.yaml","jitter":30}}'


@given(scheduled_tasks())
def test_a_task_survives_being_stored(task: ScheduledTask) -> None:
    encoded = encode_scheduled_task(task)
    json.loads(encoded)
    assert decode_scheduled_task(task.name, encoded) == task


def test_strings_are_escaped_as_go_escapes_them() -> None:
    # What encoding/json of Go 1.26 prints for the same string.
    task = ScheduledTask("A", "*<&>\u2028é\x7f\t * * * *", "Q", "t")
    assert b'"*\\u003c\\u0026\\u003e\\u2028\xc3\xa9\x7f\\t * * * *"' in encode_scheduled_task(task)


VALID = {
    "name": "A",
    "schedule": "@daily",
    "queue": "Q",
    "task_type": "t",
    "payload": None,
    "max_tries": 10,
    "created_at": "2026-11-23T14:09:53.885345525Z",
}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not JSON: "),
        (b"\xff\xfe", "not JSON: "),
        (b"not json", "not JSON: "),
        (b"[" * 100_000, "JSON that is nested too deeply"),
        (b"[]", "not a JSON object but an array"),
        (b"null", "not a JSON object but null"),
        (b"{}", 'it has no member "name"'),
        (json.dumps({**VALID, "name": "B"}).encode(), 'its name is "B", its key is for "A"'),
        (json.dumps({**VALID, "schedule": 5}).encode(), 'its member "schedule" is a whole number, not a string'),
        (json.dumps({**VALID, "max_tries": True}).encode(), 'its member "max_tries" is a truth value, not a whole'),
        (json.dumps({**VALID, "deadline": 1.5}).encode(), 'its member "deadline" is a number, not a whole number'),
        (json.dumps({**VALID, "payload": "?"}).encode(), 'its member "payload" is not base64'),
        (json.dumps({**VALID, "created_at": "yesterday"}).encode(), 'its member "created_at" is not an RFC 3339 time'),
        (json.dumps({**VALID, "ajsync": []}).encode(), 'its member "ajsync" is an array, not an object'),
        (json.dumps({**VALID, "ajsync": {"owner": ""}}).encode(), 'its owner "" is not a valid owner'),
        (
            json.dumps({**VALID, "ajsync": {"owner": "x", "catchup": "some"}}).encode(),
            'its member "catchup" is "some", not one of none, latest, all',
        ),
        (json.dumps({k: v for k, v in VALID.items() if k != "queue"}).encode(), 'it has no member "queue"'),
        (json.dumps({**VALID, "deadline": 2**63}).encode(), 'its member "deadline" is a number that does not fit into'),
        (json.dumps({**VALID, "max_tries": -(2**64)}).encode(), 'its member "max_tries" is a number that does not fit'),
        (b'{"max_tries":%b}' % (b"9" * 5000), "not JSON: "),
        (b'{"max_tries":Infinity}', "not JSON: Infinity is not a number in JSON"),
        (
            json.dumps({**VALID, "ajsync": {"owner": "x", "jitter": 2**70}}).encode(),
            'its member "jitter" is a number that does not fit into 64 bits',
        ),
        (
            json.dumps({**VALID, "ajsync": {"owner": "x", "catchup_window": -1}}).encode(),
            'its member "catchup_window" is less than zero: -1 ns',
        ),
        (
            json.dumps({**VALID, "ajsync": {"owner": "x", "labels": ["a"]}}).encode(),
            'its member "labels" is an array, not an object',
        ),
        (
            json.dumps({**VALID, "ajsync": {"owner": "x", "labels": {"\n" * 99: 1}}}).encode(),
            'its member "labels" has a whole number for "\\n\\n',
        ),
        *(
            (json.dumps({**VALID, "ajsync": {"owner": "x", name: value}}).encode(), f'its member "{name}" {reason}')
            for name, value, reason in (
                ("from", 1, "is a whole number, not a string"),
                ("from", None, "is null, not a string"),
                ("from", "", 'is wrong: "" is not an instant'),
                ("from", "2026-02-30", 'is wrong: there is no day "2026-02-30"'),
                ("until", "2026-12-25T00:00:00", 'is wrong: "2026-12-25T00:00:00" is not an instant'),
                ("until", "9" * 10**6, "is wrong: "),
                ("except", "2026-12-25", "is a string, not an array"),
                ("except", [1], "has an item that is not a string"),
                ("except", ["2026-12-25", ["2026-12-26"]], "has an item that is not a string"),
                ("except", ["holidays"], 'is wrong: "holidays" is not a date'),
                ("except", [f"{year:04}-01-01" for year in range(1, 1_002)], "is wrong: 1,001 separate days"),
            )
        ),
        (json.dumps({**VALID, "ajsync": {"owner": "x" * 256}}).encode(), 'its owner "xxxxxxxxxx'),
        (json.dumps(VALID).encode("utf-16"), "not JSON: "),
    ],
)
def test_what_is_not_a_scheduled_task_is_refused_with_the_reason(data: bytes, reason: str) -> None:
    with pytest.raises(StoredValueError) as caught:
        decode_scheduled_task("A", data)
    assert str(caught.value).startswith(reason)


@pytest.mark.parametrize(
    "long",
    [
        *({"name": "A" * 10**6}, {"created_at": "2" * 10**6}),
        *({"ajsync": {"owner": "é" * 10**6}}, {"ajsync": {"owner": "x", "labels": {"k" * 10**6: None}}}),
    ],
)
def test_the_reason_is_short_whatever_stands_in_the_value(long: dict[str, Any]) -> None:
    with pytest.raises(StoredValueError) as caught:
        decode_scheduled_task("A", json.dumps({**VALID, **long}).encode())
    assert len(str(caught.value)) < 300


def test_half_a_surrogate_pair_is_read_as_go_reads_it() -> None:
    task = decode_scheduled_task("A", json.dumps({**VALID, "queue": "\ud800x"}).encode())
    assert task.queue == "\ufffdx"
    assert json.loads(encode_scheduled_task(task))["queue"] == "\ufffdx"


def test_labels_are_read_sorted_and_written_as_go_writes_strings() -> None:
    data = json.dumps({**VALID, "ajsync": {"owner": "x", "labels": {"b": "<", "a": "\ud800"}}}).encode()
    task = decode_scheduled_task("A", data)
    assert task.settings.labels == (("a", "\ufffd"), ("b", "<"))
    assert task.labels == {"a": "\ufffd", "b": "<"}
    assert encode_scheduled_task(task).endswith(b'"labels":{"a":"\xef\xbf\xbd","b":"\\u003c"}}}')


def test_members_that_are_not_known_are_ignored() -> None:
    data = json.dumps({**VALID, "later": 1, "ajsync": {"owner": "x", "later": 1}}).encode()
    assert decode_scheduled_task("A", data).managed == Managed("x")


def test_days_that_others_wrote_are_read_in_their_canonical_form_and_kept_once() -> None:
    ours = {"owner": "x", "from": "2026-12-01t09:00:00+01:00", "except": ["2026-12-26", "2026-12-20..2026-12-25"]}
    one, other = (decode_scheduled_task("A", json.dumps({**VALID, "ajsync": ours}).encode()).settings for _ in "ab")
    assert (one.from_, one.except_) == ("2026-12-01T08:00:00Z", ("2026-12-20..2026-12-26",))
    assert one.except_ is other.except_


@given(st.binary())
def test_any_bytes_are_a_task_or_refused(data: bytes) -> None:
    with contextlib.suppress(StoredValueError):
        decode_scheduled_task("A", data)


def test_a_name_that_no_schedule_can_have_is_told_by_the_character_that_is_wrong() -> None:
    with pytest.raises(StoredValueError, match=r"^its name holds ';', and only letters, digits, _ and - are allowed$"):
        decode_scheduled_task("a;b", json.dumps({**VALID, "name": "a;b"}).encode())
    with pytest.raises(StoredValueError, match=r"^its name is empty$"):
        decode_scheduled_task("", json.dumps({**VALID, "name": ""}).encode())


def written(task: ScheduledTask) -> ScheduledTask:
    """A task as it comes back after ajsync has written it."""
    return decode_scheduled_task(task.name, encode_scheduled_task(task, stamp=True))


@given(scheduled_tasks())
def test_what_ajsync_has_written_has_not_drifted(task: ScheduledTask) -> None:
    fresh = replace(task, managed=replace(task.managed, applied="") if task.managed else None)
    found = written(fresh)
    assert not has_drifted(found)
    assert bool(found.settings.applied) == (task.managed is not None)
    assert replace(found, managed=replace(found.managed, applied="") if found.managed else None) == fresh
    assert written(found) == found


@given(scheduled_tasks(managed()), scheduled_tasks(managed()))
def test_a_task_has_drifted_if_a_plan_would_see_a_change_and_not_otherwise(
    task: ScheduledTask, other: ScheduledTask
) -> None:
    ours = written(replace(task, managed=replace(task.settings, applied="")))
    changed = replace(other, name=task.name, managed=replace(other.settings, applied=ours.settings.applied))
    assert has_drifted(changed) == bool(changed_fields(ours, changed))
    moved = replace(ours, created_at=other.created_at, managed=replace(ours.settings, source=other.settings.source))
    assert not has_drifted(moved)


@given(scheduled_tasks(managed()))
def test_a_drift_stays_one_when_the_task_is_written_again(task: ScheduledTask) -> None:
    """As when it is parked and comes back."""
    drifted = replace(task, managed=replace(task.settings, applied="0123456789ab"))
    assert has_drifted(written(drifted))


def test_the_digest_of_a_value_is_always_the_same() -> None:
    """So that an ajsync of another version does not take every schedule for changed."""
    plain = ScheduledTask("A", "@daily", "EMAIL", "email:new", managed=Managed("team"))
    full = ScheduledTask(
        "B",
        "CRON_TZ=Europe/Malta 0 9 * * 1",
        "EMAIL",
        "email:new",
        b'{"to":"\xc3\xa9"}',
        3600 * 10**9,
        3,
        1,
        Managed("team", "a.yaml", "<é>", "all", 1, "skip", 2, (("team", "payments"),)),
    )
    assert [written(each).settings.applied for each in (plain, full)] == ["73fd3a647a57", "b5c378b60b1b"]


def test_of_values_that_say_nothing_of_it_nothing_is_known() -> None:
    for unknown in (Managed("team"), None):
        assert not has_drifted(ScheduledTask("A", "@daily", "EMAIL", "email:new", managed=unknown))
