"""Recheck: see whether the messages of the fires of the last two minutes are still stored, and restore the lost ones.

A stream may lose what it has acknowledged when a cluster loses its leader or a host its power. So a scheduler looks
when its term begins, after each reconnect, and when a stream has another leader. The ids of tasks make that safe.

A task is stored again only while its work item waits: otherwise a worker has finished the task, and may have deleted
it. A work item is sent again only for a task that no worker has handled.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress

from ajsync.asyncjobs.ids import first_id
from ajsync.asyncjobs.names import QUEUE_STREAM_PREFIX, TASKS_STREAM
from ajsync.asyncjobs.task_store import load_task
from ajsync.asyncjobs.tasks import NEW, StoredTask, encode_task, task_subject, work_item, work_item_subject
from ajsync.errors import NotPermittedError, StoredValueError, UnreachableError
from ajsync.scheduler.agenda.agenda import Fire
from ajsync.scheduler.monitor.records import Records
from ajsync.scheduler.throttled_log import ThrottledLog
from ajsync.timestamp import NANOSECONDS
from ajsync.transport.connection import Connection
from ajsync.transport.errors import JetStreamError
from ajsync.transport.leader import list_subjects_from
from ajsync.transport.publisher import Write, publish_one

log = logging.getLogger(__name__)

LOOK_BACK = 120 * NANOSECONDS
"""How far a recheck looks back: a server writes to its disk every two minutes."""
_SETTLES = 2 * NANOSECONDS
"""Fires that fell due more recently may be under way."""
SETTLED_WITHIN_SECONDS = 10.0
"""A fire that takes longer does not hold up a recheck; what fell due after it is left to the next one."""
_TICK_SECONDS = 0.1
_POLL_SECONDS = 5.0
"""How often to see whether a stream has another leader."""
_RETRY_SECONDS = 1.0
_ANSWER_SECONDS = 2.0
_AT_ONCE = 50
_PAUSE_SECONDS = 0.05
"""The pause after `_AT_ONCE` looks: a thousand a second leave enough time for what falls due now."""
SURE_AFTER_SECONDS = 2.0
"""A worker that deletes a finished task has acknowledged its work item long before this time has passed."""


class Recheck:
    """Looks after a takeover, after a reconnect, and when a stream has another leader, for as long as a term lasts."""

    def __init__(
        self,
        connection: Connection,
        fired: Callable[[int, int], Iterator[Fire | None]],
        make_task: Callable[[Fire], StoredTask],
        records: Records,
        *,
        settled_until: Callable[[], int],
        give_up_after: int,
        clock: Callable[[], int],
    ) -> None:
        """`fired` gives the fires that fell due after one instant and up to another, and None where there may be a
        pause.

        `make_task` may raise ValueError. Fires after the instant `settled_until` are not looked at, and none is looked
        at for longer than `give_up_after` nanoseconds.
        """
        self._connection = connection
        self._fired = fired
        self._make_task = make_task
        self._records = records
        self._settled_until = settled_until
        self._give_up_after = give_up_after
        self._clock = clock
        self._errors = ThrottledLog(log)
        self._items: dict[str, asyncio.Task[frozenset[str] | None]] = {}
        """Queue → the ids of its work items of the last two minutes; None if they cannot be listed."""
        self._since = 0

    async def run(self) -> None:
        """Look now, and whenever something may have been lost, until cancelled."""
        seen: dict[str, object] = {}
        try:
            while True:
                state = await self._state()
                if not seen or any(seen[each] != state[each] for each in seen.keys() & state.keys()):
                    await self.look()
                seen = {**seen, **state}
                await asyncio.sleep(_POLL_SECONDS)
        finally:
            for listing in self._items.values():
                listing.cancel()
            await asyncio.gather(*self._items.values(), return_exceptions=True)

    async def look(self) -> None:
        """Look at every fire that fell due in the last two minutes and is settled."""
        until = await self._wait_until_settled()
        self._since = self._clock() - LOOK_BACK
        self._items.clear()
        unanswered: list[Fire] = []
        some: list[Fire] = []
        for fire in self._fired(self._since, until):
            if fire is None:
                await asyncio.sleep(0)
                continue
            some.append(fire)
            if len(some) == _AT_ONCE:
                unanswered += await self._look_at(some)
                some = []
                await asyncio.sleep(_PAUSE_SECONDS)
        unanswered += await self._look_at(some)
        while unanswered:
            await asyncio.sleep(_RETRY_SECONDS)
            oldest = self._clock() - self._give_up_after
            unanswered = await self._look_at([fire for fire in unanswered if fire.due > oldest])

    async def _wait_until_settled(self) -> int:
        """Give time to the fires with which this term begins, or that were under way; returns up to when all are
        settled."""
        target = self._clock() - _SETTLES
        deadline = time.monotonic() + SETTLED_WITHIN_SECONDS
        while True:
            settled = self._settled_until()
            if settled >= target or time.monotonic() > deadline:
                return min(target, settled)
            await asyncio.sleep(_TICK_SECONDS)

    async def _state(self) -> dict[str, object]:
        """Values that change whenever a stream may have lost something, as far as the server answers."""
        state: dict[str, object] = {}
        if not self._connection.is_connected:
            return state
        state["connection"] = self._connection.generation
        with suppress(UnreachableError):
            state[TASKS_STREAM] = await self._leader(TASKS_STREAM)
            if state[TASKS_STREAM] is not None:  # without a cluster, streams keep their leader
                for stream in sorted(QUEUE_STREAM_PREFIX + queue for queue in self._listed()):
                    state[stream] = await self._leader(stream)
        return state

    def _listed(self) -> list[str]:
        """The queues whose work items could be listed."""
        done = {queue: each for queue, each in self._items.items() if each.done() and each.exception() is None}
        return [queue for queue, each in done.items() if each.result() is not None]

    async def _leader(self, stream: str) -> object:
        """Which server leads a stream, and since when if the server says so (since 2.12); None without a cluster."""
        info = await self._connection.jetstream_request(f"STREAM.INFO.{stream}")
        cluster = info.get("cluster")
        return (cluster.get("leader"), cluster.get("leader_since")) if cluster else None

    async def _look_at(self, fires: list[Fire]) -> list[Fire]:
        """Restore the lost messages of these fires; returns those for which the server did not answer."""
        unanswered: list[Fire] = []

        async def answered(look: Callable[[Fire], Awaitable[bool]], fire: Fire) -> bool:
            try:
                return await look(fire)
            except UnreachableError as error:
                text = f"Cannot see whether the task of {fire.task.name} is still stored: {error}"
                self._errors.tell(text, fire, "recheck", reason=str(error))
                unanswered.append(fire)
                return False

        lost = await asyncio.gather(*(answered(self._has_lost_task, fire) for fire in fires))
        if any(lost):
            await asyncio.sleep(SURE_AFTER_SECONDS)
            for fire in (fire for fire, is_lost in zip(fires, lost, strict=True) if is_lost):
                await answered(self._restore_task, fire)
        return unanswered

    async def _has_lost_task(self, fire: Fire) -> bool:
        """Whether the work item exists and the task does not. A lost work item is stored again at once."""
        try:
            expected = self._make_task(fire)
        except ValueError:
            return False  # no task was made
        if expected.deadline and expected.deadline < self._clock():
            return False  # no worker will start it
        items = await self._items_of(expected.queue)
        if items is None:
            return False
        try:
            stored = await load_task(self._connection, expected.id)
        except StoredValueError:
            return False
        if stored is not None and stored.state == NEW and stored.id not in items and not await self._has_item(stored):
            await self._restore_item(fire, stored)
        return stored is None and expected.id in items

    async def _restore_item(self, fire: Fire, task: StoredTask) -> None:
        # For two minutes a queue does not accept a work item again that it gave to a worker, or that was purged.
        item = Write(work_item_subject(task.queue, task.id), work_item(task.id), {"Nats-Msg-Id": task.id})
        answer = await publish_one(self._connection, item, timeout=_ANSWER_SECONDS)
        if not answer.duplicate:
            self._records.restored(fire, task.id, "item")

    async def _restore_task(self, fire: Fire) -> bool:
        task = self._make_task(fire)
        if not await self._has_item(task):
            return False
        write = Write(task_subject(task.id), encode_task(task), {"Nats-Expected-Last-Subject-Sequence": "0"})
        answer = await publish_one(self._connection, write, timeout=_ANSWER_SECONDS)
        if not answer.conflict:
            self._records.restored(fire, task.id, "task")
        return True

    async def _items_of(self, queue: str) -> frozenset[str] | None:
        """The ids of the queue's work items, listed once for each recheck."""
        listing = self._items.get(queue)
        if listing is None or (listing.done() and listing.exception() is not None):
            listing = self._items[queue] = asyncio.create_task(self._list_items(queue))
        return await asyncio.shield(listing)

    async def _list_items(self, queue: str) -> frozenset[str] | None:
        stream, subjects = QUEUE_STREAM_PREFIX + queue, work_item_subject(queue, ">")
        oldest = work_item_subject(queue, first_id(self._since // NANOSECONDS))  # ids sort by time
        try:
            found = await list_subjects_from(self._connection, stream, subjects, oldest)
            return frozenset(subject.rpartition(".")[2] for subject in found)
        except (JetStreamError, NotPermittedError) as error:
            text = f"Cannot see the work items of the queue {queue}; lost ones are not sent again: {error}"
            self._errors.tell(text, None, "items", queue, reason=str(error))
            return None

    async def _has_item(self, task: StoredTask) -> bool:
        request = {"subjects_filter": work_item_subject(task.queue, task.id)}
        info = await self._connection.jetstream_request(f"STREAM.INFO.{QUEUE_STREAM_PREFIX}{task.queue}", request)
        return bool(info["state"].get("subjects"))
