"""The markers that a merge leaves in a text where it could not decide."""

from __future__ import annotations

import re

from ajsync.errors import Location, Problem

_BEGIN = re.compile(r"^<{7}(?: |\r?$)", re.MULTILINE)
_END = re.compile(r"^>{7}(?: |\r?$)", re.MULTILINE)
_ANY = re.compile(r"^(?:<{7}(?: |\r?$)|\|{7}(?: |\r?$)|={7}\r?$|>{7}(?: |\r?$))", re.MULTILINE)
_MESSAGE = "a merge has left a conflict here"
_HINT = "keep one of both sides, and remove the lines that begin with <<<<<<<, =======, >>>>>>> or |||||||"


def conflict_problem(text: str, file: str) -> Problem | None:
    """The first conflict of a text, though it may be valid YAML: in brackets the markers are part of a value."""
    if "<<<<<<<" not in text:
        return None
    begin = _BEGIN.search(text)
    return _problem(text, begin, file) if begin and _END.search(text, begin.end()) else None


def left_over_problem(text: str, file: str) -> Problem | None:
    """The first marker of a text that is not valid YAML."""
    found = _ANY.search(text)
    return _problem(text, found, file) if found else None


def _problem(text: str, marker: re.Match[str], file: str) -> Problem:
    return Problem(Location(file, text.count("\n", 0, marker.start()) + 1, 1), _MESSAGE, _HINT)
