"""Read `queues` of `ajsync.yaml`: the queues that the schedules use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from ajsync.asyncjobs.queues import SHORTEST_AGE, QueueSettings
from ajsync.config.document import Document
from ajsync.config.explain import ValueProblem, explain
from ajsync.config.problems import Problems
from ajsync.config.schema import PROJECT_SCHEMA, strict_schema, validator
from ajsync.config.variables import Variables, unless_unresolved
from ajsync.config.wording import shown
from ajsync.errors import Problem, ScheduleError
from ajsync.schedule import format_duration_short, parse_duration

_PATH = ("queues",)
_SHORTEST_RUNTIME = 1_000_000_000
"""The shortest run time that `ajc` accepts, in nanoseconds."""


def read_queues(
    document: Document, value: object, variables: Variables, problems: list[Problem]
) -> Mapping[str, QueueSettings]:
    """The queues by name, with their placeholders replaced. Problems are added to `problems`."""
    replaced, unresolved = variables.replace(document, value, _PATH)
    found = Problems()
    structure = strict_schema(PROJECT_SCHEMA, "properties", "queues")
    names, settings = (validator(structure.pop(each)) for each in ("propertyNames", "additionalProperties"))
    found += (each.problem(document, _PATH) for each in explain(validator(structure), replaced, "queues"))
    queues: dict[str, QueueSettings] = {}
    for key, members in replaced.items() if isinstance(replaced, dict) else ():
        place = (*_PATH, key)
        name, wrong = variables.replace(document, key, place)
        unresolved += [replace(each, location=document.location(place, of_key=True)) for each in wrong]
        if wrong:
            continue
        own = [ValueProblem(each.message, each.hint, of_key=True) for each in explain(names, name, "the name")]
        if name in queues:
            own.append(ValueProblem(f"the queue {shown(name)} is declared twice", "remove one of the two", of_key=True))
        own += explain(settings, members, name if isinstance(name, str) else key)
        if not own:
            queues[name] = _queue(name, members, own)
        found += (each.problem(document, place) for each in own)
    problems += unresolved + unless_unresolved(found, unresolved)
    return queues


def _queue(name: str, members: Mapping[str, Any] | None, problems: list[ValueProblem]) -> QueueSettings:
    """A queue from members that fit the schema; a member that is wrong nevertheless gets its default."""
    read: dict[str, Any] = {}
    for member, value in (members or {}).items():
        try:
            read[member] = _CONVERT[member](value)
        except ScheduleError as error:
            message, _, hint = str(error).removeprefix("duration: ").partition("; ")
            problems.append(ValueProblem(f"{member}: {message}", hint, (member,)))
    return QueueSettings(name, **read)


def _tries(value: int) -> int:
    if value == 0:
        raise ScheduleError("0 is not a number of tries; write -1 for unlimited tries")
    return int(value)


def _runtime(text: str) -> int:
    return _duration(text, _SHORTEST_RUNTIME)


def _age(text: str) -> int:
    return _duration(text, SHORTEST_AGE)


def _duration(text: str, least: int) -> int:
    duration = parse_duration(text)
    if duration < least:
        raise ScheduleError(f"{shown(text)} is too short; the minimum is {format_duration_short(least)}")
    return duration


_CONVERT: Mapping[str, Callable[[Any], object]] = {
    "max_tries": _tries,
    "max_runtime": _runtime,
    "max_concurrent": int,
    "max_age": _age,
    "max_entries": int,
    "discard_old": bool,
}
