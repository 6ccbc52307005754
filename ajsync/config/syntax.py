"""What is wrong with text that is not YAML, in plain words: PyYAML's errors, above all those of unquoted schedules."""

from __future__ import annotations

import re
from typing import Protocol

import yaml

from ajsync.config.conflicts import left_over_problem
from ajsync.config.placeholders import bare_placeholder_hint
from ajsync.config.spaces import ODD_INDENT, ODD_SPACE
from ajsync.errors import Location, Problem

_LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_QUOTED = re.compile(r"'(?!<)[^'\s]{2,}'")
"""What PyYAML quotes of the text: anything but a single character, or the name that it gives to a token."""
# A line `schedule: value`, perhaps in a list or a mapping in braces; group 1 is the value without a comment.
_SCHEDULE_LINE = re.compile(r"[\s{-]*[\"']?schedule[\"']?\s*:\s+(.*?)\s*(?:\s#.*)?")
_NEXT_MEMBER = re.compile(r"\s*(?:,(?=\s|$)|\}).*", re.DOTALL)
"""What ends the value in braces; the members behind it may be secrets."""
_NO_SCHEDULE = re.compile(r"[\"':\[\]{}]")
"""Quotes cannot be put around these as they are, or they are of a list or mapping with values of its own."""
_VALUE_LINE = re.compile(r"[\s{-]*[\w-]+\s*:\s+(.*?)\s*(?:\s#.*)?")
_STUCK = re.compile(
    r"\s*(?:schedule|queue|task_type|timezone|deadline|max_tries|description|payload\w*|overlap|catchup\w*|jitter|owner)"
    r":[^\s].*"
)
"""The line of a member whose value stands right behind the colon, which makes one word of both."""
_STATEMENT = re.compile(r"\s*(?:\{%|\{\{-?\s*(?:if|else|end|range|with|include|define|template|block|toYaml)\b)")
_INDICATORS = frozenset("@`*&!%?|>-[]{},")

_HINTS = (
    (
        "mapping values are not allowed",
        "quote a value that holds a colon, and begin the members of a mapping in one column",
    ),
    ("did not find expected key", "begin the members of a mapping in one column"),
    ("expected <block end>", "begin the members of a mapping in one column"),
    ("expected '-'", "begin the items of a list in one column"),
    ("expected ','", "separate by commas, and close the bracket"),
    ("sequence entries are not allowed", "begin a list on a line of its own"),
    ("could not find expected ':'", "write a colon and a space behind the name of a member"),
    ("found a tab", "indent with spaces"),
    ("unknown escape character", r"write \\ for a backslash, or use single quotes"),
)
_LAST_HINT = "look for a quote, a colon or a space that is missing here or on the line above"
_LONGEST_LINE = 200
"""Characters; in a longer one the schedule is not looked for."""


class _Mark(Protocol):
    line: int
    column: int


def syntax_problem(text: str, file: str, error: yaml.MarkedYAMLError) -> Problem:
    """The one problem of a text at which the parser gave up."""
    if left_over := left_over_problem(text, file):
        return left_over
    at = error.problem_mark or error.context_mark
    location = _location(file, at)
    problem = error.problem or "it cannot be parsed"
    schedule = _unquoted_schedule(text, at)
    quote = f'quote it: "{schedule}"' if schedule else "put the value in quotes"
    quote = _template(text, at) or quote
    if (line := _first_line(ODD_SPACE, text, at)) is not None:
        return Problem(
            Location(file, line + 1, 1), "a character that is no space to YAML indents this line", ODD_INDENT
        )
    if (line := _first_line(_STATEMENT, text, at)) is not None:
        message = "a statement of a template stands here"
        return Problem(Location(file, line + 1, 1), message, "let the tool that knows it write the file before")
    if (line := _first_line(_STUCK, text, at)) is not None:
        message = "a space is missing behind the colon"
        return Problem(
            Location(file, line + 1, 1), message, "write the name of the member, a colon, a space and the value"
        )
    if "undefined alias" in problem:
        return Problem(
            location, "a value that begins with * refers to an anchor, and there is none of this name", quote
        )
    if error.context and "alias" in error.context:
        message = "a value that begins with * refers to an anchor, and no name of one follows"
        return Problem(_location(file, error.context_mark or at), message, quote)
    if "cannot start any token" in problem:
        character = text[at.index : at.index + 1] if at else ""
        if character == "\t":
            return Problem(location, "a tab stands where YAML wants spaces", "indent with spaces")
        return Problem(location, f"an unquoted value cannot begin with {character}", quote)
    if "another document" in problem:
        return Problem(location, "a second document begins here", "write one document in a file")
    if "duplicate anchor" in (error.context or ""):
        first = _location(file, error.context_mark)
        return Problem(location, f"an anchor of this name was defined before, at {first}", "give it another name")
    if "end of stream" in problem and error.context and "scalar" in error.context:
        return Problem(_location(file, error.context_mark), "the quotes that open here are not closed", "close them")
    hint = (
        quote
        if schedule or _template(text, at)
        else next((hint for part, hint in _HINTS if part in problem), _LAST_HINT)
    )
    return Problem(location, f"not valid YAML: {_sentence(error, problem)}", hint)


def _sentence(error: yaml.MarkedYAMLError, problem: str) -> str:
    problem = _QUOTED.sub("'…'", problem)
    if not error.context or not error.context_mark:
        return problem
    return f"{problem}, {error.context} that begins on line {error.context_mark.line + 1}"


def _location(file: str, mark: _Mark | None) -> Location:
    return Location(file, mark.line + 1, mark.column + 1) if mark else Location(file)


def _unquoted_schedule(text: str, mark: _Mark | None) -> str:
    """The value on the marked line, if it is a schedule that needs quotes and can be shown in them."""
    match = _SCHEDULE_LINE.fullmatch(_line(text, mark))
    value = match[1] if match else ""
    if match and "{" in match[0][: match.start(1)]:
        value = _NEXT_MEMBER.split(value, maxsplit=1)[0]
    return value if value[:1] in _INDICATORS and not _NO_SCHEDULE.search(value) else ""


def _template(text: str, mark: _Mark | None) -> str:
    """What to write for the placeholders of another tool on the marked line.

    Nothing else of the value is shown: which member it belongs to is not known, and it may be a secret.
    """
    match = _VALUE_LINE.fullmatch(_line(text, mark))
    return bare_placeholder_hint(match[1]) if match and match[1][:1] in _INDICATORS else ""


def _first_line(wanted: re.Pattern[str], text: str, mark: _Mark | None) -> int | None:
    """The number of the marked line or the one before, if what is wanted begins it."""
    lines = _LINE_BREAK.split(text)
    for line in (mark.line, mark.line - 1) if mark is not None else ():
        if 0 <= line < len(lines) and len(lines[line]) <= _LONGEST_LINE and wanted.match(lines[line]):
            return line
    return None


def _line(text: str, mark: _Mark | None) -> str:
    """The marked line; "" for one that is too long to look at."""
    lines = _LINE_BREAK.split(text)
    line = lines[mark.line] if mark is not None and mark.line < len(lines) else ""
    return line if len(line) <= _LONGEST_LINE else ""
