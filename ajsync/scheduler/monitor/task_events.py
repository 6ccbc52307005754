"""Hears the events of tasks as they are published, within bounds that leave enough time for the fires.

No event is stored, so an event that is published while this does not listen is lost. Its user is told of that.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

import nats.errors

from ajsync.asyncjobs.events import TASK_STATE_SUBJECT
from ajsync.errors import NotPermittedError, UnreachableError
from ajsync.text import escape
from ajsync.transport.connection import Connection, connect
from ajsync.transport.context import Context
from ajsync.transport.parser import Taker
from ajsync.waiting import raise_if_cancelled

log = logging.getLogger(__name__)

MOST_A_SECOND = 20_000
"""The most events a second, on average over `_WINDOW_SECONDS`. To hear them takes a tenth of a processor."""
_MOST_BYTES_A_SECOND = 32 * 1024 * 1024
_WINDOW_SECONDS = 5.0
DEAF_SECONDS = 60.0
"""How long it does not listen after there were more."""
_READ_SECONDS = 0.25
"""How long events are collected: to wake up for each packet costs three times as much as to read it."""
_TICK_SECONDS = 0.25
_AGAIN_SECONDS = 10.0
_HEARD_SECONDS = 5.0
_SUBJECT = f"{TASK_STATE_SUBJECT}*"


class TaskEvents:
    """Hears the events of all tasks of the account, on a connection of its own.

    So a flood of events does not delay the acknowledgements of fires, and events can be read a few times a second.
    """

    def __init__(
        self,
        context: Context,
        name: str,
        take: Taker,
        on_lost: Callable[[], None],
        before_read: Callable[[], Awaitable[None]],
    ) -> None:
        """`name` is the name that servers show for the connection. `take` gets the events. `on_lost` is called once
        events are heard again, if some may have been lost. `before_read` is awaited before collected events are read.
        """
        self.trouble = ""
        """Why events are not heard; empty while they are heard."""
        self.ready = asyncio.Event()
        """Set once events are heard, or once it is known that they cannot be."""
        self._context = context
        self._name = name
        self._take = take
        self._on_lost = on_lost
        self._before_read = before_read

    async def run(self) -> None:
        """Listen until cancelled, with a pause whenever there are too many events."""
        told = False
        while True:
            try:
                connecting = connect(self._context, name=self._name, reconnect_timeout=None, before_read=self._collect)
                async with connecting as connection:
                    await self._listen(connection)
            except (UnreachableError, NotPermittedError) as error:
                self.trouble = f"the events of tasks are not heard: {error}"
                self.ready.set()
                if not told:  # the server may word one reason in different ways
                    told = True
                    log.warning(
                        "The events of tasks are not heard: %s", escape(str(error)), extra={"reason": str(error)}
                    )
                await asyncio.sleep(_AGAIN_SECONDS)
                continue
            told = False
            self.trouble = f"there were more than {MOST_A_SECOND:,} events of tasks a second"
            text = "Not listening to the events of tasks for %.0f s, because they are too many"
            log.warning(text, DEAF_SECONDS, extra={"seconds": DEAF_SECONDS})
            await asyncio.sleep(DEAF_SECONDS)

    async def _collect(self) -> None:
        await asyncio.sleep(_READ_SECONDS)
        await self._before_read()

    async def _listen(self, connection: Connection) -> None:
        """Listen until there are too many events. Raises UnreachableError and NotPermittedError."""
        client = connection.client
        await client.subscribe_raw(_SUBJECT, self._take)
        with suppress(nats.errors.Error):  # the connection was lost meanwhile, and comes back
            await client.flush(int(_HEARD_SECONDS))
        raise_if_cancelled()
        if self.ready.is_set():
            self._on_lost()
        generation, told = connection.generation, False
        began, before = time.monotonic(), {**client.stats}
        while True:
            if connection.generation != generation:
                generation = connection.generation
                self._on_lost()
            self.trouble = connection.permission_reason(_SUBJECT) or ""
            self.ready.set()
            if self.trouble and not told:
                told = True
                text = "The events of tasks are not heard, so what becomes of tasks is only looked up now and then: %s"
                log.warning(text, self.trouble, extra={"reason": self.trouble})
            await asyncio.sleep(_TICK_SECONDS)
            now = time.monotonic()
            if now - began >= _WINDOW_SECONDS:
                seconds = now - began
                events, size = (client.stats[each] - before[each] for each in ("in_msgs", "in_bytes"))
                if events > MOST_A_SECOND * seconds or size > _MOST_BYTES_A_SECOND * seconds:
                    return
                began, before = now, {**client.stats}
