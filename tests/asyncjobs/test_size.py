"""What passes as small enough is taken by a server as a value and as a task, whoever makes it."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ajsync.asyncjobs.model import Managed, ScheduledTask, encode_scheduled_task
from ajsync.asyncjobs.pause import MOST_PAUSES
from ajsync.asyncjobs.size import DEFAULT_MAX_PAYLOAD, MAX_PAYLOAD, encoded_twice, too_large
from ajsync.asyncjobs.tasks import QUEUE_ERROR, encode_task, task_for_fire
from ajsync.transport.frames import header_block
from tests.tasks import task

DUE = 1_700_000_000_123_456_789
HEADERS = header_block({"Nats-Expected-Last-Subject-Sequence": str(2**64 - 1), "Nats-Msg-Id": "x" * 27})


def largest(scheduled: ScheduledTask) -> int:
    """Bytes of the largest message that comes of a schedule."""
    made = task_for_fire(scheduled, DUE, ajc_payloads=True)
    made = replace(made, signature="f" * 128, state=QUEUE_ERROR, last_err="nats: no responders available for request")
    stored = replace(scheduled, created_at=DUE, pauses=((DUE, DUE + 1),) * MOST_PAUSES)
    return len(HEADERS) + max(len(encode_task(made)), len(encode_scheduled_task(stored)))


@given(st.integers(0, 4000), st.integers(0, 2000), st.integers(0, 500), st.integers(0, 100), st.integers(0, 6000))
def test_what_is_small_enough_is_taken(payload: int, description: int, labels: int, days: int, room: int) -> None:
    many = tuple((f"{number}<", "<") for number in range(labels))
    season: dict[str, Any] = {"from_": "1999-01-01", "until": "2100-01-01"}
    season["except_"] = tuple(f"{2000 + year}-01-01" for year in range(days))
    managed = Managed("team", "s.yaml", "é<" * description, labels=many, **season)
    scheduled = task("N" * 100, payload=b"x" * payload, managed=managed, deadline=10**15)
    if not too_large(scheduled, room):
        assert largest(scheduled) <= room
    assert not too_large(scheduled, largest(scheduled) + 1000)


def test_the_largest_payload_fits_beside_the_longest_names() -> None:
    long = task("N" * 255, queue="Q" * 255, task_type="t" * 255, payload=b"x" * MAX_PAYLOAD)
    assert not too_large(long)
    assert largest(long) <= DEFAULT_MAX_PAYLOAD


@pytest.mark.parametrize(
    ("large", "reason"),
    [
        ({"payload": b"x" * 650_000}, "its tasks are larger than the server takes: 1,156,"),
        ({"managed": Managed("team", "", "x" * 1_050_000)}, "its value is larger than the server takes: 1,051,"),
        (
            {"managed": Managed("team", labels=tuple((f"{number:05}", "x") for number in range(90_000)))},
            "its value is larger than the server takes: 1,08",
        ),
        (
            {"payload": b"x" * 500_000, "managed": Managed("team", "", "x" * 400_000)},
            "its value is larger than the server takes: 1,06",
        ),
    ],
)
def test_what_is_too_large_is_told_with_the_limit(large: dict[str, Any], reason: str) -> None:
    told = too_large(task("A", **large))
    assert told.startswith(reason)
    assert told.endswith("of at most 1,048,576")


def test_a_payload_that_is_encoded_twice_has_this_size() -> None:
    for size in (0, 1, 2, 3, 1000):
        made = task_for_fire(task("A", payload=b"x" * size), DUE, ajc_payloads=True)
        assert len(json.loads(encode_task(made))["payload"]) == encoded_twice(size)


def texts_of(kind: type, *others: str) -> list[str]:
    """The names of the texts among the fields of a dataclass, but for some others."""
    return [each.name for each in fields(kind) if each.type == "str" and each.name not in others]


@pytest.mark.parametrize("name", texts_of(ScheduledTask))
def test_each_text_of_a_schedule_counts(name: str) -> None:
    long: dict[str, Any] = {name: "x" * DEFAULT_MAX_PAYLOAD}
    assert too_large(replace(task("A"), **long))


@pytest.mark.parametrize("name", texts_of(Managed, "applied"))  # that is a digest, which is as long as any other
def test_each_text_that_go_does_not_know_counts(name: str) -> None:
    long: dict[str, Any] = {name: "x" * DEFAULT_MAX_PAYLOAD}
    assert too_large(task("A", managed=replace(Managed("team"), **long)))
