"""What the monitor reads and writes of HTTP: the head of a request, and an answer that closes the connection."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from ajsync.scheduler.page import CONTENT_SECURITY_POLICY

LONGEST_HEAD = 8192
"""Bytes; browsers send about a thousand."""
_END = b"\r\n\r\n"
_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_REQUEST_LINE = re.compile(rb"(" + _TOKEN + rb") ([!-~]+) HTTP/1\.([01])")
_FIELD = re.compile(rb"(" + _TOKEN + rb"):[ \t]*([^\x00\r\n]*?)[ \t]*")
_BODY = re.compile(rb"\r\n(?:content-length|transfer-encoding):", re.IGNORECASE)
_ABSOLUTE = re.compile(r"https?://([^/?#]*)(.*)", re.IGNORECASE | re.DOTALL)
_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Server": "ajsync",
    "Connection": "close",
}


class BadRequestError(Exception):
    """A head that is no request, or too long."""

    def __init__(self, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(status.phrase)
        self.status = status


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
class Answer:
    """The bytes of an answer, made once for all who ask for the same."""

    status: HTTPStatus
    head: bytes
    whole: bytes
    """The head and the body behind it."""


def ends(data: bytes | bytearray) -> bool:
    """Whether the head of a request is complete."""
    return _END in data


def has_more(data: bytes | bytearray) -> bool:
    """Whether a client may send more than this head: a body, or whatever it takes for a request."""
    return not data.endswith(_END) or _BODY.search(data) is not None


def parse_request(data: bytes) -> Request:
    """Read a head. Raises BadRequestError where it is none, or not complete."""
    if not ends(data):
        too_long = len(data) >= LONGEST_HEAD
        raise BadRequestError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE if too_long else HTTPStatus.BAD_REQUEST)
    first, *lines = data.lstrip(b"\r\n").partition(_END)[0].split(b"\r\n")
    match = _REQUEST_LINE.fullmatch(first)
    if match is None:
        raise BadRequestError
    hosts = []
    for line in lines:
        found = _FIELD.fullmatch(line)
        if found is None:
            raise BadRequestError
        if found[1].lower() == b"host":
            hosts.append(found[2].decode("latin-1"))
    if len(hosts) > 1 or (not hosts and match[3] == b"1"):
        raise BadRequestError
    host, target = hosts[0] if hosts else None, match[2].decode("ascii")
    if absolute := _ABSOLUTE.fullmatch(target):  # as a proxy is asked; its host goes before the header
        host, target = absolute[1], absolute[2] if absolute[2].startswith("/") else "/" + absolute[2]
    path, _, query = target.partition("?")
    names = frozenset(name for name, _ in parse_qsl(query, keep_blank_values=True)) if query else frozenset()
    return Request(match[1].decode("ascii"), path, names, host)


def answer(status: HTTPStatus, body: bytes, content_type: str, more: Mapping[str, str] | None = None) -> Answer:
    """Make an answer; it forbids a browser whatever the page does not need."""
    headers = {
        "Date": formatdate(usegmt=True),
        "Content-Type": content_type,
        "Content-Length": str(len(body)),
        **_HEADERS,
        **(more or {}),
    }
    lines = [f"HTTP/1.1 {status.value} {status.phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    head = "\r\n".join([*lines, "", ""]).encode("ascii")
    return Answer(status, head, head + body)


def text_answer(status: HTTPStatus, text: str = "", more: Mapping[str, str] | None = None) -> Answer:
    """An answer of a line for people."""
    return answer(status, f"{text or status.phrase}\n".encode(), "text/plain; charset=utf-8", more)


def json_answer(content: Mapping[str, Any], status: HTTPStatus = HTTPStatus.OK) -> Answer:
    """An answer for programs."""
    return answer(status, json.dumps(content).encode(), "application/json; charset=utf-8")
