"""From the errors of jsonschema to findings in plain words: what is wrong at which path, and what would be right."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from ajsync.asyncjobs.model import MIN_DEADLINE
from ajsync.config.document import Document, Steps
from ajsync.config.placeholders import placeholder_hint, with_our_placeholders
from ajsync.config.spaces import ODD_INDENT, begins_oddly
from ajsync.config.wording import choice, flow, kind, kind_of_schema, shown, suggestion
from ajsync.errors import Problem
from ajsync.schedule.duration_hints import duration_hint
from ajsync.schedule.zone_hints import zone_hint

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

_Error: TypeAlias = Any
"""A ValidationError of jsonschema, whose typing says of each member that it may not be set; here all are."""

_LONGEST_EXAMPLE = 60
"""Characters; a longer example makes the message harder to read instead of easier."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong in a value, before it is known which place of a file that is."""

    message: str
    hint: str
    path: Steps = ()
    """From the value that was checked to the one that is wrong."""
    of_key: bool = False
    """Whether its key is wrong, and not its value."""

    def problem(self, document: Document, path: Steps) -> Problem:
        """The same as a problem of a file; `path` leads to the value that was checked."""
        location = document.location((*path, *self.path), of_key=self.of_key)
        return Problem(location, self.message, self.hint)


def explain(validator: Validator, value: Any, name: str = "") -> Iterator[Finding]:
    """What a validator finds wrong in a value. `name` is that of the value; without one it is a whole file."""
    error: _Error
    for error in validator.iter_errors(value):
        path = tuple(error.path)
        inner = next((step for step in reversed(path) if isinstance(step, str)), name)
        if "propertyNames" in error.schema_path:
            bad = _too_long if error.validator == "maxLength" else _bad_name
            yield Finding(*bad("", error), (*path, error.instance), of_key=True)
        elif error.validator == "additionalProperties":
            yield from _unknown_members(error, path)
        elif error.validator == "required":
            yield _missing_member(error, path)
        elif error.validator == "not":
            if isinstance(value, dict):  # to a schema, what is no mapping has all members
                yield _exclusive_members(error, path)
        else:
            message, hint = _EXPLAINED[str(error.validator)](inner, error)
            yield Finding(message, _placeholder(error) or hint, path)


def _placeholder(error: _Error) -> str:
    """What to write where a value is wrong for it holds the placeholder of another tool."""
    if not isinstance(error.instance, str):
        return ""
    pattern = error.schema.get("pattern")
    return placeholder_hint(error.instance, lambda text: pattern and re.search(pattern, text))


def _unknown_members(error: _Error, path: Steps) -> Iterator[Finding]:
    known = error.schema["properties"]
    patterns = error.schema.get("patternProperties", ())
    for member in error.instance:
        if member not in known and not any(re.search(pattern, member) for pattern in patterns):
            hint = ODD_INDENT if begins_oddly(member) else suggestion(member, known)
            yield Finding(f"unknown member {shown(member)}", hint, (*path, member), of_key=True)


def _missing_member(error: _Error, path: Steps) -> Finding:
    # jsonschema makes an error for each missing member, and names it nowhere but in the message.
    missing = next(name for name in error.validator_value if error.message.startswith(repr(name)))
    example = _example(error.schema["properties"][missing])
    return Finding(f"{missing} is missing", f"add {missing}: {example}" if example else "add it", path, of_key=True)


def _exclusive_members(error: _Error, path: Steps) -> Finding:
    first, second = (name for name in error.instance if name in error.validator_value["required"])
    return Finding(f"{first} and {second} stand side by side", "keep one of them", (*path, second), of_key=True)


def _bad_type(name: str, error: _Error) -> tuple[str, str]:
    value, expected, schema = error.instance, error.validator_value, error.schema
    subject = name or "the file"
    # What is no mapping at all is another file, to which a link may have led: nothing of it is shown.
    if name and value is not None and not isinstance(value, dict | list):
        subject = f"{subject}: {shown(value)}"
    message = f"{subject} is {kind(value)}, not {kind_of_schema(expected)}"
    if schema.get("title") == "Go duration" and isinstance(value, int | float) and not isinstance(value, bool):
        return f"{subject} is {'a number without a unit' if value > 0 else 'no duration'}", _with_unit(name, value)
    if expected == "array" and isinstance(value, str):
        return message, f"write a list: [{flow(value)}]"
    example = _example(schema)
    if name == "timezone" and isinstance(value, int | float) and (hint := zone_hint(f"{value:+}")):
        return message, hint  # YAML reads +2 as a number
    if expected == "string" and isinstance(value, bool | int | float):
        quoted = flow(flow(value))
        fits = re.search(schema.get("pattern", ""), flow(value))
        return message, f"put it in quotes: {quoted}" if fits else f"write for example {example}"
    if expected == "boolean":
        return message, "write true or false, without quotes"
    if expected == "integer" and isinstance(value, str) and value.isdecimal():
        return message, f"write it without quotes: {value}"
    return message, f"write for example {example}" if example else f"write {kind_of_schema(expected)}"


def _with_unit(name: str, value: float) -> str:
    if value <= 0 or value in (float("inf"),) or value != value:
        return "write a longer duration, such as 1h, or leave it out"
    return duration_hint(flow(value), MIN_DEADLINE if name == "deadline" else 0)


def _bad_pattern(name: str, error: _Error) -> tuple[str, str]:
    return _of(name, f"{shown(error.instance)} is not a valid {error.schema['title']}"), error.schema[
        "patternErrorMessage"
    ]


def _bad_name(name: str, error: _Error) -> tuple[str, str]:
    """A key that is no name."""
    message, hint = _bad_pattern(name, error)
    if "${" in with_our_placeholders(error.instance):
        hint = f"a name cannot hold a variable; {hint}"
    return message, hint


def _bad_choice(name: str, error: _Error) -> tuple[str, str]:
    return _of(name, f"{shown(error.instance)} is not one of its values"), f"write {choice(error.validator_value)}"


def _too_small(name: str, error: _Error) -> tuple[str, str]:
    return _of(name, f"{error.instance} is too small"), f"the minimum is {error.validator_value}"


def _too_large(name: str, error: _Error) -> tuple[str, str]:
    return _of(name, f"{error.instance} is too large"), f"the maximum is {error.validator_value}"


def _too_short(name: str, error: _Error) -> tuple[str, str]:
    return _of(name, f"{shown(error.instance)} is empty"), f"write for example {_example(error.schema)}"


def _too_long(name: str, error: _Error) -> tuple[str, str]:
    told = f"{shown(error.instance)} has {len(error.instance):,} characters"
    return _of(name, told), f"the maximum is {error.validator_value}"


def _too_many(name: str, error: _Error) -> tuple[str, str]:
    return _of(name, f"{len(error.instance):,} are too many"), f"the maximum is {error.validator_value}"


_EXPLAINED = {
    "type": _bad_type,
    "pattern": _bad_pattern,
    "enum": _bad_choice,
    "minimum": _too_small,
    "maximum": _too_large,
    "minLength": _too_short,
    "maxLength": _too_long,
    "minItems": _too_short,
    "maxItems": _too_many,
}


def _of(name: str, message: str) -> str:
    return f"{name}: {message}" if name else message


def _example(schema: object) -> str:
    """The first example of a schema, "" if there is none that is short."""
    examples = schema.get("examples", ()) if isinstance(schema, dict) else ()
    return next((text for text in map(flow, examples) if len(text) <= _LONGEST_EXAMPLE), "")
