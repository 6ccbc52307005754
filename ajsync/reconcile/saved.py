"""Saved plans: a plan in a file, which is reviewed and approved, and later applied exactly as it was made or not at
all.

The file holds full values, including payloads, so only its owner may read it. Its checksum finds accidents and manual
edits, but is not a signature.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from ajsync.asyncjobs.model import BucketIdentity, decode_scheduled_task
from ajsync.asyncjobs.queues import QueueSettings, QueueSurvey
from ajsync.errors import InvalidError, StalePlanError, StoredValueError, UsageError, WriteError
from ajsync.files import read_regular, write_private
from ajsync.reconcile.fields import changed_fields, stored_object
from ajsync.reconcile.plan import KINDS, Adopt, Change, Conflict, Create, Delete, Destination, Plan
from ajsync.safety import NOTHING_OPENED, Opened
from ajsync.selection import EVERYTHING, Selection
from ajsync.text import listed, one_line, visible

_FORMAT = 2
"""The version of the format. Version 1 did not say where the plan goes."""
_COUNTS = ("desired", "owned", "unchanged", "unmanaged", "foreign")
_BY_VERB: Mapping[str, Callable[..., Change]] = {kind.verb: kind for kind in KINDS}
_SHAPE = {
    "target": {field.name: str for field in fields(BucketIdentity)},
    "destination": {field.name: str for field in fields(Destination)},
    "owner": str,
    "digest": str,
    "changes": [{"action": tuple(_BY_VERB), "name": str, "revision": int, "before": object, "after": object}],
    "conflicts": [{"name": str, "kind": ("unmanaged", "foreign", "unreadable"), "detail": str}],
    **dict.fromkeys(_COUNTS, int),
    "unreadable": [{"name": str, "reason": str}],
    "opened": {"allow_deletes": int, "allow_empty": bool, "allow_older": bool},
    "project": str,
}
"""The members of a plan in its file, and their types. A tuple has the values that are allowed."""
_SHAPE_OF_SELECTION = {"names": [str], "labels": [str], "queue": str, "owner": str, "not_selected": int}
"""The member `selection`, which a plan of everything does not have; an empty queue or owner means none."""
_SHAPE_OF_QUEUE = {field.name: type(getattr(QueueSettings(""), field.name)) for field in fields(QueueSettings)}
_OPTIONAL = {"selection": _SHAPE_OF_SELECTION, "queues": [_SHAPE_OF_QUEUE], "variables": [{"name": str, "value": str}]}
"""Members that a plan has only if they say something, so that plans of older versions stay valid."""
_LARGEST = 2**64 - 1
"""The largest revision that a stream can have."""
_LONGEST = 1_000_000_000
"""The most bytes of a file; the largest plan has far fewer."""
_AGAIN = "Make it again with 'ajsync plan --out'."


@dataclass(frozen=True, slots=True)
class SavedPlan:
    """A plan, and the gates that were opened for it."""

    plan: Plan
    opened: Opened = NOTHING_OPENED
    project: str = ""
    """The file `ajsync.yaml`, relative to the folder in which the plan was made; empty if it was elsewhere."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """The variables that were given outside the files, as they were typed."""

    @property
    def environment(self) -> str | None:
        """The environment that it was made for."""
        return self.plan.destination.environment or None


def save_plan(saved: SavedPlan, path: Path) -> None:
    """Write a plan to a file that only its owner can read. The file is there completely or not at all.

    Raises WriteError if the file cannot be written, for example because it is a link; UsageError if it is a folder, a
    device or a pipe.
    """
    if path.exists() and not path.is_file():  # the plan would replace it, even if it is /dev/null
        raise UsageError(f"The plan cannot be saved to {path}: it is not a regular file.")
    plan, opened = saved.plan, saved.opened
    content = {
        "target": asdict(plan.target),
        "destination": asdict(plan.destination),
        "owner": plan.owner,
        "digest": plan.digest,
        "changes": [_encode_change(change) for change in plan.changes],
        "conflicts": [asdict(conflict) for conflict in plan.conflicts],
        **{name: getattr(plan, name) for name in _COUNTS},
        "unreadable": [{"name": name, "reason": reason} for name, reason in plan.unreadable],
        "opened": {
            "allow_deletes": opened.allow_deletes,
            "allow_empty": opened.allow_empty,
            **({"allow_older": True} if opened.allow_older else {}),
        },
        "project": saved.project,
        **_encode_selection(plan),
        **({"queues": [asdict(queue) for queue in plan.queues.missing]} if plan.queues.missing else {}),
    }
    if saved.variables:
        content["variables"] = [{"name": name, "value": text} for name, text in saved.variables.items()]
    document = {"ajsync_plan": _FORMAT, "sha256": _checksum(content), "plan": content}
    try:
        write_private(path, json.dumps(document).encode() + b"\n")
    except OSError as error:
        raise WriteError(f"The plan cannot be saved to {path}: {error.strerror or error}.") from None


def load_plan(path: Path) -> SavedPlan:
    """Read a plan that `save_plan` wrote.

    Raises UsageError if the file cannot be read, InvalidError if it is not exactly what was saved.
    """
    try:
        data = read_regular(path, _LONGEST)
    except OSError as error:
        hint = f" 'ajsync plan --out {path}' makes one." if isinstance(error, FileNotFoundError) else ""
        raise UsageError(f"The plan {path} cannot be read: {error.strerror or error}.{hint}") from None
    try:
        return _decode_document(data)
    except StoredValueError as error:
        problem = one_line(str(error))
        raise InvalidError(f"{path} is not a saved plan that can be applied: {problem}. {_AGAIN}") from None


def check_environment(saved: SavedPlan, environment: str | None, option: str = "--environment") -> None:
    """Raise StalePlanError if `option` names a different environment from the saved plan's."""
    if environment is not None and environment != saved.environment:
        made = f"the environment {visible(saved.environment)}" if saved.environment else "no environment"
        asked, without = visible(environment), "Leave the option out" if option.startswith("--") else "Unset it"
        raise StalePlanError(
            f"The saved plan was made for {made}, and {option} says {asked}. {without} to apply the plan, or make a "
            f"new plan with 'ajsync plan --environment {asked} --out'."
        )


def check_variables(saved: SavedPlan, variables: Mapping[str, str]) -> None:
    """Raise StalePlanError if `--var` gives other values than when the plan was made. It shows no values."""
    other = [name for name, text in variables.items() if saved.variables.get(name) != text]
    if other:
        raise StalePlanError(
            f"The saved plan was made with other variables, and --var gives {_names(sorted(other))} now. Leave the "
            "option out to apply the plan, or make a new plan with 'ajsync plan --out'."
        )


def check_plan(saved: Plan, fresh: Plan) -> None:
    """Raise StalePlanError, which says what differs, unless a saved plan is equal to what would be planned now.

    `fresh` is the plan as it is made now, with adoptions if the saved one has any. Only what does not affect an apply
    may differ: the creation time of a schedule, and the file that defines it. A plan that was already applied is not
    stale.
    """
    differences = list(_other_origin(saved, fresh))
    if not differences and not fresh.empty:
        differences = list(_other_changes(saved, fresh))
    if differences:
        raise StalePlanError(f"The saved plan is stale: {'; '.join(differences)}. {_AGAIN}")


def _other_origin(saved: Plan, fresh: Plan) -> Iterator[str]:
    """How the bucket, the owner and the files differ."""
    bucket = visible(fresh.target.bucket)
    if saved.target.bucket != fresh.target.bucket:
        yield f"it was made for the bucket {visible(saved.target.bucket)}, and this is {bucket}"
    elif saved.target != fresh.target:
        was, now = saved.destination, fresh.destination
        if (was.context, was.server) == (now.context, now.server):
            yield (
                f"the bucket {bucket} was created anew at {visible(fresh.target.created)}, and the plan was made for "
                f"the one that was created at {visible(saved.target.created)}"
            )
        else:
            yield f"it was made for the bucket of {_place(was)}, and this is the bucket of {_place(now)}"
    if saved.owner != fresh.owner:
        yield f"it was made for the owner {visible(saved.owner)}, and the files belong to {visible(fresh.owner)}"
    elif saved.digest != fresh.digest:
        yield "the files, or the variables in them, have changed since it was made"


def _place(destination: Destination) -> str:
    server = visible(destination.server)
    return f"the context {visible(destination.context)} at {server}" if destination.context else f"the server {server}"


def _other_changes(saved: Plan, fresh: Plan) -> Iterator[str]:
    """How the changes differ, for the same bucket, owner and files."""
    then, now = ({change.name: change for change in plan.changes} for plan in (saved, fresh))
    moved = [name for name, change in then.items() if name not in now or now[name].revision != change.revision]
    if moved:
        yield f"these have changed in the bucket since it was made: {_names(moved)}"
    more = [name for name in now if name not in then]
    if more:
        yield f"it lacks changes that are needed now: {_names(more)}"
    queues = [queue.name for queue in fresh.queues.missing if queue not in saved.queues.missing]
    if queues:
        yield f"it lacks queues that are missing now: {_names(queues)}"
    other = [name for name in then if name not in moved and not _alike(then[name], now[name])]
    if other:
        yield f"its changes of these are not those of the files and the bucket: {_names(other)}"


def _alike(one: Change, other: Change) -> bool:
    return type(one) is type(other) and all(
        mine == theirs if mine is None or theirs is None else not changed_fields(mine, theirs)
        for mine, theirs in ((one.before, other.before), (one.after, other.after))
    )


def _names(names: Sequence[str]) -> str:
    return listed([visible(name) for name in names])


def _checksum(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _encode_change(change: Change) -> dict[str, Any]:
    return {
        "action": change.verb,
        "name": change.name,
        "revision": change.revision,
        "before": None if change.before is None else stored_object(change.before),
        "after": None if change.after is None else stored_object(change.after),
    }


def _decode_document(data: bytes) -> SavedPlan:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        raise StoredValueError("it is not JSON, or it is cut off") from None
    if not isinstance(document, dict) or "ajsync_plan" not in document:
        raise StoredValueError("it is something else")
    found = document["ajsync_plan"]
    if found == 1:
        raise StoredValueError("it was made by an older ajsync, whose plans do not name their environment")
    if found != _FORMAT:
        raise StoredValueError(f"its format is {visible(str(found))}, and this ajsync reads {_FORMAT}")
    _check_shape(document, {"ajsync_plan": int, "sha256": str, "plan": object})
    if document["sha256"] != _checksum(document["plan"]):
        raise StoredValueError("it was changed after it was saved: its checksum does not match")
    return _decode_plan(document["plan"])


def _encode_selection(plan: Plan) -> dict[str, Any]:
    selection = plan.selection
    if not selection:
        return {}
    return {
        "selection": {
            "names": selection.names,
            "labels": [str(test) for test in selection.labels],
            "queue": selection.queue or "",
            "owner": selection.owner or "",
            "not_selected": plan.not_selected,
        }
    }


def _decode_selection(value: Mapping[str, Any]) -> tuple[Selection, int]:
    queue, owner = value["queue"] or None, value["owner"] or None
    try:
        selection = Selection.of(names=value["names"], labels=value["labels"], queue=queue, owner=owner)
    except InvalidError as error:
        raise StoredValueError(str(error)) from None
    return selection, value["not_selected"]


def _decode_plan(value: Any) -> SavedPlan:
    value = _with_defaults(value)
    shape = {**_SHAPE, **{name: each for name, each in _OPTIONAL.items() if isinstance(value, dict) and name in value}}
    _check_shape(value, shape)
    selects = "selection" in value
    selection, not_selected = _decode_selection(value["selection"]) if selects else (EVERYTHING, 0)
    plan = Plan(
        target=BucketIdentity(**value["target"]),
        owner=value["owner"],
        digest=value["digest"],
        changes=tuple(map(_decode_change, value["changes"])),
        conflicts=tuple(Conflict(**each) for each in value["conflicts"]),
        unreadable=tuple((each["name"], each["reason"]) for each in value["unreadable"]),
        **{name: value[name] for name in _COUNTS},
        destination=Destination(**value["destination"]),
        selection=selection,
        not_selected=not_selected,
        queues=QueueSurvey(tuple(QueueSettings(**each) for each in value.get("queues", ()))),
    )
    adopt = plan.count(Adopt) > 0  # its adoptions were approved along with it
    variables = {each["name"]: each["value"] for each in value.get("variables", ())}
    return SavedPlan(plan, Opened(adopt, **value["opened"]), value["project"], variables)


def _with_defaults(value: Any) -> Any:
    """A plan with the members that are left out if they say nothing, or that older versions did not write."""
    opened = value.get("opened") if isinstance(value, dict) else None
    return {**value, "opened": {"allow_older": False, **opened}} if isinstance(opened, dict) else value


def _decode_change(value: Mapping[str, Any]) -> Change:
    kind, name = _BY_VERB[value["action"]], value["name"]
    before, after = (
        None if value[side] is None else decode_scheduled_task(name, json.dumps(value[side]).encode())
        for side in ("before", "after")
    )
    if (before is None) != (kind is Create) or (after is None) != (kind is Delete):
        raise StoredValueError(f"the change of {visible(name)} is not a create, update, adopt or delete")
    return kind(name=name, before=before, after=after, revision=value["revision"])


def _check_shape(value: Any, shape: Any) -> None:
    if isinstance(shape, tuple):
        if value not in shape:
            raise StoredValueError(f"it has a value other than {', '.join(shape)} where one of them should be")
        return
    kind = shape if isinstance(shape, type) else type(shape)
    if type(value) is not kind and kind is not object:
        raise StoredValueError(f"it has {type(value).__name__} where {kind.__name__} should be")
    if kind is int and abs(value) > _LARGEST:
        raise StoredValueError("it has a number that does not fit into 64 bits")
    if isinstance(shape, dict):
        if value.keys() != shape.keys():
            raise StoredValueError(f"it does not have exactly the members {', '.join(shape)} where it should")
        for name, member in shape.items():
            _check_shape(value[name], member)
    elif isinstance(shape, list):
        for item in value:
            _check_shape(item, shape[0])
