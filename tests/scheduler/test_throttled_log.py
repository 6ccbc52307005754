"""What goes wrong again and again is logged now and then, and no kind of it hides another."""

from __future__ import annotations

import logging

import pytest

from ajsync.scheduler.throttled_log import ThrottledLog
from tests.scheduler.fires import fire
from tests.scheduler.log import fields


def test_each_kind_is_logged_once_in_ten_seconds(caplog: pytest.LogCaptureFixture) -> None:
    now = 1.0
    complaints = ThrottledLog(logging.getLogger("test"), lambda: now)
    for number in range(5):
        complaints.tell(f"EMAIL is full for {number}", fire(), "full", "EMAIL")
        complaints.tell(f"OTHER is full for {number}", fire(), "full", "OTHER")
    assert caplog.messages == ["EMAIL is full for 0", "OTHER is full for 0"]
    now += 10.0
    complaints.tell("EMAIL is full still", fire(), "full", "EMAIL")
    assert caplog.messages[2:] == ["EMAIL is full still"]


def test_it_does_not_remember_without_end(caplog: pytest.LogCaptureFixture) -> None:
    complaints = ThrottledLog(logging.getLogger("test"))
    full = fire()
    for number in range(5000):
        complaints.tell("full", full, str(number))
    assert len(complaints._told) <= 1000
    assert len(caplog.messages) == 5000


def test_what_it_tells_and_what_it_remembers_is_cut(caplog: pytest.LogCaptureFixture) -> None:
    complaints = ThrottledLog(logging.getLogger("test"))
    long = "x" * 400_000
    complaints.tell(f"{long} is full", fire(), long, reason=long)
    complaints.tell(f"{long} is full", None, "full", reason=long)
    assert all(len(message) < 1100 for message in caplog.messages)
    assert all(len(fields(record)["reason"]) < 400 for record in caplog.records)
    assert max(len(each) for about in complaints._told for each in about) < 400
