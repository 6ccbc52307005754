"""An outage of the server, and what each catch-up policy has to make of it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from ajsync.asyncjobs.model import Catchup, ScheduledTask
from ajsync.timestamp import NANOSECONDS
from tests.nats_server import NatsServer
from tests.scheduler.ha.ledger import Made, missing, read_tasks
from tests.scheduler.ha.stage import Stage, schedule, stage

GRACE_SECONDS = 3
POLICIES: list[ScheduledTask] = []
"""The same schedules three times over: what they make differs by their policies and by nothing else."""
for _policy in get_args(Catchup):
    POLICIES.append(schedule(f"{_policy.upper()}_1", "@every 1s", catchup=_policy))
    POLICIES += [schedule(f"{_policy.upper()}_2_{n}", "@every 2s", catchup=_policy, created=n) for n in range(2)]


@dataclass(frozen=True, slots=True)
class Outage:
    """When the server was away, in nanoseconds since 1970, and what was stored after it."""

    gone_at: int
    back_at: int
    after: list[Made]

    def __str__(self) -> str:
        return (
            f"outage of {(self.back_at - self.gone_at) / NANOSECONDS:.1f} s: the first task "
            f"{(self.after[0].stored_at - self.back_at) / NANOSECONDS:.1f} s after it"
        )


async def play_outage(folder: Path, server: NatsServer, seconds: float) -> None:
    """Run schedulers on a server that is gone for so long; afterwards each policy was followed, nothing doubled."""
    async with stage(folder / "stage", [server.port], POLICIES, "--grace", f"{GRACE_SECONDS}s") as scene:
        await scene.leads()
        outage = await _take_away(scene, server, seconds)
        await scene.settled()
        await _assert_policies_held(scene, outage)
        verdict = await scene.finish()
        assert not [*verdict.doubled, *verdict.without_item], f"{verdict}\n{scene.logs()}"
        print(outage)


async def _take_away(scene: Stage, server: NatsServer, seconds: float) -> Outage:
    """Let the server be gone for so long, and wait until the schedulers fire on time again."""
    gone_at = time.time_ns()
    server.stop()
    await asyncio.sleep(seconds)  # it is the outage: leases and the grace of processes run out by the real time
    server.start()
    back_at = time.time_ns()
    await scene.leads()
    await scene.fires(seconds=3)
    return Outage(gone_at, back_at, await read_tasks(scene.client, since=back_at))


async def _assert_policies_held(scene: Stage, outage: Outage) -> None:
    """Of what was late by more than the grace, `all` made everything, `latest` the last, `none` nothing."""
    made = await read_tasks(scene.client)
    let_go = missing(made, scene.intervals, await scene.watermark())
    kept_from = outage.after[0].stored_at - GRACE_SECONDS * NANOSECONDS
    for name, dues in let_go.items():
        assert all(outage.gone_at - NANOSECONDS < due <= kept_from for due in dues), (name, outage, dues)
        policy, _, rest = name.partition("_")
        none = let_go[f"NONE_{rest}"]
        assert none, f"{name} was never late by more than {GRACE_SECONDS} s: {outage}"
        assert dues == {"ALL": [], "LATEST": none[:-1], "NONE": none}[policy], name
