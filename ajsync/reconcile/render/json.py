"""A plan for programs; `schemas/plan.schema.json` describes it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from hashlib import sha256
from typing import Any

from ajsync.asyncjobs.applied import VERBS, RecordedAction, RecordedApply
from ajsync.asyncjobs.model import ScheduledTask, has_drifted
from ajsync.asyncjobs.queues import ALL_THERE
from ajsync.errors import AjsyncError, ConflictError, Location
from ajsync.reconcile.fields import changed_fields, pause_object, stored_object
from ajsync.reconcile.plan import KINDS, Change, Conflict, Create, Delete, Plan, told_counts
from ajsync.reconcile.render.fires import FireTimes
from ajsync.reconcile.render.impact import impact_document
from ajsync.reconcile.render.interface import RenderOptions
from ajsync.reconcile.render.wording import REMEDIES, is_suspended
from ajsync.selection import Selection
from ajsync.timestamp import format_timestamp

_FORMAT = 1


def render_json(plan: Plan, refusals: Sequence[AjsyncError], options: RenderOptions) -> str:
    """Show a plan as a JSON document, in ASCII, so that text of others cannot control a terminal."""
    fires = FireTimes(options.now)
    document = {
        "format": _FORMAT,
        "now": options.now.isoformat(),
        "target": {"bucket": plan.target.bucket, "created": plan.target.created},
        "destination": {name: value or None for name, value in asdict(plan.destination).items()},
        "owner": plan.owner,
        "digest": plan.digest,
        "last_applied": None if plan.last is None else applied_document(plan.last),
        "applicable": not refusals and not plan.conflicts,
        **_selection(plan.selection),
        "summary": _summary(plan),
        "loosened": [
            {"member": each.member, "value": each.value, "default": each.default} for each in options.loosened
        ],
        "refusals": [
            {"kind": "conflict" if isinstance(refusal, ConflictError) else "gate", "message": str(refusal)}
            for refusal in refusals
        ],
        **_queues(plan),
        "conflicts": [_conflict(conflict, options) for conflict in plan.conflicts],
        "changes": [_change(change, fires, options) for change in plan.changes],
        **({"impact": impact_document(options.impact)} if options.impact else {}),
        "unreadable": [{"name": name, "reason": reason} for name, reason in plan.unreadable],
        **_ignored(plan, options),
    }
    if plan.paused:
        document["paused"] = [{"name": name, **pause_object(pause)} for name, pause in plan.paused]
    return json.dumps(document, indent=2)


def _ignored(plan: Plan, options: RenderOptions) -> dict[str, Any]:
    found = [
        {"name": name, "members": list(members), "location": _location(options.locations.get(name))}
        for name, members in plan.ignored
    ]
    return {"ignored_by_go": found} if found else {}


def applied_document(apply: RecordedApply) -> dict[str, Any]:
    """A line of the record for programs, with every member, null where something is not known."""
    commit = apply.commit
    return {
        "at": format_timestamp(apply.at),
        "by": apply.by,
        "commit": None if commit is None else commit.id,
        "committed_at": format_timestamp(commit.time) if commit and commit.time else None,
        "ref": (commit.ref or None) if commit else None,
        "dirty": commit is not None and commit.dirty,
        "environment": apply.environment or None,
        "version": apply.version or None,
        "digest": apply.digest or None,
        "counts": {verb: apply.counts.get(verb, 0) for verb in VERBS},
        "names": list(apply.names),
    }


def line_document(line: RecordedApply | RecordedAction) -> dict[str, Any]:
    """A line of the log for programs; its member `action` says whether it is an apply or an action."""
    if isinstance(line, RecordedApply):
        return {"action": "apply", **applied_document(line)}
    return {
        "action": line.action,
        "at": format_timestamp(line.at),
        "by": line.by,
        "reason": line.reason or None,
        "until": format_timestamp(line.until) if line.until else None,
        "tasks": line.tasks if line.action == "backfill" else None,
        "version": line.version or None,
        "count": line.count,
        "names": list(line.names),
    }


def _summary(plan: Plan) -> dict[str, int]:
    return {
        **{kind.verb: plan.count(kind) for kind in KINDS},
        "rename": told_counts(plan.changes)["rename"],
        "unchanged": plan.unchanged,
        "conflicts": len(plan.conflicts),
        "unmanaged": plan.unmanaged,
        "foreign": plan.foreign,
        "unreadable": len(plan.unreadable),
        "desired": plan.desired,
        "owned": plan.owned,
        **({"not_selected": plan.not_selected} if plan.selection else {}),
    }


def _queues(plan: Plan) -> dict[str, Any]:
    """The member about declared queues; left out if all of them exist as declared."""
    if plan.queues == ALL_THERE:
        return {}
    return {
        "queues": {
            "missing": [asdict(queue) for queue in plan.queues.missing],
            "different": [{"name": name, "detail": text} for name, text in plan.queues.different],
        }
    }


def _selection(selection: Selection) -> dict[str, Any]:
    """The member that says what was selected; left out for a plan of everything."""
    if not selection:
        return {}
    labels = [str(test) for test in selection.labels]
    return {
        "selection": {
            "names": [*selection.names],
            "labels": labels,
            "queue": selection.queue,
            "owner": selection.owner,
        }
    }


def _conflict(conflict: Conflict, options: RenderOptions) -> dict[str, Any]:
    return {
        "name": conflict.name,
        "kind": conflict.kind,
        "detail": conflict.detail,
        "message": str(conflict),
        "remedy": REMEDIES[conflict.kind],
        "location": _location(options.locations.get(conflict.name)),
    }


def _change(change: Change, fires: FireTimes, options: RenderOptions) -> dict[str, Any]:
    before, after = change.before, change.after
    changed = changed_fields(before, after) if before is not None and after is not None else ()
    return {
        "action": change.verb,
        "name": change.name,
        **({"paused": True} if change.paused else {}),
        "revision": change.revision,
        "rename": _rename(change),
        "drift": before is not None and has_drifted(before),
        "fields": [field.name for field in changed],
        "before": _task(before, options.show_payload),
        "after": _task(after, options.show_payload),
        "next": [time.isoformat() for time in fires.of(after).times] if after is not None and not change.paused else [],
        "location": _location(options.locations.get(change.name)),
        **({"suspended": True} if is_suspended(change, options) else {}),
    }


def _rename(change: Change) -> dict[str, str] | None:
    """The names of a rename, which is a create and a delete."""
    if isinstance(change, Create) and change.renamed_from:
        return {"from": change.renamed_from, "to": change.name}
    if isinstance(change, Delete) and change.renamed_to:
        return {"from": change.name, "to": change.renamed_to}
    return None


def _task(task: ScheduledTask | None, show_payload: bool) -> dict[str, Any] | None:
    if task is None:
        return None
    value = stored_object(task)
    if not task.created_at:
        del value["created_at"]  # it gets one when it is stored
    if task.payload is not None and not show_payload:
        value["payload"] = {"bytes": len(task.payload), "sha256": sha256(task.payload).hexdigest()}
    return value


def _location(location: Location | None) -> dict[str, Any] | None:
    return None if location is None else {"file": location.file, "line": location.line}
