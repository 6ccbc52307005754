"""Two thousand fires a second: for two minutes while every twenty seconds the leader is killed, then a minute more."""

from __future__ import annotations

import asyncio
import signal
import statistics
import time
from pathlib import Path

import pytest

from ajsync.timestamp import NANOSECONDS
from tests.nats_server import NatsServer
from tests.scheduler.ha.ledger import longest_gap, read_tasks
from tests.scheduler.ha.stage import Stage, schedule, stage, until

pytestmark = pytest.mark.anyio
SCHEDULES = 2000
KILLS = 6
EVERY_SECONDS = 20
STEADY_SECONDS = 60
"""How long the last leader goes on."""
WARM_UP_SECONDS = 15
"""Of a leader: in it the history fills up, and what a takeover brings at once is over."""
GROWTH = 1.1
"""How much a leader may grow after its warm-up."""


class Memory:
    """Resident memory of every process that leads, while it does."""

    def __init__(self, scene: Stage) -> None:
        self._scene = scene
        self._begun: dict[int, float] = {}
        self._leaders: dict[int, list[tuple[float, float]]] = {}
        """Process → for how many seconds it has led and its size in MiB, once a second."""

    async def watch(self) -> None:
        """Sample until cancelled."""
        while True:
            leader = self._scene.members.get(await self._scene.holder() or "")
            if leader is not None and (pid := leader.running) is not None:
                now = time.monotonic()
                led = now - self._begun.setdefault(pid, now)
                self._leaders.setdefault(pid, []).append((led, _resident(pid)))
            await asyncio.sleep(1)

    def grown(self) -> list[tuple[float, float, float]]:
        """Of each that led for longer than the warm-up: its size then, its largest after that, and how long it led."""
        found = []
        for samples in self._leaders.values():
            later = [size for led, size in samples if led >= WARM_UP_SECONDS]
            if later:
                found.append((later[0], max(later), samples[-1][0]))
        return found


async def test_takeovers_under_load_lose_and_double_nothing_and_memory_stays_flat(
    tmp_path: Path, server: NatsServer
) -> None:
    tasks = [schedule(f"LOAD_{number}", "@every 1s", jitter=1) for number in range(SCHEDULES)]
    async with stage(tmp_path / "stage", [server.port], tasks, schedulers=3) as scene:
        memory = Memory(scene)
        watching = asyncio.create_task(memory.watch())
        gaps = []
        begun = time.time_ns()
        for _ in range(KILLS):
            await scene.leads()
            await scene.fires(seconds=EVERY_SECONDS)
            leader = await scene.leads()
            struck_at = time.time_ns()
            leader.signal(signal.SIGKILL)
            leader.reap()
            await scene.leads(other_than=leader.name)
            leader.start()
            await until(lambda leader=leader: leader.said("Loaded"), "it loads")  # type: ignore[misc]
            gaps.append(longest_gap(await read_tasks(scene.client, since=struck_at - NANOSECONDS), struck_at))
        await scene.fires(seconds=STEADY_SECONDS)
        lasted = (time.time_ns() - begun) / NANOSECONDS
        watching.cancel()
        verdict = await scene.finish()
        made = await read_tasks(scene.client)
        late = sorted(each.lateness for each in made)
        print(f"\n{len(made) / lasted:.0f} fires/s for {lasted:.0f} s, {len(gaps)} leaders killed: {verdict}")
        print(f"gap min {min(gaps):.2f} s, median {statistics.median(gaps):.2f} s, max {max(gaps):.2f} s")
        print(f"lateness median {late[len(late) // 2] * 1000:.1f} ms, 90 % {late[len(late) * 9 // 10] * 1000:.0f} ms")
        for warm, largest, led in memory.grown():
            print(f"a leader for {led:.0f} s: {warm:.1f} MiB when warm, at most {largest:.1f} MiB after")
        assert verdict.clean, verdict
        assert max(gaps) < 4
        assert memory.grown()[-1][2] > STEADY_SECONDS
        assert all(largest < warm * GROWTH for warm, largest, _ in memory.grown())


def _resident(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0
