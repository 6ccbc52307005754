"""JSON as Go's encoder writes it, byte for byte, so that ajsync stores a value exactly as `ajc` does."""

from __future__ import annotations

import base64
import json
import re
from json.encoder import encode_basestring

_GO_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
"""The characters that Go's encoder escapes for HTML and JavaScript. It writes all others beyond ASCII as they are."""
_ESCAPED = re.compile(f"[{''.join(_GO_ESCAPES)}]")
_encode_sorted = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=True).encode


def encode_string(text: str) -> str:
    """The JSON string that Go's encoder writes for `text`, with its quotes."""
    if text.isalnum() and text.isascii():  # as ids and most names are
        return f'"{text}"'
    return _escaped(encode_basestring(text))


def encode_json(value: object) -> bytes:
    """The JSON that Go's encoder writes for a value of JSON's own types, in UTF-8.

    Raises ValueError for what JSON cannot hold (infinity, NaN, half a surrogate pair, a value that contains itself),
    and TypeError for other types.
    """
    return _escaped(_encode_sorted(value)).encode()


def encode_bytes(data: bytes | None) -> str:
    """The JSON that Go's encoder writes for bytes: base64 in a string, or null."""
    return "null" if data is None else f'"{base64.b64encode(data).decode()}"'


def _escaped(text: str) -> str:
    return text if _ESCAPED.search(text) is None else _ESCAPED.sub(lambda found: _GO_ESCAPES[found[0]], text)
