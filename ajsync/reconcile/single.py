"""Find, add and delete one schedule by its name. Each change is a plan of one change, carried out like any other.

A schedule that an apply is recreating, or left deleted, counts as present, because the journal holds its value.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, replace

from ajsync.asyncjobs.bucket import ConfigurationBucket, decode_entry
from ajsync.asyncjobs.foreign import decode_object
from ajsync.asyncjobs.journal import Step, journal_key
from ajsync.asyncjobs.model import (
    DEFAULT_MAX_TRIES,
    MAX_DEADLINE,
    MIN_DEADLINE,
    BucketIdentity,
    LiveSchedule,
    Managed,
    ScheduledTask,
    rounded_deadline,
)
from ajsync.asyncjobs.names import (
    CONFIGURATION_STREAM,
    CONFIGURATION_SUBJECT,
    LONGEST_NAME,
    OWNER_NAME,
    QUEUE_NAME,
    SCHEDULE_NAME,
    TASK_TYPE,
    schedule_key,
)
from ajsync.asyncjobs.pause import decode_paused_entry, pause_key
from ajsync.asyncjobs.pausing import change_paused, drop_leftovers
from ajsync.errors import (
    AlreadyExistsError,
    ConflictError,
    InvalidError,
    NotFoundError,
    StoredValueError,
)
from ajsync.reconcile.apply.apply import apply
from ajsync.reconcile.apply.recreate import finish_interrupted, read_journal
from ajsync.reconcile.apply.writing import KeyWrite, write_keys
from ajsync.reconcile.plan import Create, Delete, Plan
from ajsync.reconcile.reconciler import check_sizes
from ajsync.schedule import format_duration_short, parse_duration, stored_schedule
from ajsync.text import quote, visible
from ajsync.transport.leader import list_subjects

log = logging.getLogger(__name__)

_KEY = re.compile(r"[^\s.*>\x00\ud800-\udfff]+")
"""The characters of a key: more than those of a name, because other values can be found and deleted, too."""
_DAYS = re.compile(r"(?:([0-9]{1,9})w)?(?:([0-9]{1,9})d)?(.*)", re.DOTALL)
_HOURS_IN_DAY = 24
_INSTEAD = "Nothing was changed; 'ajsync view {}' shows it."


@dataclass(frozen=True, slots=True)
class Found:
    """What the bucket holds under one name."""

    target: BucketIdentity
    entry: LiveSchedule | None
    """None if there is no value."""
    marker: int = 0
    """The revision of a key without a value: that of its delete marker, or 0 if it was never written."""
    owner: str | None = None
    """The owner of the value, even if that is not a scheduled task; None if it has none."""
    journalled: bool = False
    """Whether an apply of the owner deleted it for an update; the journal holds the new value."""

    @property
    def paused(self) -> bool:
        """Whether it is paused; the revision of the entry is then that of its pause."""
        return self.entry is not None and self.entry.pause is not None


def new_schedule(
    name: str,
    schedule: str,
    queue: str,
    task_type: str,
    *,
    payload: bytes | None = None,
    deadline: int = 0,
    max_tries: int = DEFAULT_MAX_TRIES,
    timezone: str = "",
    owner: str | None = None,
) -> ScheduledTask:
    """The scheduled task that `add` stores, by the rules of the Go tool.

    `schedule` may lack its `@`. `deadline` is in nanoseconds and is rounded to seconds; 0 means none. Raises
    InvalidError, and ScheduleError for a schedule or zone.
    """
    for what, value, pattern, allowed in (
        ("name", name, SCHEDULE_NAME, "letters, digits, _ and -"),
        ("queue", queue, QUEUE_NAME, "letters, digits, _ and -"),
        ("task type", task_type, TASK_TYPE, "letters, digits, _, - and :"),
        ("owner", owner, OWNER_NAME, "letters, digits, _ and -"),
    ):
        if value is not None and not pattern.fullmatch(value):
            raise InvalidError(f"The {what} {quote(value)} is not valid: it may hold only {allowed}.")
        if value is not None and len(value) > LONGEST_NAME:
            raise InvalidError(f"The {what} has {len(value):,} characters, and must have at most {LONGEST_NAME}.")
    rounded = rounded_deadline(deadline)
    if deadline and rounded < MIN_DEADLINE:
        given, least = format_duration_short(deadline), format_duration_short(MIN_DEADLINE)
        raise InvalidError(f"The deadline {given} is too short: it must be at least {least}.")
    if rounded > MAX_DEADLINE:
        given, most = format_duration_short(deadline), format_duration_short(MAX_DEADLINE)
        raise InvalidError(f"The deadline {given} is too long: it must be at most {most}.")
    if max_tries < 1:
        raise InvalidError(f"The task must be tried at least once, not {max_tries} times.")
    managed = None if owner is None else Managed(owner)
    stored = stored_schedule(schedule, timezone)
    return ScheduledTask(name, stored, queue, task_type, payload, rounded, max_tries, managed=managed)


def parse_deadline(text: str) -> int:
    """The nanoseconds of a deadline on a command line: a Go duration, optionally after weeks and days, such as
    `1w2d12h`.

    Raises ScheduleError.
    """
    match = _DAYS.fullmatch(text)
    weeks, days, rest = match.groups() if match else (None, None, text)
    if not weeks and not days:
        return parse_duration(text, MIN_DEADLINE)
    hours = (int(weeks or 0) * 7 + int(days or 0)) * _HOURS_IN_DAY
    return parse_duration(f"{hours}h{rest}")


async def find(bucket: ConfigurationBucket, name: str) -> Found:
    """What the bucket holds under `name`."""
    if not _KEY.fullmatch(name):
        return Found(bucket.target, None)
    found = await _look(bucket, name)
    if found.entry is None:
        step = await journalled(bucket, name)
        if step is not None:
            entry = LiveSchedule(name, found.marker, step.after)
            return replace(found, entry=entry, owner=step.after.owner, journalled=True)
        # An apply that has created it again between the two reads has left no journal.
        found = await _look(bucket, name)
    return found


async def add(bucket: ConfigurationBucket, task: ScheduledTask, *, now: int) -> ScheduledTask:
    """Store a new schedule, and return it as stored. `now`, in nanoseconds since 1970, becomes its `created_at`.

    Raises AlreadyExistsError if the name is taken, InvalidError if the schedule is too large.
    """
    check_sizes(bucket, [task])
    found = await find(bucket, task.name)
    if found.entry is not None:
        paused = ", is paused" if found.paused else ""
        whose = "has no owner" if found.owner is None else f"belongs to the owner {visible(found.owner)}"
        raise AlreadyExistsError(
            f"The schedule {task.name} already exists{paused}, and {whose}. {_INSTEAD.format(task.name)}"
        )
    try:
        await _carry_out(bucket, found, Create(task.name, task, found.marker), now)
    except ConflictError:
        raise AlreadyExistsError(
            f"The schedule {task.name} already exists: someone added it just now. {_INSTEAD.format(task.name)}"
        ) from None
    return replace(task, created_at=now)


async def find_removable(bucket: ConfigurationBucket, name: str, *, owner: str | None = None) -> Found:
    """The value to delete, which must belong to `owner`, or to no owner if that is None.

    A schedule that an interrupted apply of `owner` left deleted is restored first. Raises NotFoundError, and
    ConflictError if the value belongs to another owner.
    """
    found = await find(bucket, name)
    if found.entry is None:
        raise NotFoundError(f"There is no schedule {name!r} in the bucket. 'ajsync list' shows what there is.")
    if found.owner != owner:
        raise ConflictError(_not_yours(found, name, owner))
    if found.journalled and owner is not None:
        await finish_interrupted(bucket, owner)
        return await find_removable(bucket, name, owner=owner)
    return found


async def remove(bucket: ConfigurationBucket, found: Found) -> None:
    """Delete what `find_removable` found. Raises ConflictError if it has changed since."""
    entry = found.entry
    assert entry is not None
    if entry.task is not None:
        await _carry_out(bucket, found, Delete(entry.name, entry.task, entry.revision, paused=found.paused), 0)
        return
    if found.paused:
        settled = await change_paused(bucket, {entry.name: (entry.revision, None)})
        if error := settled[entry.name].error:
            raise error
        return
    (written,) = await write_keys(bucket, [KeyWrite(entry.name, entry.revision, None)])
    if written.error is not None:
        raise written.error
    for leftover in (await drop_leftovers(bucket, {entry.name: written.revision})).values():
        if leftover.error is not None:
            raise leftover.error


async def _look(bucket: ConfigurationBucket, name: str) -> Found:
    message = await bucket.get(schedule_key(name))
    if message is None or message.deleted:
        marker = message.revision if message else 0
        pause = await bucket.get(pause_key(name))
        if pause is None or pause.deleted:
            return Found(bucket.target, None, marker)
        entry = decode_paused_entry(name, pause.revision, pause.data)
        return Found(bucket.target, entry, marker, _owner_of_paused(entry, pause.data))
    entry = decode_entry(name, message.revision, message.data)
    return Found(bucket.target, entry, owner=_owner(entry, message.data))


def _owner(entry: LiveSchedule, data: bytes) -> str | None:
    if entry.task is not None:
        return entry.task.owner
    # An unreadable value may come from a newer ajsync, and still name its owner.
    try:
        managed = decode_object(data).get("ajsync")
    except StoredValueError:
        return None
    return _named(managed)


def _owner_of_paused(entry: LiveSchedule, data: bytes) -> str | None:
    if entry.task is not None:
        return entry.task.owner
    try:
        value = decode_object(data).get("schedule")
    except StoredValueError:
        return None
    return _named(value.get("ajsync")) if isinstance(value, dict) else None


def _named(managed: object) -> str | None:
    return None if managed is None else str(managed.get("owner") if isinstance(managed, dict) else managed)


async def journalled(bucket: ConfigurationBucket, name: str) -> Step | None:
    """The update of `name` that the journal of some owner holds."""
    subjects = f"{CONFIGURATION_SUBJECT}{journal_key('*')}"
    listing = await list_subjects(bucket.connection, CONFIGURATION_STREAM, subjects)
    for subject in sorted(listing.subjects):
        try:
            steps = await read_journal(bucket, subject.rpartition(".")[2])
        except InvalidError as error:  # the next apply of that owner fails because of it, but this command need not
            log.warning("%s", error)
            continue
        for step in steps:
            if step.name == name:
                return step
    return None


def _not_yours(found: Found, name: str, owner: str | None) -> str:
    name = visible(name)
    if found.owner is None:
        return f"{name} has no owner, so it is not a schedule of {owner}: delete it without naming one."
    theirs = visible(found.owner)
    entry = found.entry
    source = entry.task.settings.source if entry and entry.task else ""
    whose = f"{name} belongs to the owner {theirs}" + (f", from {visible(source)}" if source else "")
    if owner is not None:
        return f"{whose}, not to {owner}: to delete it, pass --owner {theirs}."
    return (
        f"{whose}, whose next apply would restore it: remove it from the files instead. "
        f"To delete it anyway, pass --owner {theirs}."
    )


async def _carry_out(bucket: ConfigurationBucket, found: Found, change: Create | Delete, now: int) -> None:
    result = await apply(bucket, Plan(found.target, found.owner or "", changes=(change,)), now=now)
    for outcome in result.outcomes:
        if outcome.error is not None:
            raise outcome.error
