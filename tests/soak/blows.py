"""What befalls servers and schedulers in a soak, each time for a time of its own."""

from __future__ import annotations

import asyncio
import random
import signal

from ajsync.errors import UnreachableError
from tests.nats_server import NatsServer
from tests.scheduler.ha.members import Member
from tests.scheduler.ha.stage import Stage, until


async def strike(scene: Stage, server: NatsServer, dice: random.Random) -> None:
    """One blow, to the server or to one of the schedulers, which all run after it."""
    await asyncio.sleep(dice.choice((0.1, 1, 3, 6)) * dice.random())
    await dice.choice((_restart, _restart, _pause_server, _kill, _kill, _pause))(scene, server, dice)
    for member in scene.members.values():
        member.said("")  # it runs


async def _restart(_scene: Stage, server: NatsServer, dice: random.Random) -> None:
    server.stop(dice.choice((signal.SIGKILL, signal.SIGTERM)))
    await asyncio.sleep(dice.choice((0, 0.3, 4)) * dice.random())
    server.start()


async def _pause_server(_scene: Stage, server: NatsServer, dice: random.Random) -> None:
    assert server.process is not None
    server.process.send_signal(signal.SIGSTOP)
    await asyncio.sleep(dice.choice((0.3, 8)) * dice.random())
    server.process.send_signal(signal.SIGCONT)


async def _kill(scene: Stage, _server: NatsServer, dice: random.Random) -> None:
    member = await _somebody(scene, dice)
    member.signal(dice.choice((signal.SIGKILL, signal.SIGTERM)))
    await asyncio.to_thread(member.reap)
    await asyncio.sleep(dice.choice((0, 2)) * dice.random())
    await _start(scene, member)


async def _start(scene: Stage, member: Member) -> None:
    """Start it as whoever supervises it does: where the server is away at its start, a scheduler ends."""
    while True:
        member.start()
        try:
            await until(lambda: member.said("Loaded"), f"{member.name} loads", scene.logs)
        except AssertionError:
            if member.reap() != UnreachableError.exit_code:
                raise
        else:
            return


async def _pause(scene: Stage, _server: NatsServer, dice: random.Random) -> None:
    member = await _somebody(scene, dice)
    member.signal(signal.SIGSTOP)
    await asyncio.sleep(dice.choice((0.5, 6)) * dice.random())
    member.signal(signal.SIGCONT)


async def _somebody(scene: Stage, dice: random.Random) -> Member:
    """The leader mostly."""
    leader = scene.members.get(await scene.holder() or "")
    return leader if leader is not None and dice.random() < 0.7 else dice.choice([*scene.members.values()])
