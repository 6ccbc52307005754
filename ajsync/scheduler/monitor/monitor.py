"""The monitor: a small HTTP server beside the loop, for Prometheus, for probes and for people. It only shows.

It runs in the loop's own thread: whoever gets an answer knows that the loop answers, too. What an answer shows is taken
there at most once a second, and put into words in another thread, whoever asks and how often.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any, Generic, TypeVar

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest

from ajsync.errors import UsageError
from ajsync.scheduler.monitor.exposition import CONTENT_TYPE, Counts
from ajsync.scheduler.monitor.http import HttpLimits, HttpServer
from ajsync.scheduler.monitor.listening import Names, close_all, listen, shown_address, why_not
from ajsync.scheduler.monitor.listening import parse_host as parse_host
from ajsync.scheduler.monitor.listening import parse_monitor as parse_monitor
from ajsync.scheduler.monitor.metrics import Metrics
from ajsync.scheduler.monitor.page import page
from ajsync.scheduler.monitor.request import Request, Response, answer, json_answer, text_answer
from ajsync.scheduler.monitor.status import Status, status_json

_ELSEWHERE = "Choose another place with --monitor."
_FRESH_SECONDS = 1.0
_METHODS = ("GET", "HEAD")
_NOT_OURS = "The monitor is not known by the name in Host; to let it answer to that, pass --monitor-host NAME."

T = TypeVar("T")


@asynccontextmanager
async def monitor(
    address: tuple[str, int],
    metrics: Metrics,
    status: Callable[[], Status],
    healthy: Callable[[], str | None],
    *,
    ready: Callable[[], str | None] | None = None,
    warning: Callable[[], str] = str,
    hosts: Collection[str] = (),
    limits: HttpLimits | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> AsyncIterator[str]:
    """Serve while the block runs, and give the URL at which.

    `healthy` is asked at each request, and gives None, or why the loop has stood still; so is `ready`, which gives None
    or why this scheduler could not lead; without it the status is asked. `warning` gives what is wrong although no new
    process would mend it. Everything else is taken at most once a second
    of `clock`. `hosts` are names that requests may call the monitor by, besides its own.
    Raises UsageError where `address` cannot be listened on.
    """
    host, port = address
    try:
        listening = await listen(host, port)
    except (OSError, UnicodeError) as error:
        raise UsageError(
            f"The monitor cannot listen on {shown_address(host, port)}: {why_not(error)}. {_ELSEWHERE}"
        ) from None
    encoder = ThreadPoolExecutor(1, "ajsync-monitor")
    try:
        unready = ready or (lambda: _not_ready(status()))
        site = _Site(metrics, status, healthy, unready, warning, clock, encoder)
        names = Names(host, *hosts)

        async def respond(request: Request) -> Response:
            if request.host is not None and not names.take(request.host):
                server.refuse("host")
                return text_answer(HTTPStatus.MISDIRECTED_REQUEST, _NOT_OURS)
            return await site.respond(request)

        server = HttpServer(listening, respond, metrics.refused, limits or HttpLimits())
        async with server.serving():
            yield f"http://{shown_address(host, listening[0].getsockname()[1])}/"
    finally:
        close_all(listening)
        encoder.shutdown(wait=False, cancel_futures=True)


class _Site:
    """The paths, and what each of them shows."""

    def __init__(
        self,
        metrics: Metrics,
        status: Callable[[], Status],
        healthy: Callable[[], str | None],
        ready: Callable[[], str | None],
        warning: Callable[[], str],
        clock: Callable[[], float],
        encoder: ThreadPoolExecutor,
    ) -> None:
        self._healthy = healthy
        self._ready = ready
        self._warning = warning
        process = CollectorRegistry()
        ProcessCollector(registry=process)  # memory, processor time, open files: under the names of every client

        def show_metrics(counts: Counts) -> Response:
            return answer(HTTPStatus.OK, counts.exposition() + generate_latest(process), CONTENT_TYPE)

        now, counts = _OnceASecond(status, clock), _OnceASecond(metrics.counts, clock)
        self._page = _Encoded(now, lambda status: _html(page(status)), encoder)
        self._still_page = _Encoded(now, lambda status: _html(page(status, refresh=False)), encoder)
        self._metrics = _Encoded(counts, show_metrics, encoder)
        self._status = _Encoded(now, lambda status: json_answer(status_json(status)), encoder)

    async def respond(self, request: Request) -> Response:
        paths: dict[str, Callable[[], Awaitable[Response]]] = {
            "/": (self._still_page if "still" in request.query else self._page).get,
            "/metrics": self._metrics.get,
            "/healthz": self._show_health,
            "/readyz": self._show_readiness,
            "/api/status": self._status.get,
        }
        show = paths.get(request.path)
        if show is None:
            return text_answer(HTTPStatus.NOT_FOUND)
        if request.method not in _METHODS:
            return text_answer(HTTPStatus.METHOD_NOT_ALLOWED, more={"Allow": ",".join(_METHODS)})
        return await show()

    async def _show_health(self) -> Response:
        return _verdict("healthy", self._healthy(), self._warning())

    async def _show_readiness(self) -> Response:
        return _verdict("ready", self._ready())


class _OnceASecond(Generic[T]):
    """A value that is taken anew when it is asked for, and at most once a second."""

    def __init__(self, take: Callable[[], T], clock: Callable[[], float]) -> None:
        self._take = take
        self._clock = clock
        self._taken: tuple[float, T] | None = None

    def get(self) -> T:
        now = self._clock()
        if self._taken is None or now - self._taken[0] >= _FRESH_SECONDS:
            self._taken = now, self._take()
        return self._taken[1]


class _Encoded(Generic[T]):
    """The answer that shows a value; it is made once for all who ask while the value is the same, and in a thread."""

    def __init__(self, of: _OnceASecond[T], encode: Callable[[T], Response], encoder: ThreadPoolExecutor) -> None:
        self._of = of
        self._encode = encode
        self._encoder = encoder
        self._made: tuple[T, asyncio.Future[Response]] | None = None

    async def get(self) -> Response:
        value = self._of.get()
        if self._made is None or self._made[0] is not value:
            loop = asyncio.get_running_loop()
            self._made = value, loop.run_in_executor(self._encoder, self._encode, value)
        # Who asked first may go away, and the others still wait for it.
        return await asyncio.shield(self._made[1])


def _not_ready(status: Status) -> str | None:
    return None if status.ready else status.reason


def _verdict(name: str, reason: str | None, warning: str = "") -> Response:
    content: dict[str, Any] = {name: reason is None, "reason": reason or ""}
    if warning:
        content["warning"] = warning
    return json_answer(content, HTTPStatus.OK if reason is None else HTTPStatus.SERVICE_UNAVAILABLE)


def _html(text: str) -> Response:
    return answer(HTTPStatus.OK, text.encode(), "text/html; charset=utf-8")
