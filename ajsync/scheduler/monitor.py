"""The monitor: a small HTTP server beside the loop, for Prometheus, for probes and for people. It only shows.

It runs in the loop's own thread: whoever gets an answer knows that the loop answers, too.
"""

from __future__ import annotations

import ipaddress
import os
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest

from ajsync.errors import UsageError
from ajsync.scheduler.metrics import CONTENT_TYPE, Metrics
from ajsync.scheduler.page import CONTENT_SECURITY_POLICY, page
from ajsync.scheduler.status import Status, status_json

LOOPBACK = "127.0.0.1"
_ELSEWHERE = "Choose another place with --monitor."
_CLOSING_SECONDS = 0.5
"""What an answer under way may still take when the scheduler stops: the next leader waits for that."""
_ADDRESS = re.compile(r"(?:(?:\[(?P<six>[^\[\]]*)\]|(?P<host>[^\[\]:]*)):)?(?P<port>[0-9]+)", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9._-]+", re.ASCII)
_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Server": "ajsync",
}


def parse_monitor(text: str) -> tuple[str, int]:
    """Read `[HOST:]PORT`; a bare port is one of the loopback interface, port 0 takes a free one.

    Raises ValueError with a sentence for the user.
    """
    match = _ADDRESS.fullmatch(text)
    if match is None:
        hint = "; write an IPv6 address in brackets, [::1]:9090" if text.count(":") > 1 else ""
        raise ValueError(f"{text!r} is not [HOST:]PORT, such as 9090 or 0.0.0.0:9090{hint}.")
    port = int(match["port"]) if len(match["port"]) <= 5 else -1
    if not 0 <= port <= 65535:
        raise ValueError(f"{match['port']} is not a port, 0 to 65535.")
    if match["six"] is not None:
        try:
            return str(ipaddress.IPv6Address(match["six"])), port
        except ValueError:
            raise ValueError(f"{match['six']!r} in brackets is not an IPv6 address.") from None
    if match["host"] == "":
        raise ValueError(f"{text!r} names no host: for every interface write 0.0.0.0:{port} or [::]:{port}.")
    if match["host"] is not None and not _HOST.fullmatch(match["host"]):
        raise ValueError(f"{match['host']!r} is not a host.")
    return match["host"] or LOOPBACK, port


@asynccontextmanager
async def monitor(
    address: tuple[str, int],
    metrics: Metrics,
    status: Callable[[], Status],
    healthy: Callable[[], str | None],
) -> AsyncIterator[str]:
    """Serve while the block runs, and give the URL at which.

    `status` and `healthy` are asked at each request; `healthy` gives None, or why the loop has stood still.
    Raises UsageError where `address` cannot be listened on.
    """
    runner = web.AppRunner(_application(metrics, status, healthy), access_log=None, shutdown_timeout=_CLOSING_SECONDS)
    await runner.setup()
    try:
        host, port = address
        try:
            await web.TCPSite(runner, host, port).start()
        except (OSError, UnicodeError) as error:
            raise UsageError(
                f"The monitor cannot listen on {_shown(host, port)}: {_reason(error)}. {_ELSEWHERE}"
            ) from None
        yield f"http://{_shown(host, runner.addresses[0][1])}/"
    finally:
        await runner.cleanup()


def _application(metrics: Metrics, status: Callable[[], Status], healthy: Callable[[], str | None]) -> web.Application:
    process = CollectorRegistry()
    ProcessCollector(registry=process)  # memory, processor time, open files: under the names that every client uses

    async def show_metrics(request: web.Request) -> web.Response:
        return web.Response(
            body=metrics.exposition() + generate_latest(process), headers={"Content-Type": CONTENT_TYPE}
        )

    async def show_health(request: web.Request) -> web.Response:
        reason = healthy()
        return _verdict(reason is None, {"healthy": reason is None, "reason": reason or ""})

    async def show_readiness(request: web.Request) -> web.Response:
        now = status()
        return _verdict(now.ready, {"ready": now.ready, "reason": "" if now.ready else now.reason})

    async def show_page(request: web.Request) -> web.Response:
        text = page(status(), refresh="still" not in request.query)
        return web.Response(text=text, content_type="text/html")

    async def show_status(request: web.Request) -> web.Response:
        return web.json_response(status_json(status()))

    application = web.Application()
    application.on_response_prepare.append(_harden)
    handlers: dict[str, Callable[[web.Request], Awaitable[web.Response]]] = {
        "/": show_page,
        "/metrics": show_metrics,
        "/healthz": show_health,
        "/readyz": show_readiness,
        "/api/status": show_status,
    }
    application.add_routes([web.get(path, handler) for path, handler in handlers.items()])
    return application


async def _harden(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(_HEADERS)


def _verdict(good: bool, content: dict[str, Any]) -> web.Response:
    return web.json_response(content, status=200 if good else 503)


def _shown(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _reason(error: OSError | UnicodeError) -> str:
    if isinstance(error, UnicodeError):
        return "that is not a host"
    if isinstance(error, socket.gaierror) or not error.errno:
        return error.strerror or str(error)
    return os.strerror(error.errno)  # asyncio puts the address into the message once more
