"""How long nothing fires after the leader was killed, and what takeovers from living leaders do under full load."""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

import nats

from ajsync.asyncjobs.model import ScheduledTask, encode_scheduled_task
from ajsync.asyncjobs.names import SCHEDULE_SUBJECT
from ajsync.schedule import parse
from ajsync.transport.publisher import Write
from tests.bench import floors
from tests.bench.content import new_server, schedules_at_rest
from tests.bench.report import line
from tests.scheduler.ha.ledger import QUEUE, Verdict
from tests.scheduler.ha.members import Member
from tests.scheduler.ha.stage import Stage, every_second, make_streams, schedule, stage, until
from tests.scheduler.ha.takeover import KILLED, play

_TOOK_OVER = "taking over"
_PATIENCE_DOUBLED = "in a row"
_BURST_SECONDS = 20


async def bench_takeover(rounds: int) -> None:
    """The longest time without a fire when the leader is killed: two and three schedulers, both patiences."""
    for patience, aim in ((1.0, "aim 1.3 s"), (0.5, "aim 0.8 s")):
        for schedulers in (2, 3):
            blow = replace(KILLED, takeover_after=patience, gap=10)
            with TemporaryDirectory() as folder, new_server() as server, redirect_stdout(StringIO()):
                gaps, verdict = await play(blow, rounds, schedulers, Path(folder), server.port)
            line(
                f"leader killed, --takeover-after {patience * 1000:.0f}ms, {schedulers} schedulers: gap, median",
                f"{statistics.median(gaps):.2f} s",
                f"least {min(gaps):.2f}, most {max(gaps):.2f} s of {rounds}   {aim}   {_told(verdict)}",
            )


async def bench_crowd(at_rest: int, burst: int, rounds: int) -> None:
    """Takeovers where nobody has died: two schedulers and a third process share one core, which is always busy.

    Each round kills the stand-by, so that it loads `at_rest` schedules again while `burst` of them are due.
    """
    core = min(os.sched_getaffinity(0))
    with TemporaryDirectory() as folder, new_server() as server, _busy(core):
        tasks = [
            *every_second(),
            *(schedule(f"BURST_{number}", f"@every {_BURST_SECONDS}s") for number in range(burst)),
        ]
        await _put(server.url, tasks, at_rest)  # before anybody fires, so that all of it counts from the first fire on
        async with stage(Path(folder) / "stage", [server.port], [], "--takeover-after", "1s") as scene:
            scene.intervals |= {task.name: parse(task.schedule).interval for task in tasks}
            for member in scene.members.values():
                _pin(member.running, core)
            begun = time.monotonic()
            for _ in range(rounds):
                await scene.fires(_BURST_SECONDS / 2)
                holder = await scene.holder()
                stand_by = next(each for name, each in scene.members.items() if name != holder)
                stand_by.signal(signal.SIGKILL)
                stand_by.reap()
                stand_by.start()
                _pin(stand_by.running, core)
                await _loaded(stand_by, scene)
            await scene.fires(_BURST_SECONDS)
            seconds = time.monotonic() - begun
            logs = scene.logs()
            verdict = await scene.finish()
    line(
        f"{at_rest:,} loaded {rounds} times beside bursts of {burst:,} on one busy core: false takeovers",
        str(logs.count(_TOOK_OVER)),
        f"in {seconds:.0f} s   patience doubled {logs.count(_PATIENCE_DOUBLED)} times   {_told(verdict)}",
    )


async def _loaded(member: Member, scene: Stage) -> None:
    await until(lambda: member.said("Loaded"), f"{member.name} loads", scene.logs, not_before=60)


def _told(verdict: Verdict) -> str:
    return (
        f"{verdict.fires:,} fires, {len(verdict.lost)} lost, {len(verdict.doubled)} doubled, "
        f"{len(verdict.without_item)} without a work item"
    )


@contextmanager
def _busy(core: int) -> Iterator[None]:
    """A process that never rests, on one core."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    _pin(process.pid, core)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def _pin(pid: int | None, core: int) -> None:
    """Have all threads of a process run on one core."""
    assert pid is not None
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):  # it has ended
            os.sched_setaffinity(int(thread.name), {core})


async def _put(url: str, tasks: Sequence[ScheduledTask], at_rest: int) -> None:
    """Store schedules, and others that are not due."""
    month = (datetime.now(UTC) + timedelta(days=120)).month
    client = await nats.connect(url)
    try:
        await make_streams(client)
        rest = [replace(each, queue=QUEUE) for each in schedules_at_rest(at_rest, month)]
        writes = [Write(SCHEDULE_SUBJECT + each.name, encode_scheduled_task(each), {}) for each in (*tasks, *rest)]
        await floors.publish(client, writes)
    finally:
        await client.close()
