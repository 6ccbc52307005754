"""What it costs to keep the outcomes of schedules: processor and lateness of a leader with and without, in turn.

`python -m tests.bench.outcomes URL` is the workers, in a process of their own: of each new task they tell that it is
active, and then that it is complete.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import time
from dataclasses import replace

import nats
from nats.aio.msg import Msg

from ajsync.asyncjobs.events import TASK_STATE_SUBJECT
from ajsync.timestamp import NANOSECONDS
from tests.bench.content import fill, make_queues, new_server, schedules_due_together
from tests.bench.fires import LEAD_SECONDS, running_scheduler
from tests.bench.idle import resident
from tests.bench.processor import processor_seconds
from tests.bench.report import line, percentile

_LOOKED_UP_SECONDS = 300.0
_NEW = b'"state":"new","tries":0'


async def bench_outcomes(count: int, every: int, seconds: int, rounds: int) -> None:
    """So many schedules, each due every so many seconds, while workers tell of each task twice.

    The floor hears the events and drops them.
    """
    measured: dict[str, list[tuple[float, list[float], float]]] = {"no": [], "heard": [], "yes": []}
    for _ in range(rounds):
        for outcomes, found in measured.items():
            found.append(await _measure(count, every, seconds, outcomes))
    cpu = {outcomes: [each[0] for each in found] for outcomes, found in measured.items()}
    late = {outcomes: [late for each in found for late in each[1]] for outcomes, found in measured.items()}
    memory = {outcomes: statistics.median(each[2] for each in found) for outcomes, found in measured.items()}
    what = f"outcomes of {count:,} schedules, {count / every * 3:,.0f} events a second"
    without = statistics.median(cpu["no"])
    more, heard = (
        statistics.median(each - other for each, other in zip(cpu[outcomes], cpu["no"], strict=True))
        for outcomes in ("yes", "heard")
    )
    line(
        f"{what}: processor",
        f"{statistics.median(cpu['yes']):.1f} %",
        f"without {without:.1f} %   more by rounds {more:.1f} points, to hear the events alone {heard:.1f}",
    )
    line(
        f"{what}: lateness p50, p99",
        f"{percentile(late['yes'], 50):.1f}, {percentile(late['yes'], 99):.1f} ms",
        f"without {percentile(late['no'], 50):.1f}, {percentile(late['no'], 99):.1f} ms   "
        f"most {max(late['yes']):.1f}, without {max(late['no']):.1f} ms",
    )
    each = (memory["yes"] - memory["no"]) * 2**20 / count
    line(
        f"{what}: memory", f"{memory['yes']:.0f} MiB", f"without {memory['no']:.0f} MiB   {each:,.0f} bytes a schedule"
    )


async def _measure(count: int, every: int, seconds: int, outcomes: str) -> tuple[float, list[float], float]:
    """Percent of a processor, of each fire how late it was in milliseconds, and MiB that are resident at the end."""
    # Nothing was due before, so that there is little to look up once all is loaded.
    due = (time.time_ns() // NANOSECONDS + 3 * LEAD_SECONDS) * NANOSECONDS
    schedules = [
        replace(each, created_at=each.created_at + number % every * NANOSECONDS)
        for number, each in enumerate(schedules_due_together(count, every, due))
    ]
    with new_server() as server:
        await fill(server.url, schedules)
        await make_queues(server.url)
        async with running_scheduler(server.url, BENCH_OUTCOMES=outcomes) as settled:
            workers = subprocess.Popen([sys.executable, "-m", "tests.bench.outcomes", server.url])
            try:
                await asyncio.sleep((due - time.time_ns()) / NANOSECONDS + every)
                until = time.monotonic() + _LOOKED_UP_SECONDS
                while outcomes == "yes" and "Looked up" not in settled.log_file.read_text():
                    assert time.monotonic() < until, "it still looks up outcomes"
                    await asyncio.sleep(1)
                begin, used = time.time_ns(), processor_seconds(settled.pid)
                await asyncio.sleep(seconds)
                used, end = processor_seconds(settled.pid) - used, time.time_ns()
                memory = resident(settled.pid)
            finally:
                workers.terminate()
                workers.wait()
    late = [each[1] / 1e6 for each in settled if begin <= each[0] < end]
    assert len(late) > count / every * seconds / 2, f"only {len(late)} fires"
    return used / (end - begin) * NANOSECONDS * 100, late, memory


async def _work(url: str) -> None:
    client = await nats.connect(url)

    async def tell(msg: Msg) -> None:
        if _NEW in msg.data:
            await client.publish(msg.subject, msg.data.replace(_NEW, b'"state":"active","tries":0'))
            await client.publish(msg.subject, msg.data.replace(_NEW, b'"state":"complete","tries":1'))

    await client.subscribe(f"{TASK_STATE_SUBJECT}*", cb=tell)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_work(sys.argv[1]))
