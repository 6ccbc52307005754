"""Write values as YAML as a person would: block style, plain scalars where that is safe, quotes elsewhere.

A plain scalar is a string for readers of both YAML 1.2 and YAML 1.1. PyYAML's own emitter knows only YAML 1.1 and folds
lines.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from yaml.resolver import Resolver

from ajsync.config.scalars import read_scalar

# A text that begins with a letter, a digit or a slash is not an indicator, and without brackets, `#` and `: ` it ends
# with the line. A leading dot, sign or tilde could make it a number or null.
_PLAIN = re.compile(r"[\w/](?:[\w ./,;()+@*=%&!?'-]|:(?=\S))*(?<! )")
_WORDS_OF_YAML_1_1 = frozenset("yn")
"""Words that are strings to PyYAML, but true or false to other readers of YAML 1.1."""
_LONGEST_KEY = 1000
"""The most characters of a key before its colon. YAML looks for the colon in the first 1,024."""
_COMMAND = re.compile(r"^[^\S\n]*::|##\w*\[", re.MULTILINE)
"""What a build machine that reads the output takes for a command. In quotes it is not one, or is escaped."""
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


class Quoted(str):
    """A string that is always written in quotes."""

    __slots__ = ()


def emit(value: Mapping[str, Any]) -> str:
    """The text of a mapping, with blank lines between the members of the first two levels.

    The mapping must not be empty, and must not contain half of a surrogate pair, which YAML cannot express.
    """
    parts: list[str] = []
    for key, member in value.items():
        if isinstance(member, dict) and member:
            inner = [_mapping({name: entry}, "  ").removeprefix("\n") for name, entry in member.items()]
            parts.append(f"{scalar(key)}:\n" + "\n\n".join(inner))
        else:
            parts.append(_mapping({key: member}, "").removeprefix("\n"))
    return "\n\n".join(parts) + "\n"


def emit_compact(value: Any) -> str:
    """The text of any JSON value, without blank lines and without a final line break."""
    return _node(value, "").removeprefix("\n").removeprefix(" ")


def scalar(text: str) -> str:
    """A string on one line: plain, or in double quotes."""
    return text if not isinstance(text, Quoted) and _is_plain(text) else quoted(text)


def quoted(text: str) -> str:
    """A string in double quotes on one line, with escapes for invisible characters."""
    return '"' + "".join(map(_escaped, text)) + '"'


def _mapping(value: Mapping[str, Any], indent: str) -> str:
    return "".join(f"\n{indent}{_key(key, indent)}:{_node(member, indent + '  ')}" for key, member in value.items())


def _key(key: str, indent: str) -> str:
    text = scalar(key)
    return text if len(text) <= _LONGEST_KEY else f"? {text}\n{indent}"


def _sequence(value: list[Any], indent: str) -> str:
    # The first line of a collection goes on the line of the dash.
    return "".join(f"\n{indent}- {_node(item, indent + '  ').lstrip()}" for item in value)


def _node(value: Any, indent: str) -> str:
    """The text after `key:` or `-`: the rest of the line, or the lines below it."""
    if isinstance(value, dict) and value:
        return _mapping(value, indent)
    if isinstance(value, list) and value:
        return _sequence(value, indent)
    if not isinstance(value, str):
        return f" {json.dumps(value)}"
    if "\n" in value and (block := _block(value, indent)):
        return block
    return f" {scalar(value)}"


def _block(text: str, indent: str) -> str:
    """A text of several lines as a literal block; "" if that cannot express it, or would not show everything in it."""
    lines = text.removesuffix("\n").split("\n")
    is_shown = all(line.isprintable() and not line.endswith(" ") for line in lines) and not _COMMAND.search(text)
    if not lines[0] or not lines[-1] or lines[0].startswith(" ") or not is_shown:
        return ""
    chomping = "" if text.endswith("\n") else "-"
    return f" |{chomping}" + "".join(f"\n{indent if line else ''}{line}" for line in lines)


@lru_cache(maxsize=4096)  # keys, queues and the like are repeated very often
def _is_plain(text: str) -> bool:
    if not _PLAIN.fullmatch(text) or text.lower() in _WORDS_OF_YAML_1_1:
        return False
    if not isinstance(read_scalar(text), str):
        return False
    readings_of_yaml_1_1 = Resolver.yaml_implicit_resolvers.get(text[0], ())
    return not any(pattern.match(text) for _, pattern in readings_of_yaml_1_1)


def _escaped(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    if char.isprintable():
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
