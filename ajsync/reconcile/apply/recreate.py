"""Recreate: update a schedule beside a Go scheduler. Delete it, wait until the delete was seen, create it again.

A Go scheduler that sees only the new value also fires the old schedule, even as a stand-by. The journal holds what is
missing from the bucket in the meantime, so that the next apply can finish what an interrupted one began.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence

from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.asyncjobs.journal import Step, decode_journal, encode_journal, journal_key
from ajsync.asyncjobs.model import Live, encode_scheduled_task
from ajsync.asyncjobs.names import CONFIGURATION_BUCKET
from ajsync.asyncjobs.watchers import wait_until_delivered
from ajsync.asyncjobs.writes import compare_and_set, refusal
from ajsync.errors import (
    AjsyncError,
    ConflictError,
    InvalidError,
    NotPermittedError,
    StoredValueError,
    UnreachableError,
)
from ajsync.reconcile.apply.writing import KeyWrite, Written, write_keys
from ajsync.reconcile.plan import Adopt, Update
from ajsync.text import one_line
from ajsync.timestamp import NANOSECONDS
from ajsync.transport.publisher import publish_all

log = logging.getLogger(__name__)

WATCHER_SECONDS = 15.0
"""How long to wait for foreign watchers; the server drops one that hangs after 5 s."""
AT_WORK_SECONDS = 20.0
"""A journal younger than this may belong to an apply that is still running; more than WATCHER_SECONDS."""
_JOURNAL_BYTES = 512 * 1024
_JOURNAL_STEPS = 500
"""At most this many schedules are missing from the bucket at a time."""
_JOURNAL_MARGIN = 1024
_FRAME_BYTES = 64
"""More than the JSON around one step takes."""
_POLL_SECONDS = 0.25


async def recreate(
    bucket: ConfigurationBucket,
    owner: str,
    changes: Sequence[Update | Adopt],
    on_written: Callable[[], None] | None,
    stop: asyncio.Event,
) -> AsyncIterator[tuple[Update | Adopt, Written]]:
    """Recreate each schedule whose key is still at its revision; yields the outcomes, journal by journal.

    Once `stop` is set, no further journal is begun. Raises ConflictError if another apply of this owner is running.
    """
    limit = bucket.connection.max_payload - _JOURNAL_MARGIN
    journal = await bucket.get(journal_key(owner))
    if journal is not None and not journal.deleted:
        raise _running(owner)
    at = journal.revision if journal is not None else 0
    settled = True
    for chunk in split(changes, min(_JOURNAL_BYTES, limit)):
        if stop.is_set():
            break
        data = encode_journal(Step(each.name, each.before, each.after) for each in chunk)
        if len(data) > limit:
            error = InvalidError(
                f"{chunk[0].name}: its old and new value together are larger than a message of this server may be, so "
                "it cannot be updated beside a running Go scheduler without the risk of losing it. "
                "Stop the Go schedulers for this update, or make the payload smaller."
            )
            yield chunk[0], Written(error=error)
            continue
        at = await _write_journal(bucket, owner, at, data)
        results = await _recreate(bucket, chunk, on_written)
        # A conflict or a refused delete leaves the schedule in the bucket, so the journal need not keep it.
        kept = (ConflictError, NotPermittedError)
        settled = all(result.error is None or isinstance(result.error, kept) for result in results)
        for each in zip(chunk, results, strict=True):
            yield each
        if not settled:
            break
    if settled and at:
        await _write_journal(bucket, owner, at, None)


async def _recreate(
    bucket: ConfigurationBucket, chunk: Sequence[Update | Adopt], on_written: Callable[[], None] | None
) -> Sequence[Written]:
    results = await write_keys(bucket, [KeyWrite(change.name, change.revision, None) for change in chunk])
    gone = [index for index, result in enumerate(results) if result.error is None]
    creates = [KeyWrite(chunk[index].name, results[index].revision, chunk[index].after) for index in gone]
    if creates:
        made = await create_again(bucket, creates, on_written)
        for index, result in zip(gone, made, strict=True):
            results[index] = result
    return results


async def _write_journal(bucket: ConfigurationBucket, owner: str, revision: int, data: bytes | None) -> int:
    key = journal_key(owner)
    (answer,) = await publish_all(bucket.connection, [compare_and_set(bucket, key, revision, data)])
    if answer.conflict:
        found = await bucket.get(key)
        if found is not None and (found.data == data or (data is None and found.deleted)):
            return found.revision
        raise _running(owner)
    if answer.error:
        raise refusal(f"the journal {key}", answer)
    return answer.sequence


def _running(owner: str) -> ConflictError:
    return ConflictError(f"Another apply of {owner} is running in this bucket. Try again when it has finished.")


async def create_again(
    bucket: ConfigurationBucket,
    writes: Sequence[KeyWrite],
    on_written: Callable[[], None] | None = None,
) -> Sequence[Written]:
    """Create deleted schedules over their delete markers, once every foreign watcher has seen the deletes."""
    try:
        behind = await wait_until_delivered(bucket.connection, max(each.revision for each in writes), WATCHER_SECONDS)
    except UnreachableError as error:
        # It is not known what the watchers have seen, so the journal keeps the schedules for the next run.
        return [Written(error=_interrupted(each.name, error)) for each in writes]
    for watcher in behind:
        log.warning(
            "The consumer %s did not receive the deletes within %g s. If it is a Go scheduler, it may fire both the "
            "old and the new version of %d updated schedules until it is restarted.",
            watcher.consumer,
            WATCHER_SECONDS,
            len(writes),
        )
    results = await write_keys(bucket, writes, on_written)
    return [
        Written(error=_interrupted(each.name, result.error)) if isinstance(result.error, UnreachableError) else result
        for each, result in zip(writes, results, strict=True)
    ]


async def read_journal(bucket: ConfigurationBucket, owner: str) -> tuple[Step, ...]:
    """What an apply of `owner` is recreating, or left unfinished; empty if nothing."""
    found = await bucket.get(journal_key(owner))
    if found is None or found.deleted:
        return ()
    return _decode(owner, found.data)


async def finish_interrupted(bucket: ConfigurationBucket, owner: str) -> tuple[str, ...]:
    """Finish what an interrupted apply left in the journal of `owner`; returns the names that were created again.

    A young journal may belong to an apply that is still running, which gets `AT_WORK_SECONDS` to finish. The age comes
    from two clocks; even if ours is behind the server's, the wait is no longer than that.
    """
    key = journal_key(owner)
    revision, deadline, waiting = 0, 0.0, False
    while True:
        found = await bucket.get(key)
        if found is None or found.deleted:
            return ()
        steps = _decode(owner, found.data)
        if found.revision != revision:
            age = (time.time_ns() - found.stored_at) / NANOSECONDS
            revision, deadline = found.revision, time.monotonic() + AT_WORK_SECONDS - max(age, 0.0)
        left = deadline - time.monotonic()
        if left <= 0:
            break
        if not waiting:
            waiting = True
            log.warning(
                "An apply of %s seems to be running, or was interrupted a moment ago: waiting up to %d s for it.",
                owner,
                left,
            )
        await asyncio.sleep(_POLL_SECONDS)
    live = await bucket.read()
    lost = unfinished(steps, live)
    if lost:
        writes = [KeyWrite(step.name, live.deleted.get(step.name, 0), step.after) for step in lost]
        for result in await create_again(bucket, writes):
            if result.error is not None and not isinstance(result.error, ConflictError):
                raise result.error
    # A conflict here means that another apply has also finished it.
    await publish_all(bucket.connection, [compare_and_set(bucket, key, found.revision, None)])
    return tuple(step.name for step in lost)


def unfinished(steps: Iterable[Step], live: Live) -> tuple[Step, ...]:
    """The steps whose schedule was deleted and not created again."""
    return tuple(step for step in steps if step.name not in live.entries)


def split(changes: Iterable[Update | Adopt], most: int) -> Iterator[list[Update | Adopt]]:
    """Cut changes into those of one journal each, of at most `most` bytes; one that is too large gets its own."""
    chunk: list[Update | Adopt] = []
    size = 0
    for change in changes:
        weight = len(encode_scheduled_task(change.before)) + len(encode_scheduled_task(change.after)) + _FRAME_BYTES
        if chunk and (size + weight > most - _FRAME_BYTES or len(chunk) >= _JOURNAL_STEPS):
            yield chunk
            chunk, size = [], 0
        chunk.append(change)
        size += weight
    if chunk:
        yield chunk


def _decode(owner: str, data: bytes) -> tuple[Step, ...]:
    try:
        return decode_journal(owner, data)
    except StoredValueError as error:
        key = journal_key(owner)
        raise InvalidError(
            f"The journal of {owner} in the bucket cannot be used: {one_line(str(error))}. It may name "
            f"schedules that an interrupted apply deleted and did not create again: look at the key {key} with "
            f"'nats kv get {CONFIGURATION_BUCKET} {key}', and delete it once nothing is missing."
        ) from None


def _interrupted(name: str, error: AjsyncError) -> UnreachableError:
    return UnreachableError(
        f"{name}: it was deleted for an update and could not be created again yet ({error}); the journal keeps it, and "
        "the next 'ajsync apply' restores it first"
    )
