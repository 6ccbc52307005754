"""The goal of a run, and the steps before every change: look into the journal, read, plan, ask the gates."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol
from urllib.parse import urlsplit, urlunsplit

from ajsync.asyncjobs.applied import Origin, RecordedApply
from ajsync.asyncjobs.bucket import BucketReader, ConfigurationBucket
from ajsync.asyncjobs.model import Live, LiveSchedule, ScheduledTask
from ajsync.asyncjobs.queue_store import survey_queues
from ajsync.asyncjobs.queues import QueueSettings
from ajsync.asyncjobs.size import too_large
from ajsync.asyncjobs.watchers import go_watches
from ajsync.errors import ConflictError, GateError, InvalidError, UnreachableError
from ajsync.reconcile.apply.record import Record, read_record
from ajsync.reconcile.apply.recreate import read_journal, unfinished
from ajsync.reconcile.comparison import Comparison
from ajsync.reconcile.gates import refusals
from ajsync.reconcile.plan import UNKNOWN, Destination, Lineage, Plan
from ajsync.safety import DEFAULT_SAFETY, NOTHING_OPENED, Opened, Safety
from ajsync.selection import EVERYTHING, Selection
from ajsync.text import visible
from ajsync.transport.connection import Connection

_NAMED = 5
"""How many of the too large schedules are named."""


class Provenance(Protocol):
    """What is known about the files beyond their content. Finding out takes milliseconds, so it is done in a thread."""

    def origin(self) -> Origin:
        """Who applies the files, and from which commit, as far as that is known."""

    def lineage(self, applied: RecordedApply) -> Lineage | None:
        """How the commit of the files is related to that of a recorded apply; None if the first is not known."""


@dataclass(frozen=True, slots=True)
class Goal:
    """What a run wants: the schedules of one owner as the files define them, and how far it may go to get there."""

    owner: str
    tasks: Mapping[str, ScheduledTask]
    """The desired schedules, by name."""
    digest: str = ""
    """The digest of the configuration that defines them."""
    safety: Safety = DEFAULT_SAFETY
    opened: Opened = NOTHING_OPENED
    selection: Selection = EVERYTHING
    """Which of the changes are made."""
    queues: tuple[QueueSettings, ...] = ()
    """The queues that the files declare."""
    provenance: Provenance | None = field(default=None, compare=False)
    """None if nothing is known, as for schedules that a program made."""

    @property
    def selected_queues(self) -> tuple[QueueSettings, ...]:
        """The queues of the selected schedules; all if everything is selected."""
        if not self.selection:
            return self.queues
        used = {task.queue for task in self.tasks.values() if self.selection.matches(task)}
        return tuple(queue for queue in self.queues if queue.name in used)


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a run would do now."""

    plan: Plan
    refusals: tuple[ConflictError | GateError, ...]
    """Why gates refuse the plan, the gravest reason first; empty if it may be applied."""
    interrupted: tuple[str, ...]
    """The schedules that an interrupted apply left deleted; the plan counts them as present, with their new values."""
    entries: Mapping[str, LiveSchedule]
    """What the bucket holds, as the plan counts it; valid until the next proposal of the same proposer."""
    record_problem: str = ""
    """Why the record cannot be used to find what was applied last; empty if it can."""


class Proposer:
    """Compares one goal after another with a bucket; unchanged schedules are not compared again."""

    def __init__(self, connection: Connection) -> None:
        self._reader = BucketReader(connection)
        self._comparison: Comparison | None = None

    async def propose(self, bucket: ConfigurationBucket, goal: Goal, destination: Destination = UNKNOWN) -> Proposal:
        """Compare a goal with what the bucket holds now; nothing is written.

        Raises InvalidError if some desired schedules do not fit into the messages that the server accepts.
        """
        # The journal is read first: an apply that ends between the two reads leaves nothing to finish, and the plan
        # sees the same state as one that begins.
        steps = await read_journal(bucket, goal.owner)
        record, record_problem = await _record_of(bucket, goal.owner)
        lineage = asyncio.create_task(_lineage(goal, record))  # git runs while the bucket is read
        live, comparison = await self._compare(goal)
        bucket.target = live.target  # the bucket may have been made again since it was opened
        check_sizes(bucket, comparison.unsettled())
        lost = unfinished(steps, live)
        to_come = {step.name: LiveSchedule(step.name, live.deleted.get(step.name, 0), step.after) for step in lost}
        found = comparison.plan(to_come, digest=goal.digest, destination=destination)
        queues = await survey_queues(bucket.connection, goal.selected_queues)
        found = replace(found, last=record.last, lineage=await lineage, queues=queues)
        if comparison.ignored and await _is_watched(bucket.connection):
            found = replace(found, ignored=comparison.ignored)
        entries = {**live.entries, **to_come} if to_come else live.entries
        return Proposal(
            found, refusals(found, goal.safety, goal.opened), tuple(sorted(to_come)), entries, record_problem
        )

    async def _compare(self, goal: Goal) -> tuple[Live, Comparison]:
        live, changed = await self._reader.read()
        comparison = self._comparison
        owner, adopt, selection = goal.owner, goal.opened.adopt, goal.selection
        if comparison is None or not comparison.is_for(owner, adopt=adopt, selection=selection):
            comparison = self._comparison = Comparison(owner, adopt=adopt, selection=selection)
        comparison.update(goal.tasks, live, changed)
        return live, comparison


async def propose(bucket: ConfigurationBucket, goal: Goal, destination: Destination = UNKNOWN) -> Proposal:
    """Compare a goal with what the bucket holds now; nothing is written. Raises as `Proposer.propose`."""
    return await Proposer(bucket.connection).propose(bucket, goal, destination)


async def _is_watched(connection: Connection) -> bool:
    """Whether a Go scheduler watches; False if that is not known, because only a warning depends on it."""
    try:
        return await go_watches(connection)
    except UnreachableError:
        return False


async def _record_of(bucket: ConfigurationBucket, owner: str) -> tuple[Record, str]:
    """The record of an owner; or an empty one, and why it could not be used."""
    try:
        return await read_record(bucket, owner), ""
    except InvalidError as error:
        return Record(), str(error)


async def _lineage(goal: Goal, record: Record) -> Lineage | None:
    applied = next((each for each in record.applies if each.commit is not None), None)
    if applied is None or goal.provenance is None:
        return None
    return await asyncio.to_thread(goal.provenance.lineage, applied)


async def new_refusals(bucket: ConfigurationBucket, goal: Goal, plan: Plan) -> tuple[ConflictError | GateError, ...]:
    """The gates' reasons against a plan that they had let pass, if others have applied since it was made."""
    record, _ = await _record_of(bucket, goal.owner)
    if record.last == plan.last:
        return ()
    changed = replace(plan, last=record.last, lineage=await _lineage(goal, record))
    return refusals(changed, goal.safety, goal.opened)


def destination_of(connection: Connection, environment: str | None, configured: str = "") -> Destination:
    """Where plans for this connection go; `configured` as in Destination."""
    parts = urlsplit(connection.url)
    server = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))  # without a user
    return Destination(environment or "", connection.context.name, server, configured)


def check_sizes(bucket: ConfigurationBucket, tasks: Iterable[ScheduledTask]) -> None:
    """Raise InvalidError if the server would refuse the values of `tasks`, or the tasks that they make."""
    limit = bucket.connection.max_payload
    refused = [f"{visible(task.name)}: {reason}" for task in tasks if (reason := too_large(task, limit))]
    if refused:
        more = f"; and {len(refused) - _NAMED:,} more" if len(refused) > _NAMED else ""
        raise InvalidError(
            f"{'; '.join(refused[:_NAMED])}{more}. "
            "Shorten the payload or the description, or raise max_payload in the configuration of the server."
        )
