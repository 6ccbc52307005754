"""What servers take of fires whose writers cost next to nothing: the most that any number of schedulers could reach.

The messages are laid out in memory before the instant, and go to plain sockets as they are. Nobody waits for the
acknowledgement of a task before writing its work item.
"""

from __future__ import annotations

import asyncio
import json
import socket
import statistics
import time
from collections.abc import Awaitable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from ajsync.timestamp import NANOSECONDS
from ajsync.transport.frames import header_block, publish_frame, store_frame
from ajsync.transport.publisher import Write
from tests.bench.content import make_queues, schedules_due_together
from tests.bench.cost import processes_of, running_servers
from tests.bench.fires import plain_fire
from tests.bench.floors import PlainFire
from tests.bench.processor import Processor
from tests.bench.report import line
from tests.nats_server import NatsServer

_STORED = b'"seq":'
"""In each acknowledgement."""
_CHUNK = 1 << 20
_DEADLINE_SECONDS = 60.0


async def bench_capacity(count: int, connections: Sequence[int], rounds: int) -> None:
    """The fires of one instant over one connection and over several: on one server, and on a cluster as in `cost`."""
    for what, servers in (("one server", 1), ("three nodes, three replicas", 3)):
        first = 0.0
        for number in connections:
            found = [await _round(count, number, servers) for _ in range(rounds)]
            wall, used = (statistics.median(each[index] for each in found) for index in (0, 1))
            first = first or wall
            line(
                f"{count:,} laid out before, {what}, {number} connection{'s'[: number > 1]}: fires a second",
                f"{count / wall:,.0f}",
                f"{first / wall:.2f} times as many as over one   servers at {used / wall * 100:.0f} % of a core, "
                f"{used / count * 1e6:.0f} µs a fire",
            )


async def _round(count: int, number: int, servers: int) -> tuple[float, float]:
    """Seconds until the last acknowledgement, and seconds of a core that the servers used together."""
    due = time.time_ns() // NANOSECONDS * NANOSECONDS
    fires = [plain_fire(task, due) for task in schedules_due_together(count, 3600, due)]
    parts = [fires[each::number] for each in range(number)]
    with TemporaryDirectory() as folder, ThreadPoolExecutor(2 * number) as threads:
        async with running_servers(Path(folder), servers) as nodes:
            server = next(iter(nodes.values()))
            await make_queues(server.url, servers)
            processor = Processor(await processes_of(nodes, server.url))
            sampling = asyncio.create_task(processor.sample())
            loop = asyncio.get_running_loop()
            inboxes = [f"_INBOX.{each}" for each in range(number)]
            sockets = [_connected(server, inbox) for inbox in inboxes]
            laid_out = [_frames(part, inbox) for part, inbox in zip(parts, inboxes, strict=True)]
            begin = time.time_ns()
            jobs: list[Awaitable[None]] = []
            for connection, part, data in zip(sockets, parts, laid_out, strict=True):
                jobs.append(loop.run_in_executor(threads, _until_stored, connection, len(part)))
                jobs.append(loop.run_in_executor(threads, connection.sendall, data))
            await asyncio.gather(*jobs)
            end = time.time_ns()
            await asyncio.sleep(0.1)
            sampling.cancel()
            with suppress(asyncio.CancelledError):
                await sampling
            for each in sockets:
                each.close()
    return (end - begin) / NANOSECONDS, sum(processor.between(name, begin, end) for name in processor.names)


def _frames(fires: Iterable[PlainFire], inbox: str) -> bytes:
    """The messages of these fires, as they go over the wire."""
    frames: list[bytes] = []
    for fire in fires:
        frames += _stored(fire.task, inbox), publish_frame(fire.event_subject, fire.event), _stored(fire.item, inbox)
    return b"".join(frames)


def _stored(write: Write, inbox: str) -> bytes:
    return store_frame(write.subject, inbox, header_block(write.headers), write.data)


def _connected(server: NatsServer, inbox: str) -> socket.socket:
    """A connection on which the acknowledgements for an inbox come back."""
    found = socket.create_connection(("127.0.0.1", server.port), timeout=_DEADLINE_SECONDS)
    options = json.dumps({"verbose": False, "headers": True, "no_responders": True, "protocol": 1})
    found.sendall(f"CONNECT {options}\r\nSUB {inbox} 1\r\nPING\r\n".encode())
    answer = b""
    while b"PONG\r\n" not in answer:
        answer += found.recv(_CHUNK)
    return found


def _until_stored(connection: socket.socket, fires: int) -> None:
    """Read until the tasks and the work items of so many fires are acknowledged."""
    left, rest = 2 * fires, b""
    while left > 0:
        text = rest + connection.recv(_CHUNK)
        assert b'"error"' not in text, text[:1000]
        left -= text.count(_STORED)
        rest = text[-len(_STORED) + 1 :]
