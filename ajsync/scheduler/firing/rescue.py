"""Rescue: fires that the leader before us began and did not finish, and that their policies would let go by now.

It died between task and work item, or their queue was full for longer than the grace. The task is there, and without
its work item nobody would ever handle it. What was not begun stays let go.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable

from ajsync.asyncjobs.ids import fire_task_id
from ajsync.asyncjobs.task_store import load_task
from ajsync.asyncjobs.tasks import NEW
from ajsync.errors import StoredValueError, UnreachableError
from ajsync.scheduler.agenda.agenda import Fire
from ajsync.scheduler.firing.in_flight import InFlightFire
from ajsync.scheduler.firing.ledger import Ledger
from ajsync.scheduler.firing.lifecycle import Event, State
from ajsync.scheduler.log_fields import fire_fields
from ajsync.text import excerpt
from ajsync.transport.connection import Connection

log = logging.getLogger(__name__)

_LOOKS = 50
"""At once; more gains nothing, and what is due now needs the server too."""
_RETRY_SECONDS = 1.0


class Rescue:
    """Looks for the tasks of fires that the ledger seeks."""

    def __init__(self, connection: Connection, ledger: Ledger) -> None:
        self._connection = connection
        self._ledger = ledger
        self._waiting: deque[tuple[InFlightFire, Callable[[Fire], None]]] = deque()
        self._looking: set[asyncio.Task[None]] = set()

    def look_for(self, fire: Fire, let_go: Callable[[Fire], None]) -> None:
        """Find out whether the leader before began a fire; where it did not, call `let_go`."""
        sought = self._ledger.seek(fire)
        if sought is not None:
            self._waiting.append((sought, let_go))
            self._fill()

    def stop(self) -> None:
        """Stop looking; the watermark, which names what is sought, makes the next leader look again."""
        self._waiting.clear()
        for look in self._looking:
            look.cancel()

    def _fill(self) -> None:
        while self._waiting and len(self._looking) < _LOOKS:
            look = asyncio.create_task(self._look(*self._waiting.popleft()))
            self._looking.add(look)
            look.add_done_callback(self._looked)

    def _looked(self, look: asyncio.Task[None]) -> None:
        self._looking.remove(look)
        self._fill()

    async def _look(self, sought: InFlightFire, let_go: Callable[[Fire], None]) -> None:
        fire = sought.fire
        while True:
            try:
                begun = await self._is_begun(fire)
                break
            except UnreachableError as error:
                fields = fire_fields(fire, reason=str(error))
                log.warning("Cannot see whether %s was fired: %s", excerpt(fire.task.name), error, extra=fields)
                await asyncio.sleep(_RETRY_SECONDS)
        self._ledger.apply(sought, Event.BEGUN if begun else Event.NOT_BEGUN)
        if sought.state is State.LET_GO:
            let_go(fire)

    async def _is_begun(self, fire: Fire) -> bool:
        """Whether there is a task that nobody has handled."""
        try:
            task = await load_task(self._connection, fire_task_id(fire.task.name, fire.due))
        except StoredValueError:
            return False
        return task is not None and task.state == NEW
