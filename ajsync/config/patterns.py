"""The patterns of `files`: what an entry says, and what to do about one that matches no file."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from ajsync.config.files import Folder, Unusable
from ajsync.config.wording import flow, shown
from ajsync.errors import Location, Problem

_BRACES = re.compile(r"\{([^{}]*,[^{}]*)\}")
_MOST_ALTERNATIVES = 5


@dataclass(frozen=True, slots=True)
class Pattern:
    """One entry of `files`."""

    match: str
    """A path in the project's folder, with `*`, `?`, `[abc]` and `**`."""
    location: Location
    optional: bool = False
    """Whether it may match nothing. Where it may not, its schedules would count as gone: that is an error."""


def unmatched_problem(pattern: Pattern, folder: Folder, *, given: bool) -> Problem:
    """The problem of a pattern that matches no file; `given` says whether it is written in `files` at all."""
    message = f"the pattern {shown(pattern.match)} matches no file"
    hint = _hint(pattern.match, folder)
    if not hint:
        hint = "add a file, even one that only has `schedules: {}`, "
        alone = f"{{match: {flow(pattern.match)}, optional: true}}"
        hint += f"remove the pattern, or let it match nothing: {alone}" if given else "or name others in `files`"
    return Problem(pattern.location, message, hint)


def _hint(match: str, folder: Folder) -> str:
    """What was probably meant, where that can be told: the mistakes of those who know other tools' patterns."""
    if match.startswith("!"):
        return "a pattern cannot exclude files: remove it, and let the others match only what is meant"
    if match.startswith("~"):
        return "~ is no folder here: write a path that begins in the folder of the project"
    if braces := _BRACES.search(match):
        alternatives = braces[1].split(",")[:_MOST_ALTERNATIVES]
        each = [flow(match[: braces.start()] + one.strip() + match[braces.end() :]) for one in alternatives]
        return f"braces are not expanded: write a pattern for each, {', '.join(each)}"
    if "\\" in match and _matches(folder, forward := match.replace("\\", "/")):
        return f"write / between the names of folders: {flow(forward)}"
    other = re.sub(r"\.(ya?ml)$", lambda ending: ".yml" if ending[1] == "yaml" else ".yaml", match)
    if other != match and _matches(folder, other):
        return f"there are files of the other ending: write {flow(other)}"
    root = folder.root(match)
    if not os.path.lexists(root) and root != folder.path:
        return (
            f"there is no folder {folder.shown(root)}: correct the path, remove the pattern, "
            f"or let it match nothing: {{match: {flow(match)}, optional: true}}"
        )
    return ""


def _matches(folder: Folder, match: str) -> bool:
    try:
        return bool(folder.expand(match))
    except Unusable:
        return False
