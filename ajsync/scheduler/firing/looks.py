"""Looks at tasks: a bounded number at once, through one inbox, each repeated until it is answered.

A request of nats-py takes an asyncio task and three futures, so ten thousand at once hold up the loop and the server.
Here looks wait in a queue, and few enough are under way to leave room for fires that are due now.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

from ajsync.asyncjobs.task_store import TASK_QUESTIONS, task_answer, task_question
from ajsync.asyncjobs.tasks import StoredTask
from ajsync.errors import StoredValueError
from ajsync.scheduler.agenda.agenda import Fire
from ajsync.transport.connection import Connection
from ajsync.transport.errors import JetStreamError
from ajsync.transport.frames import FrameWriter, publish_frame
from ajsync.transport.inbox import NO_RESPONDERS, Inbox, status_of

WINDOW = 100
"""How many looks are under way at once. More would gain nothing, and their answers would come in one go."""
_SILENCE_SECONDS = 5.0
_RETRY_SECONDS = 1.0
_TICK_SECONDS = 0.25

Then = Callable[[StoredTask | None, bool], None]
"""Takes the task, None if there is none, and whether what is stored can be read as a task."""
OnTrouble = Callable[[Fire, str], None]
"""Takes the fire for which a look has to be repeated, and the reason."""


@dataclass(slots=True, eq=False)
class Look:
    """A look at one task."""

    about: Fire
    task_id: str
    then: Then
    on_trouble: OnTrouble
    sent_at: float = 0.0
    cancelled: bool = False


class Looks(Inbox):
    """The looks of one scheduler on one connection."""

    def __init__(self, connection: Connection) -> None:
        self.on_tick: Callable[[], None] = lambda: None
        """Called regularly while there are looks."""
        super().__init__(connection)
        self._soon: deque[Look] = deque()
        self._ahead: deque[Look] = deque()
        self._sent: dict[int, Look] = {}
        self._later: list[tuple[float, int, Look]] = []
        self._serial = count()
        self._subject = connection.api_prefix + TASK_QUESTIONS
        self._out = FrameWriter(connection)

    def __len__(self) -> int:
        return len(self._soon) + len(self._ahead) + len(self._sent) + len(self._later)

    def look(self, about: Fire, task_id: str, then: Then, on_trouble: OnTrouble, *, ahead: bool = False) -> Look:
        """Look at a task for a fire, and call `then`. Looks `ahead` of time wait for all others."""
        look = Look(about, task_id, then, on_trouble)
        (self._ahead if ahead else self._soon).append(look)
        self._fill()
        return look

    def clear(self) -> None:
        """Drop all looks."""
        for looks in (self._soon, self._ahead, self._sent, self._later):
            looks.clear()

    async def run(self) -> None:
        """Ask and listen until cancelled."""
        async with self, asyncio.TaskGroup() as group:
            group.create_task(self._out.run())
            group.create_task(self._mind())

    def _fill(self) -> None:
        while len(self._sent) < WINDOW and (self._soon or self._ahead) and self._connection.is_connected:
            look = (self._soon or self._ahead).popleft()
            if not look.cancelled:
                self._send(look)

    def _send(self, look: Look) -> None:
        serial = next(self._serial)
        self._sent[serial] = look
        look.sent_at = time.monotonic()
        self._out.add(publish_frame(self._subject, task_question(look.task_id), self.reply(serial)))

    def _take(self, token: str, headers: bytes, data: bytes) -> None:
        look = self._sent.pop(int(token), None)
        if look is None:
            return
        task, readable = None, True
        try:
            task = task_answer(data)
        except StoredValueError:
            readable = False
        except JetStreamError as error:
            missing = not data and status_of(headers) == NO_RESPONDERS
            self._put_off(look, "JetStream does not answer" if missing else str(error))
            return
        finally:
            self._fill()
        if not look.cancelled:
            look.then(task, readable)

    def _put_off(self, look: Look, reason: str) -> None:
        if not look.cancelled:
            heapq.heappush(self._later, (time.monotonic() + _RETRY_SECONDS, next(self._serial), look))
            look.on_trouble(look.about, reason)

    async def _mind(self) -> None:
        """Ask again where no answer came, or an error."""
        generation = self._connection.generation
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            if len(self):
                self.on_tick()
            now = time.monotonic()
            if self._connection.generation != generation:  # earlier requests are lost
                generation = self._connection.generation
                self._soon.extendleft(reversed(self._sent.values()))
                self._sent.clear()
            silent = [serial for serial, look in self._sent.items() if now - look.sent_at > _SILENCE_SECONDS]
            for serial in silent:
                reason = self._connection.permission_reason(self._subject)
                self._put_off(self._sent.pop(serial), reason or "the server does not answer")
            while self._later and self._later[0][0] <= now:
                self._soon.append(heapq.heappop(self._later)[2])
            self._fill()
