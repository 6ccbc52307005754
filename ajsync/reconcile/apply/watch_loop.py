"""Follow the files: apply again whenever they change, and every so often, in case the bucket has drifted from them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.errors import AjsyncError, InvalidError, UnreachableError
from ajsync.reconcile.apply.apply import Result, apply
from ajsync.reconcile.apply.recreate import finish_interrupted
from ajsync.reconcile.plan import Delete, Plan
from ajsync.reconcile.reconciler import Goal, propose
from ajsync.text import counted
from ajsync.transport.connection import Connection
from ajsync.waiting import first_of

log = logging.getLogger(__name__)

SETTLE_SECONDS = 3.0
"""Deletes wait until the files have not changed for so long: one that is moved, or checked out anew, is gone for a
moment only."""
RETRY_SECONDS = 5.0
"""How soon to try again after the server could not be reached, or something was left undone."""
_FINISH_SECONDS = 5.0
"""A stop waits so long for an apply under way, which may have deleted what it is about to make again."""
_TICK_SECONDS = 0.1
_NAMED = 20
"""How many changes are logged by name."""


class WatchLoop:
    """Keeps the bucket equal to what `load` gives; an invalid configuration leaves the last good one in force."""

    def __init__(
        self,
        goal: Goal,
        load: Callable[[], Goal],
        connection: Connection,
        open_bucket: Callable[[], Awaitable[ConfigurationBucket]],
        stop: asyncio.Event,
    ) -> None:
        self._load = load
        self._connection = connection
        self._open_bucket = open_bucket
        self._stop = stop
        self.may_apply: Callable[[], bool] = lambda: True
        """False while another does it: of several schedulers that follow the files the leader alone applies."""
        self._goal = goal
        self._changed_at = -SETTLE_SECONDS
        """When the files last changed, by the monotonic clock; what they said at the start counts at once."""
        self._said = ""
        self._invalid = ""
        """What is wrong with the files as they are now; "" where nothing is."""

    async def run(self, changed: asyncio.Event, resync: float) -> None:
        """Reconcile now, whenever `changed` is set, and every `resync` seconds, until stopped.

        The files are read each time: what watches them can miss a change, on a file system of another host always.
        """
        while not self._stop.is_set():
            whole = await self._reconcile_unless_stopped()
            await first_of(changed, self._stop, timeout=resync if whole else min(resync, RETRY_SECONDS))
            seen = changed.is_set()
            changed.clear()
            if seen or (whole and not self._stop.is_set()):
                await self._reload()

    async def _reconcile_unless_stopped(self) -> bool:
        """`_reconcile`; when stopped meanwhile it may finish, while the server is there to finish it with."""
        work, stopped = asyncio.ensure_future(self._reconcile()), asyncio.ensure_future(self._stop.wait())
        try:
            await asyncio.wait((work, stopped), return_when=asyncio.FIRST_COMPLETED)
            deadline = time.monotonic() + _FINISH_SECONDS
            while not work.done() and self._connection.is_connected and time.monotonic() < deadline:
                await asyncio.wait((work,), timeout=_TICK_SECONDS)
            if work.done():
                return work.result()
            log.warning("Stopping in the middle of an apply; the next one goes on from there")
            return False
        finally:
            for each in (work, stopped):
                each.cancel()
            await asyncio.wait((work, stopped))

    async def _reconcile(self) -> bool:
        """Plan and apply once; False if that is worth trying again soon."""
        if not self.may_apply():
            self._say_once(logging.INFO, "Standing by: the leader applies")
            return True
        goal = self._goal
        try:
            bucket = await self._open_bucket()
            finished = await finish_interrupted(bucket, goal.owner)
            if finished:
                log.info("Brought back %s that an apply had left deleted", counted(len(finished), "schedule"))
            proposal = await propose(bucket, goal)
            plan = proposal.plan
            if proposal.refusals:
                self._say_once(logging.ERROR, "Not applied: " + " ".join(map(str, proposal.refusals)))
                return True
            if not plan.changes:
                self._say_once(logging.INFO, f"In step: {counted(plan.unchanged, 'schedule')} as the files say")
                return True
            settled = time.monotonic() - self._changed_at >= SETTLE_SECONDS
            if not settled:
                plan = replace(plan, changes=tuple(each for each in plan.changes if not isinstance(each, Delete)))
            if not plan.changes:
                return False  # deletes alone, which wait
            return self._report(plan, await apply(bucket, plan, now=time.time_ns(), stop=self._stop)) and settled
        except UnreachableError as error:
            self._say_once(logging.WARNING, f"Not applied: {error} Trying again.")
        except AjsyncError as error:
            self._say_once(logging.ERROR, f"Not applied: {error}")
        return False

    async def _reload(self) -> None:
        try:
            # In a thread: a scheduler in this process fires while thousands of schedules are read.
            goal = await asyncio.to_thread(self._load)
        except InvalidError as error:
            self._keep("The files are not valid, the last good configuration stays in force:\n%s", str(error))
            return
        except Exception as error:  # noqa: BLE001 - nothing that becomes of the files may end what fires
            self._keep("The files cannot be read, the last good configuration stays in force: %s", repr(error))
            return
        if goal == self._goal and not self._invalid:
            return
        self._goal, self._invalid = goal, ""
        self._changed_at = time.monotonic()
        self._said = ""
        log.info("The files were read: %s", counted(len(goal.tasks), "schedule"))

    def _keep(self, told: str, reason: str) -> None:
        """Say once why the files as they are now are not applied."""
        if reason != self._invalid:
            log.error(told, reason)
        self._invalid = reason

    def _report(self, plan: Plan, result: Result) -> bool:
        self._said = ""
        done = result.with_status("done")
        for outcome in done[:_NAMED]:
            log.info("%s %s", type(outcome.change).__name__, outcome.change.name)
        for outcome in result.with_status("failed")[:_NAMED]:
            log.error("Failed: %s", outcome.error)
        log.info("Applied %d of %d changes", len(done), len(plan.changes))
        return result.error is None

    def _say_once(self, level: int, text: str) -> None:
        """Log what would otherwise be said again at each resync."""
        if text != self._said:
            log.log(level, "%s", text)
        self._said = text
