"""Where the time of a fire goes: the processor time of the leader and of the server, and what limits a burst."""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import nats

from ajsync.asyncjobs.names import TASKS_STREAM
from ajsync.timestamp import NANOSECONDS
from tests.bench.content import QUEUES, fill, make_queues, new_server, queued_at, schedules_due_together
from tests.bench.fires import LEAD_SECONDS, running_scheduler
from tests.bench.processor import MACHINE, Processor
from tests.bench.report import line
from tests.nats_server import NatsServer
from tests.scheduler.ha.cluster import cluster, leader_of, whole
from tests.scheduler.ha.stage import make_stream

_BEFORE_SECONDS = 4
"""Before the instant: the leader looks three seconds ahead, and encodes what it finds."""
_DEADLINE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Round:
    """What one burst took."""

    wall: float
    """Seconds from the instant to the last acknowledgement."""
    prepared: float
    """Seconds of a core that the leader used before the instant, beyond what it uses when nothing is due."""
    used: dict[str, float]
    """Seconds of a core that each process used from the instant to the last acknowledgement."""
    machine: float
    """The same of all processes of the machine."""


async def bench_cost(count: int, rounds: int) -> None:
    """So many at one instant, on one server, and on three nodes with three replicas of each stream."""
    for what, servers in (("one server", 1), ("three nodes, three replicas", 3)):
        found = [await _burst(count, servers) for _ in range(rounds)]
        _report(f"{count:,} at one instant, {what}", count, found)


def _report(what: str, count: int, rounds: Sequence[Round]) -> None:
    def each(name: str) -> str:
        return f"{statistics.median(one.used[name] for one in rounds) / count * 1e6:.0f} µs"

    def busy(name: str) -> str:
        return f"at {statistics.median(one.used[name] / one.wall for one in rounds) * 100:.0f} % of a core"

    wall = statistics.median(one.wall for one in rounds)
    line(f"{what}: to the last work item", f"{wall * 1000:.0f} ms", f"{count / wall:,.0f} fires a second")
    prepared = statistics.median(one.prepared for one in rounds) / count * 1e6
    line(f"{what}: leader, a fire", each("leader"), f"{busy('leader')}   before the instant {prepared:.0f} µs more")
    for name in rounds[0].used:
        if name != "leader":
            line(f"{what}: {name}, a fire", each(name), busy(name))
    machine = statistics.median(one.machine / one.wall for one in rounds) / len(os.sched_getaffinity(0))
    line(f"{what}: the whole machine", f"{machine * 100:.0f} %", "of all cores, from the instant to the last work item")


async def _burst(count: int, servers: int) -> Round:
    with TemporaryDirectory() as folder:
        async with running_servers(Path(folder), servers) as nodes:
            url = next(iter(nodes.values())).url
            due = (time.time_ns() // NANOSECONDS + 3 * LEAD_SECONDS + count // 5000) * NANOSECONDS
            await fill(url, schedules_due_together(count, 3600, due), servers)
            await make_queues(url, servers)
            names = await processes_of(nodes, url)
            replicas = ("--replicas", str(servers))
            async with running_scheduler(url, *replicas) as settled:
                processor = Processor({"leader": settled.pid, **names})
                await asyncio.sleep((due - time.time_ns()) / NANOSECONDS - 2 * _BEFORE_SECONDS)
                sampling = asyncio.create_task(processor.sample())
                await asyncio.sleep((due - time.time_ns()) / NANOSECONDS + 2 * count / 10_000)
                await _until_queued(url, count)
                sampling.cancel()
                with suppress(asyncio.CancelledError):
                    await sampling
    assert len(settled) == count, f"{len(settled)} of {count} fires"
    end, before = max(each[2] for each in settled), due - _BEFORE_SECONDS * NANOSECONDS
    quiet = processor.between("leader", before - _BEFORE_SECONDS * NANOSECONDS // 2, before) * 2
    return Round(
        (end - due) / NANOSECONDS,
        max(processor.between("leader", before, due) - quiet, 0),
        {name: processor.between(name, due, end) for name in ("leader", *names)},
        processor.between(MACHINE, due, end),
    )


@asynccontextmanager
async def running_servers(folder: Path, count: int) -> AsyncIterator[dict[str, NatsServer]]:
    """One server, or the nodes of a cluster, by name."""
    if count == 1:
        with new_server() as server:
            yield {"server": server}
        return
    with cluster(folder) as found:
        await _until_it_takes_streams(next(iter(found.nodes.values())).url)
        yield found.nodes


async def _until_it_takes_streams(url: str) -> None:
    """Wait until all nodes of a new cluster have found one another: before, it has no place for three replicas."""
    client = await nats.connect(url)
    try:
        await make_stream(client, {"name": "TRIAL", "subjects": ["trial"], "num_replicas": 3})
        await client.jetstream().delete_stream("TRIAL")
    finally:
        await client.close()


async def processes_of(nodes: dict[str, NatsServer], url: str) -> dict[str, int]:
    """The process ids of the servers; the node that leads the tasks' stream is named as that."""
    pids = {name: server.process.pid for name, server in nodes.items() if server.process is not None}
    if len(pids) == 1:
        return pids
    client = await nats.connect(url)
    try:
        await whole(client, (TASKS_STREAM, *(f"CHORIA_AJ_Q_{queue}" for queue in QUEUES)))
        leader = await leader_of(client, TASKS_STREAM)
    finally:
        await client.close()
    others = [name for name in pids if name != leader]
    return {
        "node that leads the tasks' stream": pids[leader],
        **{f"{which} other node": pids[name] for which, name in zip(("first", "second"), others, strict=True)},
    }


async def _until_queued(url: str, count: int) -> None:
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while (found := await queued_at(url)) < count:
        assert time.monotonic() < deadline, f"{found} of {count} work items"
        await asyncio.sleep(0.25)
