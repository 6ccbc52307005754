"""Wait for whichever comes first: an event, another one, or the end of some time.

It does not use `asyncio.wait_for`, which before Python 3.12 loses a cancellation that comes together with the event.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

_CANCELLED_SECONDS = 1.0


async def first_of(*events: asyncio.Event, timeout: float | None = None) -> None:
    """Wait until one of the events is set, or for `timeout` seconds."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in waits:
            each.cancel()


async def set_within(event: asyncio.Event, seconds: float) -> bool:
    """Wait until `event` is set, for at most `seconds`; returns whether it is set."""
    await first_of(event, timeout=seconds)
    return event.is_set()


async def unless(stop: asyncio.Event, work: Coroutine[Any, Any, T]) -> T | None:
    """The result of `work`, or None if `stop` is set first; then `work` is cancelled, and waited for at most a
    second."""
    task = asyncio.create_task(work)
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((task, stopped), return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        stopped.cancel()
        if not task.done():
            task.cancel()
            await asyncio.wait((task,), timeout=_CANCELLED_SECONDS)


def raise_if_cancelled() -> None:
    """Raise CancelledError if this task was cancelled and a wait inside nats-py has swallowed that.

    nats-py waits with `asyncio.wait_for`; see above.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
