"""The journal: what an apply is about to delete and make again, kept in the bucket so that a crash loses no schedule.

Beside a Go scheduler an update is a delete and a create. The key `ajsync.journal.OWNER` holds both values before the
first delete and goes after the last create. The next apply finishes what it says; until then schedulers fire what the
values before were due for.
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
"""The subject of a journal is this and its owner."""
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Step:
    """One schedule on its way from one value to another."""

    name: str
    before: ScheduledTask
    after: ScheduledTask


def journal_key(owner: str) -> str:
    """The bucket's key of the journal of `owner`."""
    return _KEY_PREFIX + owner


def encode_journal(steps: Iterable[Step]) -> bytes:
    """The value that the key holds while `steps` are under way."""
    entries = b",".join(
        b'{"before":%b,"after":%b}' % (encode_scheduled_task(step.before), encode_scheduled_task(step.after))
        for step in steps
    )
    return b'{"format":%d,"updates":[%b]}' % (_FORMAT, entries)


def decode_journal(owner: str, data: bytes) -> tuple[Step, ...]:
    """Read the journal of `owner`. Raises StoredValueError where none of their applies can have written it."""
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
    """See that an apply of `owner` can have written these: it updates what is theirs, or adopts what is nobody's."""
    names: set[str] = set()
    for step in steps:
        if step.name in names:
            raise StoredValueError(f"it holds {step.name!r} twice")
        names.add(step.name)
        if step.after.owner != owner:
            raise StoredValueError(f"it would make {step.name!r} belong to {step.after.owner or 'nobody'}")
        if step.before.owner not in (None, owner):
            raise StoredValueError(f"it would take {step.name!r} from the owner {step.before.owner}")


def _decode_step(value: Mapping[str, Any]) -> Step:
    name = value["after"]["name"]
    return Step(
        name,
        decode_scheduled_task(name, json.dumps(value["before"]).encode()),
        decode_scheduled_task(name, json.dumps(value["after"]).encode()),
    )
