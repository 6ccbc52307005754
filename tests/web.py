"""Asks a server over HTTP, as a client in a process of its own would: the loop stays free to answer."""

from __future__ import annotations

import asyncio
from contextlib import closing
from http.client import HTTPConnection, HTTPResponse
from urllib.parse import urlsplit


async def ask(url: str, method: str = "GET", **headers: str) -> tuple[HTTPResponse, str]:
    """The answer, and its body."""
    return await asyncio.to_thread(_ask, url, method, headers)


def _ask(url: str, method: str, headers: dict[str, str]) -> tuple[HTTPResponse, str]:
    parts = urlsplit(url)
    with closing(HTTPConnection(parts.netloc, timeout=10)) as connection:
        connection.request(method, f"{parts.path}?{parts.query}".rstrip("?"), headers=headers)
        response = connection.getresponse()
        return response, response.read().decode()
