"""The queues of the schedules, as the server reports them: how many work items wait, since when, and whether it is
full.

A work item leaves the stream of its queue when its task has ended. So everything in the stream waits or is being
handled.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from ajsync.asyncjobs.names import QUEUE_STREAM_PREFIX
from ajsync.errors import UnreachableError
from ajsync.text import cut
from ajsync.timestamp import parse_timestamp
from ajsync.transport.connection import Connection
from ajsync.transport.errors import StreamNotFoundError

MOST_QUEUES = 50
"""How many queues are looked at, those with the most schedules first."""
_FRESH_SECONDS = 5.0
_ANSWER_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class QueueStatus:
    """One queue."""

    name: str
    items: int = 0
    """Work items that wait for a worker, or that a worker is handling."""
    oldest: int = 0
    """When the oldest work item was stored, in nanoseconds since 1970; 0 if there is none."""
    most: int = 0
    """How many work items it may hold; 0 for no limit."""
    missing: bool = False
    """There is no such queue."""
    trouble: str = ""
    """Why nothing is known of it; empty if something is."""

    @property
    def is_full(self) -> bool:
        """Whether it accepts no more work items."""
        return 0 < self.most <= self.items


class Queues:
    """Asks for queues at most every few seconds."""

    def __init__(self, connection: Connection, clock: Callable[[], float] = time.monotonic) -> None:
        self._connection = connection
        self._clock = clock
        self._asked_at = -_FRESH_SECONDS
        self._asking = asyncio.Lock()
        self.known: tuple[QueueStatus, ...] = ()
        """By name, as the server last reported them."""

    async def refresh(self, names: Callable[[], Iterable[str]]) -> None:
        """Ask for queues, unless that was done a moment ago; `names` is called only if it was not."""
        async with self._asking:
            if self._clock() - self._asked_at < _FRESH_SECONDS:
                return
            self.known = tuple(await asyncio.gather(*map(self._ask, sorted(names()))))
            self._asked_at = self._clock()

    async def _ask(self, name: str) -> QueueStatus:
        subject = f"STREAM.INFO.{QUEUE_STREAM_PREFIX}{name}"
        try:
            return _queue_status(name, await self._connection.jetstream_request(subject, timeout=_ANSWER_SECONDS))
        except StreamNotFoundError:
            return QueueStatus(name, missing=True)
        except UnreachableError as error:
            return QueueStatus(name, trouble=cut(str(error)))


def _queue_status(name: str, info: dict[str, Any]) -> QueueStatus:
    state, config = info["state"], info["config"]
    items = state["messages"]
    # A queue that discards the old is never full.
    most = config["max_msgs"] if config["discard"] == "new" else 0
    return QueueStatus(name, items, parse_timestamp(state["first_ts"]) if items else 0, max(most, 0))
