"""What log lines say to machines."""

from __future__ import annotations

import logging
from typing import Any

_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


def fields(record: logging.LogRecord) -> dict[str, Any]:
    """What was logged as `extra=`."""
    return {name: value for name, value in vars(record).items() if name not in _OWN}
