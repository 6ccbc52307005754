"""What clients of the monitor cost the fires: lateness while two hundred of them ask as fast as they are answered.

`python -m tests.bench.clients PORT COUNT SECONDS` is the clients, in a process of their own.
"""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time
from contextlib import suppress
from itertools import groupby

from ajsync.timestamp import NANOSECONDS
from tests.bench.content import fill, make_queues, new_server, schedules_due_together
from tests.bench.fires import LEAD_SECONDS, running_scheduler
from tests.bench.report import line, percentile

_PATHS = ("/metrics", "/api/status", "/", "/readyz")


async def bench_clients(clients: int, schedules: int, seconds: int) -> None:
    """So many schedules, due each second, without clients and with them."""
    calm, _ = await _lateness(0, schedules, seconds)
    busy, answers = await _lateness(clients, schedules, seconds)
    line(
        f"{schedules} a second, {clients} clients of the monitor: lateness p50, p99",
        f"{percentile(busy, 50):.1f}, {percentile(busy, 99):.1f} ms",
        f"without clients {percentile(calm, 50):.1f}, {percentile(calm, 99):.1f} ms   most {max(busy):.1f} ms   "
        f"{answers / seconds:,.0f} answers a second",
    )


async def _lateness(clients: int, schedules: int, seconds: int) -> tuple[list[float], int]:
    """Of each fire, in milliseconds; and how many answers there were meanwhile."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    due = (time.time_ns() // NANOSECONDS + LEAD_SECONDS) * NANOSECONDS
    answers = 0
    with new_server() as server:
        await fill(server.url, schedules_due_together(schedules, 1, due))
        await make_queues(server.url)
        async with running_scheduler(server.url, "--monitor", str(port)) as settled:
            await asyncio.sleep((due - time.time_ns()) / NANOSECONDS)
            if clients:
                command = [sys.executable, "-m", "tests.bench.clients", str(port), str(clients), str(seconds)]
                asking = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
                answers = int((await asking.communicate())[0])
            else:
                await asyncio.sleep(seconds)
    end = due + seconds * NANOSECONDS
    groups = [list(group) for _, group in groupby(sorted(settled), lambda each: each[0])]
    return [each[1] / 1e6 for group in groups for each in group if due < each[0] < end], answers


async def _ask(port: int, until: float, path: str) -> int:
    answers = 0
    while time.monotonic() < until:
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(10):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
                answers += (await reader.read()).startswith(b"HTTP/1.1 200")
                writer.close()
    return answers


async def _ask_all(port: int, count: int, seconds: float) -> int:
    until = time.monotonic() + seconds
    return sum(await asyncio.gather(*(_ask(port, until, _PATHS[each % len(_PATHS)]) for each in range(count))))


if __name__ == "__main__":
    print(asyncio.run(_ask_all(*map(int, sys.argv[1:]))))
