"""Looks for queues that take no work items: whether there is no queue, or it has no leader while a cluster recovers.

The request is `STREAM.INFO`, which the scheduler's user needs anyway. A cluster never says "not found" of a stream that
exists: while its leader is away, no server answers.
"""

from __future__ import annotations

import asyncio
import time
from typing import NamedTuple

from ajsync.asyncjobs.names import QUEUE_STREAM_PREFIX
from ajsync.asyncjobs.tasks import work_item_subject
from ajsync.errors import NotPermittedError, UnreachableError
from ajsync.transport.connection import Connection
from ajsync.transport.errors import StreamNotFoundError
from ajsync.transport.publisher import LEADERLESS_SECONDS
from ajsync.transport.subjects import matches

_ANSWER_SECONDS = 1.0
"""How long to wait for the answer. A cluster that recovers does not answer, and is soon asked again."""


class QueueFinding(NamedTuple):
    """What a look has found."""

    is_missing: bool
    """Whether there is no such queue, so that it makes no sense to try again."""
    text: str
    """A sentence about a missing queue, without a full stop; otherwise why to try again."""


class QueueLooks:
    """The looks of one scheduler on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._looks: dict[str, asyncio.Task[QueueFinding]] = {}
        """The look that is under way, by queue."""
        self._untaken_since: dict[str, float] = {}
        """Since when nothing takes the work items of a queue, by queue, in seconds of the monotonic clock."""

    def look(self, queue: str) -> asyncio.Task[QueueFinding]:
        """Look for a queue whose work items no stream takes; all that ask while a look is under way share it."""
        look = self._looks.get(queue)
        if look is None:
            look = self._looks[queue] = asyncio.create_task(self._find(queue))
            look.add_done_callback(lambda _done: self._looks.pop(queue))
        return look

    def answered(self, queue: str) -> None:
        """Take in that the stream of a queue has answered a write."""
        self._untaken_since.pop(queue, None)

    def forget(self) -> None:
        """Forget since when queues take nothing, because they may have done so since."""
        self._untaken_since.clear()

    def cancel(self) -> None:
        """End the looks that are under way."""
        for look in self._looks.values():
            look.cancel()

    async def _find(self, queue: str) -> QueueFinding:
        since = self._untaken_since.setdefault(queue, time.monotonic())
        stream = QUEUE_STREAM_PREFIX + queue
        missing = QueueFinding(True, f"The queue {queue} does not exist")
        try:
            info = await self._connection.jetstream_request(f"STREAM.INFO.{stream}", timeout=_ANSWER_SECONDS)
        except StreamNotFoundError:
            return missing
        except NotPermittedError as error:
            waited = time.monotonic() - since
            if waited <= LEADERLESS_SECONDS:
                return QueueFinding(False, f"nothing takes them, and we may not see whether the queue exists ({error})")
            # Fires that are tried for hours would hold back the watermark, and no metric would count them.
            return QueueFinding(
                True, f"The queue {queue} counts as missing, because nothing takes its work items ({error})"
            )
        except UnreachableError as error:
            return QueueFinding(False, str(error))
        item = work_item_subject(queue, "x")
        if any(matches(subject, item) for subject in info["config"].get("subjects", ())):
            return QueueFinding(False, "the queue does not answer")
        return missing
