"""The record: who applied what to the schedules of an owner, when, and from which commit; and manual actions.

The key `ajsync.applied.OWNER` holds the last applies, the newest first. It is for people and for the gate against older
commits. Nothing that an apply writes depends on it, so a missing or forged record can lose no schedule. Pauses, resumes
and backfills are kept apart from the applies, so that the gate knows the last commit however many there are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ajsync.asyncjobs.foreign import decode_object, instant_member, member
from ajsync.asyncjobs.names import CONFIGURATION_SUBJECT
from ajsync.errors import StoredValueError
from ajsync.text import quote
from ajsync.timestamp import format_timestamp

_KEY_PREFIX = "ajsync.applied."
RECORD_SUBJECT = CONFIGURATION_SUBJECT + _KEY_PREFIX
"""The beginning of the key; the owner follows."""
MOST_APPLIES = 20
MOST_ACTIONS = 20
MOST_NAMES = 20
"""How many names are kept of one apply."""
MOST_ACTION_NAMES = 3
"""How many names are kept of one action."""
_FORMAT = 1
_LONGEST = 255
"""The most characters of a text, so that the whole record fits into a message, whatever the characters are."""
VERBS = ("create", "update", "adopt", "delete", "rename")
"""The changes that are counted."""
ACTIONS = ("pause", "resume", "backfill")
"""The manual actions on schedules that are recorded."""
COMMIT_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
"""The id of a commit; nothing else reaches the command line of git."""


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit of the repository that holds the files."""

    id: str
    """The full id, as `COMMIT_ID` has it."""
    time: int = 0
    """When it was committed, in nanoseconds since 1970; 0 if that is unknown."""
    ref: str = ""
    """The branch or tag that it was taken from; empty if that is unknown."""
    dirty: bool = False
    """Whether the files differed from the commit."""

    @property
    def short(self) -> str:
        """The short id: `3f2a1b9c0d`, or `3f2a1b9c0d-dirty` in the manner of git."""
        return self.id[:10] + ("-dirty" if self.dirty else "")


@dataclass(frozen=True, slots=True)
class Origin:
    """Who applies, and from which commit."""

    by: str
    commit: Commit | None = None
    """None if it is not known."""


@dataclass(frozen=True, slots=True)
class RecordedApply:
    """One apply in the record."""

    at: int
    """Nanoseconds since 1970."""
    by: str
    commit: Commit | None = None
    environment: str = ""
    version: str = ""
    """The version of ajsync."""
    digest: str = ""
    """The digest of the configuration, as the plan has it."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """How many changes of each kind were made, by their verbs; kinds without any are left out."""
    names: tuple[str, ...] = ()
    """The first schedules that were changed."""


@dataclass(frozen=True, slots=True)
class RecordedAction:
    """One manual action on schedules in the record."""

    at: int
    """Nanoseconds since 1970."""
    by: str
    action: str
    """One of `ACTIONS`."""
    count: int = 0
    """How many schedules it was done to."""
    names: tuple[str, ...] = ()
    """The names of the first of them."""
    reason: str = ""
    until: int = 0
    """When a pause ends, in nanoseconds since 1970; 0 if it has no end."""
    tasks: int = 0
    """How many tasks a backfill made."""
    version: str = ""
    """The version of ajsync."""


def record_key(owner: str) -> str:
    """The key of the record of `owner` in the bucket."""
    return _KEY_PREFIX + owner


def with_apply(applies: tuple[RecordedApply, ...], newest: RecordedApply) -> tuple[RecordedApply, ...]:
    """A record with one more apply, without those that are too old for it. The newest is the one added last."""
    return (newest, *applies)[:MOST_APPLIES]


def with_action(actions: tuple[RecordedAction, ...], newest: RecordedAction) -> tuple[RecordedAction, ...]:
    """The same for actions."""
    return (newest, *actions)[:MOST_ACTIONS]


def encode_record(applies: tuple[RecordedApply, ...], actions: tuple[RecordedAction, ...] = ()) -> bytes:
    """The value of the key."""
    document: dict[str, Any] = {"format": _FORMAT, "applies": [apply_object(each) for each in applies]}
    document |= {"actions": [action_object(each) for each in actions]} if actions else {}
    return json.dumps(document, separators=(",", ":")).encode()


def apply_object(apply: RecordedApply) -> dict[str, Any]:
    """One apply as the JSON object that is stored, without unknown members."""
    value: dict[str, Any] = {"at": format_timestamp(apply.at), "by": apply.by[:_LONGEST]}
    if commit := apply.commit:
        value["commit"] = commit.id
        value |= {"committed_at": format_timestamp(commit.time)} if commit.time else {}
        value |= {"ref": commit.ref[:_LONGEST]} if commit.ref else {}
        value |= {"dirty": True} if commit.dirty else {}
    texts = {"environment": apply.environment, "version": apply.version, "digest": apply.digest}
    value |= {name: text[:_LONGEST] for name, text in texts.items() if text}
    return {**value, "counts": dict(apply.counts), "names": _cut(apply.names, MOST_NAMES)}


def action_object(action: RecordedAction) -> dict[str, Any]:
    """One action as the JSON object that is stored, without unknown members."""
    value: dict[str, Any] = {
        "at": format_timestamp(action.at),
        "by": action.by[:_LONGEST],
        "action": action.action,
        "count": action.count,
        "names": _cut(action.names, MOST_ACTION_NAMES),
    }
    value |= {"until": format_timestamp(action.until)} if action.until else {}
    value |= {"tasks": action.tasks} if action.tasks else {}
    texts = {"reason": action.reason, "version": action.version}
    return {**value, **{name: text[:_LONGEST] for name, text in texts.items() if text}}


def _cut(names: tuple[str, ...], most: int) -> list[str]:
    return [name[:_LONGEST] for name in names[:most]]


def decode_record(data: bytes) -> tuple[RecordedApply, ...]:
    """Read the applies of a record. Raises StoredValueError if this ajsync cannot have written it."""
    return tuple(map(_decode_apply, member(_decode(data), "applies", list)[:MOST_APPLIES]))


def decode_actions(data: bytes) -> tuple[RecordedAction, ...]:
    """Read the actions of a record. Raises as `decode_record`."""
    return tuple(map(_decode_action, member(_decode(data), "actions", list, [])[:MOST_ACTIONS]))


def _decode(data: bytes) -> dict[str, Any]:
    value = decode_object(data)
    if (found := member(value, "format", int)) != _FORMAT:
        raise StoredValueError(f"its format is {found}, and this ajsync knows {_FORMAT}")
    return value


def _decode_action(value: Any) -> RecordedAction:
    if not isinstance(value, dict):
        raise StoredValueError("one of its actions is not an object")
    if (action := member(value, "action", str)) not in ACTIONS:
        raise StoredValueError(f"the action {quote(action)} is not known")
    count, tasks = member(value, "count", int), member(value, "tasks", int, 0)
    if count < 0 or tasks < 0:
        raise StoredValueError("the count of an action is below zero")
    return RecordedAction(
        at=instant_member(value, "at"),
        by=_text(value, "by"),
        action=action,
        count=count,
        names=_names(value, MOST_ACTION_NAMES),
        reason=_text(value, "reason"),
        until=instant_member(value, "until") if "until" in value else 0,
        tasks=tasks,
        version=_text(value, "version"),
    )


def _decode_apply(value: Any) -> RecordedApply:
    if not isinstance(value, dict):
        raise StoredValueError("one of its applies is not an object")
    counts = member(value, "counts", dict)
    if any(verb not in VERBS or type(count) is not int or count < 0 for verb, count in counts.items()):
        raise StoredValueError('its member "counts" is not one of counts')
    return RecordedApply(
        at=instant_member(value, "at"),
        by=_text(value, "by"),
        commit=_decode_commit(value) if "commit" in value else None,
        environment=_text(value, "environment"),
        version=_text(value, "version"),
        digest=_text(value, "digest"),
        counts=counts,
        names=_names(value, MOST_NAMES),
    )


def _names(value: dict[str, Any], most: int) -> tuple[str, ...]:
    names = member(value, "names", list)
    if not all(isinstance(name, str) for name in names):
        raise StoredValueError('its member "names" is not one of names')
    return tuple(_cut(tuple(names), most))


def _decode_commit(value: dict[str, Any]) -> Commit:
    found = member(value, "commit", str)
    if not COMMIT_ID.fullmatch(found):
        raise StoredValueError('its member "commit" is not the id of a commit')
    return Commit(
        found,
        instant_member(value, "committed_at") if "committed_at" in value else 0,
        _text(value, "ref"),
        member(value, "dirty", bool, False),
    )


def _text(value: dict[str, Any], name: str) -> str:
    return member(value, name, str, "")[:_LONGEST]
