"""Apply: carry out a plan in the bucket: each key by compare-and-set, creates and updates first, deletes last.

Whatever interrupts it, each key is unchanged, or as the plan says, or in the journal.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.asyncjobs.pausing import Settled, change_paused, create_paused, drop_leftovers
from ajsync.asyncjobs.queue_store import make_queue
from ajsync.asyncjobs.watchers import foreign_watchers, wait_until_delivered
from ajsync.errors import AjsyncError, StalePlanError, UnreachableError
from ajsync.reconcile.apply.recreate import WATCHER_SECONDS, recreate
from ajsync.reconcile.apply.result import ChangeStatus, Outcome, Result
from ajsync.reconcile.apply.writing import KeyWrite, Written, write_keys
from ajsync.reconcile.plan import Adopt, Change, Create, Delete, Plan, Update

_log = logging.getLogger(__name__)


async def apply(
    bucket: ConfigurationBucket,
    plan: Plan,
    *,
    now: int,
    on_done: Callable[[], None] | None = None,
    stop: asyncio.Event | None = None,
) -> Result:
    """Carry out `plan`. `now` (nanoseconds since 1970) becomes `created_at` of what is created, unless it is renamed.

    `on_done` is called once for each change that is done. Once `stop` is set, nothing new is begun. A change that fails
    leaves its key alone and does not stop the others. But nothing is deleted after a failure, or a renamed schedule
    could be gone under both names. Raises StalePlanError if the plan was made for another bucket, and UnreachableError
    or ConflictError if a missing queue cannot be made; then nothing else has been changed.
    """
    if bucket.target != plan.target:
        raise StalePlanError(
            f"The plan was made for the bucket {plan.target.bucket} that was created at {plan.target.created}, "
            f"and this one was created at {bucket.target.created}. Make a new plan with 'ajsync plan'."
        )
    start = time.perf_counter()
    for queue in plan.queues.missing:  # before a schedule needs it
        await make_queue(bucket.connection, queue)
        _log.info("made the queue %s", queue.name)
    run = _Application(bucket, plan, now, on_done, stop or asyncio.Event())
    await run.phase((Create,), run.create)
    await run.phase((Update, Adopt), run.update)
    if all(outcome.status == "done" for outcome in run.outcomes.values()):
        await run.phase((Delete,), run.delete)
    result = Result(tuple(run.outcomes.get(change.name, Outcome(change, "not attempted")) for change in plan.changes))
    done, milliseconds = len(result.with_status("done")), (time.perf_counter() - start) * 1000
    _log.info("wrote %s keys to %s in %.0f ms", f"{done:,}", bucket.target.bucket, milliseconds)
    return result


@dataclass(frozen=True, slots=True)
class _Application:
    bucket: ConfigurationBucket
    plan: Plan
    now: int
    on_done: Callable[[], None] | None
    stop: asyncio.Event
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    """The outcomes by the name of the schedule."""

    async def phase(self, kinds: tuple[type[Change], ...], carry_out: Callable[[list[Any]], Awaitable[None]]) -> None:
        """Carry out the changes of these kinds; an error that is not about a single change is the error of all."""
        changes = [change for change in self.plan.changes if isinstance(change, kinds)]
        lost = any(isinstance(outcome.error, UnreachableError) for outcome in self.outcomes.values())
        if not changes or lost or self.stop.is_set():
            return
        try:
            await carry_out(changes)
        except AjsyncError as error:
            for change in changes:
                self.outcomes.setdefault(change.name, Outcome(change, "failed", error))

    async def create(self, changes: list[Create]) -> None:
        await self._create_paused([change for change in changes if change.paused])
        changes = [change for change in changes if not change.paused]
        if not changes:
            return
        newest = max(change.revision for change in changes)
        if newest:  # they replace a delete marker, which foreign watchers must have seen first
            await wait_until_delivered(self.bucket.connection, newest, WATCHER_SECONDS)
        await self._write(changes)

    async def _create_paused(self, changes: Sequence[Create]) -> None:
        schedules = {each.name: (each.after, each.pause) for each in changes if each.pause is not None}
        self._record_settled(changes, await create_paused(self.bucket, schedules))

    async def update(self, changes: list[Update | Adopt]) -> None:
        await self._change_paused([change for change in changes if change.paused])
        changes = [change for change in changes if not change.paused]
        if not changes:
            return
        if not await foreign_watchers(self.bucket.connection):
            await self._write(changes)
            return
        async for change, written in recreate(self.bucket, self.plan.owner, changes, self.on_done, self.stop):
            self._record(change, written)

    async def delete(self, changes: list[Delete]) -> None:
        await self._change_paused([change for change in changes if change.paused])
        changes = [change for change in changes if not change.paused]
        written = await self._write(changes)
        if not written:
            return
        for name, settled in (await drop_leftovers(self.bucket, written)).items():
            if settled.error is not None:
                self.outcomes[name] = replace(self.outcomes[name], status="failed", error=settled.error)

    async def _change_paused(self, changes: Sequence[Update | Adopt | Delete]) -> None:
        """Change the values of paused schedules where they are, in the keys of their pauses."""
        wanted = {each.name: (each.revision, each.after) for each in changes}
        self._record_settled(changes, await change_paused(self.bucket, wanted))

    def _record_settled(self, changes: Sequence[Change], settled: Mapping[str, Settled]) -> None:
        for change in changes:
            error = settled[change.name].error
            self._record(change, Written(error=error))
            if error is None and self.on_done is not None:
                self.on_done()

    async def _write(self, changes: Sequence[Change]) -> dict[str, int]:
        """Carry out changes at their keys, and return the revisions of those that are written, by name."""
        writes = [KeyWrite(each.name, each.revision, each.after, self._created_at(each)) for each in changes]
        revisions: dict[str, int] = {}
        for change, written in zip(changes, await write_keys(self.bucket, writes, self.on_done), strict=True):
            self._record(change, written)
            if written.error is None:
                revisions[change.name] = written.revision
        return revisions

    def _created_at(self, change: Change) -> int | None:
        """The time of the creation of a new schedule; None for one that has it, from which its intervals count."""
        return self.now if isinstance(change, Create) and not change.renamed_from else None

    def _record(self, change: Change, written: Written) -> None:
        status: ChangeStatus = "done" if written.error is None else "failed" if written.attempted else "not attempted"
        self.outcomes[change.name] = Outcome(change, status, written.error)
