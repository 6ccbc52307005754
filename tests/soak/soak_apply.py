"""For five minutes applies of changing files are killed, doubled, and left without their server, beside a Go scheduler
or without; the next apply that is left alone makes the bucket equal to the files, whatever came before."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

import pytest

from ajsync.errors import ConflictError, PartiallyAppliedError, UnreachableError
from ajsync.transport.connection import connect
from ajsync.transport.context import context_for_server
from tests.cli.forked import Running
from tests.cli.processes import ajsync, background
from tests.go_watcher import go_watcher
from tests.nats_server import NatsServer
from tests.scheduler.ha.cluster import cluster
from tests.soak.files import Files, is_untouched, put_of_nobody

pytestmark = pytest.mark.anyio
SECONDS = 300
TRIES = 8
ENDS = {0, ConflictError.exit_code, PartiallyAppliedError.exit_code, UnreachableError.exit_code}
"""How an apply may end that meets a blow, or another apply; else it was killed."""


async def test_the_bucket_becomes_equal_to_the_files_whatever_came_before(tmp_path: Path, server: NatsServer) -> None:
    await _play(tmp_path, [server])


async def test_the_same_on_a_cluster(tmp_path: Path) -> None:
    with cluster(tmp_path / "nodes") as found:
        await _play(tmp_path, [*found.nodes.values()])


async def _play(folder: Path, servers: Sequence[NatsServer]) -> None:
    url = ",".join(server.url for server in servers)
    seed = random.randrange(10**6)
    dice = random.Random(seed)
    print(f"\nseed {seed}")
    files = Files(folder, dice)
    _apply_until_done(folder, url, "--create-bucket", "--replicas", str(len(servers)))
    await put_of_nobody(url)
    ended: Counter[int] = Counter()
    rounds = tried = 0
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        files.change()
        async with AsyncExitStack() as stack:
            go = None
            if dice.random() < 0.5:
                theirs = await stack.enter_async_context(connect(context_for_server(url)))
                go = await stack.enter_async_context(go_watcher(theirs))
            restarted = await asyncio.to_thread(_strike, folder, url, dice.choice(servers), dice, ended)
            tries = await asyncio.to_thread(_apply_until_done, folder, url)
            assert files.in_bucket(url) == files.schedules
            assert await is_untouched(url)
            if go is not None and not restarted:
                timers = {name: timers for name, timers in go.timers.items() if timers and name != "OF_NOBODY"}
                assert timers == {name: [times] for name, times in files.schedules.items()}
        rounds, tried = rounds + 1, tried + tries
    print(f"{rounds} rounds in {SECONDS} s, {tried / rounds:.1f} applies after each until one was done")
    print(f"what was struck ended {', '.join(f'{count} times with {end}' for end, count in sorted(ended.items()))}")


def _strike(folder: Path, url: str, server: NatsServer, dice: random.Random, ended: Counter[int]) -> bool:
    """Apply, once or twice at the same time, and strike amid that; whether the server was restarted."""
    arguments = ("apply", "--yes", "--server", url, "--timeout", "3s")
    blow = dice.choice(("kill", "kill", "term", "restart", "restart", "pause", "two"))
    with _applying(ended, folder, *arguments) as one:
        if blow == "two":
            time.sleep(dice.random() * 0.3)
            with _applying(ended, folder, *arguments):
                pass
            return False
        time.sleep(0.3 + dice.random() * 1.2)
        if blow in ("kill", "term"):
            one.send_signal(signal.SIGKILL if blow == "kill" else signal.SIGTERM)
        elif blow == "restart":
            server.stop(dice.choice((signal.SIGKILL, signal.SIGTERM)))
            time.sleep(dice.choice((0, 2)) * dice.random())
            server.start()
        else:
            assert server.process is not None
            server.process.send_signal(signal.SIGSTOP)
            time.sleep(dice.choice((0.5, 8)) * dice.random())
            server.process.send_signal(signal.SIGCONT)
    return blow == "restart"


@contextmanager
def _applying(ended: Counter[int], folder: Path, *arguments: str) -> Iterator[Running]:
    """Let it end, and see that it ends as it may."""
    with background(folder, *arguments) as process:
        yield process
        output, errors = process.communicate(timeout=120)
        code = process.wait()
    ended[code] += 1
    assert code in {*ENDS, -signal.SIGKILL, -signal.SIGTERM, 128 + signal.SIGTERM}, (output, errors)
    assert "Traceback" not in errors, errors


def _apply_until_done(folder: Path, url: str, *options: str) -> int:
    for number in range(1, TRIES + 1):
        done = ajsync(folder, "apply", "--yes", "--server", url, "--timeout", "3s", *options)
        assert done.returncode in ENDS, (done.stdout, done.stderr)
        if done.returncode == 0:
            return number
    raise AssertionError((done.stdout, done.stderr))
