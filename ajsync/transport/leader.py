"""Questions that only leaders answer: lists of streams, consumers and subjects, and the last messages of many subjects.

Another replica may answer a direct get, with what was true a moment ago. Lists come in pages, and their entries come
and go between two pages.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from ajsync.errors import UnreachableError
from ajsync.transport.connection import Connection
from ajsync.transport.errors import JetStreamError
from ajsync.transport.inbox import Asking
from ajsync.transport.messages import LastMessage, read_message
from ajsync.transport.subjects import covering, matches

_WINDOW = 256
"""How many questions are under way at once."""
_FEW = 64
"""The same for callers with other work on their connection that must not wait."""
_OPEN_BYTES = 16 * 1024 * 1024
"""How many bytes the answers to these may have together, because the server disconnects a client that is 64 MiB
behind."""
_LISTINGS = 5
"""How often to list again if the pages do not fit together."""
_SUBJECTS = 100_000
"""How many subjects a page has."""
_BEYOND = 1_000_000_000
"""An offset beyond the last page."""


async def list_pages(
    connection: Connection, api_subject: str, member: str, request: Mapping[str, object] | None = None
) -> list[dict[str, Any]]:
    """The streams or consumers in `member` of all pages. Raises as `Connection.jetstream_request`.

    If one disappears between two pages, the first one of the next page moves to the page that was already read, and
    would be missed. So all are listed again if the total changed. If it changes each time, the result is everything
    that any listing found.
    """
    found: dict[str, dict[str, Any]] = {}
    for _ in range(_LISTINGS):
        pages = await _read_pages(connection, api_subject, request or {}, lambda page: page.get(member) or [])
        entries = [each for page in pages for each in page.get(member) or []]
        found.update((each.get("name") or each["config"]["name"], each) for each in entries)
        if len({page["total"] for page in pages}) == 1:
            break
    return list(found.values())


@dataclass(frozen=True, slots=True)
class Listing:
    """The subjects of a stream that have a message."""

    created: str
    """When the stream was made, as the server says; a stream that was made again is another one."""
    last_sequence: int
    """Everything stored up to this sequence is listed unless it is gone again, and maybe some of what came later."""
    subjects: Set[str]


async def list_subjects(connection: Connection, stream: str, *patterns: str) -> Listing:
    """The subjects that match any of these, delete markers included. Raises as `Connection.jetstream_request`.

    As with streams, they are listed again if one appears or disappears between two pages.
    """
    request = {"subjects_filter": covering(patterns)}
    for _ in range(_LISTINGS):
        pages = await _read_pages(connection, f"STREAM.INFO.{stream}", request, _subjects)
        found = {name for page in pages for name in _subjects(page)}
        # Several keys that are not UTF-8 can come as one.
        whole = len(found) >= pages[0].get("total", 0) or any("\ufffd" in name for name in found)
        if whole and len({(page["created"], page.get("total", 0)) for page in pages}) == 1:
            subjects = {name for name in found if any(matches(pattern, name) for pattern in patterns)}
            return Listing(pages[0]["created"], pages[0]["state"]["last_seq"], subjects)
    raise UnreachableError(
        f"The keys of the stream {stream} change faster than they can be listed. Try again when there are fewer writes."
    )


async def _read_pages(
    connection: Connection,
    api_subject: str,
    request: Mapping[str, object],
    entries: Callable[[dict[str, Any]], Collection[Any]],
) -> list[dict[str, Any]]:
    """The answers to a request that has pages; `entries` returns the entries of one page."""
    pages: list[dict[str, Any]] = []
    offset = 0
    while not pages or (entries(pages[-1]) and offset < pages[-1].get("total", 0)):
        pages.append(await connection.jetstream_request(api_subject, {**request, "offset": offset}))
        offset += len(entries(pages[-1]))
    return pages


def _subjects(page: dict[str, Any]) -> Collection[str]:
    return page["state"].get("subjects") or ()


async def count_subjects(connection: Connection, stream: str, subjects: str) -> int:
    """How many subjects match. Raises as `Connection.jetstream_request`."""
    beyond = {"subjects_filter": subjects, "offset": _BEYOND}  # so that no subject is listed
    total: int = (await connection.jetstream_request(f"STREAM.INFO.{stream}", beyond)).get("total", 0)
    return total


async def list_subjects_from(connection: Connection, stream: str, subjects: str, first: str) -> set[str]:
    """The subjects that match `subjects`, from `first` on in their order, and maybe some before it.

    They are listed from the end, so that a long list costs no more than the wanted part of it.
    Raises as `Connection.jetstream_request`.
    """
    api_subject = f"STREAM.INFO.{stream}"
    end = (await connection.jetstream_request(api_subject))["state"]["messages"]
    found: set[str] = set()
    while end > 0:
        start = max(end - _SUBJECTS, 0)
        page = await connection.jetstream_request(api_subject, {"subjects_filter": subjects, "offset": start})
        names = _subjects(page)
        found.update(names)
        end = start if names and min(names) >= first else 0
    return found


async def last_messages(connection: Connection, stream: str, subjects: Sequence[str]) -> dict[str, LastMessage]:
    """The last message of each subject that has one. Raises as `Connection.jetstream_request`."""
    # Only the subject goes through the encoder, which takes four times as long for an object.
    questions = [f'{{"last_by_subj":{json.dumps(subject)}}}'.encode() for subject in subjects]
    gets = _Gets(connection, stream, questions, _WINDOW)
    await gets.run()
    return {subjects[number]: message for number, message in gets.found.items()}


async def messages_between(connection: Connection, stream: str, first: int, last: int) -> list[LastMessage]:
    """The messages that are stored from one sequence to another, in order. Raises as `Connection.jetstream_request`.

    A sequence whose message was replaced or deleted has none. Only a few are asked for at once, so that other answers
    on this connection do not wait for long.
    """
    gets = _Gets(connection, stream, [b'{"seq":%d}' % sequence for sequence in range(first, last + 1)], _FEW)
    await gets.run()
    return [message for _, message in sorted(gets.found.items())]


class _Gets(Asking):
    """Asks STREAM.MSG.GET many questions; `found` has the messages by the numbers of their questions."""

    def __init__(self, connection: Connection, stream: str, questions: Sequence[bytes], most: int) -> None:
        """At most `most` of the questions, which are JSON objects, are under way at once."""
        super().__init__(connection, f"STREAM.MSG.GET.{stream}")
        self.found: dict[int, LastMessage] = {}
        self._questions = questions
        self._most = most
        self._to_ask = deque(range(len(questions)))
        self._open: set[int] = set()
        self._error: JetStreamError | None = None
        self._cautious = max(1, min(most, _OPEN_BYTES * 3 // 4 // connection.max_payload))
        """How many of the largest values, in base64, fit into `_OPEN_BYTES`."""
        self._window = self._cautious
        self._longest = 1
        """The size of the longest answer so far, in bytes."""
        self._cut_off = False

    async def run(self) -> None:
        async with self:
            while self._to_ask or self._open:
                while self._to_ask and len(self._open) < self._window:
                    number = self._to_ask.popleft()
                    self._open.add(number)
                    await self._ask(number, self._questions[number])
                answered = await self._wait()
                if self._error is not None:
                    raise self._error
                self._count_failure(not answered)
                if not answered:
                    self._to_ask.extend(self._open)
                    self._open.clear()
                    self._cut_off, self._window = True, self._cautious

    def _receive(self, number: int, _headers: bytes, data: bytes) -> None:
        if number not in self._open:
            return
        self._longest = max(self._longest, len(data))
        if not self._cut_off:
            self._window = max(1, min(self._most, _OPEN_BYTES // self._longest))
        self._open.discard(number)
        try:
            if (message := read_message(self._api_subject, data)) is not None:
                self.found[number] = message
        except JetStreamError as error:
            self._error = error
        if len(self._open) <= self._window // 2 or self._error is not None:
            self._ready.set()
