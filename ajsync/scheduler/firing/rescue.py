"""Repair: fires that the leader before us began and did not finish, and that their policies would let go by now.

It died between task and work item, or their queue was full for longer than the grace. The task is there, and without
its work item nobody would ever handle it. What was not begun stays let go.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator

from ajsync.asyncjobs.ids import fire_task_id
from ajsync.asyncjobs.task_store import load_task
from ajsync.asyncjobs.tasks import NEW
from ajsync.errors import StoredValueError, UnreachableError
from ajsync.scheduler.agenda.agenda import Fire
from ajsync.scheduler.log_fields import fire_fields
from ajsync.text import excerpt
from ajsync.transport.connection import Connection

log = logging.getLogger(__name__)

_LOOKS = 50
"""At once; more gains nothing, and what is due now needs the server too."""
_RETRY_SECONDS = 1.0


class Rescue:
    """Looks for tasks of fires; what it looks for counts as under way."""

    def __init__(
        self, connection: Connection, on_begun: Callable[[Fire], None], on_let_go: Callable[[Fire], None]
    ) -> None:
        self._connection = connection
        self._on_begun = on_begun
        self._on_let_go = on_let_go
        self._waiting: deque[Fire] = deque()
        self._looking: dict[asyncio.Task[None], Fire] = {}

    def __len__(self) -> int:
        return len(self._waiting) + len(self._looking)

    def look_for(self, fires: Iterable[Fire]) -> None:
        """Tell of each fire whether it was begun."""
        self._waiting.extend(fires)
        self._fill()

    def unsettled(self) -> Iterator[Fire]:
        """The fires that are still looked for."""
        yield from self._waiting
        yield from self._looking.values()

    def abandon(self) -> None:
        """Stop looking; the watermark, which was held back, makes the next leader look again."""
        self._waiting.clear()
        for look in self._looking:
            look.cancel()

    def _fill(self) -> None:
        while self._waiting and len(self._looking) < _LOOKS:
            fire = self._waiting.popleft()
            look = asyncio.create_task(self._look(fire))
            self._looking[look] = fire
            look.add_done_callback(self._looked)

    def _looked(self, look: asyncio.Task[None]) -> None:
        del self._looking[look]
        self._fill()

    async def _look(self, fire: Fire) -> None:
        while True:
            try:
                begun = await self._is_begun(fire)
                break
            except UnreachableError as error:
                fields = fire_fields(fire, reason=str(error))
                log.warning("Cannot see whether %s was fired: %s", excerpt(fire.task.name), error, extra=fields)
                await asyncio.sleep(_RETRY_SECONDS)
        if begun:
            self._on_begun(fire)
        else:
            self._on_let_go(fire)

    async def _is_begun(self, fire: Fire) -> bool:
        """Whether there is a task that nobody has handled."""
        try:
            task = await load_task(self._connection, fire_task_id(fire.task.name, fire.due))
        except StoredValueError:
            return False
        return task is not None and task.state == NEW
