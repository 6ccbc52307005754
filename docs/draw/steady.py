"""What a command prints without what differs from run to run: times, ports, ids of tasks, and the widths of columns."""

from __future__ import annotations

import re

_UNIT = r"(?:ns|µs|ms|s|min|h|d)"
_VARYING = (
    (r"(?<=of all schedules in the bucket:\n)(?: {4}.*\n)+", ""),
    (r" \([^()]* ago\)", ""),
    (r"\b\w{3} \d{4}-\d\d-\d\d(?: \d\d:\d\d(?::\d\d)?)?(?: [+-]\d\d:\d\d\b| UTC\b)?", "{time}"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)", "{time}"),
    (r"\[\d\d:\d\d:\d\d\]", "[{time}]"),
    (rf"(?:[≤<] )?\b\d+(?:\.\d+)? {_UNIT}\b(?: \d+ {_UNIT}\b)*", "{span}"),
    (r"(?<=127\.0\.0\.1:)\d+", "{port}"),
    (r"\b[0-9A-Za-z]{27}\b", "{id}"),
    (r"(?<=by )\S+@\S+", "{user}"),
    (r"(?<=\S) {2,}", "  "),
    (r"[ \t]+$", ""),
)


def steady(text: str) -> str:
    """A text in which everything that may differ is a word in braces."""
    for pattern, word in _VARYING:
        text = re.sub(pattern, word, text, flags=re.MULTILINE)
    return text
