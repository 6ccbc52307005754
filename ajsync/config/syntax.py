"""Explain why a text is not YAML: the errors of PyYAML, above all those of unquoted schedules, and merge conflicts."""

from __future__ import annotations

import re

import yaml

from ajsync.config.placeholders import bare_placeholder_hint
from ajsync.errors import Location, Problem

ODD_SPACE = re.compile("[ ]*[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000\ufeff]")
"""Characters that look like spaces but are not for YAML; web pages and word processors leave them."""
ODD_INDENT = "indent with plain spaces: the line begins with another character that looks like one"
_CONFLICT_BEGINS = re.compile(r"^<{7}(?: |\r?$)", re.MULTILINE)
_CONFLICT_ENDS = re.compile(r"^>{7}(?: |\r?$)", re.MULTILINE)
_CONFLICT_MARKER = re.compile(r"^(?:<{7}(?: |\r?$)|\|{7}(?: |\r?$)|={7}\r?$|>{7}(?: |\r?$))", re.MULTILINE)
_CONFLICT = "this is an unresolved merge conflict"
_CONFLICT_HINT = "keep one side, and remove the lines that begin with <<<<<<<, =======, >>>>>>> or |||||||"
_LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_QUOTED = re.compile(r"'(?!<)[^'\s]{2,}'")
"""A piece of the text that PyYAML quotes, but not a single character or the name of a token."""
# A line `schedule: value`, perhaps in a list or in braces. Group 1 is the value without a comment.
_SCHEDULE_LINE = re.compile(r"[\s{-]*[\"']?schedule[\"']?\s*:\s+(.*?)\s*(?:\s#.*)?")
_NEXT_MEMBER = re.compile(r"\s*(?:,(?=\s|$)|\}).*", re.DOTALL)
"""The end of a value in braces. The members after it may be secrets."""
_NO_SCHEDULE = re.compile(r"[\"':\[\]{}]")
"""A value with one of these is a list or mapping, or cannot simply be quoted."""
_VALUE_LINE = re.compile(r"[\s{-]*[\w-]+\s*:\s+(.*?)\s*(?:\s#.*)?")
_STUCK = re.compile(
    r"\s*(?:schedule|queue|task_type|timezone|deadline|max_tries|description|payload\w*|overlap|catchup\w*|jitter|labels"
    r"|from|until|except|suspend|for_each|owner):[^\s].*"
)
"""A line with no space after the colon of a member, so that YAML reads one word."""
_STATEMENT = re.compile(r"\s*(?:\{%|\{\{-?\s*(?:if|else|end|range|with|include|define|template|block|toYaml)\b)")
_INDICATORS = frozenset("@`*&!%?|>-[]{},")

_HINTS = (
    (
        "mapping values are not allowed",
        "quote a value that contains a colon, and begin the members of a mapping in one column",
    ),
    ("did not find expected key", "begin the members of a mapping in one column"),
    ("expected <block end>", "begin the members of a mapping in one column"),
    ("expected '-'", "begin the items of a list in one column"),
    ("expected ','", "separate items by commas, and close the bracket"),
    ("sequence entries are not allowed", "begin a list on a line of its own"),
    ("could not find expected ':'", "write a colon and a space after the name of a member"),
    ("found a tab", "indent with spaces"),
    ("unknown escape character", r"write \\ for a backslash, or use single quotes"),
)
_LINES = (
    (ODD_SPACE, "this line is indented by a character that is not a space for YAML", ODD_INDENT),
    (_STATEMENT, "this is a statement of a template", "let ajsync read the output of the template tool"),
    (_STUCK, "there is no space after the colon", "write the name of the member, a colon, a space and the value"),
)
"""Lines that are wrong whatever the parser says: what they begin with, the message and the hint."""
_LAST_HINT = "look for a missing quote, colon or space here or on the line above"
_LONGEST_LINE = 200
"""The most characters. A longer line is not searched for a schedule."""


def syntax_problem(text: str, file: str, error: yaml.MarkedYAMLError) -> Problem:
    """The problem at which the parser gave up."""
    if marker := _CONFLICT_MARKER.search(text):
        return _conflict(text, marker, file)
    mark, context, problem = error.problem_mark, error.context or "", error.problem or ""
    assert mark is not None  # every error of PyYAML has a place
    begin = error.context_mark or mark
    for wanted, message, hint in _LINES:
        for line in (mark.line, mark.line - 1):
            if wanted.match(_line(text, line)):
                return Problem(Location(file, line + 1, 1), message, hint)
    if "another document" in problem:
        return Problem(place_of(file, mark), "a second document begins here", "write one document in each file")
    if "duplicate anchor" in context:
        message = f"an anchor of this name is already defined at {place_of(file, begin)}"
        return Problem(place_of(file, mark), message, "give it another name")
    if "end of stream" in problem and "scalar" in context:
        return Problem(place_of(file, begin), "the quotes that open here are never closed", "close them")
    character = text[mark.index : mark.index + 1]
    if "cannot start any token" in problem and character == "\t":
        return Problem(place_of(file, mark), "YAML allows no tab here", "indent with spaces")
    marked = _line(text, mark.line)
    schedule, template = _unquoted_schedule(marked), _template(marked)
    quote = template or (f'quote it: "{schedule}"' if schedule else "put the value in quotes")
    if "undefined alias" in problem:
        message = "a value that begins with * refers to an anchor, but no anchor has this name"
        return Problem(place_of(file, mark), message, quote)
    if "alias" in context:
        message = "a value that begins with * refers to an anchor, but no name follows"
        return Problem(place_of(file, begin), message, quote)
    if "cannot start any token" in problem:
        return Problem(place_of(file, mark), f"an unquoted value cannot begin with {character}", quote)
    if "expected ','" in problem and "${" in marked:
        quote, template = "within { } and [ ], put what contains ${…} in quotes", "${"
    known = next((hint for part, hint in _HINTS if part in problem), _LAST_HINT)
    message = "not valid YAML: " + _QUOTED.sub("'…'", problem)
    if context:
        message += f", {context} that begins on line {begin.line + 1}"
    return Problem(place_of(file, mark), message, quote if schedule or template else known)


def place_of(file: str, mark: yaml.Mark) -> Location:
    """The place of a mark of PyYAML."""
    return Location(file, mark.line + 1, mark.column + 1)


def _unquoted_schedule(line: str) -> str:
    """The value on a line, if it is a schedule that needs quotes and can be quoted as it is."""
    match = _SCHEDULE_LINE.fullmatch(line)
    value = match[1] if match else ""
    if match and "{" in match[0][: match.start(1)]:
        value = _NEXT_MEMBER.split(value, maxsplit=1)[0]
    return value if value[:1] in _INDICATORS and not _NO_SCHEDULE.search(value) else ""


def _template(line: str) -> str:
    """What to write for the placeholders of another tool on a line.

    The rest of the value is not shown, because it may be a secret.
    """
    match = _VALUE_LINE.fullmatch(line)
    return bare_placeholder_hint(match[1]) if match and match[1][:1] in _INDICATORS else ""


def _line(text: str, number: int) -> str:
    """A line of a text; "" if it does not exist or is too long."""
    lines = _LINE_BREAK.split(text)
    line = lines[number] if 0 <= number < len(lines) else ""
    return line if len(line) <= _LONGEST_LINE else ""


def conflict_problem(text: str, file: str) -> Problem | None:
    """The first merge conflict in a text, which may still be valid YAML: in brackets the markers are part of a
    value."""
    begin = _CONFLICT_BEGINS.search(text) if "<<<<<<<" in text else None  # it is slow where there are many lines
    return _conflict(text, begin, file) if begin and _CONFLICT_ENDS.search(text, begin.end()) else None


def _conflict(text: str, marker: re.Match[str], file: str) -> Problem:
    return Problem(Location(file, text.count("\n", 0, marker.start()) + 1, 1), _CONFLICT, _CONFLICT_HINT)
