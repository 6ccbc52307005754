"""Pause and resume schedules by their names, and resume those whose pause has ended.

Like `add` and `delete`, a command changes only schedules of an owner that the user named, or without an owner.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.asyncjobs.model import Pause
from ajsync.asyncjobs.names import CONFIGURATION_STREAM, LONGEST_NAME, SCHEDULE_NAME
from ajsync.asyncjobs.pause import LONGEST_BY, LONGEST_REASON, PAUSE_SUBJECT, decode_pause
from ajsync.asyncjobs.pause_keys import Keys
from ajsync.asyncjobs.pausing import Check, Settled, missing
from ajsync.asyncjobs.pausing import pause as pause_keys
from ajsync.asyncjobs.pausing import resume as resume_keys
from ajsync.errors import (
    AjsyncError,
    ConflictError,
    InvalidError,
    NotFoundError,
    PartiallyAppliedError,
    StoredValueError,
)
from ajsync.reconcile.apply.recreate import finish_interrupted
from ajsync.reconcile.single import journalled
from ajsync.text import one_line, visible
from ajsync.timestamp import format_timestamp
from ajsync.transport.leader import last_messages, list_subjects

_LAST_INSTANT = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Owners:
    """Whose schedules a command may change."""

    names: Collection[str | None]
    """Owners; None means schedules without one."""

    def refusal(self, name: str, owner: str | None, verb: str) -> ConflictError | None:
        """Why a schedule of `owner` is left alone; None if it may be changed."""
        if owner in self.names:
            return None
        wanted = ", ".join(visible(each) for each in self.names if each is not None)
        if owner is None:
            return ConflictError(
                f"{visible(name)} has no owner, so it is not a schedule of {wanted}: {verb} it without naming one."
            )
        theirs = visible(owner)
        not_to = f", not to {wanted}" if wanted else ""
        return ConflictError(
            f"{visible(name)} belongs to the owner {theirs}{not_to}: to {verb} it, pass --owner {theirs}."
        )


async def pause(
    bucket: ConfigurationBucket,
    names: Iterable[str],
    owners: Owners,
    *,
    by: str,
    reason: str,
    until: int = 0,
    last: int = 0,
) -> tuple[Settled, ...]:
    """Pause schedules, each once, and return their outcomes, in their order.

    A pause ends at the instant `until`, or after `last` nanoseconds, or when it is resumed. If a schedule is paused
    already, it gets this reason and this end. Raises InvalidError for an invalid reason or end.
    """
    if not reason.strip():
        raise InvalidError("The reason for a pause must not be empty.")
    if len(reason) > LONGEST_REASON:
        raise InvalidError(f"The reason has {len(reason):,} characters, and must have at most {LONGEST_REASON:,}.")
    now = await bucket.server_time()
    ends = now + last if last else until
    if ends > _LAST_INSTANT:
        raise InvalidError("The pause would end after the year 2262, which is the last that asyncjobs knows.")
    if ends and ends <= now:
        past, present = format_timestamp(ends), format_timestamp(now)
        raise InvalidError(f"The pause would end at {past}, which has passed: the server's clock shows {present}.")
    wanted = Pause(now, by[:LONGEST_BY], reason, ends)

    async def change(chosen: Collection[str]) -> dict[str, Settled]:
        return await pause_keys(bucket, chosen, wanted, _check(owners, "pause"))

    return await _changed(bucket, names, change)


async def resume(bucket: ConfigurationBucket, names: Iterable[str], owners: Owners) -> tuple[Settled, ...]:
    """Resume schedules, each once, and return their outcomes, in their order."""
    now = await bucket.server_time()

    async def change(chosen: Collection[str]) -> dict[str, Settled]:
        return await resume_keys(bucket, chosen, now, _check(owners, "resume"))

    return await _changed(bucket, names, change)


async def resume_due(bucket: ConfigurationBucket, owner: str) -> tuple[Settled, ...]:
    """Resume the schedules of `owner` whose pause has ended, and that no scheduler of ajsync has resumed.

    Returns their outcomes.
    """
    listing = await list_subjects(bucket.connection, CONFIGURATION_STREAM, f"{PAUSE_SUBJECT}*")
    if not listing.subjects:
        return ()
    now = await bucket.server_time()
    pauses = await last_messages(bucket.connection, CONFIGURATION_STREAM, sorted(listing.subjects))
    names = [
        name
        for subject, message in pauses.items()
        if not message.deleted and _has_ended(name := subject.removeprefix(PAUSE_SUBJECT), message.data, owner, now)
    ]
    settled = await resume_keys(bucket, names, now, _check(Owners((owner,)), "resume"), due=True)
    return tuple(each for each in settled.values() if each.changed)


def _has_ended(name: str, data: bytes, owner: str, now: int) -> bool:
    try:
        paused = decode_pause(name, data)
    except StoredValueError:  # the plan says what is wrong with it
        return False
    return paused.task.owner == owner and 0 < paused.pause.until <= now


def failure(settled: Sequence[Settled], verb: str) -> AjsyncError | None:
    """The error of a run: its only error, or one that counts them; None if there is none."""
    errors = [each.error for each in settled if each.error is not None]
    if not errors:
        return None
    if len(settled) == 1:
        return errors[0]
    told = f"{len(settled) - len(errors)} done, {len(errors)} failed"
    if len(errors) < len(settled) or any(isinstance(error, PartiallyAppliedError) for error in errors):
        return PartiallyAppliedError(f"Not all were {verb}: {told}.")
    kind = type(errors[0]) if len({type(error) for error in errors}) == 1 else AjsyncError
    return kind(f"None was {verb}: {told}.")


async def _changed(
    bucket: ConfigurationBucket,
    names: Iterable[str],
    change: Callable[[Collection[str]], Awaitable[dict[str, Settled]]],
) -> tuple[Settled, ...]:
    """Change schedules by name; those that an interrupted apply has left deleted are restored first, as for a
    delete."""
    chosen = list(dict.fromkeys(names))
    settled = {name: Settled(name, missing(name)) for name in chosen}
    settled |= await change([name for name in chosen if SCHEDULE_NAME.fullmatch(name) and len(name) <= LONGEST_NAME])
    owners: set[str] = set()
    away: list[str] = []
    for name, each in settled.items():
        if isinstance(each.error, NotFoundError) and SCHEDULE_NAME.fullmatch(name):
            step = await journalled(bucket, name)
            if step is not None and step.after.owner is not None:
                owners.add(step.after.owner)
                away.append(name)
    for owner in sorted(owners):
        await finish_interrupted(bucket, owner)
    if away:
        settled |= await change(away)
    return tuple(settled[name] for name in chosen)


def _check(owners: Owners, verb: str) -> Check:
    def check(keys: Keys) -> AjsyncError | None:
        try:
            task = keys.task()
        except StoredValueError as error:
            return ConflictError(
                f"The value of {visible(keys.name)} is not a scheduled task: {one_line(str(error))}. It is left alone."
            )
        return None if task is None else owners.refusal(keys.name, task.owner, verb)

    return check
