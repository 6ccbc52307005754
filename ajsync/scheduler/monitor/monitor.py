"""The monitor: a small HTTP server beside the loop, for Prometheus, for probes and for people. It only shows.

It runs in the thread of the loop that fires, so an answer proves that the loop is alive. The values that an answer
shows are read there at most once a second, however many clients ask, and are encoded in another thread.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import re
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from http import HTTPStatus
from typing import Any, TypeAlias, TypeVar

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest

from ajsync.errors import UsageError
from ajsync.scheduler.monitor.http import EVERY_ADDRESS, HttpLimits, HttpServer, listen
from ajsync.scheduler.monitor.metrics import READY, REFUSED, Metrics
from ajsync.scheduler.monitor.page.query import Query, read_query
from ajsync.scheduler.monitor.pages import BusyError, Pages
from ajsync.scheduler.monitor.request import Request, Response, answer, json_answer, text_answer
from ajsync.scheduler.monitor.series import CONTENT_TYPE, Counts, exposition
from ajsync.scheduler.monitor.status import Status, status_json
from ajsync.scheduler.monitor.view import ViewSource

_LOOPBACK = "127.0.0.1"
_ADDRESS = re.compile(r"(?:(?:\[(?P<six>[^\[\]]*)\]|(?P<host>[^\[\]:]*)):)?(?P<port>[0-9]+)", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9._-]+", re.ASCII)
_HOST_HEADER = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.%a-z]+)\]|(?P<host>[A-Za-z0-9._-]+))(?::[0-9]{1,5})?", re.ASCII)
_PRIVATE_ENDINGS = (".localhost", ".local", ".internal", ".svc", ".home.arpa")
"""Endings of names that cannot be registered: they are reserved for a host, a network or a cluster of one's own."""
_FRESH_SECONDS = 1.0
_GIVE_WAY_SECONDS = 0.0005
"""How long the loop that fires waits for a thread that makes an answer. Python's own 5 ms would be lost at each system
call that the loop makes meanwhile."""
_METHODS = ("GET", "HEAD")
_NOT_OURS = "The monitor does not go by the name in the Host header. To allow that name, pass --monitor-host NAME."
_BUSY = "Too many pages are being made. Try again in a few seconds."

T = TypeVar("T")
Show: TypeAlias = Callable[[], Awaitable[Response]]
MakePage: TypeAlias = Callable[[Query], Awaitable[bytes]]


def parse_monitor(text: str) -> tuple[str, int]:
    """Read `[HOST:]PORT`, the value of `--monitor`. A bare port is on the loopback interface, and port 0 is a free one.

    The host `*` means every interface, with IPv4 and IPv6.

    Raises UsageError.
    """
    match = _ADDRESS.fullmatch(text)
    if match is None:
        hint = "; write an IPv6 address in brackets, [::1]:9090" if text.count(":") > 1 else ""
        raise UsageError(f"--monitor: {text!r} is not [HOST:]PORT, such as 9090 or *:9090{hint}.")
    port = int(match["port"]) if len(match["port"]) <= 5 else -1
    if not 0 <= port <= 65535:
        raise UsageError(f"--monitor: {match['port']} is not a port, 0 to 65535.")
    if match["six"] is not None:
        try:
            return str(ipaddress.IPv6Address(match["six"])), port
        except ValueError:
            raise UsageError(f"--monitor: {match['six']!r} in brackets is not an IPv6 address.") from None
    if match["host"] == "":
        raise UsageError(f"--monitor: {text!r} names no host. For every interface write *:{port}.")
    if match["host"] not in (None, EVERY_ADDRESS) and not _HOST.fullmatch(match["host"]):
        raise UsageError(f"--monitor: {match['host']!r} is not a host.")
    return match["host"] or _LOOPBACK, port


def parse_host(text: str) -> str:
    """Read a host name as `--monitor-host` takes it. Raises UsageError."""
    if not _HOST.fullmatch(text):
        raise UsageError(f"--monitor-host: {text!r} is not a host name; write it without a scheme and a port.")
    return _plain(text)


class HostNames:
    """Decides by the `Host` header whether a request is meant for the monitor.

    A web page can point its own name at any address, ours too, and could then read whatever a browser on this network
    can reach. Its requests carry that name. So a name passes only if no such page can have it: an address, a name
    without a dot (a service or a container), one with a private ending, the name of this machine, the host that the
    monitor listens on, and the names that the user adds.
    """

    def __init__(self, *own: str) -> None:
        self._own = frozenset(_plain(name) for name in (socket.gethostname(), *own))

    def allow(self, header: str) -> bool:
        """Whether a `Host` header is one of ours. Its port does not matter, because ports are forwarded."""
        match = _HOST_HEADER.fullmatch(header)
        if match is None:
            return False
        if match["six"] is not None:
            return _is_address(match["six"])
        name = _plain(match["host"])
        return "." not in name or name.endswith(_PRIVATE_ENDINGS) or name in self._own or _is_address(name)


@asynccontextmanager
async def monitor(
    address: tuple[str, int],
    metrics: Metrics,
    status: Callable[[], Status],
    healthy: Callable[[], str | None],
    *,
    source: ViewSource,
    ready: Callable[[], str | None],
    warning: Callable[[], str] = str,
    hosts: Collection[str] = (),
    limits: HttpLimits | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> AsyncIterator[str]:
    """Serve while the block runs, and give the URL.

    `healthy` and `ready` are called for each request. They return why the loop has stood still, or why this scheduler
    could not lead, or None. `warning` returns a problem that a new process would not mend. Everything else, and what
    the pages show of `source`, is read at most once a second by `clock`. `hosts` are further names that requests may
    use for the monitor. Raises UsageError if `address` cannot be listened on.
    """
    host, port = address
    try:
        listening = await listen(host, port)
    except (OSError, UnicodeError) as error:
        problem = f"The monitor cannot listen on {_shown_address(host, port)}: {_why_not(error)}"
        raise UsageError(f"{problem}. Choose another address with --monitor.") from None
    encoder = ThreadPoolExecutor(1, "ajsync-monitor")
    pages = Pages(source, clock)
    switching = sys.getswitchinterval()
    sys.setswitchinterval(_GIVE_WAY_SECONDS)
    try:
        names = HostNames(host, *hosts)
        paths = _paths(metrics, status, healthy, ready, warning, clock, encoder)
        page_paths: dict[str, MakePage] = {
            "/": pages.overview,
            "/schedules": pages.schedules,
            "/schedule": pages.schedule,
        }

        async def respond(request: Request) -> Response:
            if request.host is not None and not names.allow(request.host):
                server.refusals.add("host")
                return text_answer(HTTPStatus.MISDIRECTED_REQUEST, _NOT_OURS)
            show, show_page = paths.get(request.path), page_paths.get(request.path)
            if show is None and show_page is None:
                return text_answer(HTTPStatus.NOT_FOUND)
            if request.method not in _METHODS:
                return text_answer(HTTPStatus.METHOD_NOT_ALLOWED, more={"Allow": ",".join(_METHODS)})
            if show_page is not None:
                return await _page(show_page, request)
            assert show is not None
            return await show()

        server = HttpServer(listening, respond, partial(metrics.count, REFUSED), limits or HttpLimits())
        async with pages.open(), server.serving():
            yield f"http://{_shown_address(host, listening[0].getsockname()[1])}/"
    finally:
        for each in listening:
            each.close()
        encoder.shutdown(wait=False, cancel_futures=True)
        sys.setswitchinterval(switching)


def _paths(
    metrics: Metrics,
    status: Callable[[], Status],
    healthy: Callable[[], str | None],
    ready: Callable[[], str | None],
    warning: Callable[[], str],
    clock: Callable[[], float],
    encoder: ThreadPoolExecutor,
) -> dict[str, Show]:
    """What each path shows."""
    process = CollectorRegistry()
    ProcessCollector(registry=process)  # memory, processor time and open files, under the names of every client

    def show_metrics(counts: Counts) -> Response:
        return answer(HTTPStatus.OK, exposition(counts) + generate_latest(process), CONTENT_TYPE)

    async def show_health() -> Response:
        return _verdict("healthy", healthy(), warning())

    async def show_readiness() -> Response:
        return _verdict("ready", ready())

    def counted() -> Counts:
        metrics.set(READY, int(ready() is None))
        return metrics.counts()

    now, counts = _once_a_second(status, clock), _once_a_second(counted, clock)
    return {
        "/metrics": _encoded(counts, show_metrics, encoder),
        "/healthz": show_health,
        "/readyz": show_readiness,
        "/api/status": _encoded(now, lambda status: json_answer(status_json(status)), encoder),
    }


def _once_a_second(take: Callable[[], T], clock: Callable[[], float]) -> Callable[[], T]:
    """A function that calls `take` on demand, at most once a second, and returns its last value."""
    taken: tuple[float, T] | None = None

    def get() -> T:
        nonlocal taken
        now = clock()
        if taken is None or now - taken[0] >= _FRESH_SECONDS:
            taken = now, take()
        return taken[1]

    return get


def _encoded(get: Callable[[], T], encode: Callable[[T], Response], encoder: ThreadPoolExecutor) -> Show:
    """Shows a value; a thread encodes it, once for all clients while the value stays the same."""
    made: tuple[T, asyncio.Future[Response]] | None = None

    async def show() -> Response:
        nonlocal made
        value = get()
        if made is None or made[0] is not value:
            made = value, asyncio.get_running_loop().run_in_executor(encoder, encode, value)
        # The client that asked first may go away while others still wait.
        return await asyncio.shield(made[1])

    return show


async def _page(make: MakePage, request: Request) -> Response:
    try:
        return answer(HTTPStatus.OK, await make(read_query(request.query)), "text/html; charset=utf-8")
    except BusyError:
        return text_answer(HTTPStatus.SERVICE_UNAVAILABLE, _BUSY, {"Retry-After": "5"})


def _verdict(name: str, reason: str | None, warning: str = "") -> Response:
    content: dict[str, Any] = {name: reason is None, "reason": reason or ""}
    if warning:
        content["warning"] = warning
    return json_answer(content, HTTPStatus.OK if reason is None else HTTPStatus.SERVICE_UNAVAILABLE)


def _shown_address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _why_not(error: OSError | UnicodeError) -> str:
    if isinstance(error, UnicodeError):
        return "that is not a host"
    if isinstance(error, socket.gaierror) or not error.errno:
        return error.strerror or str(error)
    return os.strerror(error.errno)


def _plain(name: str) -> str:
    return name.rstrip(".").lower()


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
