"""Saved plans: a plan in a file, to be looked at, approved, and applied later, exactly as it was made or not at all.

The file holds full values, payloads too, so it is its owner's alone to read. Its checksum finds accidents and edits by
hand; it is no signature.
"""

from __future__ import annotations

import hashlib
import json
import stat
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, TypeVar

from ajsync.asyncjobs.live import BucketIdentity
from ajsync.asyncjobs.model import ScheduledTask, decode_scheduled_task
from ajsync.errors import InvalidError, StoredValueError, UsageError, WriteError
from ajsync.files import write_private
from ajsync.reconcile.destination import Destination
from ajsync.reconcile.fields import stored_object
from ajsync.reconcile.plan import Adopt, Change, Conflict, Create, Delete, Plan, Update
from ajsync.reconcile.render.wording import action_of
from ajsync.safety import NOTHING_OPENED, Opened
from ajsync.text import one_line, visible

_VERSION = 2
"""1 did not say where the plan goes."""
_MEMBERS = ("target", "destination", "owner", "digest", "changes", "conflicts", "unreadable", "opened", "project")
_COUNTS = ("desired", "owned", "unchanged", "unmanaged", "foreign")
_KINDS: tuple[Literal["unmanaged", "foreign", "unreadable"], ...] = ("unmanaged", "foreign", "unreadable")
_LARGEST = 2**64 - 1
"""The largest revision that a stream can have."""
_LONGEST = 1_000_000_000
"""Bytes of a file, many more than the largest plan has."""
AGAIN = "Make it again with 'ajsync plan --out'."
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class SavedPlan:
    """A plan, and the gates that were opened when it was made."""

    plan: Plan
    opened: Opened = NOTHING_OPENED
    project: str = ""
    """The file `ajsync.yaml` as messages named it, which is from where the plan was made."""

    @property
    def environment(self) -> str | None:
        """The environment that it was made for."""
        return self.plan.destination.environment or None


def save_plan(saved: SavedPlan, path: Path) -> None:
    """Write a plan to a file that only its owner can read; it is there as a whole or not at all.

    Raises WriteError where the file cannot be written, also because it is a link; UsageError where it is a folder, a
    device or a pipe.
    """
    if path.exists() and not path.is_file():  # the plan would take its place: no more /dev/null for anybody
        raise UsageError(f"The plan cannot be saved to {path}: it is not a regular file.")
    opened = {"allow_deletes": saved.opened.allow_deletes, "allow_empty": saved.opened.allow_empty}
    content = {**_encode_plan(saved.plan), "opened": opened, "project": saved.project}
    document = {"ajsync_plan": _VERSION, "sha256": _checksum(content), "plan": content}
    try:
        write_private(path, json.dumps(document).encode() + b"\n")
    except OSError as error:
        raise WriteError(f"The plan cannot be saved to {path}: {error.strerror or error}.") from None


def load_plan(path: Path) -> SavedPlan:
    """Read a plan that `save_plan` wrote.

    Raises UsageError where the file cannot be read, InvalidError where it is not exactly what was saved.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would let the command wait for ever, a device never end
            raise UsageError(f"The plan {path} cannot be read: it is not a regular file.")
        with path.open("rb") as file:
            data = file.read(_LONGEST + 1)
        if len(data) > _LONGEST:
            raise UsageError(f"The plan {path} cannot be read: it is larger than {_LONGEST:,} bytes.")
    except OSError as error:
        raise UsageError(
            f"The plan {path} cannot be read: {error.strerror or error}. 'ajsync plan --out {path}' makes one."
        ) from None
    try:
        return _decode_document(data)
    except StoredValueError as error:
        problem = one_line(str(error))
        raise InvalidError(f"{path} is not a saved plan that can be applied: {problem}. {AGAIN}") from None


def _checksum(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _encode_plan(plan: Plan) -> dict[str, Any]:
    return {
        "target": {"bucket": plan.target.bucket, "created": plan.target.created},
        "destination": asdict(plan.destination),
        "owner": plan.owner,
        "digest": plan.digest,
        "changes": [_encode_change(change) for change in plan.changes],
        "conflicts": [
            {"name": conflict.name, "kind": conflict.kind, "detail": conflict.detail} for conflict in plan.conflicts
        ],
        **{name: getattr(plan, name) for name in _COUNTS},
        "unreadable": [{"name": name, "reason": reason} for name, reason in plan.unreadable],
    }


def _encode_change(change: Change) -> dict[str, Any]:
    return {
        "action": action_of(change).verb,
        "name": change.name,
        "revision": change.revision,
        "before": None if change.before is None else stored_object(change.before),
        "after": None if change.after is None else stored_object(change.after),
    }


def _decode_document(data: bytes) -> SavedPlan:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        raise StoredValueError("it is not JSON, or not all of it") from None
    if not isinstance(document, dict) or "ajsync_plan" not in document:
        raise StoredValueError("it is something else")
    if document["ajsync_plan"] == 1:
        raise StoredValueError("an older ajsync made it, whose plans do not say for which environment they are")
    if document["ajsync_plan"] != _VERSION:
        raise StoredValueError(
            f"it is of format {visible(str(document['ajsync_plan']))}, and this ajsync knows {_VERSION}"
        )
    _members(document, "ajsync_plan", "sha256", "plan")
    if document["sha256"] != _checksum(document["plan"]):
        raise StoredValueError("it was changed after it was saved, its checksum does not fit")
    return _decode_plan(document["plan"])


def _decode_plan(value: Any) -> SavedPlan:
    _members(value, *_MEMBERS, *_COUNTS)
    opened = value["opened"]
    _members(opened, "allow_deletes", "allow_empty")
    target = value["target"]
    _members(target, "bucket", "created")
    plan = Plan(
        target=BucketIdentity(_typed(target["bucket"], str), _typed(target["created"], str)),
        owner=_typed(value["owner"], str),
        digest=_typed(value["digest"], str),
        changes=tuple(map(_decode_change, _typed(value["changes"], list))),
        conflicts=tuple(map(_decode_conflict, _typed(value["conflicts"], list))),
        unreadable=tuple(map(_decode_unreadable, _typed(value["unreadable"], list))),
        **{name: _typed(value[name], int) for name in _COUNTS},
        destination=_decode_destination(value["destination"]),
    )
    adopt = plan.count(Adopt) > 0  # it was approved with them
    allowed = Opened(adopt, _typed(opened["allow_deletes"], int), _typed(opened["allow_empty"], bool))
    return SavedPlan(plan, allowed, _typed(value["project"], str))


def _decode_destination(value: Any) -> Destination:
    names = [field.name for field in fields(Destination)]
    _members(value, *names)
    return Destination(**{name: _typed(value[name], str) for name in names})


def _decode_change(value: Any) -> Change:
    _members(value, "action", "name", "revision", "before", "after")
    name, revision = _typed(value["name"], str), _typed(value["revision"], int)
    before, after = _decode_task(name, value["before"]), _decode_task(name, value["after"])
    match value["action"], before, after:
        case "create", None, ScheduledTask() as after:
            return Create(name, after, revision)
        case "update", ScheduledTask() as before, ScheduledTask() as after:
            return Update(name, before, after, revision)
        case "adopt", ScheduledTask() as before, ScheduledTask() as after:
            return Adopt(name, before, after, revision)
        case "delete", ScheduledTask() as before, None:
            return Delete(name, before, revision)
    raise StoredValueError(f"the change of {visible(name)} is not one of create, update, adopt and delete")


def _decode_task(name: str, value: Any) -> ScheduledTask | None:
    return None if value is None else decode_scheduled_task(name, json.dumps(value).encode())


def _decode_conflict(value: Any) -> Conflict:
    _members(value, "name", "kind", "detail")
    for kind in _KINDS:
        if value["kind"] == kind:
            return Conflict(_typed(value["name"], str), kind, _typed(value["detail"], str))
    raise StoredValueError("a conflict of it is of no known kind")


def _decode_unreadable(value: Any) -> tuple[str, str]:
    _members(value, "name", "reason")
    return _typed(value["name"], str), _typed(value["reason"], str)


def _members(value: Any, *names: str) -> None:
    if not isinstance(value, dict) or value.keys() != set(names):
        raise StoredValueError(f"it does not have exactly the members {', '.join(names)} where it should")


def _typed(value: Any, kind: type[_T]) -> _T:
    if type(value) is not kind:
        raise StoredValueError(f"it has {type(value).__name__} where {kind.__name__} should be")
    if isinstance(value, int) and abs(value) > _LARGEST:
        raise StoredValueError("it has a number that does not fit into 64 bits")
    return value
