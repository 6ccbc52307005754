"""`apply --watch`: from the save of one file among many until the change is stored, and what it costs while idle."""

from __future__ import annotations

import asyncio
import re
import statistics
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from ajsync.asyncjobs.names import SCHEDULE_SUBJECT
from ajsync.config import load_configuration
from ajsync.transport.connection import connect
from ajsync.transport.context import context_for_server
from tests.bench.content import fill, new_server
from tests.bench.idle import resident
from tests.bench.plan import write_project
from tests.bench.processor import processor_seconds
from tests.bench.report import line

_PAUSE_SECONDS = 1.5
"""Between two saves, so that the one is over before the other begins."""
_SETTLE_SECONDS = 5.0
"""From the last save until it idles."""


async def bench_reload(ajsync: str, sizes: Sequence[tuple[int, int, str]], saves: int, seconds: float) -> None:
    """A follower of each project, with so many schedules in so many files, against that of the first and smallest."""
    smallest = None
    for count, files, aim in sizes:
        with TemporaryDirectory() as name, new_server() as server:
            project = Path(name)
            write_project(project, count, files)
            await fill(server.url, list(load_configuration(project).tasks.values()))
            async with _following(ajsync, project, server.url) as pid:
                taken = [await _save(project, server.url, number) for number in range(saves)]
                await asyncio.sleep(_SETTLE_SECONDS)
                memory, before = resident(pid), processor_seconds(pid)
                await asyncio.sleep(seconds)
                idle = (processor_seconds(pid) - before) / seconds * 100
        median = statistics.median(taken)
        smallest = smallest or median
        what = f"watch with {count:,} schedules"
        rest = f"ratio to the smallest {median / smallest:.2f} (of the bests {min(taken):.3f} s)   {aim}"
        line(f"{what}: save to stored", f"{median:.3f} s", rest)
        line(f"{what}: memory", f"{memory:.0f} MiB")
        line(f"{what}: processor when idle", f"{idle:.2f} %", "aim below 0.5 %")


@asynccontextmanager
async def _following(ajsync: str, project: Path, url: str) -> AsyncIterator[int]:
    """A process that has applied all and follows the files; its id."""
    command = (ajsync, "apply", "--watch", "--yes", "--server", url, "--config", str(project / "ajsync.yaml"))
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    assert process.stderr is not None
    told = asyncio.create_task(_up_to_date(process.stderr))
    try:
        await told
        drained = asyncio.create_task(process.stderr.read())
        yield process.pid
    finally:
        process.kill()
        await process.wait()
    await drained


async def _up_to_date(stream: asyncio.StreamReader) -> None:
    while text := await stream.readline():
        if b"Up to date" in text:
            return
    raise AssertionError("it has ended")


async def _save(project: Path, url: str, number: int) -> float:
    """Seconds from a save of one file until the change of its first schedule is stored."""
    file = sorted(project.glob("schedules/*.yaml"))[0]
    stored = asyncio.Event()
    async with connect(context_for_server(url)) as connection:

        async def seen(_message: object) -> None:
            stored.set()

        await connection.client.subscribe(f"{SCHEDULE_SUBJECT}>", cb=seen)
        await connection.client.flush()
        text = file.read_text()
        began = time.perf_counter()
        file.write_text(re.sub(r"max_tries: \d+", f"max_tries: {4 + number}", text, count=1))
        await asyncio.wait_for(stored.wait(), 120)
        taken = time.perf_counter() - began
    await asyncio.sleep(_PAUSE_SECONDS)
    return taken
