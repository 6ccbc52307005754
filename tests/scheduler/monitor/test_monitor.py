"""The monitor as Prometheus, a probe or a browser meets it: over real HTTP."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import pytest

from ajsync.errors import UsageError
from ajsync.scheduler.monitor.metrics import Metrics
from ajsync.scheduler.monitor.monitor import monitor, parse_monitor
from ajsync.scheduler.monitor.status import Status, status_json
from tests.scheduler.monitor.test_status import fire, status
from tests.scheduler.monitor.views import FixedSource, failed, failing, scheduled, view_of
from tests.web import ask

pytestmark = pytest.mark.anyio

PATHS = ("/", "/schedules", "/schedule", "/metrics", "/healthz", "/readyz", "/api/status")

NOTHING: dict[str, Any] = {"source": FixedSource(view_of()), "ready": lambda: None}


class Running:
    """A scheduler that is not there: what the monitor asks it, and what came over HTTP."""

    def __init__(self) -> None:
        self.metrics = Metrics("sched-a")
        self.status: Status = status()
        self.source = FixedSource(view_of(scheduled()))
        self.stalled: str | None = None
        self.warning = ""
        self.url = ""

    def not_ready(self) -> str | None:
        return None if self.status.ready else self.status.reason

    async def ask(self, path: str, method: str = "GET", **headers: str) -> tuple[HTTPResponse, str]:
        return await ask(self.url + path.lstrip("/"), method, **headers)


@asynccontextmanager
async def running(host: str = "127.0.0.1") -> AsyncIterator[Running]:
    scheduler = Running()
    shown = (scheduler.metrics, lambda: scheduler.status, lambda: scheduler.stalled)
    asked: dict[str, Any] = {
        "source": scheduler.source,
        "ready": scheduler.not_ready,
        "warning": lambda: scheduler.warning,
    }
    async with monitor((host, 0), *shown, **asked) as url:
        scheduler.url = url
        yield scheduler


@pytest.fixture
def taken() -> Iterator[int]:
    """A port of the loopback interface that another socket listens on."""
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        yield other.getsockname()[1]


async def test_prometheus_reads_the_metrics_in_the_classic_text_format() -> None:
    async with running() as scheduler:
        scheduler.metrics.fired({("EMAIL", "email:tick"): 2})
        response, text = await scheduler.ask("/metrics", Accept="application/openmetrics-text; version=1.0.0")
        assert response.status == 200
        assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert 'choria_asyncjobs_task_scheduler_scheduled_count{queue="EMAIL",type="email:tick"} 2\n' in text


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc here")
async def test_the_metrics_of_the_process_stand_behind_ours() -> None:
    async with running() as scheduler:
        _, text = await scheduler.ask("/metrics")
        assert text.startswith(scheduler.metrics.exposition().decode())
        assert "\n# TYPE process_cpu_seconds_total counter\n" in text
        assert "\nprocess_resident_memory_bytes " in text


async def test_a_loop_that_answers_is_healthy_and_one_that_stood_still_says_so() -> None:
    async with running() as scheduler:
        response, text = await scheduler.ask("/healthz")
        assert (response.status, json.loads(text)) == (200, {"healthy": True, "reason": ""})
        scheduler.stalled = "the loop stood still for 4 s"
        response, text = await scheduler.ask("/healthz")
        assert (response.status, json.loads(text)) == (
            503,
            {"healthy": False, "reason": "the loop stood still for 4 s"},
        )


async def test_what_a_new_process_would_not_mend_is_a_warning() -> None:
    async with running() as scheduler:
        scheduler.warning = "the watermark is ahead"
        response, text = await scheduler.ask("/healthz")
        expected = {"healthy": True, "reason": "", "warning": "the watermark is ahead"}
        assert (response.status, json.loads(text)) == (200, expected)


async def test_a_scheduler_that_is_not_ready_says_why() -> None:
    async with running() as scheduler:
        response, text = await scheduler.ask("/readyz")
        assert (response.status, json.loads(text)) == (200, {"ready": True, "reason": ""})
        scheduler.status = replace(status(), ready=False, reason="not connected")
        response, text = await scheduler.ask("/readyz")
        assert (response.status, json.loads(text)) == (503, {"ready": False, "reason": "not connected"})


@pytest.mark.parametrize("ready", [True, False])
async def test_readiness_is_a_metric_too(ready: bool) -> None:
    async with running() as scheduler:
        scheduler.status = replace(status(), ready=ready, reason="" if ready else "not connected")
        _, text = await scheduler.ask("/metrics")
        assert f"\najsync_scheduler_ready {int(ready)}\n" in text


async def test_the_pages_show_what_the_source_does_and_the_json_the_status() -> None:
    async with running() as scheduler:
        scheduler.status = status(upcoming=2, recent=2, problems=2)
        response, text = await scheduler.ask("/?zone=Asia/Tokyo")
        assert response.headers["Content-Type"] == "text/html; charset=utf-8"
        assert "18:30:04" in text
        _, text = await scheduler.ask("/schedules?name=ti")
        assert "1 to 1 of 1" in text
        _, text = await scheduler.ask("/schedule?name=tick")
        assert "0 * * * *" in text
        assert scheduler.source.looks == ["tick"]
        response, text = await scheduler.ask("/api/status")
        assert response.headers["Content-Type"] == "application/json; charset=utf-8"
        assert json.loads(text) == status_json(scheduler.status)


async def test_a_reader_can_stop_the_page_from_refreshing() -> None:
    async with running() as scheduler:
        _, text = await scheduler.ask("/?still")
        assert 'http-equiv="refresh"' not in text
        _, text = await scheduler.ask("/")
        assert 'http-equiv="refresh"' in text


async def test_text_that_is_not_unicode_does_not_break_the_page_or_the_json() -> None:
    async with running() as scheduler:
        scheduler.status = replace(status(), recent=(fire("tick", detail="\ud800 \x00"),))
        scheduler.source.shown = failing(view_of(scheduled()), tick=failed(error="\ud800 \x00"))
        _, text = await scheduler.ask("/")
        assert "\\ud800 \\x00" in text.replace("<wbr>", "")
        response, _ = await scheduler.ask("/api/status")
        assert response.status == 200


@pytest.mark.parametrize("path", [*PATHS, "/favicon.ico"])
async def test_every_answer_forbids_scripts_frames_and_guesses_at_its_type(path: str) -> None:
    async with running() as scheduler:
        response, _ = await scheduler.ask(path)
        policy = response.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none';")
        assert "script" not in policy
        assert "unsafe" not in policy
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["X-Frame-Options"] == "DENY"
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["Server"] == "ajsync"


@pytest.mark.parametrize("path", PATHS)
async def test_nothing_can_be_done_but_read(path: str) -> None:
    async with running() as scheduler:
        response, text = await scheduler.ask(path, "HEAD")
        assert (response.status, text) == (200, "")
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH"):
            response, _ = await scheduler.ask(path, method)
            assert response.status == 405
            assert response.headers["Allow"] == "GET,HEAD"


async def test_nothing_of_the_host_header_is_shown() -> None:
    async with running() as scheduler:
        response, text = await scheduler.ask("/", Host="<script>elsewhere")
        assert response.status == 421
        assert "elsewhere" not in text
        assert "Content-Security-Policy" in response.headers


async def test_it_serves_on_ipv6_too() -> None:
    if not socket.has_dualstack_ipv6():
        pytest.skip("no IPv6 here")
    async with running("::1") as scheduler:
        assert scheduler.url.startswith("http://[::1]:")
        response, _ = await scheduler.ask("/readyz")
        assert response.status == 200


async def test_a_star_serves_on_ipv4_and_on_ipv6_where_there_is_one() -> None:
    async with running("*") as scheduler:
        port = scheduler.url.rstrip("/").rpartition(":")[2]
        assert scheduler.url == f"http://*:{port}/"
        for host in ("127.0.0.1", *(["[::1]"] if socket.has_dualstack_ipv6() else [])):
            response, _ = await ask(f"http://{host}:{port}/readyz")
            assert response.status == 200


async def test_a_port_in_use_is_an_error_that_names_it(taken: int) -> None:
    with pytest.raises(UsageError) as caught:
        async with monitor(("127.0.0.1", taken), Metrics("a"), status, lambda: None, **NOTHING):
            pass
    says = f"The monitor cannot listen on 127.0.0.1:{taken}: Address already in use. Choose another address "
    assert str(caught.value).startswith(says)


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid", "a..b"])
async def test_a_host_that_is_not_ours_is_an_error_that_names_it(host: str) -> None:
    with pytest.raises(UsageError, match=f"cannot listen on {host}:0: "):
        async with monitor((host, 0), Metrics("a"), status, lambda: None, **NOTHING):
            pass


async def test_it_stops_at_once_with_connections_open_and_frees_its_port() -> None:
    async with running() as scheduler:
        port = int(scheduler.url.rstrip("/").rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n")
        assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
        begun = time.monotonic()
    assert time.monotonic() - begun < 5
    assert await reader.read() != b""
    writer.close()
    with closing(socket.create_server(("127.0.0.1", port))):
        pass


def test_a_scheduler_without_a_monitor_does_not_need_its_packages() -> None:
    script = "import sys, ajsync.cli.schedule_loop, ajsync.scheduler.scheduler, ajsync.scheduler.overview; "
    script += "print(*(name for name in sys.modules if name in ('h11', 'prometheus_client')))"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True).stdout == "\n"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("9090", ("127.0.0.1", 9090)),
        ("0", ("127.0.0.1", 0)),
        ("0.0.0.0:9090", ("0.0.0.0", 9090)),
        ("localhost:65535", ("localhost", 65535)),
        ("[::1]:9090", ("::1", 9090)),
        ("[::]:9090", ("::", 9090)),
        ("*:9090", ("*", 9090)),
        ("[fe80::1%eth0]:80", ("fe80::1%eth0", 80)),
    ],
)
def test_an_address_is_a_port_or_a_host_and_a_port(text: str, address: tuple[str, int]) -> None:
    assert parse_monitor(text) == address


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", r"^--monitor: '' is not \[HOST:\]PORT, such as 9090 or \*:9090\.$"),
        ("localhost", r"'localhost' is not \[HOST:\]PORT"),
        ("localhost:", r"is not \[HOST:\]PORT"),
        ("-1", r"is not \[HOST:\]PORT"),
        ("\u0661", r"is not \[HOST:\]PORT"),
        ("::1:9090", r"in brackets, \[::1\]:9090"),
        ("[::1]", r"is not \[HOST:\]PORT"),
        ("65536", "65536 is not a port, 0 to 65535"),
        ("1" * 5000, "is not a port"),
        (":9090", r"For every interface write \*:9090\."),
        ("**:9090", r"'\*\*' is not a host"),
        ("[::x]:9090", "'::x' in brackets is not an IPv6 address"),
        ("[127.0.0.1]:9090", "is not an IPv6 address"),
        ("http://localhost:9090", r"is not \[HOST:\]PORT"),
        ("a b:9090", "'a b' is not a host"),
    ],
)
def test_what_is_no_address_is_an_error_that_says_what_would_be(text: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        parse_monitor(text)
