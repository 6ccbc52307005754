"""Mistakes in the shape of a schedules file: a list, members that are not indented, a file of another kind.

The schema would report each misplaced member, although there is only one mistake.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ajsync.config.explain import ValueProblem
from ajsync.config.schema import SCHEDULES_SCHEMA, read_schema
from ajsync.config.wording import shown

_PROJECT_ONLY = frozenset(("owner", "files", "context", "environments", "safety"))


def misshapen(value: Any) -> Iterator[ValueProblem]:
    """The problems of the shape of a schedules file; none if the schema can judge its members."""
    if isinstance(value, list):
        yield ValueProblem("the file is a list, not a mapping", f"write schedules: and below it {_without_dash(value)}")
    elif isinstance(value, dict):
        yield from _in_mapping(value)


def misplaced(schedules: Mapping[str, Any]) -> tuple[frozenset[str], list[ValueProblem]]:
    """The keys of `schedules` that are members of a schedule, not indented below its name, and the problem."""
    members = _members()
    flat = [key for key, value in schedules.items() if key in members and not _is_schedule(value)]
    if "schedule" not in flat and "task_type" not in flat:
        return frozenset(), []
    names = [key for key, value in schedules.items() if value is None and key not in members]
    below = f"indent the whole block by two spaces below {shown(names[0])}" if names else ""
    hint = below or "write the name of the schedule above it, and indent it below that"
    problem = ValueProblem(
        f"{shown(flat[0])} is where the name of a schedule should be", hint, ("schedules", flat[0]), of_key=True
    )
    return frozenset((*flat, *names[:1])), [problem]


def _members() -> Mapping[str, Any]:
    """The schemas of the members of a schedule."""
    members: Mapping[str, Any] = read_schema(SCHEDULES_SCHEMA)["$defs"]["schedule"]["properties"]
    return members


def _in_mapping(value: Mapping[str, Any]) -> Iterator[ValueProblem]:
    schedules = value.get("schedules")
    of_file = read_schema(SCHEDULES_SCHEMA)["properties"]
    others = [key for key in value if key not in of_file and not key.startswith("x-")]
    beside = [key for key in others if _is_schedule(value[key])] if "apiVersion" not in value else []
    if isinstance(schedules, list):
        yield ValueProblem(
            "schedules is a list, not a mapping", f"write below schedules: {_without_dash(schedules)}", ("schedules",)
        )
        return
    if "schedules" in value and beside and isinstance(schedules, dict | None):
        for key in beside:
            message = f"{shown(key)} is beside schedules, not below it"
            yield ValueProblem(message, "indent the whole block by two spaces below schedules", (key,), of_key=True)
    elif schedules is None and "schedules" in value and "schedule" in others and isinstance(value["schedule"], str):
        hint = "write the name of the schedule below schedules, and indent its members below that"
        yield ValueProblem('"schedule" is beside schedules, not below it', hint, ("schedule",), of_key=True)
    elif "schedules" not in value and (key := _misspelled(value, others)):
        yield ValueProblem("schedules is missing", f"write schedules instead of {shown(key)}", (key,), of_key=True)
    elif "schedules" not in value and beside:
        hint = f"write schedules: above {shown(beside[0])}, and indent everything below it by two spaces"
        yield ValueProblem("schedules is missing", hint, (beside[0],), of_key=True)
    elif "schedules" not in value and "schedule" in others:
        hint = "write schedules: and below it the name of the schedule, and indent its members below that"
        yield ValueProblem("schedules is missing", hint, ("schedule",), of_key=True)
    elif "schedules" not in value and _PROJECT_ONLY & set(others):
        key = next(key for key in others if key in _PROJECT_ONLY)
        hint = f"{shown(key)} belongs in ajsync.yaml; let `files` match only schedules files"
        yield ValueProblem("this is not a schedules file: schedules is missing", hint, (key,), of_key=True)
    elif "schedules" not in value and "defaults" not in value and others:
        hint = "write schedules: and below it each schedule by its name, or let `files` match only schedules files"
        yield ValueProblem("this is not a schedules file: schedules is missing", hint, (others[0],), of_key=True)


def _is_schedule(value: Any) -> bool:
    """Whether a value looks like the members of a schedule."""
    if not isinstance(value, dict) or not ("schedule" in value or "task_type" in value):
        return False
    return not isinstance(value.get("schedule"), dict | list)


def _misspelled(value: Mapping[str, Any], others: list[str]) -> str:
    """The key that has schedules by name but is not called `schedules`; "" for none."""
    for key in others:
        inner = value[key]
        if isinstance(inner, dict) and inner and all(map(_is_schedule, inner.values())):
            return key
    return ""


def _without_dash(items: list[Any]) -> str:
    """How to write the items of a list as members of a mapping."""
    first = next((item for item in items if isinstance(item, dict)), {})
    name = first.get("name")
    if isinstance(name, str) and ("schedule" in first or "task_type" in first):  # show nothing of other files
        return f"the name and a colon, {shown(f'{name}:')}, without a dash, and the members indented below it"
    if len(first) == 1 and isinstance(next(iter(first.values())), dict):
        return f"{shown(f'{next(iter(first))}:')} without a dash, and the members indented below it"
    return "each schedule by its name and a colon, without a dash, and the members indented below it"
