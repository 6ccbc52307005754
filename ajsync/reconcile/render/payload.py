"""Payloads for people: size and digest, and for those who ask, the content or how it differs."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Literal

from ajsync.text import byte_size, escape

Sign = Literal["+", "-", " "]

_MOST_COMPARED = 4_000
"""Lines of both sides together: comparing takes time with their square."""
_CONTEXT = 3
"""Equal lines shown around a difference."""
_BASE64_WIDTH = 76


def payload_digest(payload: bytes) -> str:
    """SHA-256, in hex."""
    return hashlib.sha256(payload).hexdigest()


def payload_summary(payload: bytes) -> str:
    """Size and the beginning of the digest."""
    return f"{byte_size(len(payload))}, sha256 {payload_digest(payload)[:12]}"


def payload_lines(payload: bytes | None) -> Iterator[str]:
    """The content in lines, escaped: JSON indented, other text as it is, anything else in base64."""
    return map(escape, _pretty_lines(payload))


def payload_diff(before: bytes | None, after: bytes | None) -> Iterator[tuple[Sign, str]]:
    """The lines that tell one content from another, escaped, with some that are equal around them."""
    old, new = _pretty_lines(before), _pretty_lines(after)
    if old == new:  # they differ in their spelling only, so that is what has to be seen
        old, new = _raw_lines(before), _raw_lines(after)
    for sign, line in _compare(old, new):
        yield sign, escape(line)


def _compare(old: list[str], new: list[str]) -> Iterator[tuple[Sign, str]]:
    if len(old) + len(new) > _MOST_COMPARED:
        yield from (("-", line) for line in old)
        yield from (("+", line) for line in new)
        return
    for number, group in enumerate(SequenceMatcher(None, old, new).get_grouped_opcodes(_CONTEXT)):
        if number:
            yield " ", "…"
        for tag, old_from, old_to, new_from, new_to in group:
            if tag == "equal":
                yield from ((" ", line) for line in old[old_from:old_to])
            else:
                yield from (("-", line) for line in old[old_from:old_to])
                yield from (("+", line) for line in new[new_from:new_to])


def _pretty_lines(payload: bytes | None) -> list[str]:
    try:
        value = json.loads(payload or b"")
        return json.dumps(value, indent=2, ensure_ascii=False).split("\n")
    except (ValueError, RecursionError):
        return _raw_lines(payload)


def _raw_lines(payload: bytes | None) -> list[str]:
    if not payload:
        return []
    try:
        return payload.decode().split("\n")
    except UnicodeDecodeError:
        text = base64.b64encode(payload).decode()
        return [
            f"{'base64 ' if start == 0 else '       '}{text[start : start + _BASE64_WIDTH]}"
            for start in range(0, len(text), _BASE64_WIDTH)
        ]
