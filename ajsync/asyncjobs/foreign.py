"""Read JSON that other programs wrote: the result has the expected types and sizes, or a StoredValueError says why not.

Whole numbers are Go's: 64 bits with a sign. An error quotes no more of a value than fits on a line.
"""

from __future__ import annotations

import base64
import json
import re
import sys
from typing import Any, NoReturn, TypeVar, cast

from ajsync.errors import StoredValueError
from ajsync.text import quote
from ajsync.timestamp import parse_timestamp

MOST_INT = 2**63 - 1
"""The largest of Go's whole numbers, and of its durations in nanoseconds: 292 years."""
_REQUIRED: Any = object()
_SURROGATE = re.compile("[\ud800-\udfff]")
"""Half of a surrogate pair, which JSON can escape and UTF-8 cannot hold. Go's decoder reads U+FFFD instead."""
_T = TypeVar("_T")


def decode_object(data: bytes) -> dict[str, Any]:
    """Read a JSON object. Raises StoredValueError for anything else."""
    try:
        value = _DECODER.decode(data.decode())
    except ValueError as error:  # also UnicodeDecodeError
        raise StoredValueError(f"not JSON: {error}") from None
    except RecursionError:
        raise StoredValueError("JSON that is nested too deeply") from None
    if not isinstance(value, dict):
        raise StoredValueError(f"not a JSON object but {_KINDS[type(value)]}")
    return value


def member(value: dict[str, Any], name: str, kind: type[_T], default: _T = _REQUIRED) -> _T:
    """The member `name` of a JSON object, `default` if it is missing. Raises StoredValueError if it is not a `kind`."""
    found = value.get(name, default)
    if found is _REQUIRED:
        raise StoredValueError(f'it has no member "{name}"')
    if type(found) is not kind:
        raise StoredValueError(f'its member "{name}" is {_KINDS[type(found)]}, not {_KINDS[kind]}')
    if isinstance(found, str) and not found.isascii():
        return cast("_T", _SURROGATE.sub("\ufffd", found))
    if isinstance(found, int) and not -MOST_INT - 1 <= found <= MOST_INT:
        raise StoredValueError(f'its member "{name}" is a number that does not fit into 64 bits')
    return found


def span_member(value: dict[str, Any], name: str) -> int:
    """The nanoseconds of the member `name`. Raises StoredValueError if they are negative."""
    found = member(value, name, int)
    if found < 0:
        raise StoredValueError(f'its member "{name}" is less than zero: {found} ns')
    return found


def choice_member(value: dict[str, Any], name: str, default: Any, allowed: tuple[str, ...]) -> Any:
    """The member `name`, `default` if it is missing. Raises StoredValueError if it is not one of `allowed`."""
    found = member(value, name, str, default)
    if found not in allowed:
        raise StoredValueError(f'its member "{name}" is {quote(found)}, not one of {", ".join(allowed)}')
    return found


def strings_member(value: dict[str, Any], name: str) -> dict[str, str]:
    """The strings by name that the member `name` holds. Raises StoredValueError."""
    found = member(value, name, dict)
    for key, each in found.items():
        if not isinstance(each, str):
            raise StoredValueError(f'its member "{name}" has {_KINDS[type(each)]} for {quote(key)}, not a string')
    # Many entries have these texts in common, and a scheduler holds tens of thousands of entries.
    return {
        sys.intern(_SURROGATE.sub("\ufffd", key)): sys.intern(_SURROGATE.sub("\ufffd", found[key])) for key in found
    }


def bytes_member(value: dict[str, Any], name: str) -> bytes | None:
    """The bytes whose base64 is the member `name`; None if it is null or missing. Raises StoredValueError."""
    if value.get(name) is None:
        return None
    found = member(value, name, str)
    try:
        return base64.b64decode(found, validate=True)
    except ValueError as error:
        raise StoredValueError(f'its member "{name}" is not base64: {error}') from None


def instant_member(value: dict[str, Any], name: str) -> int:
    """The instant of the member `name`, in nanoseconds since 1970. Raises StoredValueError if it is not a time."""
    found = member(value, name, str)
    try:
        return parse_timestamp(found)
    except ValueError:
        raise StoredValueError(f'its member "{name}" is not an RFC 3339 time: {quote(found)}') from None


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a number in JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_number)
_KINDS: dict[type, str] = {
    str: "a string",
    int: "a whole number",
    float: "a number",
    bool: "a truth value",
    list: "an array",
    dict: "an object",
    type(None): "null",
}
