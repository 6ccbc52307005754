"""What is prepared follows from schedule and instant alone; what would make trouble when it is sent is refused."""

from __future__ import annotations

from typing import Any

import pytest

from ajsync.asyncjobs.ids import fire_task_id
from ajsync.asyncjobs.tasks import decode_task
from ajsync.errors import StoredValueError
from ajsync.scheduler.firing.prepare import Preparer
from ajsync.timestamp import NANOSECONDS as SECOND
from tests.scheduler.fires import fire
from tests.tasks import id_seconds

DUE = 1_795_521_600 * SECOND


def test_two_that_prepare_the_same_fire_make_the_same_task_and_the_same_messages() -> None:
    one, two = Preparer("_INBOX.one").prepare(fire(due=DUE)), Preparer("_INBOX.two").prepare(fire(due=DUE))
    assert one.task == two.task
    assert one.task.id == fire_task_id("A", DUE)
    assert one.task_frame.replace(b"_INBOX.one", b"_INBOX.two") == two.task_frame
    assert one.item_frame.replace(b"_INBOX.one", b"_INBOX.two") == two.item_frame
    assert one.event_subject == two.event_subject


def test_a_task_is_created_at_the_instant_and_its_deadline_counts_from_there() -> None:
    prepared = Preparer("_INBOX.x").prepare(fire(due=DUE + 1, deadline=90 * SECOND, max_tries=3))
    task = decode_task(prepared.task_frame.split(b"\r\n\r\n", 1)[1].removesuffix(b"\r\n"))
    assert (task.created, task.deadline, task.max_tries) == (DUE + 1, DUE + 1 + 90 * SECOND, 3)
    assert id_seconds(task.id) == DUE // SECOND
    assert task == prepared.task


def test_acknowledgements_tell_the_fires_of_one_preparer_apart() -> None:
    preparer = Preparer("_INBOX.x")
    assert [preparer.prepare(fire(due=DUE)).serial for _ in range(3)] == [1, 2, 3]
    prepared = preparer.prepare(fire(due=DUE))
    assert prepared.task_frame.startswith(b"HPUB CHORIA_AJ.T.%b _INBOX.x.t.4 " % prepared.task.id.encode())
    assert prepared.item_frame.startswith(b"HPUB CHORIA_AJ.Q.EMAIL.%b _INBOX.x.i.4 " % prepared.task.id.encode())


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"queue": "A.B"}, "not a valid name of a queue"),
        ({"queue": "A" * 256}, "its queue has 256 characters"),
        ({"queue": ""}, "not a valid name of a queue"),
        ({"task_type": "a b"}, "not a valid task type"),
        ({"payload": b"x" * 1_000_000}, "larger than the server takes"),
        ({"deadline": 2**63 - 1}, "too far away"),
        ({"max_tries": 2**63}, "more than a worker can count"),
    ],
)
def test_what_no_worker_or_server_can_take_is_refused(fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(StoredValueError, match=problem):
        Preparer("_INBOX.x").prepare(fire(**fields))


def test_the_limit_is_the_servers() -> None:
    large = fire(payload=b"x" * 75_000)
    Preparer("_INBOX.x", max_payload=200_000).prepare(large)
    with pytest.raises(StoredValueError, match="larger than the server takes"):
        Preparer("_INBOX.x", max_payload=100_000).prepare(large)
