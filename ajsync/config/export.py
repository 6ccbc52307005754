"""From scheduled tasks back to a schedules file: what to write of each, and which ones a file cannot express.

Nothing is written that would come back as something else: each member goes through the checks of the loader first.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ajsync.asyncjobs.model import DEFAULT_CATCHUP, DEFAULT_MAX_TRIES, DEFAULT_OVERLAP, Managed, ScheduledTask
from ajsync.asyncjobs.names import LONGEST_NAME, SCHEDULE_NAME
from ajsync.asyncjobs.size import too_large
from ajsync.config.document import Document, parse_document
from ajsync.config.emit import Quoted, emit
from ajsync.config.members import MemberChecks
from ajsync.config.nodes import MAX_DEPTH, MAX_FILE_SIZE
from ajsync.errors import InvalidError, Problem, ScheduleError
from ajsync.schedule import format_duration_short, load_zone, parse, split_zone

_PAYLOAD_DEPTH = MAX_DEPTH - 10
"""Levels that a payload may have as YAML, which has the schedule's own levels above it."""
_NOWHERE = Document("", None, False, None)
_ABSENT: Mapping[str, object] = {
    "timezone": "",
    "description": "",
    "deadline": 0,
    "max_tries": DEFAULT_MAX_TRIES,
    "catchup": DEFAULT_CATCHUP,
    "catchup_window": 0,
    "overlap": DEFAULT_OVERLAP,
    "jitter": 0,
}
"""What a member that is left out comes to."""
_DURATIONS = frozenset(("deadline", "catchup_window", "jitter"))


@dataclass(frozen=True, slots=True)
class Exported:
    """A schedules file, and what it does not hold."""

    text: str
    skipped: Mapping[str, str]
    """By name, why a schedule cannot be written in a file."""


def export_yaml(tasks: Iterable[ScheduledTask], schema: str | None = None) -> Exported:
    """The text of a schedules file from which the same tasks are loaded, sorted by name.

    Their `created_at`, owner and source are not in it, and it has no defaults: in a project that has some, they count
    for what a schedule does not say. `schema` is the path or URL of the JSON Schema that editors are told of.
    Raises InvalidError where the schedules are too many for one file.
    """
    checks = MemberChecks()
    written: dict[str, Any] = {}
    skipped: dict[str, str] = {}
    for task in sorted(tasks, key=lambda task: task.name):
        try:
            written[task.name] = _members(task, checks)
        except _NotExpressible as reason:
            skipped[task.name] = str(reason)
    heading = f"# yaml-language-server: $schema={schema}\n\n" if schema else ""
    text = heading + emit({"schedules": {name: _for_file(members) for name, members in written.items()}})
    _check_whole(text, {"schedules": {name: _literal(members) for name, members in written.items()}})
    return Exported(text, skipped)


class _NotExpressible(Exception):
    """A task that no file can say; `str()` is the reason."""


def _members(task: ScheduledTask, checks: MemberChecks) -> dict[str, Any]:
    """The members of a schedule as a file has them, placeholders aside."""
    if not SCHEDULE_NAME.fullmatch(task.name):
        raise _NotExpressible("its name has other characters than letters, digits, _ and -")
    if len(task.name) > LONGEST_NAME:
        raise _NotExpressible(f"its name has {len(task.name):,} characters; the maximum is {LONGEST_NAME}")
    if reason := too_large(task):
        raise _NotExpressible(f"too large for a file: {reason}")
    try:
        parse(task.schedule)
    except ScheduleError as error:
        raise _NotExpressible(f"schedule: {error}") from None
    managed = task.managed or Managed("")
    schedule, timezone = _split_schedule(task.schedule)
    stored: dict[str, Any] = {
        "schedule": schedule,
        "timezone": timezone,
        "queue": task.queue,
        "task_type": task.task_type,
        "description": managed.description,
        "deadline": task.deadline,
        "max_tries": task.max_tries,
        "catchup": managed.catchup,
        "catchup_window": managed.catchup_window,
        "overlap": managed.overlap,
        "jitter": managed.jitter,
    }
    stored = {name: value for name, value in stored.items() if name not in _ABSENT or value != _ABSENT[name]}
    members = {name: format_duration_short(value) if name in _DURATIONS else value for name, value in stored.items()}
    if reason := _difference(members, stored, checks):
        raise _NotExpressible(reason)
    return members if task.payload is None else members | _payload(task.payload, members, stored, checks)


def _payload(payload: bytes, members: dict[str, Any], stored: dict[str, Any], checks: MemberChecks) -> dict[str, Any]:
    """The payload as YAML where that comes to the same bytes, else in base64."""
    try:
        member: dict[str, Any] = {"payload": json.loads(payload)}
        is_shallow = _fits(member, _PAYLOAD_DEPTH)
    except (ValueError, RecursionError):
        is_shallow = False
    if is_shallow and not _difference(members | member, stored | {"payload": payload}, checks):
        return member
    member = {"payload_base64": base64.b64encode(payload).decode()}
    if reason := _difference(members | member, stored | {"payload_base64": payload}, checks):
        raise _NotExpressible(reason)
    return member


def _split_schedule(stored: str) -> tuple[str, str]:
    """A stored schedule without its zone, and the zone; left whole where the loader would put it together otherwise."""
    zone, rest = split_zone(stored)
    if stored != f"CRON_TZ={zone} {rest}" or rest.startswith("@every "):
        return stored, ""
    try:
        load_zone(zone)
    except ScheduleError:  # "Local" has a meaning in a prefix only
        return stored, ""
    return rest, zone


def _difference(members: dict[str, Any], stored: dict[str, Any], checks: MemberChecks) -> str:
    """Why the loader would not make of `members` what is stored; "" where it would."""
    problems: list[Problem] = []
    loaded = checks.check(members, checks.schedule, _NOWHERE, ("",), problems)
    if problems:
        return f"{problems[0].message}; {problems[0].hint}"
    for name, value in stored.items():
        if loaded[name] != value:
            return f"{name}: a file cannot say it as it is stored"
        if isinstance(value, str) and not _is_unicode(value):
            return f"{name}: it has half a surrogate pair"
    return ""


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _fits(value: object, levels: int) -> bool:
    """Whether a value has at most so many levels."""
    if not isinstance(value, dict | list):
        return True
    items = value.values() if isinstance(value, dict) else value
    return levels > 0 and all(_fits(item, levels - 1) for item in items)


def _for_file(members: dict[str, Any]) -> Any:
    """The members with what only the file's text has: quotes around each schedule."""
    return {**_literal(members), "schedule": Quoted(_literal(members["schedule"]))}


def _literal(value: Any) -> Any:
    """A value in whose strings nothing is taken for a placeholder."""
    if isinstance(value, str):
        return value.replace("${", "$${")
    if isinstance(value, dict):
        return {key: _literal(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_literal(item) for item in value]
    return value


def _check_whole(text: str, value: dict[str, Any]) -> None:
    """Read the text once as the loader does: there are limits that only a whole file can break."""
    problems: list[Problem] = []
    data = text.encode()
    read = parse_document(data, "the export", problems)
    if len(data) > MAX_FILE_SIZE or problems:
        reason = problems[0].message if problems else f"it would be larger than {MAX_FILE_SIZE:,} bytes"
        raise InvalidError(f"The schedules do not fit into one file: {reason}.")
    assert read is not None
    assert read.value == value, "the export does not say what it should"
