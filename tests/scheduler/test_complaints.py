"""What goes wrong again and again is logged now and then, and no kind of it hides another."""

from __future__ import annotations

import logging
import time

import pytest

from ajsync.scheduler.complaints import Complaints
from tests.scheduler.fires import fire


def test_each_kind_is_logged_once_in_ten_seconds(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    complaints = Complaints(logging.getLogger("test"))
    for number in range(5):
        complaints.tell(f"EMAIL is full for {number}", fire(), "full", "EMAIL")
        complaints.tell(f"OTHER is full for {number}", fire(), "full", "OTHER")
    assert caplog.messages == ["EMAIL is full for 0", "OTHER is full for 0"]
    now += 10.0
    complaints.tell("EMAIL is full still", fire(), "full", "EMAIL")
    assert caplog.messages[2:] == ["EMAIL is full still"]


def test_it_does_not_remember_without_end(caplog: pytest.LogCaptureFixture) -> None:
    complaints = Complaints(logging.getLogger("test"))
    full = fire()
    for number in range(5000):
        complaints.tell("full", full, str(number))
    assert len(complaints._told) <= 1000
    assert len(caplog.messages) == 5000
