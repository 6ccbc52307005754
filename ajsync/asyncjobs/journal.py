"""The journal: the schedules that an apply is recreating, kept in the bucket so that a crash loses none.

Beside a Go scheduler an update is a delete and a create. The key `ajsync.journal.OWNER` is written with the values
before and after, ahead of the first delete, and is deleted after the last create. If an apply dies in between, the next
one finishes its work; until then schedulers of ajsync fire the values before.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ajsync.asyncjobs.model import ScheduledTask, decode_scheduled_task, encode_scheduled_task
from ajsync.asyncjobs.names import CONFIGURATION_SUBJECT
from ajsync.errors import StoredValueError

_KEY_PREFIX = "ajsync.journal."
JOURNAL_SUBJECT = CONFIGURATION_SUBJECT + _KEY_PREFIX
"""The beginning of the key; the owner follows."""
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Step:
    """A schedule that is being changed from one value to another."""

    name: str
    before: ScheduledTask
    after: ScheduledTask


def journal_key(owner: str) -> str:
    """The key of the journal of `owner` in the bucket."""
    return _KEY_PREFIX + owner


def encode_journal(steps: Iterable[Step]) -> bytes:
    """The value of the key while `steps` are under way."""
    entries = b",".join(
        b'{"before":%b,"after":%b}' % (encode_scheduled_task(step.before), encode_scheduled_task(step.after))
        for step in steps
    )
    return b'{"format":%d,"updates":[%b]}' % (_FORMAT, entries)


def decode_journal(owner: str, data: bytes) -> tuple[Step, ...]:
    """Read the journal of `owner`. Raises StoredValueError if no apply of that owner can have written it."""
    try:
        value = json.loads(data)
        if value["format"] != _FORMAT:
            raise StoredValueError(f"its format is {value['format']!r:.60}, and this ajsync knows {_FORMAT}")
        steps = tuple(_decode_step(step) for step in value["updates"])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        if isinstance(error, StoredValueError):
            raise
        raise StoredValueError(f"not a journal: {type(error).__name__}") from None
    _check(steps, owner)
    return steps


def _check(steps: Iterable[Step], owner: str) -> None:
    """Check that an apply of `owner` can have written these steps: it updates its own schedules and adopts unmanaged
    ones."""
    names: set[str] = set()
    for step in steps:
        if step.name in names:
            raise StoredValueError(f"it holds {step.name!r} twice")
        names.add(step.name)
        if step.after.owner != owner:
            raise StoredValueError(f"it would give {step.name!r} to {step.after.owner or 'no owner'}")
        if step.before.owner not in (None, owner):
            raise StoredValueError(f"it would take {step.name!r} from the owner {step.before.owner}")


def _decode_step(value: Mapping[str, Any]) -> Step:
    name = value["after"]["name"]
    return Step(
        name,
        decode_scheduled_task(name, json.dumps(value["before"]).encode()),
        decode_scheduled_task(name, json.dumps(value["after"]).encode()),
    )
