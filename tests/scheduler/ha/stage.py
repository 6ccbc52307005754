"""A server, schedules that are due every second, and schedulers on them: set up, watched, and judged at the end."""

from __future__ import annotations

import asyncio
import base64
import json
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import nats
import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from ajsync.asyncjobs.election import ELECTION_SUBJECT
from ajsync.asyncjobs.model import Catchup, Managed, ScheduledTask, encode_scheduled_task
from ajsync.asyncjobs.names import CONFIGURATION_STREAM, ELECTIONS_STREAM, SCHEDULE_SUBJECT, TASKS_STREAM
from ajsync.asyncjobs.streams import stream_configuration
from ajsync.schedule import parse
from ajsync.timestamp import NANOSECONDS, parse_timestamp
from tests import waiting
from tests.recorded import recorded
from tests.scheduler.ha.ledger import QUEUE, Verdict, judge
from tests.scheduler.ha.members import Member
from tests.scheduler.ha.proxy import Proxy, proxy_to
from tests.waiting import PATIENCE

_DEADLINE_SECONDS = 60.0
"""Much longer than anything here takes, even on a machine that does five other things."""
_POLL_SECONDS = 0.02
_SETTLED = 3 * NANOSECONDS
_SPREAD = 8
"""Schedules of each second that jitter spreads over it: without them a gap could not be told from the wait for the next
second."""


def every_second(catchup: Catchup = "all", *, prefix: str = "EACH") -> list[ScheduledTask]:
    """Schedules of every second and of every three, spread over the second and with all phases."""
    spread = [schedule(f"{prefix}_{number}", "@every 1s", catchup=catchup, jitter=1) for number in range(_SPREAD)]
    phases = [schedule(f"{prefix}_3_{number}", "@every 3s", catchup=catchup, created=number) for number in range(3)]
    return [schedule(f"{prefix}_SECOND", "@every 1s", catchup=catchup), *spread, *phases]


def schedule(
    name: str, times: str, *, catchup: Catchup = "all", created: int = 0, jitter: int = 0, queue: str = QUEUE
) -> ScheduledTask:
    """A schedule whose tasks have a type of their own; `created` and `jitter` in seconds."""
    managed = Managed("ha", catchup=catchup, jitter=jitter * NANOSECONDS)
    return ScheduledTask(name, times, queue, name, created_at=created * NANOSECONDS, managed=managed)


async def until(
    condition: Callable[[], bool], what: str, logs: Callable[[], str] = str, *, not_before: float = 0
) -> None:
    """Wait until `what` has come about, which takes `not_before` seconds at least."""
    await waiting.until(
        condition, lambda: f"it took too long: {what}\n{logs()}", seconds=not_before + _DEADLINE_SECONDS
    )


class Stage:
    """Schedulers that take part in one election."""

    def __init__(self, client: Client, members: Sequence[Member], proxies: Mapping[str, Proxy]) -> None:
        self.client = client
        self.members = {member.name: member for member in members}
        self.proxies = proxies
        """By the name of the scheduler; empty where they connect to the server itself."""
        self.last_due = 0
        """The latest instant that a task was seen for, in nanoseconds since 1970."""
        self.intervals: dict[str, int] = {}
        """Nanoseconds between two fires of each schedule."""

    async def start(self, stack: AsyncExitStack) -> None:
        """Start every scheduler, until `stack` ends, and wait until each has loaded."""
        for member in self.members.values():
            stack.callback(member.end)
            member.start()
        for member in self.members.values():
            await until(lambda member=member: member.said("Loaded"), "it loads", self.logs)  # type: ignore[misc]

    async def put(self, tasks: Iterable[ScheduledTask]) -> None:
        """Store schedules, and judge at the end whether they fired."""
        tasks = list(tasks)
        await store(self.client, tasks)
        self.intervals |= {task.name: parse(task.schedule).interval or 0 for task in tasks}

    async def fires(self, seconds: float = 0) -> None:
        """Wait until something has fired that is due after the wait began, by so many seconds at least."""
        begin = time.time_ns() + int(seconds * NANOSECONDS)
        await until(lambda: self.last_due > begin, "a new fire", self.logs, not_before=seconds)

    async def leads(self, other_than: str = "") -> Member:
        """Wait until somebody leads, other than this one, and fires."""
        deadline = time.monotonic() + _DEADLINE_SECONDS
        while (holder := await self.holder()) in (None, other_than):
            assert time.monotonic() < deadline, f"nobody takes over from {other_than}:\n{self.logs()}"
            await asyncio.sleep(_POLL_SECONDS)
        assert holder is not None
        await self.fires()
        return self.members[holder]

    async def settled(self) -> None:
        """Wait until everything has been fired that was due a few seconds ago."""
        deadline = time.monotonic() + _DEADLINE_SECONDS
        while not await self._is_settled():
            assert time.monotonic() < deadline, f"the watermark stands still, or names fires\n{self.logs()}"
            await asyncio.sleep(_POLL_SECONDS)

    async def watermark(self) -> int:
        """Up to when the schedulers say that they have fired everything, in nanoseconds since 1970."""
        mark = await self._mark()
        return parse_timestamp(mark["instant"]) if mark else 0

    async def election_revision(self) -> int:
        """The revision of the election's key that the watermark names."""
        mark = await self._mark()
        return int(mark["election_revision"]) if mark else 0

    async def holder(self) -> str | None:
        """Who holds the key of the election now; None where nobody does, or nobody can say."""
        message = await self._last(ELECTIONS_STREAM, ELECTION_SUBJECT)
        return base64.b64decode(message.get("data", "")).decode() or None if message else None

    async def key_revision(self) -> int:
        """The revision of the election's key itself."""
        message = await self._last(ELECTIONS_STREAM, ELECTION_SUBJECT)
        return int(message["seq"]) if message else 0

    async def expire(self) -> None:
        """Let the key of the election expire now: it leaves no trace, as a purge does."""
        await self.client.request(f"$JS.API.STREAM.PURGE.{ELECTIONS_STREAM}", timeout=5)

    async def finish(self) -> Verdict:
        """Stop every scheduler, each by a signal, the leader last, and judge what they did up to the watermark."""
        await self.leads()
        await self.settled()
        leader = await self.holder()
        for member in sorted(self.members.values(), key=lambda member: member.name == leader):
            member.signal(signal.SIGTERM)
            assert await asyncio.to_thread(member.reap) == 0, member.log
        return await judge(self.client, self.intervals, await self.watermark())

    def logs(self) -> str:
        """What everybody has said."""
        return "\n".join(f"--- {member.name}\n{member.log}" for member in self.members.values())

    async def see(self, msg: Msg) -> None:
        """A task was published."""
        self.last_due = max(self.last_due, parse_timestamp(json.loads(msg.data)["created"]))

    async def _is_settled(self) -> bool:
        mark = await self._mark() or {}
        named = mark.get("open") or mark.get("looked_for")
        return not named and "instant" in mark and parse_timestamp(mark["instant"]) >= time.time_ns() - _SETTLED

    async def _mark(self) -> dict[str, Any] | None:
        message = await self._last(CONFIGURATION_STREAM, "$KV.CHORIA_AJ_CONFIGURATION.ajsync.watermark")
        return json.loads(base64.b64decode(message["data"])) if message else None

    async def _last(self, stream: str, subject: str) -> dict[str, Any] | None:
        body = json.dumps({"last_by_subj": subject}).encode()
        try:
            answer = await self.client.request(f"$JS.API.STREAM.MSG.GET.{stream}", body, timeout=1)
        except (TimeoutError, nats.errors.Error):
            return None
        message: dict[str, Any] | None = json.loads(answer.data).get("message")
        return message


@asynccontextmanager
async def stage(
    folder: Path,
    ports: Sequence[int],
    tasks: Iterable[ScheduledTask],
    *options: str,
    schedulers: int = 2,
    replicas: int = 1,
    proxied: bool = False,
) -> AsyncIterator[Stage]:
    """Make the streams, store `tasks`, and run schedulers with these options, connected to the servers' `ports`."""
    folder.mkdir()
    urls = [f"nats://127.0.0.1:{port}" for port in ports]
    client = await nats.connect(urls, reconnect_time_wait=0.2, max_reconnect_attempts=-1, error_cb=_ignore)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(client.close)
        names = [f"S{number}" for number in range(1, schedulers + 1)]
        proxies = {name: await stack.enter_async_context(proxy_to(ports[0])) for name in names if proxied}
        members = [
            Member(folder, name, proxies[name].url if proxied else ",".join(urls), "--timeout", "20s", *options)
            for name in names
        ]
        found = Stage(client, members, proxies)
        await client.subscribe("CHORIA_AJ.T.*", cb=found.see)
        await make_streams(client, replicas)
        await found.put(tasks)
        await found.start(stack)
        yield found


async def store(client: Client, tasks: Iterable[ScheduledTask]) -> None:
    """Store schedules in the bucket."""
    for task in tasks:
        await client.jetstream(timeout=PATIENCE).publish(SCHEDULE_SUBJECT + task.name, encode_scheduled_task(task))


async def make_streams(client: Client, replicas: int = 1) -> None:
    """Make the streams of asyncjobs and the queue, as the Go tool does; a new cluster may need some attempts."""
    for name in (CONFIGURATION_STREAM, ELECTIONS_STREAM, TASKS_STREAM):
        await make_stream(client, stream_configuration(name, replicas=replicas))
    await make_queue(client, QUEUE, num_replicas=replicas)


async def make_queue(client: Client, queue: str, **changes: int) -> None:
    """Make the stream of a queue as the Go tool does, but for these changes."""
    await make_stream(client, queue_configuration(queue, **changes))


def queue_configuration(queue: str, **changes: int) -> dict[str, Any]:
    """What the Go tool makes the stream of a queue with, but for these changes."""
    config: dict[str, Any] = recorded("streams.json")["CHORIA_AJ_Q_DEFAULT"]["config"]
    own = {"name": f"CHORIA_AJ_Q_{queue}", "subjects": [f"CHORIA_AJ.Q.{queue}.>"]}
    return {**config, **own, **changes}


async def make_stream(client: Client, config: dict[str, Any], *, update: bool = False) -> None:
    """Make a stream, or change it."""
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while True:
        try:
            subject = f"$JS.API.STREAM.{'UPDATE' if update else 'CREATE'}.{config['name']}"
            answer = json.loads((await client.request(subject, json.dumps(config).encode(), timeout=1)).data)
            if "error" not in answer:
                return
        except (TimeoutError, nats.errors.Error) as error:
            answer = {"error": repr(error)}
        assert time.monotonic() < deadline, answer["error"]
        await asyncio.sleep(0.2)


async def _ignore(_error: Exception) -> None:
    """Tests take servers away."""
