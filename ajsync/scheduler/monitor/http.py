"""A small HTTP server beside the loop that fires; it takes a limited share of the loop's time, whatever clients do.

Each connection is for one request. So the server need not look after idle connections or what follows a request, and a
client can cost no more than its request's head. Connections are accepted at a limited rate, which spreads their cost
between the fires; those that have to wait do so in the kernel.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import resource
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

EVERY_ADDRESS = "*"
"""The host that means every interface, with each family of addresses that the machine has."""
_BACKLOG = 256
"""Connections that wait in the kernel: about one second of them."""
_CLOSING_SECONDS = 0.5
"""How long an answer under way may take when the scheduler stops, because the next leader waits for the stop."""
_LINGER_SECONDS = 1.0
"""How long to read what follows a request: a connection that is closed with bytes unread loses its answer."""
_MOST_PIECES = 64
"""The most pieces in which a head may come: each one costs a turn of the loop."""
_BURST_SECONDS = 0.02
_BYTES_A_SECOND = 20_000_000
_NO_DESCRIPTOR = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))
_NO_DESCRIPTOR_SECONDS = 1.0
"""Pause before the next try: the listening socket stays readable, so without a pause this would be a busy loop."""
_LOGGED_AFTER_SECONDS = 10.0
_LEAST_CONNECTIONS, _MOST_CONNECTIONS = 4, 64
_REFUSALS: dict[RefusedReason, str] = {
    "connections": "too many connections open",
    "descriptors": "no file descriptor left",
    "host": "a name that is not ours",
    "malformed": "not a request",
    "timeout": "not complete in time",
}


def _connections() -> int:
    """How many connections may be open: a share of the file descriptors, because the connection to NATS needs one
    too."""
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return _MOST_CONNECTIONS if allowed < 0 else max(_LEAST_CONNECTIONS, min(_MOST_CONNECTIONS, allowed // 8))


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """What all clients together may use."""

    connections: int = _connections()
    """Connections that may be open at a time. One more closes the oldest, so that idle ones do not lock others out."""
    head_seconds: float = 5.0
    """Seconds from the connection to the end of the request's head."""
    answer_seconds: float = 10.0
    """Seconds to make an answer, and for the client to read it."""
    a_second: int = 300
    """Connections accepted each second; one costs about a third of a millisecond."""


async def listen(host: str, port: int) -> list[socket.socket]:
    """Listen on each address of a host; with port 0 on the same free port of all. Raises OSError or UnicodeError."""
    loop = asyncio.get_running_loop()
    name = None if host == EVERY_ADDRESS else host
    found = await loop.getaddrinfo(name, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    sockets: list[socket.socket] = []
    missing: OSError | None = None
    for family, _, _, _, address in dict.fromkeys(found):
        free = sockets[0].getsockname()[1] if sockets else port
        try:
            bound = socket.create_server((address[0], free, *address[2:]), family=family, backlog=_BACKLOG)
            bound.setblocking(False)
            sockets.append(bound)
        except OSError as error:
            # `localhost` means ::1 too, even if no interface has it.
            if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                for each in sockets:
                    each.close()
                raise
            missing = error
    if not sockets and missing is not None:
        raise missing
    return sockets


class HttpServer:
    """Accepts connections on listening sockets, and closes each after one answer."""

    def __init__(
        self,
        listening: Sequence[socket.socket],
        respond: Callable[[Request], Awaitable[Response]],
        refused: Callable[[RefusedReason], None],
        limits: HttpLimits,
    ) -> None:
        """`respond` makes an answer; `refused` is called for each connection that gets no answer, or a refusal."""
        self._listening = listening
        self._respond = respond
        self._limits = limits
        self._open: dict[asyncio.Task[None], None] = {}
        self._due = 0.0
        """When the next connection may be accepted, in seconds of the loop's clock."""
        self.refusals = Refusals(refused)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Serve while the block runs. Answers that are under way at its end get a moment to finish."""
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
            self.refusals.log()

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._due - loop.time())
            self._charge(1 / self._limits.a_second)
            try:
                client, _ = await loop.sock_accept(listening)
            except OSError as error:  # other errors say that the client is gone already
                if error.errno in _NO_DESCRIPTOR:
                    self.refusals.add("descriptors")
                    await asyncio.sleep(_NO_DESCRIPTOR_SECONDS)
                continue
            if len(self._open) >= self._limits.connections:
                oldest = next(iter(self._open))
                del self._open[oldest]
                oldest.cancel()
                self.refusals.add("connections")
            task = asyncio.create_task(self._converse(client))
            self._open[task] = None
            task.add_done_callback(partial(self._ended, client))

    def _ended(self, client: socket.socket, task: asyncio.Task[None]) -> None:
        client.close()  # here, because a task that is cancelled before it begins runs no line of its own
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
                    for _ in range(_MOST_PIECES):
                        if not await loop.sock_recv(client, LONGEST_HEAD):
                            break
        except OSError:
            pass  # the client is gone, or does not take its answer in time

    async def _read(self, client: socket.socket, incoming: Incoming) -> Request | HTTPStatus | None:
        """Return a request, the status that refuses a malformed one, or None if no answer is needed.

        None means a probe that only connects, or a connection that a browser holds in reserve.
        """
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._limits.head_seconds):
                for _ in range(_MOST_PIECES):
                    data = await loop.sock_recv(client, LONGEST_HEAD + 1 - len(incoming.received))
                    request = incoming.take(data)
                    if request is not None or not data:
                        return request
                return incoming.take(b"")
        except TimeoutError:
            self.refusals.add("timeout", quietly=not incoming.received)
            return None
        except h11.RemoteProtocolError as error:
            self.refusals.add("malformed")
            return HTTPStatus(error.error_status_hint)

    async def _answer(self, request: Request | HTTPStatus) -> bytes:
        if isinstance(request, HTTPStatus):
            return text_answer(request).whole
        try:
            answer = await self._respond(request)
        except Exception:  # noqa: BLE001 - no error here may reach the loop that fires
            self.refusals.log_failure()
            answer = text_answer(HTTPStatus.INTERNAL_SERVER_ERROR)
        return answer.head if request.method == "HEAD" else answer.whole


class Refusals:
    """Counts refusals, and logs those of a few seconds as one line."""

    def __init__(self, count: Callable[[RefusedReason], None]) -> None:
        self._count = count
        self._unlogged: Counter[RefusedReason] = Counter()
        self._timer: asyncio.TimerHandle | None = None
        self._failed_at: float | None = None

    def add(self, reason: RefusedReason, *, quietly: bool = False) -> None:
        """Count a connection without an answer, or a request that is answered with a refusal."""
        self._count(reason)
        if quietly:
            return
        self._unlogged[reason] += 1
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_LOGGED_AFTER_SECONDS, self.log)

    def log(self) -> None:
        """Log what was counted since the last line."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._unlogged:
            reasons = ", ".join(f"{_REFUSALS[reason]}: {count:,}" for reason, count in sorted(self._unlogged.items()))
            log.warning("The monitor refused connections (%s)", reasons, extra={"count": self._unlogged.total()})
            self._unlogged.clear()

    def log_failure(self) -> None:
        """Log the current exception, unless another was logged a moment ago."""
        now = asyncio.get_running_loop().time()
        if self._failed_at is None or now - self._failed_at >= _LOGGED_AFTER_SECONDS:
            self._failed_at = now
            log.exception("The monitor could not answer a request")
