"""Permissions violations: what the server does not let us do, and which requests that concerns.

The server reports a violation in a message of its own, which names the subject; nats-py passes it on in lower case.
"""

from __future__ import annotations

import re
from collections import deque
from typing import Literal

from ajsync.transport.subjects import matches

Kind = Literal["Publish", "Subscription"]

_VIOLATION = re.compile(r'permissions violation for (publish|subscription) to "([^"]*)"', re.IGNORECASE)
_PATTERNS = 256
_SUBJECTS = 4096
"""More than there can be under way at once."""


class Violations:
    """The latest violations on one connection."""

    def __init__(self) -> None:
        self._subjects: dict[str, Kind] = {}
        """The latest last. Each task has a subject of its own."""
        self._patterns: deque[tuple[Kind, str]] = deque(maxlen=_PATTERNS)

    def note(self, text: str) -> Kind | None:
        """Remember what the server says, if it is a violation; its kind, or None."""
        found = _VIOLATION.match(text)
        if found is None:
            return None
        kind: Kind = "Publish" if found[1].lower() == "publish" else "Subscription"
        subject = found[2]
        if "*" in subject or ">" in subject:
            self._patterns.append((kind, subject))
        else:
            self._subjects.pop(subject, None)
            self._subjects[subject] = kind
            if len(self._subjects) > _SUBJECTS:
                del self._subjects[next(iter(self._subjects))]
        return kind

    def clear(self) -> None:
        """Forget all: after a reconnect the server reports them again."""
        self._subjects.clear()
        self._patterns.clear()

    def reason(self, subject: str, *, also: str) -> str | None:
        """The last violation for `subject`, or for `also`, to which it is mapped; None if there was none."""
        for each in (subject, also):
            if kind := self._subjects.get(each.lower()):
                return f'Permissions Violation for {kind} to "{subject if each == subject else each.lower()}"'
        for kind, pattern in reversed(self._patterns):
            if any(matches(pattern, each.lower()) for each in (subject, also)):
                return f'Permissions Violation for {kind} to "{pattern}"'
        return None

    def inbox_reason(self, prefix: str) -> str | None:
        """Why no answer reaches us, if the server refused nats-py's one subscription for answers."""
        for kind, pattern in self._patterns:
            if kind == "Subscription" and pattern.startswith(f"{prefix.lower()}.") and pattern.endswith(".*"):
                remedy = 'name a prefix that its user may subscribe to as "inbox_prefix" in the context'
                return f'Permissions Violation for Subscription to "{prefix}.>", where answers arrive; {remedy}'
        return None
