"""Waiting for a condition, in one place: with a deadline, and with what is known if it never holds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

WAIT_SECONDS = 30.0
PATIENCE = 60.0
"""How many seconds a test waits for an answer of the server, where nats-py would give up after half a second."""
_LOOK_SECONDS = 0.01


async def until(
    condition: Callable[[], object], told: Callable[[], object] = lambda: "", *, seconds: float = WAIT_SECONDS
) -> None:
    """Wait until `condition` holds; fail after `seconds` with what `told` returns then."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, told()
        await asyncio.sleep(_LOOK_SECONDS)
