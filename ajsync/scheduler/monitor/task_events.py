"""The events of tasks as they are published: heard by every scheduler, in bounds that leave the fires their time.

An event is not stored anywhere, so what is published while nobody listens is lost. Whoever listens learns of that.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from ajsync.asyncjobs.events import TASK_STATE_SUBJECT
from ajsync.transport.connection import Connection

log = logging.getLogger(__name__)

MOST_A_SECOND = 10_000
"""On average over `_WINDOW_SECONDS`, whosever tasks they are about: to hear so many takes a tenth of a processor."""
_MOST_BYTES_A_SECOND = 32 * 1024 * 1024
_WINDOW_SECONDS = 5.0
DEAF_SECONDS = 60.0
"""How long not to listen after there were more."""
_TICK_SECONDS = 0.25
_SUBJECT = f"{TASK_STATE_SUBJECT}*"


class TaskEvents:
    """Hears the events of all tasks of the account on one connection."""

    def __init__(self, connection: Connection, take: Callable[[str, bytes], None], on_lost: Callable[[], None]) -> None:
        """`take` gets the id of a task, which may be any text, and the event.

        `on_lost` is called when events may have been lost, and are heard again.
        """
        self.trouble = ""
        """Why events are not heard; empty while they are."""
        self._connection = connection
        self._take = take
        self._on_lost = on_lost
        self._cut = len(TASK_STATE_SUBJECT)
        self._heard = 0
        self._bytes = 0

    async def run(self) -> None:
        """Listen until cancelled; with a pause whenever there is too much to hear."""
        while True:
            subscription = await self._connection.client.subscribe_raw(_SUBJECT, self._hear)
            try:
                await self._listen()
            finally:
                if not self._connection.client.is_closed:
                    await subscription.unsubscribe()
            self.trouble = f"there were more than {MOST_A_SECOND:,} events of tasks a second"
            text = "Not listening to the events of tasks for %.0f s, because they are too many"
            log.warning(text, DEAF_SECONDS, extra={"seconds": DEAF_SECONDS})
            await asyncio.sleep(DEAF_SECONDS)
            self.trouble = ""
            self._on_lost()

    def _hear(self, subject: bytes, _reply: bytes, _headers: bytes, data: bytes) -> None:
        self._heard += 1
        self._bytes += len(data)
        self._take(str(subject[self._cut :], "latin-1"), data)

    async def _listen(self) -> None:
        """Return once there is too much to hear."""
        generation, told = self._connection.generation, False
        self._heard = self._bytes = 0
        began = time.monotonic()
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            now = time.monotonic()
            if self._connection.generation != generation:
                generation = self._connection.generation
                self._on_lost()
            self.trouble = self._connection.permission_reason(_SUBJECT) or ""
            if self.trouble and not told:
                told = True
                text = "The events of tasks are not heard, so what becomes of tasks is only looked up now and then: %s"
                log.warning(text, self.trouble, extra={"reason": self.trouble})
            if now - began >= _WINDOW_SECONDS:
                seconds = now - began
                if self._heard > MOST_A_SECOND * seconds or self._bytes > _MOST_BYTES_A_SECOND * seconds:
                    return
                self._heard, self._bytes, began = 0, 0, now
