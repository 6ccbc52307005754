"""A stand-in that behaves as the Go scheduler does on the wire: its election, its timing, its random ids.

It campaigns every 7.5 s, counts as leader from its second success on, keeps the key's revision to itself, deletes
nothing when it stops, and makes a task of its own at each full second.
"""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import suppress

from nats.aio.client import Client
from nats.js.errors import APIError, KeyValueError, NotFoundError

from ajsync.asyncjobs.ids import new_id
from ajsync.timestamp import format_timestamp

CAMPAIGN_SECONDS = 7.5


class GoScheduler:
    """One Go scheduler, as others see it."""

    def __init__(self, client: Client, name: str) -> None:
        self.name = name
        self.fired: list[float] = []
        """When it made a task, in seconds since 1970."""
        self.leads = asyncio.Event()
        self._client = client
        self._revision: int | None = None
        self._at_once = False
        self._jobs: list[asyncio.Task[None]] = []

    def start(self, *, at_once: bool = False) -> None:
        """Begin to campaign, and to fire while leading; `at_once` without the wait between the first two campaigns."""
        self._at_once = at_once
        self._jobs = [asyncio.create_task(self._campaign()), asyncio.create_task(self._fire())]

    async def stop(self) -> None:
        """Stop as a killed process does: the key stays until it expires."""
        while pending := [job for job in self._jobs if not job.done()]:
            for job in pending:
                job.cancel()  # again where the `wait_for` of Python 3.11 has swallowed it amid a request
            await asyncio.wait(pending, timeout=1)
        await asyncio.gather(*self._jobs, return_exceptions=True)
        self.leads.clear()

    async def _campaign(self) -> None:
        bucket = await self._client.jetstream().key_value("CHORIA_AJ_ELECTIONS")
        while True:
            if self._revision is None:
                with suppress(KeyValueError, APIError, NotFoundError):
                    self._revision = await bucket.create("task_scheduler", self.name.encode())
            else:
                try:
                    self._revision = await bucket.update("task_scheduler", self.name.encode(), self._revision)
                    self.leads.set()
                except (KeyValueError, APIError):
                    self._revision = None
                    self.leads.clear()
            if not (self._at_once and self._revision is not None and not self.leads.is_set()):
                await asyncio.sleep(CAMPAIGN_SECONDS)

    async def _fire(self) -> None:
        jetstream = self._client.jetstream()
        while True:
            await asyncio.sleep(1 - time.time() % 1)
            if self.leads.is_set():
                task_id = new_id(int(time.time()))
                self.fired.append(time.time())
                made = {"id": task_id, "type": "go:tick", "queue": "EMAIL", "payload": "bnVsbA==", "max_tries": 10}
                task = {**made, "state": "new", "created": format_timestamp(time.time_ns()), "tries": 0}
                await jetstream.publish(f"CHORIA_AJ.T.{task_id}", json.dumps(task).encode())
