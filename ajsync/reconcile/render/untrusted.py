"""Text that others wrote (names, descriptions, payloads, all that stands in the bucket), made fit to be shown.

Nothing of it may steer a terminal, reorder a line, pass for a line of its own, or be a command to a build machine that
reads the output.
"""

from __future__ import annotations

import hashlib
import re

from ajsync.text import escape as plain_escape

_RUNNER_COMMAND = re.compile(r"##(?=\w*\[)")
"""Build machines of GitHub, Azure and TeamCity read `##[command]` or `##word[…]` as one, anywhere in a line."""
_KEPT = 120
"""Characters of a shortened text that are shown."""


def visible(text: str, longest: int = 400) -> str:
    """One line that shows a value: as it is where that is plain, else in double quotes with backslash escapes.

    What has more than `longest` characters is cut, and its length and digest stand in for the rest.
    """
    if len(text) > longest:
        return visible(text[:_KEPT]) + _rest(text)
    if text.isprintable() and text == text.strip() and text[:1] not in ('"', "") and not _is_command(text):
        return text
    return '"' + escape(text.replace("\\", "\\\\").replace('"', '\\"')) + '"'


def visible_sentence(text: str, longest: int = 1_000) -> str:
    """One line that shows a sentence of ours with values of others in it: escaped and cut, never in quotes."""
    return (
        escape(text.strip(" ")) if len(text) <= longest else escape(text[: longest - _KEPT].lstrip(" ")) + _rest(text)
    )


def escape(text: str) -> str:
    """`text` with whatever cannot be printed, invisible and reordering characters too, as backslash escapes."""
    return _RUNNER_COMMAND.sub(r"#\\x23", plain_escape(text))


def _is_command(text: str) -> bool:
    return text.startswith("::") or _RUNNER_COMMAND.search(text) is not None


def _rest(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return f"… ({len(text)} characters, sha256 {digest[:12]})"
