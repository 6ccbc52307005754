"""Read the record of an owner, and add to it by compare-and-set, so that no line is lost if two write at once."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import islice

from ajsync.asyncjobs.applied import (
    MOST_ACTION_NAMES,
    MOST_NAMES,
    RECORD_SUBJECT,
    Origin,
    RecordedAction,
    RecordedApply,
    action_object,
    apply_object,
    decode_actions,
    decode_record,
    encode_record,
    record_key,
    with_action,
    with_apply,
)
from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.asyncjobs.model import ScheduledTask
from ajsync.asyncjobs.names import CONFIGURATION_BUCKET, CONFIGURATION_STREAM
from ajsync.asyncjobs.writes import compare_and_set
from ajsync.errors import AjsyncError, ConflictError, InvalidError, StoredValueError
from ajsync.reconcile.apply.result import Result
from ajsync.reconcile.gates import is_older
from ajsync.reconcile.plan import Plan, told_counts, with_verbs
from ajsync.text import one_line
from ajsync.transport.connection import REQUEST_SECONDS
from ajsync.transport.leader import list_subjects
from ajsync.transport.publisher import publish_one
from ajsync.version import __version__

log = logging.getLogger(__name__)

_ATTEMPTS = 100
"""How often to try; in each round one of those that write at once succeeds."""
_PAUSE_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Record:
    """The record of one owner."""

    applies: tuple[RecordedApply, ...] = ()
    """The newest first."""
    revision: int = 0
    """The revision of its key; 0 if it was never written."""
    actions: tuple[RecordedAction, ...] = ()
    """The manual actions, the newest first."""

    @property
    def last(self) -> RecordedApply | None:
        """The newest apply."""
        return self.applies[0] if self.applies else None

    @property
    def lines(self) -> list[RecordedApply | RecordedAction]:
        """Applies and actions, the newest first."""
        return sorted((*self.applies, *self.actions), key=lambda each: -each.at)


@dataclass(frozen=True, slots=True)
class OwnedLine:
    """A line of the record, and the owner of the schedules that it is about."""

    owner: str
    line: RecordedApply | RecordedAction


async def read_all_records(bucket: ConfigurationBucket) -> list[OwnedLine]:
    """The lines of all owners, the newest first; a record that cannot be understood is logged and left out."""
    listing = await list_subjects(bucket.connection, CONFIGURATION_STREAM, f"{RECORD_SUBJECT}*")
    owners = sorted(subject.removeprefix(RECORD_SUBJECT) for subject in listing.subjects)
    found: list[OwnedLine] = []
    for owner in owners:
        try:
            found += [OwnedLine(owner, each) for each in (await read_record(bucket, owner)).lines]
        except InvalidError as error:
            log.warning("%s", error)
    return sorted(found, key=lambda each: -each.line.at)


async def read_record(bucket: ConfigurationBucket, owner: str) -> Record:
    """The record of an owner; an empty one if there is none. Raises InvalidError if it cannot be understood."""
    key = record_key(owner)
    found = await bucket.get(key)
    if found is None or found.deleted:
        return Record(revision=found.revision if found else 0)
    try:
        return Record(decode_record(found.data), found.revision, decode_actions(found.data))
    except StoredValueError as error:
        raise InvalidError(
            f"The record of the applies of {owner} in the bucket cannot be used: {one_line(str(error))}. A newer "
            f"ajsync may have written it; otherwise delete it with 'nats kv del {CONFIGURATION_BUCKET} {key}'."
        ) from None


def is_worth_recording(plan: Plan, result: Result, origin: Origin) -> bool:
    """Whether an apply changed something, or came from a commit other than the last one."""
    if result.with_status("done") or plan.queues.missing:
        return True
    if plan.selection or (plan.lineage is not None and is_older(plan.lineage)):
        return False  # nothing was changed, and nothing shows that the whole commit is in the bucket
    last = plan.last.commit if plan.last else None
    return result.error is None and origin.commit is not None and (last is None or last.id != origin.commit.id)


async def record_apply(bucket: ConfigurationBucket, plan: Plan, result: Result, origin: Origin, *, now: int) -> None:
    """Add an apply to the record if it is worth recording; `now` is its end in nanoseconds since 1970.

    Raises UnreachableError, NotPermittedError and InvalidError; what was applied stays applied.
    """
    if is_worth_recording(plan, result, origin):
        await add_to_record(bucket, plan.owner, _line(plan, result, origin, now))


def not_recorded(error: AjsyncError, what: str = "apply") -> str:
    """The warning for a failed `record_apply` or `record_action`; what was done stays done."""
    return f"The {what} is missing in the record that 'ajsync log' shows. {error}"


async def record_action(bucket: ConfigurationBucket, action: RecordedAction, tasks: Iterable[ScheduledTask]) -> None:
    """Add a manual action to the record of each owner of the schedules; schedules without an owner have no record.

    Raises as `record_apply`; what was done stays done.
    """
    names: dict[str, list[str]] = {}
    for task in tasks:
        if task.owner is not None:
            names.setdefault(task.owner, []).append(task.name)
    for owner, own in sorted(names.items()):
        line = replace(action, count=len(own), names=tuple(own[:MOST_ACTION_NAMES]), version=__version__)
        await add_to_record(bucket, owner, line)


async def add_to_record(bucket: ConfigurationBucket, owner: str, line: RecordedApply | RecordedAction) -> None:
    """Add a line to the record of an owner, even if others do so at the same time. Raises as `record_apply`."""
    for _ in range(_ATTEMPTS):
        record = await read_record(bucket, owner)
        if isinstance(line, RecordedAction):
            known = action_object(line) in map(action_object, record.actions)
            data = encode_record(record.applies, with_action(record.actions, line))
        else:
            known = apply_object(line) in map(apply_object, record.applies)
            data = encode_record(with_apply(record.applies, line), record.actions)
        if known:
            return  # an earlier attempt was stored, but its answer was lost
        write = compare_and_set(bucket, record_key(owner), record.revision, data)
        if not (await publish_one(bucket.connection, write, timeout=REQUEST_SECONDS)).conflict:
            return
        await asyncio.sleep(random.uniform(0, _PAUSE_SECONDS))  # so that several writers do not meet again
    raise ConflictError(f"The record of the applies of {owner} changes faster than it can be written.")


def _line(plan: Plan, result: Result, origin: Origin, now: int) -> RecordedApply:
    done = [outcome.change for outcome in result.with_status("done")]
    return RecordedApply(
        at=now,
        by=origin.by,
        commit=origin.commit,
        environment=plan.destination.environment,
        version=__version__,
        digest=plan.digest,
        counts={verb: count for verb, count in told_counts(done).items() if count},
        names=tuple(change.name for _, change in islice(with_verbs(done), MOST_NAMES)),
    )
