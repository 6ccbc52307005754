"""Writes of single keys by compare-and-set, and what the answers mean.

A write may be sent twice, and another apply may do the same write. So a refused compare-and-set is a success if the key
already holds the value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.asyncjobs.model import ScheduledTask, decode_scheduled_task, encode_scheduled_task
from ajsync.asyncjobs.names import schedule_key
from ajsync.asyncjobs.pause import pause_key
from ajsync.asyncjobs.writes import compare_and_set, refusal
from ajsync.errors import AjsyncError, ConflictError, StoredValueError, UnreachableError
from ajsync.reconcile.fields import changed_fields
from ajsync.transport.publisher import Write, publish_all
from ajsync.transport.window import Answer


@dataclass(frozen=True, slots=True)
class KeyWrite:
    """One scheduled task to put, or to delete if `task` is None, as long as its key is at `revision`."""

    name: str
    revision: int
    task: ScheduledTask | None
    created_at: int | None = None
    """Stored instead of the time of creation that the task has, in nanoseconds since 1970."""


@dataclass(frozen=True, slots=True)
class Written:
    """The key's new revision, or why it was not written."""

    revision: int = 0
    error: AjsyncError | None = None
    attempted: bool = True
    """Whether there was a server to write to."""


async def write_keys(
    bucket: ConfigurationBucket,
    writes: Sequence[KeyWrite],
    on_written: Callable[[], None] | None = None,
) -> list[Written]:
    """Carry out `writes`, pipelined, and return the result of each in the same order."""

    def count(_index: int, answer: Answer) -> None:
        if on_written is not None and not answer.error:
            on_written()

    messages = (_message(bucket, write) for write in writes)
    answers = await publish_all(bucket.connection, messages, on_answer=count)
    return [await _judge(bucket, write, answer) for write, answer in zip(writes, answers, strict=True)]


def _message(bucket: ConfigurationBucket, write: KeyWrite) -> Write:
    data = None if write.task is None else encode_scheduled_task(write.task, stamp=True, created_at=write.created_at)
    return compare_and_set(bucket, schedule_key(write.name), write.revision, data)


async def _judge(bucket: ConfigurationBucket, write: KeyWrite, answer: Answer) -> Written:
    if not answer.error:
        return Written(answer.sequence)
    if not answer.conflict:
        return Written(error=refusal(write.name, answer), attempted=answer.sent)
    try:
        found = await bucket.get(schedule_key(write.name))
        if write.task is None and found is not None and found.deleted:
            # A command that deletes a schedule to pause it has already written its pause.
            pause = await bucket.get(pause_key(write.name))
            if pause is not None and not pause.deleted:
                return Written(error=ConflictError(f"{write.name}: it was paused after it was read; left alone"))
    except UnreachableError as error:
        return Written(error=error)
    if found is not None and _holds(write, found.data, found.deleted):
        return Written(found.revision)
    return Written(error=ConflictError(f"{write.name}: someone else changed it after it was read; left alone"))


def _holds(write: KeyWrite, data: bytes, deleted: bool) -> bool:
    """Whether the key already holds what `write` would store."""
    if deleted or write.task is None:
        return deleted and write.task is None
    try:
        return not changed_fields(decode_scheduled_task(write.name, data), write.task)
    except StoredValueError:
        return False
