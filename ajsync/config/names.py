"""Check the names of schedules, after their placeholders are replaced."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from ajsync.asyncjobs.names import LONGEST_NAME, SCHEDULE_NAME
from ajsync.config.document import Document
from ajsync.config.explain import explain
from ajsync.config.schema import SCHEDULES_SCHEMA, strict_schema, validator
from ajsync.errors import Problem

if TYPE_CHECKING:
    from jsonschema.protocols import Validator


def wrong_name(document: Document, key: str, name: str) -> list[Problem]:
    """The problems of a name that was made from a key of `schedules`."""
    if SCHEDULE_NAME.fullmatch(name) and len(name) <= LONGEST_NAME:
        return []
    return [replace(each, path=()).problem(document, ("schedules", key)) for each in explain(_names(), {name: None})]


@cache
def _names() -> Validator:
    """The validator of the names of schedules in a mapping."""
    schedules = strict_schema(SCHEDULES_SCHEMA, "properties", "schedules")
    return validator({"propertyNames": schedules["propertyNames"]})
