"""A stand-in for the Go scheduler's view of the bucket: the same consumer, and the same defect with updates.

On a put it adds a timer and keeps the old one; on a delete it removes the newest only
(docs/reference/wire.md, "Defects of the Go scheduler", 1).
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from nats.aio.msg import Msg

from ajsync.errors import UnreachableError
from ajsync.transport.connection import Connection
from tests.recorded import recorded

_STREAM = "KV_CHORIA_AJ_CONFIGURATION"
_SUBJECT = "$KV.CHORIA_AJ_CONFIGURATION.scheduled_tasks."


class GoWatcher:
    """What a running Go scheduler would fire: for each name the schedules of its timers."""

    def __init__(self) -> None:
        self.timers: defaultdict[str, list[str]] = defaultdict(list)
        self.taken = 0
        """How many writes it has seen."""
        self.seen = asyncio.Condition()

    async def take(self, msg: Msg) -> None:
        """Handle a message of the consumer as the Go scheduler does."""
        headers = msg.headers or {}
        if headers.get("Status"):  # an idle heartbeat, or flow control, which wants an answer
            if msg.reply:
                await msg.respond(b"")
            return
        name = msg.subject.removeprefix(_SUBJECT)
        async with self.seen:
            if headers.get("KV-Operation"):
                del self.timers[name][-1:]
            else:
                self.timers[name].append(json.loads(msg.data)["schedule"])
            self.taken += 1
            self.seen.notify_all()

    async def until_taken(self, writes: int) -> None:
        """Wait until it has seen so many writes."""
        async with asyncio.timeout(60), self.seen:
            await self.seen.wait_for(lambda: self.taken >= writes)

    async def until(self, name: str, schedules: list[str]) -> None:
        """Wait until the timers of `name` are these."""
        async with asyncio.timeout(60), self.seen:
            await self.seen.wait_for(lambda: self.timers[name] == schedules)


@asynccontextmanager
async def go_watcher(connection: Connection, **members: object) -> AsyncIterator[GoWatcher]:
    """Watch the bucket as the Go scheduler does: the consumer that it was recorded to make, but for `members`.

    Where servers have just been restarted a question can get no answer; it is asked again, for 30 s.
    """
    deadline = time.monotonic() + 30
    while True:
        # An inbox of its own for each question: a consumer that was made without an answer reaches no one.
        watcher, inbox = GoWatcher(), connection.client.new_inbox()
        subscription = await connection.client.subscribe(inbox, cb=watcher.take)
        config = {**recorded("scheduler.json")["consumer"], "deliver_subject": inbox, **members}
        try:
            body = {"stream_name": _STREAM, "config": config}
            await connection.jetstream_request(f"CONSUMER.CREATE.{_STREAM}", body)
        except UnreachableError:
            if time.monotonic() > deadline:
                raise
            await subscription.unsubscribe()
            await asyncio.sleep(0.1)
        else:
            break
    yield watcher
    await subscription.unsubscribe()


STUCK = {"pause_until": "2100-01-01T00:00:00Z"}
"""Members of a watcher that listens and is sent nothing."""
