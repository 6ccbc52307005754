"""Permissions violations: what the server has said that we may not do, and whom that concerns.

The server says so apart from any answer, in a message of its own that names the subject; nats-py hands it on in lower
case.
"""

from __future__ import annotations

import re
from collections import deque
from typing import Literal

Kind = Literal["Publish", "Subscription"]

_VIOLATION = re.compile(r'permissions violation for (publish|subscription) to "([^"]*)"', re.IGNORECASE)
_REMEMBERED = 256


class Violations:
    """The latest violations of one connection."""

    def __init__(self) -> None:
        self._found: deque[tuple[Kind, str]] = deque(maxlen=_REMEMBERED)

    def note(self, text: str) -> Kind | None:
        """Remember what the server says, if it is a violation; of which kind."""
        found = _VIOLATION.match(text)
        if found is None:
            return None
        kind: Kind = "Publish" if found[1].lower() == "publish" else "Subscription"
        self._found.append((kind, found[2]))
        return kind

    def clear(self) -> None:
        """Forget them all: whoever lets us in again says anew what we may not."""
        self._found.clear()

    def reason(self, subject: str, *, also: str) -> str | None:
        """The latest word that we may not publish or subscribe to `subject`, or to `also`, which it is mapped to."""
        for kind, pattern in reversed(self._found):
            if any(_matches(pattern, each.lower()) for each in (subject, also)):
                return f'Permissions Violation for {kind} to "{subject if pattern == subject.lower() else pattern}"'
        return None

    def inbox_reason(self, prefix: str) -> str | None:
        """Why no answer reaches us, if the server refused the one subscription that nats-py has for answers."""
        for kind, pattern in self._found:
            if kind == "Subscription" and pattern.startswith(f"{prefix.lower()}.") and pattern.endswith(".*"):
                remedy = 'name a prefix that its user may subscribe to as "inbox_prefix" in the context'
                return f'Permissions Violation for Subscription to "{prefix}.>", where answers arrive; {remedy}'
        return None


def _matches(pattern: str, subject: str) -> bool:
    """Whether `pattern`, in which `*` is any token and `>` any rest, takes in `subject`."""
    wanted, tokens = pattern.split("."), subject.split(".")
    for place, token in enumerate(wanted):
        if token == ">":
            return len(tokens) > place
        if place >= len(tokens) or token not in ("*", tokens[place]):
            return False
    return len(wanted) == len(tokens)
