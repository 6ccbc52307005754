"""Check and convert the members of a schedule one at a time, for example to nanoseconds or bytes.

Most values occur in many schedules, so each result is kept for the rest of the run.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any, TypeAlias

from ajsync.asyncjobs.model import MAX_DEADLINE, MIN_DEADLINE, rounded_deadline
from ajsync.asyncjobs.size import MAX_PAYLOAD
from ajsync.config.calendars import is_name
from ajsync.config.document import Document, Steps
from ajsync.config.explain import ValueProblem, explain
from ajsync.config.placeholders import placeholder_hint
from ajsync.config.problems import MOST_PROBLEMS
from ajsync.config.schema import SCHEDULES_SCHEMA, MemberSchema, Shape, shape, strict_schema
from ajsync.config.wording import shown
from ajsync.errors import Problem, ScheduleError
from ajsync.schedule import format_duration_short, load_zone, parse, parse_duration, spell_out
from ajsync.schedule.days import days_text, read_days
from ajsync.schedule.season import canonical_bound

MOST_OF_A_PAYLOAD = (
    f"the maximum is {MAX_PAYLOAD:,}, because a Go scheduler encodes it twice in base64 and a server takes messages of "
    "1 MiB; let the task fetch larger data"
)

Members: TypeAlias = dict[str, Any]
"""The converted members of a schedule or of `defaults`. An invalid one is None, so that it does not count as
missing."""


def merged(outer: Members, inner: Members) -> Members:
    """The members of both; those of `inner` take precedence. Labels are merged one by one."""
    members = {**outer, **inner}
    if outer.get("labels") and "labels" in inner:
        members["labels"] = {**outer["labels"], **(inner["labels"] or {})}
    return members


class MemberChecks:
    """Checks the members of schedules and of `defaults`, and remembers the results."""

    def __init__(self) -> None:
        self.schedule = shape(strict_schema(SCHEDULES_SCHEMA, "$defs", "schedule"))
        self.defaults = shape(strict_schema(SCHEDULES_SCHEMA, "$defs", "defaults"))
        self._found: dict[tuple[str, type, object], object] = {}

    def check(self, mapping: object, kind: Shape, document: Document, path: Steps, problems: list[Problem]) -> Members:
        """Convert the members of a mapping, and add their problems to `problems`."""
        if not isinstance(mapping, dict) or not kind.fits(mapping):
            problems += (found.problem(document, path) for found in explain(kind.structure, mapping, str(path[-1])))
        members: Members = {}
        if isinstance(mapping, dict):
            for name, value in mapping.items():
                # The check of the structure has reported unknown members.
                found = self._look_up(name, value, kind.members[name]) if name in kind.members else None
                if isinstance(found, _Wrong):
                    problems += [each.problem(document, (*path, name)) for each in found]
                    found = None
                members[name] = found
        return members

    def check_one(self, name: str, value: object, document: Document, path: Steps, problems: list[Problem]) -> None:
        """Add the problems of one member of the schedule at `path` to `problems`."""
        found = self._look_up(name, value, self.schedule.members[name])
        problems += [each.problem(document, (*path, name)) for each in found] if isinstance(found, tuple) else []

    def _look_up(self, name: str, value: object, schema: MemberSchema) -> object:
        key: tuple[str, type, object] = (name, value.__class__, value)  # with its class: True and 1.0 equal 1
        if name == "labels" and isinstance(value, dict):
            key = (name, dict, tuple((label, each.__class__, each) for label, each in value.items()))
        elif name == "except" and isinstance(value, list) and all(isinstance(item, str) for item in value):
            key = (name, list, tuple(value))
        try:
            return self._found[key]
        except KeyError:
            found = self._found[key] = _find(name, value, schema)
            return found
        except TypeError:  # a list or mapping is not hashable
            return _find(name, value, schema)


class _Wrong(tuple[ValueProblem, ...]):
    """The problems of a value."""

    __slots__ = ()


def _find(name: str, value: object, schema: MemberSchema) -> object:
    """The converted value, or its problems."""
    allowed = isinstance(value, schema.allowed)
    wrong = _Wrong() if allowed else _Wrong(islice(explain(schema.validator, value, name), MOST_PROBLEMS + 1))
    # The parsers of schedules and durations know more than a pattern, so their errors replace the pattern's.
    convert: Callable[[Any], object] | None = None if wrong else _CONVERT.get(name)
    if wrong and isinstance(value, str):
        convert = _READ.get(name)
    if convert is None:
        return wrong or value
    try:
        converted = convert(value)
    except ScheduleError as error:
        message, _, hint = str(error).removeprefix("duration: ").removeprefix("time zone: ").partition("; ")
        meant = placeholder_hint(value, lambda text: _converts(convert, text)) if isinstance(value, str) else ""
        return _Wrong((ValueProblem(f"{name}: {message}", meant or hint),))
    except _NotAllowed as error:
        message, hint, *path = error.args
        return _Wrong((ValueProblem(f"{name}: {message}", hint, tuple(path)),))
    return wrong or converted


def _converts(convert: Callable[[Any], object], text: str) -> bool:
    try:
        convert(text)
    except (ScheduleError, _NotAllowed):
        return False
    return True


class _NotAllowed(Exception):
    """A value is wrong although the schema allows it; `args` are the message, the hint, and the steps to the wrong
    part."""


def _parsed_schedule(text: str) -> str:
    text = spell_out(text)
    parse(text)
    return text


def _deadline(text: str) -> int:
    deadline = rounded_deadline(parse_duration(text, MIN_DEADLINE))
    if deadline < MIN_DEADLINE:
        raise _NotAllowed(f"{shown(text)} is too short", f"the minimum is {format_duration_short(MIN_DEADLINE)}")
    if deadline > MAX_DEADLINE:
        raise _NotAllowed(f"{shown(text)} is too long", f"the maximum is {format_duration_short(MAX_DEADLINE)}")
    return deadline


def _positive_duration(text: str) -> int:
    duration = parse_duration(text)
    if duration <= 0:
        raise _NotAllowed(f"{shown(text)} must be greater than zero", "write a longer duration, or leave it out")
    return duration


def _zone(name: str) -> str:
    load_zone(name)
    return name


def _days(items: list[str]) -> tuple[str, ...]:
    """The dates and ranges in their canonical form, and the names of calendars, each in its place."""
    found = []
    for index, item in enumerate(items):
        try:
            found.append(item if is_name(item) else days_text(read_days(item)))
        except ScheduleError as error:
            message, _, hint = str(error).partition("; ")
            raise _NotAllowed(message, hint, index) from None
    return tuple(found)


_encode = json.JSONEncoder(allow_nan=False, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode


def _payload(value: object) -> bytes | None:
    if value is None:
        return None
    try:
        return _not_too_large(_encode(value).encode())
    except UnicodeEncodeError:
        raise _NotAllowed("a string has half of a surrogate pair", "write the whole character") from None
    except ValueError:
        raise _NotAllowed("infinity and NaN do not exist in JSON", "write a string, or leave them out") from None


def _bytes(text: str) -> bytes:
    try:
        payload = base64.b64decode("".join(text.split()), validate=True)
    except ValueError as error:  # the value is not shown, because a payload may be a secret
        raise _NotAllowed(f"not valid base64: {error}", "use standard base64, padded with =") from None
    return _not_too_large(payload)


def _not_too_large(payload: bytes) -> bytes:
    if len(payload) > MAX_PAYLOAD:
        raise _NotAllowed(f"{len(payload):,} bytes are too many", MOST_OF_A_PAYLOAD)
    return payload


_READ: Mapping[str, Callable[[str], object]] = {
    "schedule": _parsed_schedule,
    "deadline": _deadline,
    "timezone": _zone,
    "catchup_window": _positive_duration,
    "jitter": _positive_duration,
    "from": canonical_bound,
    "until": canonical_bound,
    "payload_base64": _bytes,
}
_CONVERT: Mapping[str, Callable[[Any], object]] = {
    **_READ,
    "schedule": spell_out,  # it can only be checked together with its zone
    "max_tries": int,  # JSON Schema accepts 3.0 as an integer
    "payload": _payload,
    "except": _days,
}
