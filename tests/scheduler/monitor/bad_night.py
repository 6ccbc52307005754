"""A bad night, for real: schedulers that are killed, workers that fail, hang or are missing, and a queue that is full.

The schedules are due each hour, and seconds after the scene begins. What was due in the hours before is made by a
backfill, and handled by the workers of that night, before a scheduler knows the schedules and looks that up.
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import ajsync
from ajsync.asyncjobs.backfill import find_missing, make_missing, past_dues
from ajsync.asyncjobs.model import ScheduledTask, encode_scheduled_task
from ajsync.asyncjobs.names import SCHEDULE_SUBJECT
from ajsync.timestamp import NANOSECONDS, to_datetime
from tests.cli.forked import Running
from tests.cli.processes import ajsync as run_ajsync
from tests.cli.processes import background
from tests.nats_server import NatsServer
from tests.scheduler.fires import make_queue
from tests.scheduler.monitor.page.parsed import Document
from tests.tasks import task
from tests.waiting import until
from tests.web import ask
from tests.worker import bad, good, slow, working

HOUR = 3600 * NANOSECONDS
HOURS = 3
"""How many hours the night has lasted when the scene begins."""
SOON_SECONDS = 6
"""When the schedules are due in the scene, once its schedulers have started and the backfill begins."""
WORKERS = {"EMAIL": good, "FAILING": bad, "SLOW": slow}
"""The queues that have a worker, and what it does."""
NAMES = ("GOOD", "FAILS", "HANGS", "WAITS", "FULL")


class BadNight:
    """The scene, and what an operator can look at."""

    def __init__(self, folder: Path, server: NatsServer) -> None:
        self.server = server
        self.due = 0
        """When the schedules are due in the scene, in nanoseconds since 1970."""
        self.news: list[dict[str, Any]] = []
        """What `ajsync tail -o json` has printed."""
        self._folder = folder
        self._schedulers: dict[str, Running] = {}

    def status(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `ajsync status`."""
        return run_ajsync(self._folder, "status", *arguments, "--server", self.server.url)

    def schedules(self) -> dict[str, dict[str, Any]]:
        """What `ajsync status` says of each schedule."""
        return {each["name"]: each for each in json.loads(self.status("-o", "json").stdout)["schedules"]}

    def told(self, name: str) -> list[str]:
        """The states in which `ajsync tail` has seen the task of the scene."""
        due = to_datetime(self.due).isoformat()
        return [
            each["state"]
            for each in self.news
            if each["event"] == "task" and (each["name"], each["due"]) == (name, due)
        ]

    async def monitor(self, scheduler: str, path: str) -> str:
        """What a scheduler's monitor shows: `/`, `/metrics` or `/api/status`."""
        found = re.search(r"Monitoring at (http://[^/\s]+)", self._log(scheduler))
        assert found is not None
        _, body = await ask(found[1] + path)
        return body

    async def page(self, scheduler: str, path: str = "/") -> Document:
        """A status page of a scheduler."""
        return Document(await self.monitor(scheduler, path))

    async def metric(self, scheduler: str, name: str) -> float:
        """The value of a metric of a scheduler; of several with this beginning, the sum."""
        lines = [line for line in (await self.monitor(scheduler, "/metrics")).splitlines() if line.startswith(name)]
        return sum(float(line.rpartition(" ")[2]) for line in lines)

    def kill(self, scheduler: str) -> None:
        """Kill a scheduler, which gives back nothing."""
        self._schedulers[scheduler].kill()
        self._schedulers[scheduler].wait()

    def _log(self, scheduler: str) -> str:
        return (self._folder / f"{scheduler}.log").read_text()

    async def start(self, stack: ExitStack, scheduler: str, is_up: Callable[[str], bool]) -> None:
        """Start a scheduler with a monitor, and wait until its log says that it is up."""
        log = stack.enter_context((self._folder / f"{scheduler}.log").open("wb"))
        options = ("--monitor", "0", "--server", self.server.url)
        process = stack.enter_context(background(self._folder, "scheduler", scheduler, *options, stderr=log))
        self._schedulers[scheduler] = process
        await until(lambda: is_up(self._log(scheduler)), lambda: self._log(scheduler))

    async def listen(self, stack: ExitStack) -> None:
        """Keep what `ajsync tail` prints."""
        tail = stack.enter_context(background(self._folder, "tail", "-o", "json", "--server", self.server.url))
        assert tail.stderr is not None
        assert (await asyncio.to_thread(tail.stderr.readline)).startswith("Following 0 schedules")

        def read() -> None:
            assert tail.stdout is not None
            for line in tail.stdout:
                self.news.append(json.loads(line))

        reader = Thread(target=read, daemon=True)
        reader.start()
        stack.callback(reader.join)
        stack.callback(tail.kill)


def hourly(name: str, queue: str, due: int) -> ScheduledTask:
    """A schedule that is due each hour, as at `due`; its first hours are the night, but for `FULL`, which is new."""
    began = due - (1 if name == "FULL" else HOURS + 1) * HOUR
    return task(name, schedule="@every 1h", queue=queue, created_at=began)


@asynccontextmanager
async def bad_night(folder: Path, server: NatsServer) -> AsyncIterator[BadNight]:
    """The scene at its beginning: `one` leads, `two` stands by, and the schedules are due in a moment."""
    folder.mkdir(exist_ok=True)
    night = BadNight(folder, server)
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(ajsync.connect(server=server.url))
        await client.prepare()
        queues = {"GOOD": "EMAIL", "FAILS": "FAILING", "HANGS": "SLOW", "WAITS": "WITHOUT_WORKER"}
        for queue in queues.values():
            await make_queue(client.connection, queue)
        await make_queue(client.connection, "FULL", max_msgs=1)
        await client.connection.request("CHORIA_AJ.Q.FULL.x", b"of somebody else")
        for queue, handler in WORKERS.items():
            await stack.enter_async_context(working(client.connection, queue, handler))
        processes = stack.enter_context(ExitStack())
        await night.listen(processes)
        await night.start(processes, "one", lambda log: "Monitoring at" in log and "Became leader" in log)
        await night.start(processes, "two", lambda log: "Monitoring at" in log and "Loaded" in log)
        night.due = (time.time_ns() // NANOSECONDS + SOON_SECONDS) * NANOSECONDS
        tasks = {name: hourly(name, queues.get(name, name), night.due) for name in NAMES}
        for name in queues:
            dues = past_dues(tasks[name], night.due - HOURS * HOUR, night.due - HOUR)
            await make_missing(client.connection, await find_missing(client.connection, dues))
        for name, made in tasks.items():
            await client.connection.request(SCHEDULE_SUBJECT + name, encode_scheduled_task(made))
        yield night
