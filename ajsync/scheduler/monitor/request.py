"""One request and one answer of the monitor: the part of HTTP that it accepts, as h11 reads and writes it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import h11

from ajsync.scheduler.monitor.page.document import CONTENT_SECURITY_POLICY

LONGEST_HEAD = 8192
"""Bytes; browsers send about a thousand."""
_BLANK_LINE = b"\r\n"
"""An empty line, which servers should ignore before a request (RFC 9112, 2.2). h11 leaves that to them."""
_LAX = re.compile(rb"(?<!\r)\n|\n[ \t]")
"""Line ends without a CR, and lines that are continued: h11 accepts them, but other programs read them differently."""
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
    """The head of a request. A body is not read."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    """Its parameters: names and values."""
    host: str | None
    """As the client wrote it; None if HTTP 1.0 left it out."""


@dataclass(frozen=True, slots=True)
class Response:
    """The bytes of an answer, made once for all clients that ask for the same thing."""

    head: bytes
    whole: bytes
    """Head and body."""


class Incoming:
    """The input of a connection: the head of one request, and what follows it."""

    def __init__(self) -> None:
        self.received = bytearray()
        self._connection = h11.Connection(h11.SERVER, max_incomplete_event_size=LONGEST_HEAD)

    def take(self, data: bytes) -> Request | None:
        """Take the bytes that were read, none at the end of the connection; return the request once its head is
        complete.

        Raises h11.RemoteProtocolError if they are not a request, and cannot become one.
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
            raise h11.RemoteProtocolError("not HTTP/1.1")
        return _request(event)

    def has_more(self) -> bool:
        """Whether the client may send more than this head, such as a body."""
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
        if url.scheme in ("http", "https"):  # a request as proxies get it: its host overrides the header
            host, path, query = url.netloc, url.path or "/", url.query
    pairs = tuple(parse_qsl(query, keep_blank_values=True)) if query else ()
    return Request(event.method.decode("ascii"), path, pairs, host)


def answer(status: HTTPStatus, body: bytes, content_type: str, more: Mapping[str, str] | None = None) -> Response:
    """Make an answer with headers that forbid a browser everything that the page does not need."""
    own = (("Date", formatdate(usegmt=True)), ("Content-Type", content_type), ("Content-Length", str(len(body))))
    headers = [*own, *(more or {}).items(), *_HEADERS]
    # This is the same for every request, because the length is known and the connection ends with the answer.
    head = h11.Connection(h11.SERVER).send(h11.Response(status_code=status, reason=status.phrase, headers=headers))
    return Response(head, head + body)


def text_answer(status: HTTPStatus, text: str = "", more: Mapping[str, str] | None = None) -> Response:
    """Make an answer of one line of text."""
    return answer(status, f"{text or status.phrase}\n".encode(), "text/plain; charset=utf-8", more)


def json_answer(content: Mapping[str, Any], status: HTTPStatus = HTTPStatus.OK) -> Response:
    """Make an answer in JSON."""
    return answer(status, json.dumps(content).encode(), "application/json; charset=utf-8")
