"""Explain the errors of jsonschema: what is wrong at which path, and what to write instead."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any, TypeAlias

from ajsync.asyncjobs.model import MIN_DEADLINE
from ajsync.config.document import Document, Steps
from ajsync.config.placeholders import placeholder_hint, with_our_placeholders
from ajsync.config.syntax import ODD_INDENT, ODD_SPACE
from ajsync.config.wording import choice, flow, kind, kind_of_schema, shown, suggestion
from ajsync.errors import Problem
from ajsync.schedule.duration_hints import duration_hint
from ajsync.schedule.zone_hints import zone_hint
from ajsync.text import shorten

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

_Error: TypeAlias = Any
"""A ValidationError of jsonschema. Its type hints say that each member may be unset, but here all are set."""

_NAME_WITH_VARIABLES = "name of a schedule"
"""The title of the only keys that may contain variables."""
_LONGEST_EXAMPLE = 60
"""The most characters. A longer example makes the message harder to read."""


@dataclass(frozen=True, slots=True)
class ValueProblem:
    """A problem of a value whose place in a file is not known yet."""

    message: str
    hint: str
    path: Steps = ()
    """The path from the checked value to the wrong one."""
    of_key: bool = False
    """Whether the key is wrong, and not the value."""

    def problem(self, document: Document, path: Steps) -> Problem:
        """The problem in a file; `path` leads to the checked value."""
        location = document.location((*path, *self.path), of_key=self.of_key)
        return Problem(location, self.message, self.hint)


def explain(validator: Validator, value: Any, name: str = "") -> Iterator[ValueProblem]:
    """The problems that a validator finds in a value. `name` is the name of its member; "" means a whole file."""
    error: _Error
    for error in validator.iter_errors(value):
        path = tuple(error.path)
        inner = next((step for step in reversed(path) if isinstance(step, str)), name)
        if "propertyNames" in error.schema_path:
            yield ValueProblem(*_bad_name(error), (*path, error.instance), of_key=True)
        elif error.validator == "additionalProperties":
            yield from _unknown_members(error, path)
        elif error.validator == "required":
            yield _missing_member(error, path)
        elif error.validator == "not":
            if isinstance(value, dict):  # to a schema, anything but a mapping has all members
                yield _exclusive_members(error, path)
        else:
            message, hint = _bad_value(shorten(inner), error)  # the name of a label or of a variable may be anything
            yield ValueProblem(message, _placeholder(error) or hint, path)


def _placeholder(error: _Error) -> str:
    """What to write instead of a placeholder of another tool, if that is what is wrong with a value."""
    if not isinstance(error.instance, str):
        return ""
    pattern = error.schema.get("pattern")
    return placeholder_hint(error.instance, lambda text: pattern and re.search(pattern, text))


def _unknown_members(error: _Error, path: Steps) -> Iterator[ValueProblem]:
    known = error.schema["properties"]
    patterns = error.schema.get("patternProperties", ())
    for member in error.instance:
        if member not in known and not any(re.search(pattern, member) for pattern in patterns):
            hint = ODD_INDENT if ODD_SPACE.match(member) else suggestion(member, known)
            yield ValueProblem(f"unknown member {shown(member)}", hint, (*path, member), of_key=True)


def _missing_member(error: _Error, path: Steps) -> ValueProblem:
    # jsonschema reports each missing member, and names it only in the message.
    missing = next(name for name in error.validator_value if error.message.startswith(repr(name)))
    example = _example(error.schema["properties"][missing])
    return ValueProblem(
        f"{missing} is missing", f"add {missing}: {example}" if example else "add it", path, of_key=True
    )


def _exclusive_members(error: _Error, path: Steps) -> ValueProblem:
    first, second = (name for name in error.instance if name in error.validator_value["required"])
    return ValueProblem(f"{first} and {second} exclude each other", "keep one of them", (*path, second), of_key=True)


def _bad_type(name: str, error: _Error) -> tuple[str, str]:
    value, expected, schema = error.instance, error.validator_value, error.schema
    subject = name or "the file"
    # A file without a mapping is not ours, and a link may have led to it, so its content is not shown.
    if name and value is not None and not isinstance(value, dict | list):
        subject = f"{subject}: {shown(value)}"
    message = f"{subject} is {kind(value)}, not {kind_of_schema(expected)}"
    if schema.get("title") == "Go duration" and isinstance(value, int | float) and not isinstance(value, bool):
        return f"{subject} is {'a number without a unit' if value > 0 else 'not a duration'}", _with_unit(name, value)
    if expected == "array" and isinstance(value, str):
        return message, f"write a list: [{flow(value)}]"
    example = _example(schema)
    if name == "timezone" and isinstance(value, int | float) and (hint := zone_hint(f"{value:+}")):
        return message, hint  # YAML reads +2 as a number
    if expected in ("string", ["string", "null"]) and isinstance(value, bool | int | float):
        quoted = flow(flow(value))
        fits = re.search(schema.get("pattern", ""), flow(value))
        return message, f"put it in quotes: {quoted}" if fits else f"write for example {example}"
    if expected == "boolean":
        return message, "write true or false, without quotes"
    if expected == "integer" and isinstance(value, str) and value.isdecimal():
        return message, f"write it without quotes: {value}"
    return message, f"write for example {example}" if example else f"write {kind_of_schema(expected)}"


def _with_unit(name: str, value: float) -> str:
    if not 0 < value < inf:
        return "write a longer duration, such as 1h, or leave it out"
    return duration_hint(flow(value), MIN_DEADLINE if name == "deadline" else 0)


def _bad_name(error: _Error) -> tuple[str, str]:
    """A key that is not a valid name."""
    message, hint = _bad_value("", error)
    if error.schema["title"] == _NAME_WITH_VARIABLES:
        hint = _placeholder(error) or hint
    elif error.validator == "pattern" and "${" in with_our_placeholders(error.instance):
        hint = f"a name cannot contain a variable, so {hint}"
    return message, hint


def _bad_value(name: str, error: _Error) -> tuple[str, str]:
    """What is wrong with one value, and what to write instead."""
    if error.validator == "type":
        return _bad_type(name, error)
    message, hint = _EXPLAINED[str(error.validator)](error.instance, error.validator_value, error.schema)
    return f"{name}: {message}" if name else message, hint


def _empty(value: Any, _limit: Any, schema: Any) -> tuple[str, str]:
    return f"{shown(value)} is empty", f"write for example {_example(schema)}"


_EXPLAINED: Mapping[str, Callable[[Any, Any, Any], tuple[str, str]]] = {
    "pattern": lambda value, _, schema: (
        f"{shown(value)} is not a valid {schema['title']}",
        schema["patternErrorMessage"],
    ),
    "enum": lambda value, limit, _: (f"{shown(value)} is not allowed", f"write {choice(limit)}"),
    "minimum": lambda value, limit, _: (f"{value} is too small", f"the minimum is {limit}"),
    "maximum": lambda value, limit, _: (f"{value} is too large", f"the maximum is {limit}"),
    "minLength": _empty,
    "minItems": _empty,
    "minProperties": _empty,
    "maxLength": lambda value, limit, _: (f"{shown(value)} has {len(value):,} characters", f"the maximum is {limit}"),
    "maxItems": lambda value, limit, _: (f"{len(value):,} are too many", f"the maximum is {limit}"),
}
"""For each keyword, a function from the value, the keyword's value and the schema to what is wrong and what to
write."""


def _example(schema: object) -> str:
    """The first short example of a schema; "" for none."""
    examples = schema.get("examples", ()) if isinstance(schema, dict) else ()
    return next((text for text in map(flow, examples) if len(text) <= _LONGEST_EXAMPLE), "")
