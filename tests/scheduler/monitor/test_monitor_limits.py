"""Clients of the monitor cannot take its descriptors, its memory, or the time of the loop that fires."""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from http import HTTPStatus
from typing import Any

import h11
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ajsync.errors import UsageError
from ajsync.scheduler.monitor.http import HttpLimits, HttpServer, listen
from ajsync.scheduler.monitor.metrics import Metrics, RefusedReason
from ajsync.scheduler.monitor.monitor import HostNames, monitor, parse_host
from ajsync.scheduler.monitor.request import Incoming, Request, Response, answer
from ajsync.scheduler.monitor.status import Status
from tests.scheduler.monitor.test_status import status
from tests.scheduler.monitor.views import FixedSource, scheduled, view_of
from tests.waiting import until

pytestmark = pytest.mark.anyio

QUICK = HttpLimits(connections=8, a_second=10_000)
GET = b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n"
HALF = b"GET /metrics HTTP/1.1\r\nHost: loc"


class Counting:
    """A scheduler that counts how often the monitor asks it."""

    def __init__(self) -> None:
        self.metrics = Metrics("sched-a")
        self.asked = 0
        self.seconds = 100.0
        self.port = 0
        self.source = FixedSource(view_of(scheduled()))

    def status(self) -> Status:
        self.asked += 1
        return status(upcoming=5, recent=5, problems=5)

    def refused(self, reason: RefusedReason) -> int:
        line = f'ajsync_monitor_refused_total{{reason="{reason}"}} '
        text = self.metrics.exposition().decode()
        return int(text.split(line)[1].partition("\n")[0])

    async def ask(self, path: bytes = b"/readyz") -> bytes:
        return await self.send(GET % path)

    async def send(self, data: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(data)
        try:
            async with asyncio.timeout(30):
                return await reader.read()
        finally:
            writer.close()


@asynccontextmanager
async def running(limits: HttpLimits = QUICK) -> AsyncIterator[Counting]:
    it = Counting()
    options: dict[str, Any] = {
        "source": it.source,
        "ready": lambda: None,
        "limits": limits,
        "clock": lambda: it.seconds,
    }
    async with monitor(("127.0.0.1", 0), it.metrics, it.status, lambda: None, **options) as url:
        it.port = int(url.rstrip("/").rpartition(":")[2])
        yield it


@asynccontextmanager
async def half_requests(port: int, count: int) -> AsyncIterator[list[asyncio.StreamReader]]:
    opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(count)]
    for _, writer in opened:
        writer.write(HALF)
    try:
        yield [reader for reader, _ in opened]
    finally:
        for _, writer in opened:
            writer.close()


async def test_hundreds_of_idle_half_requests_hold_few_descriptors_and_lock_no_other_client_out() -> None:
    async with running() as it, half_requests(it.port, 400):
        assert (await it.ask()).startswith(b"HTTP/1.1 200 ")
        assert it.refused("connections") >= 400 - QUICK.connections


async def test_a_request_that_is_not_complete_in_time_is_closed() -> None:
    async with running(replace(QUICK, head_seconds=0.05)) as it, half_requests(it.port, 3) as readers:
        for reader in readers:
            async with asyncio.timeout(30):
                assert await reader.read() == b""
        await until(lambda: it.refused("timeout") == 3)


async def test_a_connection_that_says_nothing_is_closed_and_leaves_no_line(caplog: pytest.LogCaptureFixture) -> None:
    async with running(replace(QUICK, head_seconds=0.05)) as it:
        assert await it.send(b"") == b""
        assert it.refused("timeout") == 1
    assert caplog.text == ""


async def test_a_head_that_comes_byte_by_byte_is_given_up() -> None:
    async with running() as it:
        reader, writer = await asyncio.open_connection("127.0.0.1", it.port)
        answer = asyncio.create_task(reader.read())
        async with asyncio.timeout(30):
            while not answer.done():
                writer.write(b"x")
                await asyncio.sleep(0.001)
        assert (await answer).startswith(b"HTTP/1.1 400 ")
        writer.close()


async def test_a_client_that_does_not_take_its_answer_is_closed() -> None:
    loop, large = asyncio.get_running_loop(), answer(HTTPStatus.OK, bytes(64_000_000), "text/plain")

    async def respond(_: Request) -> Response:
        return large

    (listening,) = await listen("127.0.0.1", 0)
    server = HttpServer([listening], respond, lambda _: None, replace(QUICK, answer_seconds=0.05))
    with listening, socket.socket() as client:
        client.setblocking(False)
        async with server.serving():
            await loop.sock_connect(client, listening.getsockname())
            await loop.sock_sendall(client, GET % b"/")
            assert await loop.sock_recv(client, 1) == b"H"
            await until(lambda: not server._open)
            received = 1
            with suppress(ConnectionResetError):
                while data := await loop.sock_recv(client, 1_000_000):
                    received += len(data)
        assert received < len(large.whole)


async def test_two_hundred_clients_in_a_closed_loop_cost_one_computation_a_second() -> None:
    paths = (b"/metrics", b"/api/status", b"/", b"/schedules")
    async with running(HttpLimits(connections=256, a_second=10_000)) as it:

        async def ask_again_and_again(client: int) -> None:
            for turn in range(2):
                await it.ask(paths[(client + turn) % len(paths)])

        for second in range(1, 3):
            await asyncio.gather(*map(ask_again_and_again, range(200)))
            assert it.asked == it.source.views == second
            it.seconds += 1


async def test_clients_that_ask_together_get_one_answer_though_the_first_of_them_goes_away() -> None:
    async with running() as it:
        _, gone = await asyncio.open_connection("127.0.0.1", it.port)
        gone.write(GET % b"/")
        gone.transport.abort()
        pages = await asyncio.gather(*(it.ask(b"/") for _ in range(5)))
        assert len(set(pages)) == 1
        assert it.source.views == 1


async def test_connections_are_taken_at_a_pace() -> None:
    """By the loop's clock, forty connections cannot have been accepted in less time than the pace allows."""
    loop = asyncio.get_running_loop()
    async with running(replace(QUICK, a_second=100)) as it:
        begun = loop.time()
        await asyncio.gather(*(it.ask() for _ in range(40)))
        assert loop.time() - begun >= (40 - 2 - 1) / 100


async def test_malformed_requests_are_one_line_with_their_count(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with running() as it:
        for _ in range(50):
            assert (await it.send(b"\x16\x03\x01\x02\x00 TLS?\r\n\r\n")).startswith(b"HTTP/1.1 400 ")
        assert it.refused("malformed") == 50
        caplog.clear()
    assert [record.getMessage() for record in caplog.records if record.name.startswith("ajsync")] == [
        "The monitor refused connections (not a request: 50)"
    ]


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET /\r\n\r\n",
        b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/2.0\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\nHost: a\n\n\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\tfolded\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET http://[::1/ HTTP/1.1\r\nHost: a\r\n\r\n",
        b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00 half of TLS",
    ],
)
async def test_what_is_no_request_gets_no_answer_but_that(request_bytes: bytes) -> None:
    async with running() as it:
        assert (await it.send(request_bytes)).startswith(b"HTTP/1.1 400 ")


PARTS = [
    *(b"\r\n", b"\n", b" ", b"\x00", b"\xff", b"GET ", b"CONNECT ", b"/?still", b"http://[", b"*", b" HTTP/1.1\r\n")
]
PARTS += [
    b" HTTP/1.0\r\n",
    b"Host: a\r\n",
    b"Upgrade: x\r\n",
    b"Content-Length: 5\r\n",
    b"Transfer-Encoding: chunked\r\n",
]


@given(st.lists(st.binary(min_size=1, max_size=5) | st.sampled_from(PARTS), max_size=12), st.booleans())
@example(
    [b"GET ", b"/?still", b" HTTP/1.1\r\n", b"Host: a\r\n", b"Transfer-Encoding: chunked\r\n", b"\r\n", b"x\n"], True
)
def test_whatever_comes_in_is_a_request_or_is_refused(parts: list[bytes], at_once: bool) -> None:
    incoming, request, status = Incoming(), None, 0
    pieces = [b"".join(parts)] if at_once else [*parts, b""]
    try:
        while pieces and request is None:
            request = incoming.take(pieces.pop(0))
    except h11.RemoteProtocolError as error:
        status = error.error_status_hint
    assert status in (0, 400, 431, 501)
    assert request is None or (request.host is not None or b"HTTP/1.0" in incoming.received)
    assert isinstance(incoming.has_more(), bool)


async def test_a_head_that_does_not_end_is_too_long() -> None:
    async with running() as it:
        says = await it.send(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 100_000)
        assert says.startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize(
    "request_bytes",
    [
        GET % b"/readyz" * 100,
        b"GET /readyz HTTP/1.0\r\n\r\n",
        b"\r\nGET /readyz HTTP/1.1\r\nhost: localhost\r\n\r\n",
        b"GET http://localhost/readyz HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000,
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nno chunk\nat all",
        b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
    ],
)
async def test_a_connection_is_for_one_request_and_what_is_behind_it_is_not_read(request_bytes: bytes) -> None:
    async with running() as it:
        says = await it.send(request_bytes)
        assert says.startswith(b"HTTP/1.1 200 OK\r\n")
        assert says.count(b"HTTP/1.1 ") == 1
        assert b"\r\nConnection: close\r\n" in says


@contextmanager
def no_descriptors() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_without_descriptors_it_waits_and_answers_once_there_are_some(caplog: pytest.LogCaptureFixture) -> None:
    loop = asyncio.get_running_loop()
    async with running() as it:
        with socket.socket() as client:
            client.setblocking(False)
            with no_descriptors():
                await loop.sock_connect(client, ("127.0.0.1", it.port))
                await until(lambda: it.refused("descriptors") > 0)
            await loop.sock_sendall(client, GET % b"/readyz")
            async with asyncio.timeout(30):
                assert (await loop.sock_recv(client, 4096)).startswith(b"HTTP/1.1 200 ")
    assert [record.getMessage() for record in caplog.records] == [
        f"The monitor refused connections (no file descriptor left: {it.refused('descriptors')})"
    ]


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "LOCALHOST:8080", "app.localhost:1", "127.0.0.1", "127.0.0.1:8080", "10.1.2.3:8080"),
        *("[::1]", "[::1]:8080", "[fe80::1%eth0]:80", "scheduler:8080", "ajsync_scheduler-1:8080", "localhost."),
        *("ajsync.monitoring.svc:8080", "ajsync.monitoring.svc.cluster.local:8080", "nas.home.arpa", "a.internal"),
        *("mine.example:9", "MINE.example.", "proxy.example.net"),
        socket.gethostname(),
    ],
)
def test_addresses_and_names_that_no_page_of_the_web_can_have_are_ours(host: str) -> None:
    assert HostNames("mine.example", parse_host("Proxy.example.net.")).allow(host)


@pytest.mark.parametrize(
    "host",
    [
        *("", "evil.example", "evil.example:8080", "127.0.0.1.evil.example", "localhost.evil.example", "1.2.3.4.5"),
        *("mine.example.evil.example", "notmine.example", "[::1].evil.example", "[evil.example]", "::1", "a b"),
        *("evil.example:x", "localhost:8080:9", "localhost/", "<script>", "user@localhost", "l\u00f6calhost"),
    ],
)
def test_other_names_are_not(host: str) -> None:
    assert not HostNames("mine.example").allow(host)


@pytest.mark.parametrize("path", [b"/", b"/metrics", b"/healthz", b"/readyz", b"/api/status", b"/nothing"])
async def test_a_page_of_the_web_that_lets_its_name_lead_here_reads_nothing(path: bytes) -> None:
    async with running() as it:
        for says in (
            await it.send(b"GET %s HTTP/1.1\r\nHost: evil.example:80\r\n\r\n" % path),
            await it.send(b"GET http://evil.example%s HTTP/1.1\r\nHost: localhost\r\n\r\n" % path),
        ):
            assert says.startswith(b"HTTP/1.1 421 ")
            assert b"evil" not in says
            assert b"--monitor-host" in says
        assert it.refused("host") == 2
        assert it.asked == 0


async def test_the_user_can_add_a_name() -> None:
    async with monitor(
        ("127.0.0.1", 0),
        Metrics("a"),
        status,
        lambda: None,
        source=FixedSource(view_of()),
        ready=lambda: None,
        hosts=("jobs.example.com",),
    ) as url:
        it = Counting()
        it.port = int(url.rstrip("/").rpartition(":")[2])
        says = await it.send(b"GET /metrics HTTP/1.1\r\nHost: jobs.example.com\r\n\r\n")
        assert says.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("text", ["", "http://a", "a:80", "a/b", "*", "a b"])
def test_what_is_no_name_of_a_host_is_an_error(text: str) -> None:
    with pytest.raises(UsageError, match="is not a host name"):
        parse_host(text)


async def test_what_goes_wrong_in_an_answer_is_told_once_and_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> Status:
        raise RuntimeError("a mistake of ours")

    source = FixedSource(view_of())
    async with monitor(("127.0.0.1", 0), Metrics("a"), broken, lambda: None, source=source, ready=lambda: None) as url:
        it = Counting()
        it.port = int(url.rstrip("/").rpartition(":")[2])
        for _ in range(3):
            says = await it.ask(b"/api/status")
            assert says.startswith(b"HTTP/1.1 500 ")
            assert b"mistake" not in says
        assert (await it.ask(b"/healthz")).startswith(b"HTTP/1.1 200 ")
    assert [record.getMessage() for record in caplog.records] == ["The monitor could not answer a request"]
