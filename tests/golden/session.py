"""A session with the real `ajc`: a server of its own, and all that is published there, in its order."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nats
from nats.aio.client import Client

from ajsync.timestamp import NANOSECONDS, parse_timestamp
from tests.messages import Message, hear
from tests.nats_server import NatsServer
from tests.waiting import until

_PUBLISHED = (
    *("$KV.>", "CHORIA_AJ.T.*", "CHORIA_AJ.E.>", "$JS.API.CONSUMER.CREATE.KV_CHORIA_AJ_CONFIGURATION.>"),
    "CHORIA_AJ.Q.EMAIL.>",  # not those of other queues: a queue with a listener would not seem to be missing
)


def scheduled(name: str, schedule: str, *, queue: str = "EMAIL") -> dict[str, Any]:
    """The value of a schedule, whose tasks have its name in their types."""
    rest = {"payload": None, "max_tries": 10, "created_at": "2026-11-23T14:09:53Z"}
    return {"name": name, "schedule": schedule, "queue": queue, "task_type": f"{name}:fire", **rest}


@dataclass(slots=True)
class Session:
    """A server, a folder, and what was published so far."""

    url: str
    folder: Path
    client: Client
    messages: list[Message]

    async def ajc(self, *arguments: str) -> tuple[int, str]:
        """Run `ajc` to its end; its exit code and what it printed on standard output."""
        process = await asyncio.create_subprocess_exec(
            *("ajc", *arguments), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, cwd=self.folder
        )
        output, _ = await process.communicate()
        await self.client.flush()  # what it published has come by then
        assert process.returncode is not None
        return process.returncode, output.decode() if process.returncode == 0 else ""

    @asynccontextmanager
    async def staying(self, *command: str) -> AsyncIterator[None]:
        """Run a command while the block runs, and end it with SIGTERM."""
        process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.DEVNULL, cwd=self.folder)
        try:
            yield
        finally:
            process.terminate()
            await process.wait()
            await self.client.flush()

    def published(self, start: str, since: int = 0) -> list[Message]:
        """The messages on subjects that begin with `start`, after the first `since` of all messages."""
        return [message for message in self.messages[since:] if message.subject.startswith(start)]

    def about(self, task_id: str) -> list[Message]:
        """Every message of or about a task."""
        return [message for message in self.messages if task_id in f"{message.subject} {message.data}"]

    def fired(self) -> dict[str, list[int]]:
        """When new tasks were made, in whole seconds, by their types."""
        found: defaultdict[str, list[int]] = defaultdict(list)
        for message in self.published("CHORIA_AJ.T."):
            task = json.loads(message.data)
            if task["state"] == "new":
                found[task["type"]].append(parse_timestamp(task["created"]) // NANOSECONDS)
        return found

    async def put(self, value: Mapping[str, Any]) -> None:
        """Write a schedule into the bucket as it is; delete it if the value is only a name."""
        subject, deleted = f"$KV.CHORIA_AJ_CONFIGURATION.scheduled_tasks.{value['name']}", len(value) == 1
        data = b"" if deleted else json.dumps(value).encode()
        await self.client.jetstream().publish(subject, data, headers={"KV-Operation": "DEL"} if deleted else None)

    async def until_published(self, start: str, holds: Callable[[Message], bool], count: int = 1) -> None:
        """Wait until so many messages on such subjects are as they should be."""
        await until(lambda: sum(map(holds, self.published(start))) >= count, lambda: self.messages[-9:], seconds=120)


@asynccontextmanager
async def session() -> AsyncIterator[Session]:
    """A server to which the context AJC leads, for `ajc` and for ajsync."""
    assert shutil.which("ajc"), "no ajc on PATH"
    with TemporaryDirectory() as name:
        folder = Path(name)
        server = NatsServer(folder / "nats")
        server.start()
        contexts = folder / "nats" / "context"
        contexts.mkdir()
        (contexts / "AJC.json").write_text(json.dumps({"url": server.url}))
        os.environ["HOME"] = os.environ["XDG_CONFIG_HOME"] = name
        client = await nats.connect(server.url)
        try:
            yield Session(server.url, folder, client, await hear(client, *_PUBLISHED))
        finally:
            await client.close()
            server.stop()
