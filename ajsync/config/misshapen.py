"""Mistakes in the shape of a schedules file: a list, members that are not indented, a file of another kind.

The schema would report each misplaced member, although there is one mistake and one remedy.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from ajsync.config.explain import ValueProblem
from ajsync.config.wording import shown

_PROJECT_ONLY = frozenset(("owner", "files", "context", "environments", "safety"))


def misshapen(value: Any, members: Collection[str], file_members: Collection[str]) -> Iterator[ValueProblem]:
    """What is wrong with the shape of a schedules file; nothing if the schema can judge its members.

    `members` are those of a schedule, `file_members` those of the file.
    """
    if isinstance(value, list):
        yield ValueProblem("the file is a list, not a mapping", f"write schedules: and below it {_without_dash(value)}")
    elif isinstance(value, dict):
        yield from _in_mapping(value, frozenset(members), frozenset(file_members))


def misplaced(schedules: Mapping[str, Any], members: Collection[str]) -> tuple[frozenset[str], list[ValueProblem]]:
    """The keys of `schedules` that are members of a schedule and not indented below its name, and the problem."""
    flat = [key for key, value in schedules.items() if key in members and not _is_schedule(value, members)]
    if "schedule" not in flat and "task_type" not in flat:
        return frozenset(), []
    names = [key for key, value in schedules.items() if value is None and key not in members]
    below = f"indent the whole block by two spaces below {shown(names[0])}" if names else ""
    hint = below or "write the name of the schedule above it, and indent it below that"
    problem = ValueProblem(
        f"{shown(flat[0])} is in the place of the name of a schedule", hint, ("schedules", flat[0]), of_key=True
    )
    return frozenset((*flat, *names[:1])), [problem]


def _in_mapping(
    value: Mapping[str, Any], members: frozenset[str], file_members: frozenset[str]
) -> Iterator[ValueProblem]:
    schedules = value.get("schedules")
    others = [key for key in value if key not in file_members and not key.startswith("x-")]
    beside = [key for key in others if _is_schedule(value[key], members)] if "apiVersion" not in value else []
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
    elif "schedules" not in value and (key := _misspelled(value, others, members)):
        yield ValueProblem("schedules is missing", f"write schedules instead of {shown(key)}", (key,), of_key=True)
    elif "schedules" not in value and beside:
        hint = f"write schedules: above {shown(beside[0])}, and indent everything below it by two spaces"
        yield ValueProblem("schedules is missing", hint, (beside[0],), of_key=True)
    elif "schedules" not in value and members & set(others) and "schedule" in others:
        hint = "write schedules: and below it the name of the schedule, and indent its members below that"
        yield ValueProblem("schedules is missing", hint, ("schedule",), of_key=True)
    elif "schedules" not in value and _PROJECT_ONLY & set(others):
        key = next(key for key in others if key in _PROJECT_ONLY)
        hint = f"{shown(key)} belongs in ajsync.yaml; let `files` match only schedules files"
        yield ValueProblem("this is not a schedules file: schedules is missing", hint, (key,), of_key=True)
    elif "schedules" not in value and "defaults" not in value and others:
        hint = "write schedules: and below it each schedule by its name, or let `files` match only schedules files"
        yield ValueProblem("this is not a schedules file: schedules is missing", hint, (others[0],), of_key=True)


def _is_schedule(value: Any, members: Collection[str]) -> bool:
    """Whether a value looks like the members of a schedule."""
    if not isinstance(value, dict) or not value.keys() & {*members}:
        return False
    schedule = value.get("schedule", "")
    return ("schedule" in value or "task_type" in value) and not isinstance(schedule, dict | list)


def _misspelled(value: Mapping[str, Any], others: list[str], members: Collection[str]) -> str:
    """The key that has schedules by name and is not called `schedules`; "" for none."""
    for key in others:
        inner = value[key]
        if isinstance(inner, dict) and inner and all(_is_schedule(each, members) for each in inner.values()):
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
