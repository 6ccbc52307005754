"""The watch loop: apply again when the files change, and at intervals, in case the bucket has drifted."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.asyncjobs.model import has_drifted
from ajsync.asyncjobs.queues import ALL_THERE, QueueSurvey
from ajsync.errors import AjsyncError, InvalidError, UnreachableError
from ajsync.reconcile.apply.apply import apply
from ajsync.reconcile.apply.record import not_recorded, record_apply
from ajsync.reconcile.apply.recreate import finish_interrupted
from ajsync.reconcile.apply.result import Result
from ajsync.reconcile.pause import resume_due
from ajsync.reconcile.plan import UNKNOWN, Change, Create, Delete, Destination, Plan
from ajsync.reconcile.reconciler import Goal, Proposer
from ajsync.text import counted, listed, visible
from ajsync.transport.connection import Connection
from ajsync.waiting import first_of

log = logging.getLogger(__name__)

SETTLE_SECONDS = 3.0
"""Deletes wait until the files have not changed for this long, because a file that is moved or checked out is gone for
only a moment."""
RETRY_SECONDS = 5.0
"""How soon to try again if the server is unreachable or something is left to do."""
_FINISH_SECONDS = 5.0
"""How long a stop waits for a running apply, which may have deleted schedules that it is about to create again."""
_TICK_SECONDS = 0.1
_NAMED = 20
"""How many changes of an apply are logged by name."""


def _has_to_wait(change: Change) -> bool:
    """Whether a change waits until the files have settled: a delete does, and a create that belongs to one."""
    return isinstance(change, Delete) or (isinstance(change, Create) and bool(change.renamed_from))


class WatchLoop:
    """Keeps the bucket equal to the goal that `load` returns; while the files are invalid, the last good goal counts.

    The argument of `load` says whether to read all files, and not only those that have changed.
    """

    def __init__(
        self,
        goal: Goal,
        load: Callable[[bool], Goal],
        connection: Connection,
        open_bucket: Callable[[], Awaitable[ConfigurationBucket]],
        stop: asyncio.Event,
        destination: Destination = UNKNOWN,
    ) -> None:
        self._load = load
        self._connection = connection
        self._open_bucket = open_bucket
        self._stop = stop
        self._destination = destination
        self.may_apply: Callable[[], bool] = lambda: True
        """Whether this process applies: of several schedulers that follow the files, only the leader does."""
        self._goal = goal
        self._proposer = Proposer(connection)
        self._changed_at = -SETTLE_SECONDS
        """When the files last changed, by the monotonic clock; at the start there is nothing to settle."""
        self._said = ""
        self._unrecorded = ""
        """Why the last apply could not be recorded."""
        self._ignored: tuple[str, ...] = ()
        """The schedules about which a warning said that a Go scheduler ignores something."""
        self._invalid = ""
        """What is wrong with the files as they are now; empty if nothing is."""
        self._different = ALL_THERE.different
        """The queues that were logged as different."""

    async def run(self, changed: asyncio.Event, resync: float) -> None:
        """Reconcile now, whenever `changed` is set, and every `resync` seconds, until stopped.

        At those intervals all files and the whole bucket are read, in case a change was missed.
        """
        resync_at = time.monotonic() + resync
        while not self._stop.is_set():
            done = await self._reconcile_unless_stopped()
            left = max(resync_at - time.monotonic(), 0.0)
            await first_of(changed, self._stop, timeout=left if done else min(left, RETRY_SECONDS))
            seen, whole = changed.is_set(), time.monotonic() >= resync_at
            changed.clear()
            if whole:
                resync_at = time.monotonic() + resync
                self._proposer = Proposer(self._connection)
            if (seen or whole) and not self._stop.is_set():
                await self._reload(whole=whole)

    async def _reconcile_unless_stopped(self) -> bool:
        """Reconcile; after a stop it may still finish, as long as the server is reachable."""
        work, stopped = asyncio.ensure_future(self._reconcile()), asyncio.ensure_future(self._stop.wait())
        try:
            await asyncio.wait((work, stopped), return_when=asyncio.FIRST_COMPLETED)
            deadline = time.monotonic() + _FINISH_SECONDS
            while not work.done() and self._connection.is_connected and time.monotonic() < deadline:
                await asyncio.wait((work,), timeout=_TICK_SECONDS)
            if work.done():
                return work.result()
            log.warning("Stopping in the middle of an apply; the next one continues from there")
            return False
        finally:
            for each in (work, stopped):
                each.cancel()
            await asyncio.wait((work, stopped))

    async def _reconcile(self) -> bool:
        """Plan and apply once; False if it should be tried again soon."""
        if not self.may_apply():
            self._say_once(logging.INFO, "Standing by: the leader applies")
            return True
        goal = self._goal
        try:
            bucket = await self._open_bucket()
            finished = await finish_interrupted(bucket, goal.owner)
            if finished:
                log.info("Restored %s that an interrupted apply had left deleted", counted(len(finished), "schedule"))
            for each in await resume_due(bucket, goal.owner):
                if each.error is None:
                    log.info("Resumed %s: its pause has ended", visible(each.name))
                else:
                    log.warning(
                        "The pause of %s has ended, but it could not be resumed. %s", visible(each.name), each.error
                    )
            proposal = await self._proposer.propose(bucket, goal, self._destination)
            plan = proposal.plan
            self._warn_of_go(plan)
            if proposal.refusals:
                self._say_once(logging.ERROR, "Not applied: " + " ".join(map(str, proposal.refusals)))
                return True
            self._tell_of_queues(plan.queues)
            if not plan.pending:
                self._say_once(logging.INFO, f"Up to date: {counted(plan.unchanged, 'schedule')}")
                await self._record(bucket, goal, plan, Result(()))
                return True
            settled = time.monotonic() - self._changed_at >= SETTLE_SECONDS
            if not settled:
                plan = replace(plan, changes=tuple(each for each in plan.changes if not _has_to_wait(each)))
            if not plan.pending:
                return False  # there are only deletes, which wait
            result = await apply(bucket, plan, now=time.time_ns(), stop=self._stop)
            whole = self._report(plan, result)
            await self._record(bucket, goal, plan, result)
            return whole and settled
        except UnreachableError as error:
            self._say_once(logging.WARNING, f"Not applied: {error} Trying again.")
        except AjsyncError as error:
            self._say_once(logging.ERROR, f"Not applied: {error}")
        return False

    async def _record(self, bucket: ConfigurationBucket, goal: Goal, plan: Plan, result: Result) -> None:
        """Add an apply to the record, unless nothing is known about the files; log once why that fails."""
        if goal.provenance is None:
            return
        origin = await asyncio.to_thread(goal.provenance.origin)
        try:
            await record_apply(bucket, plan, result, origin, now=time.time_ns())
        except AjsyncError as error:
            if str(error) != self._unrecorded:
                log.warning("%s", not_recorded(error))
            self._unrecorded = str(error)

    async def _reload(self, *, whole: bool) -> None:
        try:
            # In a thread, so that a scheduler in this process keeps firing while thousands of schedules are read.
            goal = await asyncio.to_thread(self._load, whole)
        except InvalidError as error:
            self._keep("The files are not valid; the last good configuration stays in force:\n%s", str(error))
            return
        except Exception as error:  # noqa: BLE001 - no state of the files may stop the scheduler
            self._keep("The files cannot be read; the last good configuration stays in force: %s", repr(error))
            return
        if goal == self._goal and not self._invalid:
            return
        self._goal, self._invalid = goal, ""
        self._changed_at = time.monotonic()
        self._said = ""
        log.info("Read the files: %s", counted(len(goal.tasks), "schedule"))

    def _keep(self, told: str, reason: str) -> None:
        """Log once why the files as they are now are not applied."""
        if reason != self._invalid:
            log.error(told, reason)
        self._invalid = reason

    def _warn_of_go(self, plan: Plan) -> None:
        """Warn of what a Go scheduler ignores, again whenever there is more of it."""
        names = tuple(name for name, _ in plan.ignored)
        if not set(names) <= set(self._ignored):
            members = sorted({member for _, each in plan.ignored for member in each})
            text = "A Go scheduler watches the bucket, and does not know %s of %s: %s"
            log.warning(text, ", ".join(members), counted(len(names), "schedule"), listed(names))
        self._ignored = names

    def _report(self, plan: Plan, result: Result) -> bool:
        self._said = ""
        done = result.with_status("done")
        for outcome in done[:_NAMED]:
            before = outcome.change.before
            drift = ", which somebody else had changed" if before is not None and has_drifted(before) else ""
            log.info("%s %s%s", type(outcome.change).__name__, outcome.change.name, drift)
        for outcome in result.with_status("failed")[:_NAMED]:
            log.error("Failed: %s", outcome.error)
        log.info("Applied %d of %d changes", len(done), len(plan.changes))
        return result.error is None

    def _tell_of_queues(self, queues: QueueSurvey) -> None:
        """Log once which queues are not as the files declare them."""
        if queues.different != self._different:
            for name, text in queues.different:
                log.warning("The queue %s is not as the files declare it: %s", name, text)
        self._different = queues.different

    def _say_once(self, level: int, text: str) -> None:
        """Log a text only if it is new, not again at each resync."""
        if text != self._said:
            log.log(level, "%s", text)
        self._said = text
