"""The text of a comment: which one it replaces, and what it was made for. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ajsync.errors import UsageError

_MARKER = re.compile(r"<!-- ajsync plan [^<>]+ -->")
_COMMIT = re.compile("[0-9a-f]{40}(?:[0-9a-f]{24})?")
_URL = re.compile(r"https?://[^\s()<>\[\]\\`]+")
_QUICK_ACTION = re.compile(r"^(\s*)/", re.MULTILINE)
_ZERO_WIDTH_SPACE = "\u200b"


@dataclass(frozen=True, slots=True)
class Made:
    """The commit that a plan was made for, and the job that made it; empty if unknown."""

    commit: str = ""
    job: str = ""
    """The URL of the job."""


def marker_of(text: str) -> str:
    """The line by which a comment is found again. Raises UsageError if the text does not begin with one."""
    line = first_line(text)
    if not _MARKER.fullmatch(line):
        raise UsageError("The file is not a plan in Markdown. Make one with 'ajsync plan --report markdown=FILE'.")
    return line


def first_line(text: str) -> str:
    """The first line of a comment, without its end, which the forge may have changed."""
    return text.split("\n", 1)[0].strip()


def told_for(text: str, made: Made) -> str:
    """The text with a line below its heading that names commit and job, as far as they are known."""
    commit = f" for commit {made.commit}" if _COMMIT.fullmatch(made.commit) else ""
    job = f" by [this job]({made.job})" if _URL.fullmatch(made.job) else ""
    if not commit and not job:
        return text
    lines = text.split("\n")
    place = 2 if len(lines) > 1 and lines[1].startswith("#") else 1
    return "\n".join([*lines[:place], "", f"Planned{commit}{job}.", "", *lines[place:]])


def without_quick_actions(text: str) -> str:
    """The text with no line that GitLab would take for a command, such as `/merge`."""
    return _QUICK_ACTION.sub(rf"\1{_ZERO_WIDTH_SPACE}/", text)
