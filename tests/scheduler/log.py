"""What log lines say to machines."""

from __future__ import annotations

import logging
from typing import Any

import pytest

_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


def fields(record: logging.LogRecord) -> dict[str, Any]:
    """What was logged as `extra=`."""
    return {name: value for name, value in vars(record).items() if name not in _OWN}


def logged(caplog: pytest.LogCaptureFixture) -> list[tuple[str, dict[str, Any]]]:
    """Each line, and its fields."""
    return [(record.getMessage(), fields(record)) for record in caplog.records]
