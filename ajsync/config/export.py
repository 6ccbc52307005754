"""Write scheduled tasks as a schedules file, and say which of them a file cannot express.

Each member goes through the checks of the loader first, so everything that is written loads as the same value.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from ajsync.asyncjobs.model import DEFAULT_MAX_TRIES, Managed, ScheduledTask, member_name
from ajsync.asyncjobs.names import LONGEST_NAME, SCHEDULE_NAME
from ajsync.asyncjobs.size import too_large
from ajsync.config.calendars import no_season
from ajsync.config.document import Document, parse_document
from ajsync.config.emit import Quoted, emit
from ajsync.config.members import MemberChecks
from ajsync.config.nodes import HALF_PAIR, MAX_DEPTH, MAX_FILE_SIZE
from ajsync.errors import InvalidError, Problem, ScheduleError
from ajsync.schedule import format_duration_short, parse, split_zone
from ajsync.schedule.zones import is_zone

_PAYLOAD_DEPTH = MAX_DEPTH - 10
"""How many levels of nesting a payload may have as YAML, below the levels of the schedule itself."""
_NOWHERE = Document("", None, None)


def _members_of(part: ScheduledTask | Managed) -> dict[str, Any]:
    """The values of the fields by their names in a file."""
    return {member_name(each.name): getattr(part, each.name) for each in fields(part)}


MEMBERS = (
    *("schedule", "timezone", "queue", "task_type", "description", "deadline", "max_tries"),
    *("catchup", "catchup_window", "overlap", "jitter", "from", "until", "except", "labels"),
)
"""The members in the order in which they are written; the payload follows."""
_ABSENT = {**_members_of(Managed("")), "timezone": "", "deadline": 0, "max_tries": DEFAULT_MAX_TRIES, "labels": {}}
"""The values of members that are left out."""
_DURATIONS = frozenset(("deadline", "catchup_window", "jitter"))


@dataclass(frozen=True, slots=True)
class Exported:
    """The text of a schedules file, and the schedules that are not in it."""

    text: str
    skipped: Mapping[str, str]
    """Reasons, by the names of schedules that a file cannot express."""


def export_yaml(tasks: Iterable[ScheduledTask], schema: str | None = None) -> Exported:
    """The text of a schedules file that loads as the same tasks, sorted by name.

    It leaves out `created_at`, owner and source, and has no defaults, so a project's defaults apply to members that a
    schedule does not set. `schema` is the path or URL of the JSON Schema for editors. Raises InvalidError if there are
    too many schedules for one file.
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
    schedules = _literal(written)
    for members in schedules.values():
        members["schedule"] = Quoted(members["schedule"])
    text = heading + emit({"schedules": schedules})
    _check_whole(text, {"schedules": schedules})
    return Exported(text, skipped)


class _NotExpressible(Exception):
    """A file cannot express a task; `str()` is the reason."""


def _members(task: ScheduledTask, checks: MemberChecks) -> dict[str, Any]:
    """The members of a schedule in a file, before placeholders are escaped."""
    if not SCHEDULE_NAME.fullmatch(task.name):
        raise _NotExpressible("its name has characters other than letters, digits, _ and -")
    if len(task.name) > LONGEST_NAME:
        raise _NotExpressible(f"its name has {len(task.name):,} characters; the maximum is {LONGEST_NAME}")
    if reason := too_large(task):
        raise _NotExpressible(f"too large for a file: {reason}")
    try:
        parse(task.schedule)
    except ScheduleError as error:
        raise _NotExpressible(f"schedule: {error}") from None
    schedule, timezone = _split_schedule(task.schedule)
    values = _members_of(task) | _members_of(task.settings)
    values |= {"schedule": schedule, "timezone": timezone, "labels": task.labels}
    stored = {name: values[name] for name in MEMBERS if name not in _ABSENT or values[name] != _ABSENT[name]}
    members = {name: _written(name, value) for name, value in stored.items()}
    if reason := _difference(members, stored, checks) or no_season(task):
        raise _NotExpressible(reason)
    return members if task.payload is None else members | _payload(task.payload, members, stored, checks)


def _written(name: str, value: Any) -> Any:
    """A value as a file has it."""
    if name in _DURATIONS:
        return format_duration_short(value)
    return list(value) if isinstance(value, tuple) else value


def _payload(payload: bytes, members: dict[str, Any], stored: dict[str, Any], checks: MemberChecks) -> dict[str, Any]:
    """The payload as YAML if that loads as the same bytes, else in base64."""
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
    """A stored schedule and its zone; not split if the loader would put it together differently."""
    zone, rest = split_zone(stored)
    # "Local" is not a zone, and is allowed only in a prefix.
    splits = stored == f"CRON_TZ={zone} {rest}" and is_zone(zone) and not rest.startswith("@every ")
    return (rest, zone) if splits else (stored, "")


def _difference(members: dict[str, Any], stored: dict[str, Any], checks: MemberChecks) -> str:
    """Why `members` would not load as what is stored; "" if they would."""
    problems: list[Problem] = []
    loaded = checks.check(members, checks.schedule, _NOWHERE, ("",), problems)
    if problems:
        return f"{problems[0].message}; {problems[0].hint}"
    for name, value in stored.items():
        if loaded[name] != value:
            return f"{name}: a file cannot express the stored value"
        if isinstance(value, str) and HALF_PAIR.search(value):
            return f"{name}: it contains half of a surrogate pair"
    return ""


def _fits(value: object, levels: int) -> bool:
    """Whether a value is nested at most this deep."""
    if not isinstance(value, dict | list):
        return True
    items = value.values() if isinstance(value, dict) else value
    return levels > 0 and all(_fits(item, levels - 1) for item in items)


def _literal(value: Any) -> Any:
    """A value whose strings contain no placeholders."""
    if isinstance(value, str):
        return value.replace("${", "$${")
    if isinstance(value, dict):
        return {key: _literal(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_literal(item) for item in value]
    return value


def _check_whole(text: str, value: dict[str, Any]) -> None:
    """Parse the text as the loader does, because only a whole file can break some limits."""
    problems: list[Problem] = []
    data = text.encode()
    read = parse_document(data, "the export", problems)
    if len(data) > MAX_FILE_SIZE or problems:
        reason = problems[0].message if problems else f"it would be larger than {MAX_FILE_SIZE:,} bytes"
        raise InvalidError(f"The schedules do not fit into one file: {reason}.")
    assert read is not None
    assert read.value == value, "the export loads as something else"
