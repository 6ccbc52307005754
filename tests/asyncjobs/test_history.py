"""What the message of a task tells of its fire, and which fires there were."""

from __future__ import annotations

import json

import pytest

from ajsync.asyncjobs.history import PastFire, past_dues, past_fire, with_skipped
from ajsync.asyncjobs.ids import fire_task_id
from ajsync.asyncjobs.tasks import encode_task, task_for_fire
from ajsync.timestamp import format_timestamp, parse_timestamp
from ajsync.transport.messages import LastMessage
from tests.tasks import task

SECOND = 1_000_000_000
NOW = parse_timestamp("2027-01-10T10:30:00.5Z")
DUE = parse_timestamp("2027-01-10T10:00:00Z")
SCHEDULED = task("A", schedule="@hourly", created_at=NOW - 3 * 3600 * SECOND)


def told(stored_at: int, **members: object) -> PastFire:
    """A fire by its task with these members, last written at `stored_at`."""
    value = {**json.loads(encode_task(task_for_fire(SCHEDULED, DUE))), **members}
    message = LastMessage(7, json.dumps(value).encode(), b"", stored_at)
    return past_fire(fire_task_id("A", DUE), DUE, message, stored_at=0)


def test_the_last_due_instants_come_newest_first_and_none_from_before_the_creation() -> None:
    assert [format_timestamp(due) for due in past_dues(SCHEDULED, NOW, 2)] == [
        "2027-01-10T10:00:00Z",
        "2027-01-10T09:00:00Z",
    ]
    assert len(past_dues(SCHEDULED, NOW, 20)) == 3


def test_a_fire_due_at_this_very_instant_is_a_past_one() -> None:
    assert past_dues(SCHEDULED, DUE, 1) == [DUE]


@pytest.mark.parametrize("created_at", [0, parse_timestamp("0001-01-01T00:00:00Z")])
def test_an_entry_without_a_time_of_creation_has_a_history_as_far_as_ids_reach(created_at: int) -> None:
    dues = past_dues(task("A", schedule="@yearly", created_at=created_at), NOW, 1000)
    assert format_timestamp(dues[-1]) == "2015-01-01T00:00:00Z"


def test_the_lateness_of_a_task_that_nobody_touched_is_exact() -> None:
    found = told(DUE + 12_000_000)
    assert (found.task_id, found.state, found.tries) == (fire_task_id("A", DUE), "new", 0)
    assert (found.lateness, found.at_most) == (12_000_000, False)


def test_once_a_worker_has_written_the_task_only_a_bound_of_its_lateness_is_left() -> None:
    tried = {"tried": format_timestamp(DUE + SECOND), "tries": 1, "state": "complete"}
    found = told(DUE + 9 * SECOND, **tried)
    assert (found.lateness, found.at_most) == (SECOND, True)
    again = told(DUE + 9 * SECOND, **{**tried, "tries": 2})
    assert (again.lateness, again.at_most) == (9 * SECOND, True)


def test_the_last_error_is_told() -> None:
    found = told(DUE, state="retry", tries=3, last_err="no \x1b[31mhandler")
    assert (found.state, found.tries, found.last_error) == ("retry", 3, "no \x1b[31mhandler")


def test_a_message_that_is_no_task_is_told_as_unreadable() -> None:
    found = past_fire(fire_task_id("A", DUE), DUE, LastMessage(7, b"{}", b"", DUE), stored_at=0)
    assert found.state == "unreadable"
    assert found.lateness is None


def test_a_fire_without_a_task_says_whether_the_entry_has_changed_since() -> None:
    assert not past_fire(fire_task_id("A", DUE), DUE, None, stored_at=DUE - 1).earlier_value
    assert past_fire(fire_task_id("A", DUE), DUE, None, stored_at=DUE).earlier_value
    assert past_fire(fire_task_id("A", DUE), DUE, None, stored_at=DUE).state == ""


HOUR = 3600 * SECOND


@pytest.mark.parametrize(
    ("members", "written", "skipped"),
    [
        ({"state": "active"}, 0, [True, True]),
        ({"state": "complete"}, 90 * 60 * SECOND, [False, True]),
        ({"state": "complete"}, SECOND, [False, False]),
        ({"state": "new", "deadline": format_timestamp(DUE + 90 * 60 * SECOND)}, 0, [False, True]),
        ({"state": "retry", "created": 5}, 0, [False, False]),
    ],
    ids=["unfinished", "finished-late", "finished-in-time", "expired", "no-task"],
)
def test_a_fire_is_skipped_while_the_task_before_is_not_finished(
    members: dict[str, object], written: int, skipped: list[bool]
) -> None:
    value = {**json.loads(encode_task(task_for_fire(SCHEDULED, DUE))), **members}
    dues = [DUE + 2 * HOUR, DUE + HOUR, DUE, DUE - HOUR]
    messages = dict.fromkeys(dues, None) | {DUE: LastMessage(7, json.dumps(value).encode(), b"", DUE + written)}
    found = with_skipped([past_fire(fire_task_id("A", due), due, messages[due], 0) for due in dues], messages)
    assert [fire.due for fire in found] == dues
    assert [bool(fire.skipped_for) for fire in found] == [*skipped, False, False]
    assert {fire.skipped_for for fire in found} <= {"", fire_task_id("A", DUE)}
