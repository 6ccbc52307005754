"""Text that others wrote (names, descriptions, payloads, all that stands in the bucket), made fit to be shown.

Nothing of it may steer a terminal, reorder a line, pass for a line of its own, or be a command to a build machine that
reads the output.
"""

from __future__ import annotations

import hashlib

from ajsync.schedule import quoting

_RUNNER_COMMAND = "##["
"""GitHub's and Azure's build machines read `##[command]` as a command wherever it stands in a line."""
_KEPT = 120
"""Characters of a shortened text that are shown."""


def visible(text: str, longest: int = 400) -> str:
    """One line that shows a value: as it is where that is plain, else in double quotes with backslash escapes.

    What has more than `longest` characters is cut, and its length and digest stand in for the rest.
    """
    if len(text) > longest:
        return visible(text[:_KEPT]) + _rest(text)
    if text.isprintable() and text == text.strip() and text[:1] not in ('"', "") and _RUNNER_COMMAND not in text:
        return text
    return '"' + escape(text.replace("\\", "\\\\").replace('"', '\\"')) + '"'


def visible_sentence(text: str, longest: int = 1_000) -> str:
    """One line that shows a sentence of ours with values of others in it: escaped and cut, never in quotes."""
    return (
        escape(text.strip(" ")) if len(text) <= longest else escape(text[: longest - _KEPT].lstrip(" ")) + _rest(text)
    )


def escape(text: str) -> str:
    """`text` with whatever cannot be printed, invisible and reordering characters too, as backslash escapes."""
    return quoting.escape(text).replace(_RUNNER_COMMAND, "#\\x23[")


def _rest(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return f"… ({len(text)} characters, sha256 {digest[:12]})"
