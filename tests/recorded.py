"""What the Go tool wrote, as tests/golden holds it, and what makes a recording comparable with what ajsync writes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ajsync.asyncjobs.names import SCHEDULE_SUBJECT
from tests.messages import Message

GOLDEN = Path(__file__).parent / "golden"
_DIFFERENT_EACH_TIME = (
    (r"\d{4}-\d\d-\d\dT[\d:.]+Z", "MOMENT"),
    (r"\d\d [A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d UTC", "MOMENT"),
    (r"[A-Z][a-z]{2} \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", "MOMENT"),
    (r"INFO\[\d\d:\d\d:\d\d\]", "INFO[TIME]"),
    (r"@ \d+ B", "@ SIZE"),
    (r'"task_age":-?\d+', '"task_age":0'),
    (r"_INBOX\.\w+", "INBOX"),
)
_ID = re.compile(r"(?<![0-9A-Za-z])[0-9A-Za-z]{27}(?![0-9A-Za-z])")


def recorded(name: str) -> Any:
    """The value of a JSON file; of a file with the ending `.jsonl`, the values of its lines."""
    text = (GOLDEN / name).read_text()
    return [json.loads(line) for line in text.splitlines()] if name.endswith(".jsonl") else json.loads(text)


def recorded_schedules() -> dict[str, bytes]:
    """The value of each schedule that `ajc` stored, by its name."""
    return {
        line["subject"].removeprefix(SCHEDULE_SUBJECT): line["data"].encode()
        for line in recorded("stored.jsonl")
        if line["subject"].startswith(SCHEDULE_SUBJECT) and line["data"]
    }


class Normaliser:
    """Replaces what is different each time: times and sizes by words, ids by their numbers in order of appearance."""

    def __init__(self) -> None:
        self._ids: dict[str, str] = {}

    def text(self, text: str) -> str:
        """A text without what is different each time."""
        for pattern, word in _DIFFERENT_EACH_TIME:
            text = re.sub(pattern, word, text)
        return _ID.sub(lambda found: self._ids.setdefault(found[0], f"ID-{len(self._ids) + 1}"), text)

    def message(self, message: Message) -> dict[str, Any]:
        """A message, the same way."""
        headers = {name: self.text(value) for name, value in message.headers.items()}
        return asdict(Message(self.text(message.subject), headers, self.text(message.data)))


def normal(messages: Iterable[Message]) -> list[dict[str, Any]]:
    """Messages without what is different each time."""
    normaliser = Normaliser()
    return [normaliser.message(message) for message in messages]


def without(message: Mapping[str, Any], *headers: str) -> dict[str, Any]:
    """A normal message without some headers, which only ajsync writes."""
    return {**message, "headers": {name: value for name, value in message["headers"].items() if name not in headers}}
