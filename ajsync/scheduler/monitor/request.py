"""What the monitor reads and writes of HTTP: one request, and an answer that closes the connection.

What HTTP is, h11 knows; here is what the monitor takes of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import h11

from ajsync.scheduler.monitor.page import CONTENT_SECURITY_POLICY

LONGEST_HEAD = 8192
"""Bytes; browsers send about a thousand."""
_BLANK_LINE = b"\r\n"
"""Servers are to ignore one before a request (RFC 9112, 2.2), which h11 leaves to them."""
_LAX = re.compile(rb"(?<!\r)\n|\n[ \t]")
"""Ends of lines without a CR, and lines that go on in the next: h11 reads them, and others read them differently."""
_VERSIONS = (b"1.0", b"1.1")
_HEADERS = (
    ("Content-Security-Policy", CONTENT_SECURITY_POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cache-Control", "no-store"),
    ("Server", "ajsync"),
    ("Connection", "close"),
)


@dataclass(frozen=True, slots=True)
class Request:
    """The head of a request; a body is not read."""

    method: str
    path: str
    query: frozenset[str]
    """The names of its parameters."""
    host: str | None
    """As the client wrote it; None where HTTP 1.0 needs none."""


@dataclass(frozen=True, slots=True)
class Response:
    """The bytes of an answer, made once for all who ask for the same."""

    head: bytes
    whole: bytes
    """The head and the body behind it."""


class Incoming:
    """What comes in on a connection: the head of one request, and what is behind it."""

    def __init__(self) -> None:
        self.received = bytearray()
        self._connection = h11.Connection(h11.SERVER, max_incomplete_event_size=LONGEST_HEAD)

    def take(self, data: bytes) -> Request | None:
        """Take what was read, nothing at the end of the connection; give the request once its head is complete.

        Raises h11.RemoteProtocolError for what is none, or does not become one.
        """
        fresh = data if self.received else data.removeprefix(_BLANK_LINE)
        self.received += data
        if data and not fresh:
            return None
        self._connection.receive_data(fresh)
        event = self._connection.next_event()
        if not isinstance(event, h11.Request):
            return None
        head = self.received[: len(self.received) - len(self._connection.trailing_data[0])]
        if event.http_version not in _VERSIONS or _LAX.search(head):
            raise h11.RemoteProtocolError("not as HTTP/1.1 has it")
        return _request(event)

    def has_more(self) -> bool:
        """Whether a client may send more than this head: a body, or whatever it takes for a request."""
        if self._connection.their_state is h11.ERROR or self._connection.trailing_data[0]:
            return True
        return not isinstance(self._connection.next_event(), h11.EndOfMessage)


def _request(event: h11.Request) -> Request:
    host = next((value.decode("latin-1") for name, value in event.headers if name == b"host"), None)
    target = event.target.decode("ascii")
    path, _, query = target.partition("?")
    if not target.startswith("/"):
        try:
            url = urlsplit(target)
        except ValueError:
            raise h11.RemoteProtocolError("not a URL") from None
        if url.scheme in ("http", "https"):  # as a proxy is asked; its host goes before the header
            host, path, query = url.netloc, url.path or "/", url.query
    names = frozenset(name for name, _ in parse_qsl(query, keep_blank_values=True)) if query else frozenset()
    return Request(event.method.decode("ascii"), path, names, host)


def answer(status: HTTPStatus, body: bytes, content_type: str, more: Mapping[str, str] | None = None) -> Response:
    """Make an answer; it forbids a browser whatever the page does not need."""
    own = (("Date", formatdate(usegmt=True)), ("Content-Type", content_type), ("Content-Length", str(len(body))))
    head = _head(status, (*own, *(more or {}).items()))
    return Response(head, head + body)


@lru_cache(16)  # h11 checks each header anew, and the probes of one second have them all alike
def _head(status: HTTPStatus, headers: tuple[tuple[str, str], ...]) -> bytes:
    response = h11.Response(status_code=status, reason=status.phrase, headers=[*headers, *_HEADERS])
    # The length is known, and the connection ends with the answer, so this is the same for every request.
    return h11.Connection(h11.SERVER).send(response)


def text_answer(status: HTTPStatus, text: str = "", more: Mapping[str, str] | None = None) -> Response:
    """An answer of a line for people."""
    return answer(status, f"{text or status.phrase}\n".encode(), "text/plain; charset=utf-8", more)


def json_answer(content: Mapping[str, Any], status: HTTPStatus = HTTPStatus.OK) -> Response:
    """An answer for programs."""
    return answer(status, json.dumps(content).encode(), "application/json; charset=utf-8")
