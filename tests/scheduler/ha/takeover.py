"""The blows that a leader takes, and rounds of them: one leads and fires, is struck, another leads, it comes back."""

from __future__ import annotations

import asyncio
import signal
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from ajsync.timestamp import NANOSECONDS
from tests.scheduler.ha.ledger import Verdict, longest_gap, read_tasks
from tests.scheduler.ha.members import Member
from tests.scheduler.ha.stage import Stage, every_second, stage, until
from tests.scheduler.ha.watchdog import Watchdog, watchdog

_STALL_SECONDS = 0.2
"""When the machine stood still for longer, a round that took too long says nothing of the schedulers."""


@dataclass(frozen=True, slots=True)
class Blow:
    """What happens to the leader, and how it comes back."""

    name: str
    strike: Callable[[Stage, Member, int], Awaitable[None]]
    """With the number of the round."""
    restore: Callable[[Stage, Member, int], Awaitable[None]]
    takeover_after: float
    """Seconds; what the schedulers are started with."""
    gap: float
    """Seconds that may pass without a fire."""


async def play(blow: Blow, rounds: int, schedulers: int, folder: Path, port: int) -> tuple[list[float], Verdict]:
    """Strike the leader so many times; then each fire has to have happened once, and no gap was too long.

    Returns the gaps in seconds.
    """
    options = ("--takeover-after", f"{blow.takeover_after:g}s")
    proxied = blow is CUT_OFF
    setting = stage(folder / str(schedulers), [port], every_second(), *options, schedulers=schedulers, proxied=proxied)
    async with setting as scene:
        with watchdog() as dog:
            gaps = [await _judged_round(scene, blow, number, dog) for number in range(rounds)]
        verdict = await scene.finish()
        assert verdict.clean, f"{verdict}\n{scene.logs()}"
    print(
        f"{blow.name}, {schedulers} schedulers, {rounds} rounds: gap min {min(gaps):.2f} s, "
        f"median {statistics.median(gaps):.2f} s, max {max(gaps):.2f} s (below {blow.gap:g} s); {verdict}"
    )
    return gaps, verdict


async def _judged_round(scene: Stage, blow: Blow, number: int, dog: Watchdog) -> float:
    gap, since = await _round(scene, blow, number)
    if gap >= blow.gap and dog.stall(since) > _STALL_SECONDS:
        gap, since = await _round(scene, blow, number)
    stall = f"the machine stood still for {dog.stall(since):.2f} s"
    assert gap < blow.gap, f"{blow.name}: {gap:.2f} s without a fire; {stall}\n{scene.logs()}"
    return gap


async def _round(scene: Stage, blow: Blow, number: int) -> tuple[float, int]:
    leader = await scene.leads()
    struck_at = time.time_ns()
    leader.mark_log()
    await blow.strike(scene, leader, number)
    await scene.leads(other_than=leader.name)
    made = await read_tasks(scene.client, since=struck_at - 2 * NANOSECONDS)
    gap = longest_gap(made, struck_at)
    await blow.restore(scene, leader, number)
    return gap, struck_at


async def _kill(_scene: Stage, leader: Member, _number: int) -> None:
    leader.signal(signal.SIGKILL)
    leader.reap()


async def _stop(_scene: Stage, leader: Member, _number: int) -> None:
    leader.signal(signal.SIGTERM)
    assert await asyncio.to_thread(leader.reap) == 0, leader.log


async def _start(_scene: Stage, leader: Member, _number: int) -> None:
    leader.start()
    await until(lambda: leader.said("Loaded"), f"{leader.name} loads", lambda: leader.log)


async def _pause(_scene: Stage, leader: Member, _number: int) -> None:
    leader.signal(signal.SIGSTOP)


async def _go_on(_scene: Stage, leader: Member, _number: int) -> None:
    leader.signal(signal.SIGCONT)
    await _steps_down(leader)


async def _cut(scene: Stage, leader: Member, number: int) -> None:
    proxy = scene.proxies[leader.name]
    if number % 2:
        proxy.refuse()
    else:
        proxy.swallow()


async def _rejoin(scene: Stage, leader: Member, _number: int) -> None:
    scene.proxies[leader.name].mend()
    await _steps_down(leader)


async def _steps_down(leader: Member) -> None:
    await until(lambda: leader.said("Lost leadership"), f"{leader.name} steps down", lambda: leader.log)


KILLED = Blow("killed", _kill, _start, takeover_after=1, gap=2.5)
STOPPED = Blow("stopped", _stop, _start, takeover_after=1, gap=1)
PAUSED = Blow("paused", _pause, _go_on, takeover_after=1, gap=4)
CUT_OFF = Blow("cut off", _cut, _rejoin, takeover_after=1, gap=4)
BLOWS = (KILLED, STOPPED, PAUSED, CUT_OFF)
