"""Presence: lets others find this scheduler, and looks for the other ones every few seconds.

It is for people and alerts. Nothing waits for it, and no scheduler starts or stops firing because of it.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Callable

from ajsync.asyncjobs.presence import (
    NOT_ASKED,
    Presence,
    SchedulerPresence,
    ask_schedulers,
    instance_of,
    presence_of,
)
from ajsync.errors import NotPermittedError, UnreachableError
from ajsync.text import escape, excerpt
from ajsync.transport.connection import Connection
from ajsync.transport.service import Service
from ajsync.waiting import first_of

log = logging.getLogger(__name__)

LOOK_SECONDS = 10.0
_FLOODED_SECONDS = 60.0
"""How long to wait after getting more answers than there can be schedulers."""
_AGAIN_SECONDS = 600.0
"""How long to wait after a refusal: the server's configuration may change, but it logs each refusal."""


class PresenceKeeper:
    """Registers one scheduler, and knows the others."""

    def __init__(
        self,
        connection: Connection,
        describe: Callable[[str], SchedulerPresence],
        on_seen: Callable[[Presence], None],
    ) -> None:
        """`describe` gives the scheduler as it is now, for an id; `on_seen` is called after each look."""
        self._connection = connection
        self._id = uuid.uuid4().hex
        self._describe = describe
        self._on_seen = on_seen
        self._others: tuple[SchedulerPresence, ...] = ()
        self._more = 0
        self._trouble = NOT_ASKED.trouble
        self._asking, self._answering = _Allowed(connection), _Allowed(connection)
        self._has_namesake = False
        self._soon = asyncio.Event()

    @property
    def presence(self) -> Presence:
        """This scheduler as it is now, and the others as they were at the last look."""
        return presence_of((self._describe(self._id), *self._others), self._more, self._trouble)

    def look_soon(self) -> None:
        """Look now, because the role of this scheduler has changed, and probably that of another one too."""
        self._soon.set()

    async def run(self, domain: str) -> None:
        """Register, and look repeatedly, until cancelled; `domain` is the JetStream domain of the bucket."""
        service = Service(self._connection, lambda: instance_of(self._describe(self._id), domain))
        answering: asyncio.Task[None] | None = None
        try:
            while True:
                self._soon.clear()
                if answering is None and self._answering.now:
                    answering = asyncio.create_task(service.run())
                is_heard = await self._look(domain)
                if reason := service.refusal():
                    self._answering.refused(f"Others cannot see this scheduler, or not all of it: {reason}")
                    if answering is not None and is_heard is False:  # else the server logs each refused answer
                        answering.cancel()
                        answering = None
                self._on_seen(self.presence)
                await first_of(self._soon, timeout=_FLOODED_SECONDS if self._more else LOOK_SECONDS)
        finally:
            if answering is not None:
                answering.cancel()
                await asyncio.gather(answering, return_exceptions=True)

    async def _look(self, domain: str) -> bool | None:
        """Ask for all schedulers. Returns whether our own answer was among theirs; None if we could not ask."""
        if not self._asking.now:
            return None
        try:
            found, more = await ask_schedulers(self._connection, domain)
            if not {each.id for each in self._others} <= {each.id for each in found}:
                # A scheduler that was too slow is asked once more before it counts as gone.
                again, more = await ask_schedulers(self._connection, domain)
                found = [*again, *found]
        except (NotPermittedError, UnreachableError) as error:
            self._others, self._more, self._trouble = (), 0, str(error)
            if isinstance(error, NotPermittedError):
                self._asking.refused(f"Cannot see which other schedulers there are: {error}")
            return None
        self._others = tuple(each for each in found if each.id != self._id)
        self._more, self._trouble = more, ""
        self._look_for_namesakes()
        return any(each.id == self._id for each in found)

    def _look_for_namesakes(self) -> None:
        """Warn once of another scheduler with our name; of a leader with our name a stand-by learns from the election's
        key."""
        name = self._describe(self._id).name
        had = self._has_namesake
        self._has_namesake = any(each.name == name and each.role != "leader" for each in self._others)
        if self._has_namesake and not had:
            text = "Another scheduler with the name %s runs. Each needs a name of its own, as argument or in %s."
            log.warning(text, excerpt(name), "AJC_SCHEDULER_NAME", extra={"scheduler": name})


class _Allowed:
    """Whether the server permits something. A refusal is logged once, and tried again after a while."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._refused: tuple[int, float] | None = None
        """The generation of the connection and the time of the last refusal."""

    @property
    def now(self) -> bool:
        """Whether to try: it was not refused, or the refusal was on another connection or long ago."""
        if self._refused is None:
            return True
        generation, at = self._refused
        return generation != self._connection.generation or time.monotonic() - at > _AGAIN_SECONDS

    def refused(self, text: str) -> None:
        """Take in that the server refuses it, and log `text`."""
        if self._refused is None:
            log.warning("%s", escape(text))
        self._refused = (self._connection.generation, time.monotonic())
