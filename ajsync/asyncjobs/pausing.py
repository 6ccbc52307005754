"""Pause schedules and resume them: two keys each, written in an order in which a kill or another client loses nothing.

A pause writes the key of the pause first, and then deletes the schedule's key. A resume writes the schedule's key
first, and then deletes the key of the pause. Every write is a compare-and-set. If one is refused, both keys are read
again and the work starts over. So at any time at least one of the keys holds the value (docs/decisions/0010-pause.md).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.asyncjobs.model import Pause, ScheduledTask
from ajsync.asyncjobs.names import CONFIGURATION_STREAM, schedule_key
from ajsync.asyncjobs.pause import (
    PAUSE_SUBJECT,
    decode_pause,
    encode_pause,
    new_pause,
    pause_key,
    paused_schedule,
    resumed_value,
    with_task,
)
from ajsync.asyncjobs.pause_keys import Keys, look
from ajsync.asyncjobs.watchers import wait_until_delivered
from ajsync.asyncjobs.writes import compare_and_set, refusal
from ajsync.errors import AjsyncError, ConflictError, NotFoundError, PartiallyAppliedError, StoredValueError
from ajsync.text import one_line, visible
from ajsync.transport.leader import last_messages, list_subjects
from ajsync.transport.publisher import Write, publish_all

log = logging.getLogger(__name__)

WATCHER_SECONDS = 15.0
"""How long to wait for foreign watchers; the server drops one that hangs after 5 s."""
_BUSY = "somebody else keeps changing it; try again when that has ended"
_ROUNDS = 10
"""How often to start over for a schedule that somebody else changes at the same time."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of one schedule that was to be paused, resumed or changed during its pause."""

    name: str
    error: AjsyncError | None = None
    pause: Pause | None = None
    """Its pause now, or after a resume the one that ended. None if it was not paused."""
    task: ScheduledTask | None = None
    changed: bool = True
    """Whether it was changed; False if it already was as it should be."""


@dataclass(frozen=True, slots=True)
class _Move:
    """Two writes; the second is made when the first is stored and watchers have seen the `marker`."""

    first: Write | None
    second: Write
    settled: Settled | None
    """The outcome of the schedule after both; None if it has to be looked at again."""
    marker: int = 0
    after_first: str = ""
    """What to say about the schedule if only the second write is refused; "" if that is as if none had been made."""


Decide = Callable[[Keys], _Move | Settled | None]
"""Decides what to write, or the outcome of a schedule, or None to look again."""
Check = Callable[[Keys], AjsyncError | None]
"""Looks at a schedule before it is changed; an error leaves it alone."""


async def pause(bucket: ConfigurationBucket, names: Iterable[str], wanted: Pause, check: Check) -> dict[str, Settled]:
    """Pause schedules, or give existing pauses this reason and this end; `wanted.since` is now."""

    def decide(keys: Keys) -> _Move | Settled | None:
        if keys.value is None and keys.pause_value is None:
            return Settled(keys.name, missing(keys.name)) if keys.is_closed else None
        if error := check(keys):
            return Settled(keys.name, error)
        return _pausing(bucket, keys, wanted)

    return await _settle(bucket, names, decide)


async def resume(
    bucket: ConfigurationBucket,
    names: Iterable[str],
    now: int,
    check: Check,
    *,
    due: bool = False,
) -> dict[str, Settled]:
    """Bring schedules back at `now`, by the server's clock; with `due` only those whose pause ends by then.

    An interrupted pause or resume is finished as a pause first.
    """
    written: dict[str, tuple[bytes, int]] = {}
    """Name → the value that was put back, and the revision of its pause."""

    def decide(keys: Keys) -> _Move | Settled | None:
        if keys.pause_value is None and keys.value is not None:
            return Settled(keys.name, changed=False)
        if keys.pause_value is None:
            return Settled(keys.name, missing(keys.name)) if keys.is_closed else None
        if error := check(keys):
            return Settled(keys.name, error)
        assert keys.pause is not None
        try:
            paused = decode_pause(keys.name, keys.pause_value)
        except StoredValueError as error:
            return Settled(keys.name, _unreadable(keys.name, error))
        if due and not 0 < paused.pause.until <= now:
            return Settled(keys.name, changed=False)
        gone = compare_and_set(bucket, pause_key(keys.name), keys.pause.revision, None)
        settled = Settled(keys.name, pause=paused.pause, task=paused.task)
        if keys.value is not None:
            if written.get(keys.name) == (keys.value, keys.pause.revision):  # only the answer to our write was lost
                return _Move(None, gone, settled, after_first=_active(keys.name))
            # The key of the pause must not be deleted while a pause may be between its two writes, so that is finished
            # first.
            move = _pausing(bucket, keys, replace(paused.pause, since=now))
            return replace(move, settled=None) if isinstance(move, _Move) else move
        value = resumed_value(paused, now)
        written[keys.name] = value, keys.pause.revision
        marker = keys.schedule.revision if keys.schedule is not None else 0
        back = compare_and_set(bucket, schedule_key(keys.name), marker, value)
        return _Move(back, gone, settled, marker, _active(keys.name))

    return await _settle(bucket, names, decide)


async def change_paused(
    bucket: ConfigurationBucket, changes: Mapping[str, tuple[int, ScheduledTask | None]]
) -> dict[str, Settled]:
    """Change the values of paused schedules if the pause is still at a revision; None deletes schedule and pause.

    Then the schedule's delete marker is written again, so that a resume that read the old value before fails.
    """
    written: dict[str, bytes | None] = {}

    def decide(keys: Keys) -> _Move | Settled:
        name, value = keys.name, keys.pause_value
        revision, task = changes[name]
        marker = keys.schedule.revision if keys.schedule is not None else 0
        touch = compare_and_set(bucket, schedule_key(name), marker, None)
        settled = Settled(name, task=task)
        if keys.value is None and name in written and written[name] == value:
            return settled if keys.is_closed else _Move(None, touch, settled)
        if value is None and task is None and keys.is_closed:  # somebody else has deleted it
            return settled
        if keys.value is not None or value is None or keys.pause is None or keys.pause.revision != revision:
            return Settled(name, ConflictError(f"{name}: someone else changed it after it was read; left alone"))
        try:
            data = None if task is None else encode_pause(with_task(decode_pause(name, value), task))
        except StoredValueError as error:
            return Settled(name, _unreadable(name, error))
        written[name] = data
        return _Move(compare_and_set(bucket, pause_key(name), revision, data), touch, settled)

    return await _settle(bucket, changes, decide)


async def create_paused(
    bucket: ConfigurationBucket, schedules: Mapping[str, tuple[ScheduledTask, Pause]]
) -> dict[str, Settled]:
    """Store schedules that are paused from the beginning, if their names are free."""
    written: dict[str, bytes] = {}

    def decide(keys: Keys) -> _Move | Settled:
        name, marker = keys.name, keys.schedule.revision if keys.schedule is not None else 0
        task, paused = schedules[name]
        data = encode_pause(new_pause(task, paused))
        settled = Settled(name, pause=paused, task=task)
        at = keys.pause.revision if keys.pause is not None else 0
        ours = keys.pause_value is not None and keys.pause_value == written.get(name)
        if keys.value is not None or (keys.pause_value is not None and not ours):
            taken = Settled(name, ConflictError(f"{name}: someone else created it after it was read; left alone"))
            return _Move(None, compare_and_set(bucket, pause_key(name), at, None), taken) if ours else taken
        if ours and keys.is_closed:
            return settled
        first = compare_and_set(bucket, pause_key(name), at, data) if keys.pause_value is None else None
        written[name] = data
        return _Move(first, compare_and_set(bucket, schedule_key(name), marker, None), settled)

    return await _settle(bucket, schedules, decide)


async def drop_leftovers(bucket: ConfigurationBucket, deleted: Mapping[str, int]) -> dict[str, Settled]:
    """Delete the pauses of active schedules that have just been deleted, by name and revision of the delete marker.

    An interrupted pause or resume leaves such a pause, with which the schedule would be paused, and come back at its
    end.
    """
    listing = await list_subjects(bucket.connection, CONFIGURATION_STREAM, f"{PAUSE_SUBJECT}*")
    subjects = [subject for name in deleted if (subject := PAUSE_SUBJECT + name) in listing.subjects]
    left: dict[str, tuple[int, None]] = {}
    for subject, pause in (await last_messages(bucket.connection, CONFIGURATION_STREAM, subjects)).items():
        name = subject.removeprefix(PAUSE_SUBJECT)
        if not pause.deleted and pause.revision < deleted[name]:  # else it was created and paused since
            left[name] = pause.revision, None
    return await change_paused(bucket, left)


def _pausing(bucket: ConfigurationBucket, keys: Keys, wanted: Pause) -> _Move | Settled:
    """Pause an active schedule, or give a paused one a new reason and end.

    The second write is also made for a paused one, so that a resume that has read the old pause fails.
    """
    try:
        if keys.value is not None:
            paused = paused_schedule(keys.name, keys.value, wanted)
        else:
            was = decode_pause(keys.name, keys.pause_value or b"")
            paused = replace(was, pause=replace(wanted, since=was.pause.since))
    except StoredValueError as error:
        return Settled(keys.name, _unreadable(keys.name, error))
    at, marker = (message.revision if message is not None else 0 for message in (keys.pause, keys.schedule))
    data, settled = encode_pause(paused), Settled(keys.name, pause=paused.pause, task=paused.task)
    is_written = keys.pause_value == data  # in an earlier round
    if is_written and keys.is_closed:
        return settled
    return _Move(
        None if is_written else compare_and_set(bucket, pause_key(keys.name), at, data),
        compare_and_set(bucket, schedule_key(keys.name), marker, None),
        settled,
    )


async def _settle(bucket: ConfigurationBucket, names: Iterable[str], decide: Decide) -> dict[str, Settled]:
    """Look, decide and write, and repeat that for schedules whose write was refused; never raises AjsyncError."""
    settled: dict[str, Settled] = {}
    gone: dict[str, AjsyncError] = {}
    """The errors of names for which neither key held a value when they were last read."""
    pending = list(dict.fromkeys(names))
    for _ in range(_ROUNDS):
        if not pending:
            break
        try:
            moves: dict[str, _Move] = {}
            for keys in (await look(bucket, pending)).values():
                decided = decide(keys)
                gone.pop(keys.name, None)
                if isinstance(decided, _Move):
                    moves[keys.name] = decided
                elif decided is not None:
                    settled[keys.name] = decided
                else:
                    gone[keys.name] = missing(keys.name)
            await _until_seen(bucket, [move.marker for move in moves.values() if move.marker])
            moves = await _write(bucket, moves, settled, lambda move: move.first)
            moves = await _write(bucket, moves, settled, lambda move: move.second)
        except AjsyncError as error:
            settled.update((name, Settled(name, error)) for name in pending if name not in settled)
            return settled
        settled.update((name, move.settled) for name, move in moves.items() if move.settled is not None)
        pending = [name for name in pending if name not in settled]
    return settled | {name: Settled(name, gone.get(name) or ConflictError(f"{name}: {_BUSY}")) for name in pending}


async def _write(
    bucket: ConfigurationBucket,
    moves: Mapping[str, _Move],
    settled: dict[str, Settled],
    part: Callable[[_Move], Write | None],
) -> dict[str, _Move]:
    """Make one write of each move, and return the moves for which it succeeded. Errors go into `settled`."""
    writes = {name: write for name, move in moves.items() if (write := part(move)) is not None}
    answers = dict(zip(writes, await publish_all(bucket.connection, writes.values()), strict=True))
    refused = {name for name, answer in answers.items() if answer.error}
    for name in refused:
        if not answers[name].conflict:
            told = moves[name].after_first if writes[name] is moves[name].second else ""
            error = refusal(name, answers[name])
            settled[name] = Settled(name, PartiallyAppliedError(f"{told}: {error}") if told else error)
    return {name: move for name, move in moves.items() if name not in refused}


async def _until_seen(bucket: ConfigurationBucket, markers: Collection[int]) -> None:
    """Wait until foreign watchers have seen delete markers: a Go scheduler that misses one keeps the old timer."""
    if not markers:
        return
    for watcher in await wait_until_delivered(bucket.connection, max(markers), WATCHER_SECONDS):
        log.warning(
            "The consumer %s did not receive the deletes within %g s. If it is a Go scheduler, it may fire resumed "
            "schedules twice until it is restarted.",
            watcher.consumer,
            WATCHER_SECONDS,
        )


def _active(name: str) -> str:
    command = f"'ajsync resume {visible(name)}' tries again"
    return f"{visible(name)} is active again, but its pause could not be removed ({command})"


def missing(name: str) -> NotFoundError:
    """The error for a name without a schedule."""
    return NotFoundError(f"There is no schedule {visible(name)} in the bucket. 'ajsync list' shows what there is.")


def _unreadable(name: str, error: StoredValueError) -> ConflictError:
    return ConflictError(f"The value of {visible(name)} in the bucket is unreadable: {one_line(str(error))}.")
