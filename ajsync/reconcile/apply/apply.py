"""Apply: carry a plan out in the bucket, each key by compare-and-set, creates and updates first and deletes last.

Whatever happens in between, a key is either as it was, or as the plan says, or in the journal.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.asyncjobs.journal import Step
from ajsync.asyncjobs.watchers import foreign_watchers, wait_until_delivered
from ajsync.errors import (
    AjsyncError,
    ConflictError,
    InvalidError,
    NotPermittedError,
    PartiallyAppliedError,
    StalePlanError,
    UnreachableError,
)
from ajsync.reconcile.apply.recreate import WATCHER_SECONDS, Recreator
from ajsync.reconcile.apply.writing import KeyWrite, Written, write_keys
from ajsync.reconcile.plan import Adopt, Change, Create, Delete, Plan, Update

_log = logging.getLogger(__name__)

Status = Literal["done", "failed", "not attempted"]

_KINDS = (NotPermittedError, UnreachableError, ConflictError, InvalidError)
"""What a whole apply can fail for, the narrower first."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one change."""

    change: Change
    status: Status
    error: AjsyncError | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a plan: one outcome for each of its changes, in the plan's order."""

    outcomes: tuple[Outcome, ...]

    def with_status(self, status: Status) -> tuple[Outcome, ...]:
        """The outcomes of this status."""
        return tuple(outcome for outcome in self.outcomes if outcome.status == status)

    @property
    def error(self) -> AjsyncError | None:
        """Why this was not all of it: the one kind of reason where nothing was done, else a partial apply."""
        done, failed = len(self.with_status("done")), len(self.with_status("failed"))
        left = len(self.with_status("not attempted"))
        if not failed and not left:
            return None
        away = any(outcome.status == "not attempted" and outcome.error for outcome in self.outcomes)
        counts = f"{done} done, {failed} failed, {left} not attempted{' while the server was away' if away else ''}"
        errors = [outcome.error for outcome in self.outcomes if outcome.error is not None]
        for kind in _KINDS:
            if not done and errors and all(isinstance(error, kind) for error in errors):
                return kind(f"Nothing was applied: {counts}. Run 'ajsync plan' to see how things are now.")
        return PartiallyAppliedError(f"Partially applied: {counts}. Run 'ajsync plan' to see what is left to do.")


async def apply(
    bucket: ConfigurationBucket,
    plan: Plan,
    *,
    now: int,
    on_done: Callable[[], None] | None = None,
    stop: asyncio.Event | None = None,
    watcher_seconds: float = WATCHER_SECONDS,
) -> Result:
    """Carry out `plan`. `now` (nanoseconds since 1970) becomes `created_at` of what is created.

    `on_done` is called once for each change done. Once `stop` is set nothing new is begun. A change that fails leaves
    its key alone and the others go on, except that nothing is deleted after a failure: a schedule that was renamed
    would be gone under both names. Raises StalePlanError where the bucket is not the plan's.
    """
    if bucket.target != plan.target:
        raise StalePlanError(
            f"The plan was made for the bucket {plan.target.bucket} that was made at {plan.target.created}, "
            f"and this one was made at {bucket.target.created}. Make the plan again with 'ajsync plan'."
        )
    start = time.perf_counter()
    run = _Run(bucket, plan, now, on_done, stop or asyncio.Event(), watcher_seconds)
    await run.phase((Create,), run.create)
    await run.phase((Update, Adopt), run.update)
    if all(outcome.status == "done" for outcome in run.outcomes.values()):
        await run.phase((Delete,), run.delete)
    result = Result(tuple(run.outcomes.get(change.name, Outcome(change, "not attempted")) for change in plan.changes))
    done, milliseconds = len(result.with_status("done")), (time.perf_counter() - start) * 1000
    _log.info("wrote %s keys to %s in %.0f ms", f"{done:,}", bucket.target.bucket, milliseconds)
    return result


class _Run:
    def __init__(
        self,
        bucket: ConfigurationBucket,
        plan: Plan,
        now: int,
        on_done: Callable[[], None] | None,
        stop: asyncio.Event,
        watcher_seconds: float,
    ) -> None:
        self.bucket = bucket
        self.plan = plan
        self.now = now
        self.on_done = on_done
        self.stop = stop
        self.watcher_seconds = watcher_seconds
        self.outcomes: dict[str, Outcome] = {}

    async def phase(self, kinds: tuple[type[Change], ...], carry_out: Callable[[list[Any]], Awaitable[None]]) -> None:
        """Carry out the changes of these kinds; an error that concerns none of them alone is the error of all."""
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
        newest = max(change.revision for change in changes)
        if newest:  # over a delete marker, which a foreign watcher must have seen before
            await wait_until_delivered(self.bucket.connection, newest, self.watcher_seconds)
        await self._write(
            [
                (change, KeyWrite(change.name, change.revision, replace(change.after, created_at=self.now)))
                for change in changes
            ]
        )

    async def update(self, changes: list[Update | Adopt]) -> None:
        if not await foreign_watchers(self.bucket.connection):
            await self._write([(change, KeyWrite(change.name, change.revision, change.after)) for change in changes])
            return
        rewriter = Recreator(self.bucket, self.plan.owner, watcher_seconds=self.watcher_seconds)
        by_name = {change.name: change for change in changes}
        steps = [Step(change.name, change.before, change.after) for change in changes]
        revisions = [change.revision for change in changes]
        async for step, written in rewriter.rewrite(steps, revisions, self.on_done, self.stop):
            self._record(by_name[step.name], written)

    async def delete(self, changes: list[Delete]) -> None:
        await self._write([(change, KeyWrite(change.name, change.revision, None)) for change in changes])

    async def _write(self, writes: list[tuple[Change, KeyWrite]]) -> None:
        results = await write_keys(self.bucket, [write for _, write in writes], self.on_done)
        for (change, _), written in zip(writes, results, strict=True):
            self._record(change, written)

    def _record(self, change: Change, written: Written) -> None:
        status: Status = "done" if written.error is None else "failed" if written.attempted else "not attempted"
        self.outcomes[change.name] = Outcome(change, status, written.error)
