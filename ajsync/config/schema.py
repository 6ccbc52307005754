"""The JSON Schemas of both YAML files, and the validators made from them.

The schemas are written for editors, which see a file with its placeholders. Here values are checked after placeholders
have been replaced, so what a schema allows only for a placeholder is removed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, reduce
from operator import getitem
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

PROJECT_SCHEMA = "ajsync.schema.json"
SCHEDULES_SCHEMA = "schedules.schema.json"

_PLACEHOLDERS = frozenset(("#/$defs/placeholder", "#/$defs/text_with_placeholder"))
_MAPPINGS_OF_SCHEMAS = frozenset(("properties", "patternProperties"))
_LISTS_OF_SCHEMAS = frozenset(("anyOf", "allOf"))
_SCHEMAS = frozenset(("items", "additionalProperties", "propertyNames", "not"))
_ANNOTATIONS = frozenset(("title", "description", "examples"))
"""Keywords that neither allow nor refuse anything."""


def schema_file(name: str) -> Path:
    """The file of a schema, such as `ajsync.schema.json`.

    In a checkout the schemas are at the top level, where editors and other tools look for them. A wheel has them inside
    the package.
    """
    package = Path(__file__).parent.parent
    inside = package / "schemas" / name
    return inside if inside.exists() else package.parent / "schemas" / name


@cache
def read_schema(name: str) -> Mapping[str, Any]:
    """A schema as its file has it."""
    schema: dict[str, Any] = json.loads(schema_file(name).read_bytes())
    return schema


def strict_schema(name: str, *path: str) -> dict[str, Any]:
    """The part of a schema at `path`, for values without placeholders and with references replaced."""
    root = read_schema(name)
    strict: dict[str, Any] = _strict(reduce(getitem, path, root), root)
    return strict


def _strict(schema: Any, root: Mapping[str, Any]) -> Any:
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        referred = reduce(getitem, schema["$ref"].split("/")[1:], root)  # always in the same file
        return _strict(referred, root) | {key: schema[key] for key in schema if key != "$ref"}
    strict: dict[str, Any] = {}
    for keyword, value in schema.items():
        if keyword in _MAPPINGS_OF_SCHEMAS:
            strict[keyword] = {_python_pattern(key): _strict(part, root) for key, part in value.items()}
        elif keyword in _LISTS_OF_SCHEMAS:
            strict[keyword] = [_strict(part, root) for part in value if part.get("$ref") not in _PLACEHOLDERS]
        elif keyword in _SCHEMAS:
            strict[keyword] = _strict(value, root)
        elif keyword != "$defs":
            strict[keyword] = _python_pattern(value) if keyword == "pattern" else value
    # Without the placeholder there is one alternative, and its errors are clearer without the `anyOf`.
    alternatives = strict.pop("anyOf", None)
    return strict if alternatives is None else alternatives[0] | strict


def _python_pattern(pattern: str) -> str:
    """A pattern of JSON Schema for Python, where `$` would also match before a final line break."""
    return f"{pattern[:-1]}\\Z" if pattern.endswith("$") else pattern


def validator(schema: Mapping[str, Any]) -> Validator:
    """A validator for a schema."""
    # jsonschema is slow to import, and many commands need no schema.
    from jsonschema import Draft202012Validator

    return Draft202012Validator(schema)


@dataclass(frozen=True, slots=True)
class MemberSchema:
    """The schema of one member's value."""

    validator: Validator
    allowed: tuple[type, ...] = ()
    """Types whose every value is valid, so that the slow validator is not needed."""


def member_schema(schema: Mapping[str, Any]) -> MemberSchema:
    """The schema of a member, from its strict schema."""
    demands = {keyword: value for keyword, value in schema.items() if keyword not in _ANNOTATIONS}
    allowed = (object,) if not demands else (str,) if demands == {"type": "string"} else ()
    return MemberSchema(validator(schema), allowed)


@dataclass(frozen=True, slots=True)
class Shape:
    """The schema of a mapping, split into its members, because most of ten thousand schedules have the same values."""

    members: Mapping[str, MemberSchema]
    required: frozenset[str]
    exclusive: tuple[frozenset[str], ...]
    """Members that exclude each other."""
    structure: Validator
    """The validator of everything but the values of members. It finds something if `fits` is false."""

    def fits(self, mapping: Mapping[str, Any]) -> bool:
        """Whether the mapping has all required members and none that are not allowed."""
        names = frozenset(mapping)
        return self.required <= names <= self.members.keys() and not any(map(names.issuperset, self.exclusive))


def shape(schema: Mapping[str, Any]) -> Shape:
    """Split the strict schema of a mapping. Its `allOf` may only contain members that exclude each other."""
    members = schema["properties"]
    return Shape(
        members={name: member_schema(member) for name, member in members.items()},
        required=frozenset(schema.get("required", ())),
        exclusive=tuple(frozenset(rule["not"]["required"]) for rule in schema.get("allOf", ())),
        # Messages about missing members show the examples.
        structure=validator(
            {**schema, "properties": {name: {"examples": members[name]["examples"]} for name in members}}
        ),
    )
