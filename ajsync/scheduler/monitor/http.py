"""A small HTTP server beside the loop that fires: whatever clients do, they take no more of it than is set here.

Each connection is for one request. So neither an idle one nor what is sent behind a request needs to be looked after,
and what a client can cost is what its head costs. Connections are taken at a pace, which spreads what they cost in
between the fires; who has to wait does so in the kernel.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus

import h11

from ajsync.scheduler.monitor.metrics import RefusedReason
from ajsync.scheduler.monitor.request import LONGEST_HEAD, Incoming, Request, Response, text_answer

log = logging.getLogger(__name__)

_CLOSING_SECONDS = 0.5
"""What an answer under way may still take when the scheduler stops: the next leader waits for that."""
_LINGER_SECONDS = 1.0
"""A connection that is closed with bytes unread takes the answer back, so they are read; but no longer than this."""
_MOST_PIECES = 64
"""In which a head may come; who sends it byte by byte costs a turn of the loop for each."""
_BURST_SECONDS = 0.02
_BYTES_A_SECOND = 20_000_000
_NO_DESCRIPTOR = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))
_NO_DESCRIPTOR_SECONDS = 1.0
"""The listening socket stays readable meanwhile: to try at once would be a busy loop."""
_TOLD_AFTER_SECONDS = 10.0
_LEAST_DESCRIPTORS = 4


def _connections() -> int:
    """The most connections at a time: a share of the descriptors, for the connection to NATS needs one too."""
    try:
        import resource
    except ModuleNotFoundError:
        return 64
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return 64 if allowed < 0 else max(_LEAST_DESCRIPTORS, min(64, allowed // 8))


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """What clients may take, all of them together."""

    connections: int = _connections()
    """At a time; beyond them the one that is open longest is closed, so that idle ones lock nobody out."""
    head_seconds: float = 5.0
    """From the connection to the end of the request's head."""
    answer_seconds: float = 10.0
    """To make an answer, and for the client to take it."""
    a_second: int = 300
    """Connections; one costs about a third of a millisecond."""


class HttpServer:
    """Takes connections on listening sockets, and closes each after one answer."""

    def __init__(
        self,
        listening: Sequence[socket.socket],
        respond: Callable[[Request], Awaitable[Response]],
        refused: Callable[[RefusedReason], None],
        limits: HttpLimits,
    ) -> None:
        """`respond` makes an answer; `refused` is called for each connection that gets none, or one that refuses."""
        self._listening = listening
        self._respond = respond
        self._limits = limits
        self._open: dict[asyncio.Task[None], None] = {}
        self._due = 0.0
        """When the pace lets the next connection in, by the loop's clock."""
        self._refusals = _Refusals(refused)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Serve while the block runs; what is under way at its end has a moment to end."""
        accepting = [asyncio.create_task(self._accept(each)) for each in self._listening]
        try:
            yield
        finally:
            for task in accepting:
                task.cancel()
            await asyncio.gather(*accepting, return_exceptions=True)
            if self._open:
                await asyncio.wait(self._open, timeout=_CLOSING_SECONDS)
            for task in tuple(self._open):
                task.cancel()
            await asyncio.gather(*self._open, return_exceptions=True)
            self._refusals.tell()

    @property
    def open(self) -> int:
        """How many connections are open."""
        return len(self._open)

    def refuse(self, reason: RefusedReason) -> None:
        """Count a request that is answered, and gets nothing."""
        self._refusals.add(reason)

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._due - loop.time())
            self._charge(1 / self._limits.a_second)
            try:
                client, _ = await loop.sock_accept(listening)
            except OSError as error:  # of a client that is gone already there is nothing to say
                if error.errno in _NO_DESCRIPTOR:
                    self._refusals.add("descriptors")
                    await asyncio.sleep(_NO_DESCRIPTOR_SECONDS)
                continue
            if len(self._open) >= self._limits.connections:
                oldest = next(iter(self._open))
                del self._open[oldest]
                oldest.cancel()
                self._refusals.add("connections")
            task = asyncio.create_task(self._converse(client))
            self._open[task] = None
            task.add_done_callback(partial(self._ended, client))

    def _ended(self, client: socket.socket, task: asyncio.Task[None]) -> None:
        client.close()  # here, for a task that is cancelled before it began runs no line of its own
        self._open.pop(task, None)

    def _charge(self, seconds: float) -> None:
        self._due = max(self._due, asyncio.get_running_loop().time() - _BURST_SECONDS) + seconds

    async def _converse(self, client: socket.socket) -> None:
        """Read one request and answer it."""
        loop, incoming = asyncio.get_running_loop(), Incoming()
        try:
            request = await self._read(client, incoming)
            if request is None:
                return
            async with asyncio.timeout(self._limits.answer_seconds) as patience:
                data = await self._answer(request)
                self._charge(len(data) / _BYTES_A_SECOND)
                await loop.sock_sendall(client, data)
                if incoming.has_more():
                    patience.reschedule(loop.time() + _LINGER_SECONDS)
                    client.shutdown(socket.SHUT_WR)
                    await _read_on(client)
        except OSError:
            pass  # the client is gone, or does not take its answer in time

    async def _read(self, client: socket.socket, incoming: Incoming) -> Request | HTTPStatus | None:
        """Give a request, the status that refuses what is none, or None for whoever needs no answer."""
        try:
            async with asyncio.timeout(self._limits.head_seconds):
                return await _read_request(client, incoming)
        except TimeoutError:
            self._refusals.add("timeout", quietly=not incoming.received)
            return None
        except h11.RemoteProtocolError as error:
            self._refusals.add("malformed")
            return HTTPStatus(error.error_status_hint)

    async def _answer(self, request: Request | HTTPStatus) -> bytes:
        if isinstance(request, HTTPStatus):
            return text_answer(request).whole
        try:
            answer = await self._respond(request)
        except Exception:  # noqa: BLE001 - what goes wrong here must not go on into the loop that fires
            self._refusals.tell_of_failure()
            answer = text_answer(HTTPStatus.INTERNAL_SERVER_ERROR)
        return answer.head if request.method == "HEAD" else answer.whole


async def _read_request(client: socket.socket, incoming: Incoming) -> Request | None:
    """Read a request; None is a probe that only connects, or a browser's connection in reserve."""
    loop = asyncio.get_running_loop()
    for _ in range(_MOST_PIECES):
        data = await loop.sock_recv(client, LONGEST_HEAD + 1 - len(incoming.received))
        request = incoming.take(data)
        if request is not None or not data:
            return request
    return incoming.take(b"")


async def _read_on(client: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    for _ in range(_MOST_PIECES):
        if not await loop.sock_recv(client, LONGEST_HEAD):
            return


class _Refusals:
    """Counts what was refused, and logs it as one line for all of some seconds."""

    def __init__(self, count: Callable[[RefusedReason], None]) -> None:
        self._count = count
        self._untold: Counter[RefusedReason] = Counter()
        self._timer: asyncio.TimerHandle | None = None
        self._failed_at: float | None = None

    def add(self, reason: RefusedReason, *, quietly: bool = False) -> None:
        self._count(reason)
        if quietly:
            return
        self._untold[reason] += 1
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_TOLD_AFTER_SECONDS, self.tell)

    def tell(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._untold:
            reasons = ", ".join(f"{_REFUSALS[reason]}: {count:,}" for reason, count in sorted(self._untold.items()))
            count = self._untold.total()
            self._untold.clear()
            log.warning("The monitor refused connections (%s)", reasons, extra={"count": count})

    def tell_of_failure(self) -> None:
        """Log the exception that is handled, unless one was a moment ago."""
        now = asyncio.get_running_loop().time()
        if self._failed_at is None or now - self._failed_at >= _TOLD_AFTER_SECONDS:
            self._failed_at = now
            log.exception("The monitor could not answer a request")


_REFUSALS: dict[RefusedReason, str] = {
    "connections": "more than can be open at a time",
    "descriptors": "no file descriptor left",
    "host": "called by a name that is not ours",
    "malformed": "not a request",
    "timeout": "not complete in time",
}
