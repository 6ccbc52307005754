"""The scheduled task: what configuration makes, the bucket stores, the plan compares and a scheduler fires.

On the wire it is the JSON of the Go type `ScheduledTask`, field for field and in its order, followed by one object
`ajsync`, which Go ignores (docs/reference/wire.md, "A scheduled task").
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from hashlib import sha256
from typing import Any, Literal, TypeAlias, get_args

from ajsync.asyncjobs.foreign import (
    MOST_INT,
    bytes_member,
    choice_member,
    decode_object,
    instant_member,
    member,
    span_member,
    strings_member,
)
from ajsync.asyncjobs.go_json import encode_bytes, encode_string
from ajsync.asyncjobs.names import LONGEST_NAME, OWNER_NAME, QUEUE_NAME, SCHEDULE_NAME, TASK_TYPE
from ajsync.errors import ScheduleError, StoredValueError
from ajsync.schedule.days import MOST_SPANS, canonical_days
from ajsync.schedule.season import canonical_bound
from ajsync.text import quote
from ajsync.timestamp import NANOSECONDS, format_timestamp, parse_timestamp

Catchup = Literal["none", "latest", "all"]
OverlapPolicy = Literal["allow", "skip"]
Labels: TypeAlias = tuple[tuple[str, str], ...]
"""Labels and their values, sorted; a tuple, so that a scheduled task stays hashable."""
_CATCHUPS: tuple[Catchup, ...] = get_args(Catchup)
_OVERLAPS: tuple[OverlapPolicy, ...] = get_args(OverlapPolicy)

DEFAULT_CATCHUP: Catchup = "latest"
DEFAULT_OVERLAP: OverlapPolicy = "allow"
DEFAULT_MAX_TRIES = 10
"""What asyncjobs takes if a task names no maximum."""
PAUSES_MEMBER = "ajsync_paused"
"""The member of the stored value for `pauses`, beside `ajsync`, which only a schedule with an owner has."""
MIN_DEADLINE = 30 * NANOSECONDS
"""The shortest deadline that asyncjobs accepts."""
MAX_DEADLINE = MOST_INT // NANOSECONDS * NANOSECONDS
"""The longest deadline in whole seconds, so that rounding does not exceed Go's durations."""


def sorted_labels(labels: Mapping[str, str | None]) -> Labels:
    """Labels as a scheduled task holds them; those whose value is None are left out."""
    return tuple(sorted((name, value) for name, value in labels.items() if value is not None))


def member_name(attribute: str) -> str:
    """The name of a member, from its attribute, which has an underscore if Python reserves the word."""
    return attribute.rstrip("_")


def rounded_deadline(nanoseconds: int) -> int:
    """A deadline as asyncjobs stores it: rounded to seconds, half a second up."""
    # Go rounds half a second away from zero, but a negative deadline is too short anyway.
    return (nanoseconds + NANOSECONDS // 2) // NANOSECONDS * NANOSECONDS


@dataclass(frozen=True, slots=True)
class Managed:
    """What ajsync stores with a scheduled task beside Go's fields. A schedule without it is unmanaged."""

    owner: str
    source: str = ""
    """The file it came from, relative to `ajsync.yaml`, with forward slashes. Not compared."""
    description: str = ""
    catchup: Catchup = DEFAULT_CATCHUP
    catchup_window: int = 0
    """Nanoseconds; 0 means the scheduler's default."""
    overlap: OverlapPolicy = DEFAULT_OVERLAP
    jitter: int = 0
    """Nanoseconds; 0 means none."""
    labels: Labels = ()
    """Labels that distinguish schedules for people; made by `sorted_labels`."""
    from_: str = ""
    """The first date in the zone of the schedule, or the first instant, at which it may be due; "" means always."""
    until: str = ""
    """The last date or instant at which it may be due; "" means for ever."""
    except_: tuple[str, ...] = ()
    """Dates and ranges of dates, in their canonical form, on which it is not due."""
    applied: str = ""
    """The digest of what ajsync has written, which shows changes by somebody else. Not compared."""


_UNMANAGED = Managed("")
_MANAGED = tuple((field.name, member_name(field.name), field.default) for field in fields(Managed))
_ATTRIBUTES = {name: attribute for attribute, name, _ in _MANAGED}
_NOT_COMPARED = frozenset(("source", "applied"))


@dataclass(frozen=True, slots=True)
class ScheduledTask:
    """A schedule and the properties of the tasks it makes."""

    name: str
    schedule: str
    """As stored: with the prefix `CRON_TZ=Zone ` if it has a zone."""
    queue: str
    task_type: str
    payload: bytes | None = None
    """The bytes that each task carries; None is JSON null."""
    deadline: int = 0
    """Nanoseconds from the fire to the task's deadline; 0 means none."""
    max_tries: int = DEFAULT_MAX_TRIES
    created_at: int = 0
    """Nanoseconds since 1970, when it was first stored. Not compared."""
    managed: Managed | None = None
    pauses: tuple[tuple[int, int], ...] = ()
    """The last spans in which it was paused, each from and until an instant in nanoseconds since 1970. Not compared."""

    @property
    def owner(self) -> str | None:
        """The owner it belongs to; None if it is unmanaged."""
        return self.managed.owner if self.managed else None

    @property
    def settings(self) -> Managed:
        """What ajsync stores with it, or the defaults if it is unmanaged."""
        return self.managed or _UNMANAGED

    @property
    def labels(self) -> dict[str, str]:
        """Its labels by name; an unmanaged schedule has none."""
        return dict(self.settings.labels)


@dataclass(frozen=True, slots=True)
class BucketIdentity:
    """The identity of a bucket. A bucket that was deleted and made again has another one."""

    bucket: str
    created: str
    """When its stream was made, as the server says."""


@dataclass(frozen=True, slots=True)
class Pause:
    """The pause of a schedule: since when, by whom, why and until when. The texts come from others."""

    since: int
    """Nanoseconds since 1970."""
    by: str
    reason: str
    until: int = 0
    """Nanoseconds since 1970; 0 until somebody resumes it."""


@dataclass(frozen=True, slots=True)
class LiveSchedule:
    """A schedule of the bucket: a key that holds a value. Either `task` or `problem` is set."""

    name: str
    revision: int
    """The revision of the schedule's key, or of the key of its pause if it is paused."""
    task: ScheduledTask | None
    problem: str = ""
    """Why the value is not a scheduled task."""
    pause: Pause | None = None
    """Its pause; None unless it is paused, so that it is not at its key and does not fire."""


@dataclass(frozen=True, slots=True)
class Live:
    """What the bucket held when it was read."""

    target: BucketIdentity
    entries: Mapping[str, LiveSchedule]
    deleted: Mapping[str, int]
    """Names whose key holds a delete marker, with the marker's revision, which a new write of the key must expect."""


def encode_scheduled_task(task: ScheduledTask, *, stamp: bool = False, created_at: int | None = None) -> bytes:
    """The bytes that Go's `json.Marshal` gives for the same fields, followed by the `ajsync` object.

    With `stamp` that object gets a digest of what is applied. A task that comes from the bucket keeps the digest that
    it has, so that drift is still seen. `created_at` (nanoseconds since 1970) is stored instead of the time that the
    task has.
    """
    head, members = _head(task), _managed_members(task.managed)
    if stamp and members and "applied" not in members:
        members["applied"] = f'"{_digest(head, members)}"'
    managed = f',"ajsync":{{{_joined(members)}}}' if members else ""
    pauses = f',"{PAUSES_MEMBER}":{json.dumps(pauses_value(task.pauses))}' if task.pauses else ""
    created = format_timestamp(task.created_at if created_at is None else created_at)
    return f'{head}"created_at":"{created}"{managed}{pauses}}}'.encode()


def has_drifted(task: ScheduledTask) -> bool:
    """Whether somebody else has changed a stored task since ajsync wrote it.

    False if a task has no digest of what was applied, because an older ajsync or another program wrote it.
    """
    applied = task.settings.applied
    return bool(applied) and applied != _digest(_head(task), _managed_members(task.managed))


def decode_scheduled_task(name: str, data: bytes) -> ScheduledTask:
    """Read the value of the key of `name`. Raises StoredValueError if it is not a scheduled task of that name.

    The schedule is not parsed: an entry whose schedule is not valid still has an owner.
    """
    value = decode_object(data)
    if (found := member(value, "name", str)) != name:
        raise StoredValueError(f"its name is {quote(found)}, its key is for {quote(name)}")
    if not SCHEDULE_NAME.fullmatch(name):
        wrong = SCHEDULE_NAME.sub("", name)[:1]
        allowed = "only letters, digits, _ and - are allowed"
        raise StoredValueError(f"its name holds {wrong!r}, and {allowed}" if name else "its name is empty")
    is_managed = value.get("ajsync") is not None
    return ScheduledTask(
        name=name,
        # Texts that many entries share are kept once, because a scheduler holds tens of thousands of entries.
        schedule=sys.intern(member(value, "schedule", str)),
        queue=sys.intern(member(value, "queue", str)),
        task_type=sys.intern(member(value, "task_type", str)),
        payload=bytes_member(value, "payload"),
        deadline=member(value, "deadline", int, 0),
        max_tries=member(value, "max_tries", int, 0),
        created_at=instant_member(value, "created_at"),
        managed=_decode_managed(member(value, "ajsync", dict)) if is_managed else None,
        pauses=_decode_pauses(value) if PAUSES_MEMBER in value else (),
    )


def pauses_value(pauses: Iterable[tuple[int, int]]) -> list[list[str]]:
    """The value of the member PAUSES_MEMBER."""
    return [[format_timestamp(since), format_timestamp(until)] for since, until in pauses]


def _decode_pauses(value: dict[str, Any]) -> tuple[tuple[int, int], ...]:
    try:
        return tuple((parse_timestamp(since), parse_timestamp(until)) for since, until in value[PAUSES_MEMBER])
    except (ValueError, TypeError):
        raise StoredValueError(f'its member "{PAUSES_MEMBER}" is not an array of pairs of RFC 3339 times') from None


def unfit(task: ScheduledTask) -> str:
    """Why no scheduler may fire a readable task: it has a name that workers do not accept. "" if they accept all."""
    return (
        _unfit("name", task.name, SCHEDULE_NAME.fullmatch, "a valid name")
        or _unfit("queue", task.queue, _of_queue, "a valid name of a queue")
        or _unfit("task_type", task.task_type, _of_task_type, "a valid task type")
    )


_of_queue, _of_task_type = lru_cache(512)(QUEUE_NAME.fullmatch), lru_cache(512)(TASK_TYPE.fullmatch)
"""Many schedules share a queue and a task type. No text that is longer than a name is kept."""


def _unfit(what: str, name: str, match: Callable[[str], object], valid: str) -> str:
    if len(name) > LONGEST_NAME:
        return f"its {what} has {len(name):,} characters, and must have at most {LONGEST_NAME}"
    return "" if match(name) else f"its {what} {quote(name)} is not {valid}"


def _head(task: ScheduledTask) -> str:
    """The JSON of a task up to its creation time."""
    deadline = f'"deadline":{task.deadline},' if task.deadline else ""
    return (
        f'{{"name":{encode_string(task.name)},"schedule":{encode_string(task.schedule)},'
        f'"queue":{encode_string(task.queue)},"task_type":{encode_string(task.task_type)},'
        f'"payload":{encode_bytes(task.payload)},{deadline}"max_tries":{task.max_tries},'
    )


def _managed_members(managed: Managed | None) -> dict[str, str]:
    """The members of the `ajsync` object in JSON; empty if a task is unmanaged."""
    members = {}
    if managed is not None:
        for attribute, name, default in _MANAGED:
            value = getattr(managed, attribute)
            if value != default:
                members[name] = _encode_member(value)
    return members


def _joined(members: Mapping[str, str]) -> str:
    return ",".join([f'"{name}":{value}' for name, value in members.items()])


def _digest(head: str, members: Mapping[str, str]) -> str:
    """The first 12 hex digits of a digest of everything that a plan compares, as it is stored.

    It never changes, because members with their defaults are not stored, and the order of members is fixed.
    """
    compared = {name: value for name, value in members.items() if name not in _NOT_COMPARED}
    return sha256((head + _joined(compared)).encode("utf-8", "surrogatepass")).hexdigest()[:12]


def _encode_member(value: str | int | Labels | tuple[str, ...]) -> str:
    if not isinstance(value, tuple):
        return encode_string(value) if isinstance(value, str) else str(value)
    if texts := [encode_string(each) for each in value if isinstance(each, str)]:
        return f"[{','.join(texts)}]"
    pairs = [f"{encode_string(each[0])}:{encode_string(each[1])}" for each in value]
    return "{" + ",".join(pairs) + "}"


def _decode_managed(value: dict[str, Any]) -> Managed:
    owner = member(value, "owner", str)
    if not OWNER_NAME.fullmatch(owner) or len(owner) > LONGEST_NAME:
        raise StoredValueError(f"its owner {quote(owner)} is not a valid owner")
    # Most values have only a few of the members.
    settings = {_ATTRIBUTES[name]: _READ[name](value, name) for name in value if name in _READ}
    return Managed(sys.intern(owner), **settings)


def _bound_member(value: dict[str, Any], name: str) -> str:
    """The date or the instant of a member. Raises StoredValueError."""
    try:
        return canonical_bound(member(value, name, str))
    except ScheduleError as error:
        raise StoredValueError(f'its member "{name}" is wrong: {error}') from None


def _days_member(value: dict[str, Any], name: str) -> tuple[str, ...]:
    """The dates and ranges of a member. Raises StoredValueError."""
    found = member(value, name, list)
    if not all(isinstance(each, str) for each in found):
        raise StoredValueError(f'its member "{name}" has an item that is not a string')
    try:
        return _shared(tuple(found)) if len(found) <= MOST_SPANS else canonical_days(found)
    except ScheduleError as error:
        raise StoredValueError(f'its member "{name}" is wrong: {error}') from None


@lru_cache(maxsize=512)  # many schedules leave out the same days, and the longest lists take 100 kB
def _shared(days: tuple[str, ...]) -> tuple[str, ...]:
    return canonical_days(days)


_READ: Mapping[str, Callable[[dict[str, Any], str], Any]] = {
    "source": lambda value, name: sys.intern(member(value, name, str)),
    "description": lambda value, name: member(value, name, str),
    "catchup": lambda value, name: choice_member(value, name, DEFAULT_CATCHUP, _CATCHUPS),
    "catchup_window": span_member,
    "overlap": lambda value, name: choice_member(value, name, DEFAULT_OVERLAP, _OVERLAPS),
    "jitter": span_member,
    "labels": lambda value, name: sorted_labels(strings_member(value, name)),
    "from": _bound_member,
    "until": _bound_member,
    "except": _days_member,
    "applied": lambda value, name: member(value, name, str),
}
"""The reader of each member of the `ajsync` object except the owner."""
