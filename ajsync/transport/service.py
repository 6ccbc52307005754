"""A service of NATS: one instance of it, which can be found by its name and asked for its state.

It speaks the protocol of the NATS services API (ADR-32), which `nats micro` and the libraries of NATS use. It is
written here and not taken from nats-py, because it runs beside a loop that must not be held up: that one gives every
question a place in a queue and a task, says nothing if the server does not let it answer, and waits for the server
where it stops.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from ajsync.timestamp import format_timestamp
from ajsync.transport.connection import Connection
from ajsync.transport.frames import publish_frame

PREFIX = "$SRV"
MOST_QUESTIONS = 500
"""Questions in a second; many times as many as all instances of a service and some people ask together."""
_AWAY_SECONDS = 60.0
_OPEN_ANSWERS = 100
_SECOND = 1.0
_REPLY = re.compile(rb"_[!-)+-=?-~]{1,255}")
"""Where answers may go: inboxes begin with an underscore, also those that a server makes for another account.

The server does not check whether the client that asks may write to the subject that it names for the answer. So the
answer to a subject of a stream or a bucket would be stored there for a client that may not write to it.
"""
_QUEUE_GROUP = ""
"""All instances answer."""


@dataclass(frozen=True, slots=True)
class Instance:
    """What an instance of a service tells of itself at one moment."""

    name: str
    """Of the service: letters, digits, `-` and `_`; all instances have the same."""
    id: str
    """Of this instance: the same characters."""
    version: str
    """As semantic versions are written."""
    description: str
    metadata: Mapping[str, str]
    """What does not change while the instance runs."""
    state: Mapping[str, object]
    """What may change."""


class Service:
    """An instance of a service, which answers while `run` runs."""

    def __init__(self, connection: Connection, describe: Callable[[], Instance]) -> None:
        """`describe` gives the instance as it is now; its name and its id stay the same."""
        self._connection = connection
        self._describe = describe
        self._started = time.time_ns()
        self._questions = 0
        self._second, self._in_second = 0.0, 0
        self._flooded = asyncio.Event()
        self._answers: asyncio.Queue[bytes] = asyncio.Queue(_OPEN_ANSWERS)
        self._answered = ""
        """The subject of the last answer."""
        one = describe()
        self.subjects = (
            *(f"{PREFIX}.{question.decode()}" for question in _ANSWERS),
            f"{PREFIX}.*.{one.name}",
            f"{PREFIX}.*.{one.name}.{one.id}",
        )
        """What it listens to. Who may subscribe to `$SRV.*` may also to `$SRV.>`, so the first are named one by one."""

    async def run(self) -> None:
        """Answer until cancelled, with a pause of a minute after more than `MOST_QUESTIONS` within a second."""
        sending = asyncio.create_task(self._send())
        try:
            while True:
                async with self._listening():
                    await self._flooded.wait()
                logging.getLogger(__name__).warning(
                    "More than %d questions in a second for the service %s: it does not answer for %.0f s",
                    *(MOST_QUESTIONS, self._describe().name, _AWAY_SECONDS),
                )
                await asyncio.sleep(_AWAY_SECONDS)
                self._in_second = 0
                self._flooded.clear()
        finally:
            sending.cancel()

    def refusal(self) -> str | None:
        """Why the server does not let us listen, or did not let us answer last; None as far as it has not said."""
        reasons = (self._connection.permission_reason(subject) for subject in (*self.subjects, self._answered))
        return next((reason for reason in reasons if reason), None)

    @asynccontextmanager
    async def _listening(self) -> AsyncIterator[None]:
        client = self._connection.client
        subscriptions = [await client.subscribe_raw(subject, self._take) for subject in self.subjects]
        try:
            yield
        finally:
            for each in subscriptions:
                if not client.is_closed:
                    await each.unsubscribe()

    def _take(self, subject: bytes, reply: bytes, _headers: bytes, _data: bytes) -> None:
        now = time.monotonic()
        if now - self._second >= _SECOND:
            self._second, self._in_second = now, 0
        self._in_second += 1
        if self._in_second > MOST_QUESTIONS:
            self._flooded.set()
        if self._flooded.is_set() or not _REPLY.fullmatch(reply) or self._answers.full():
            return
        make = _ANSWERS.get(subject.split(b".")[1])
        if make is not None:
            self._questions += 1
            answer = json.dumps(make(self._describe(), self._started, self._questions), ensure_ascii=False)
            self._answered = reply.decode()
            self._answers.put_nowait(publish_frame(self._answered, answer.encode()))

    async def _send(self) -> None:
        """Send the answers; while the server is away they are lost."""
        while True:
            await self._connection.client.write(await self._answers.get())


def stats_subject(name: str) -> str:
    """The subject by which all instances of a service are asked for their state."""
    return f"{PREFIX}.STATS.{name}"


def _identity(kind: str, instance: Instance) -> dict[str, object]:
    return {
        "type": f"io.nats.micro.v1.{kind}_response",
        "name": instance.name,
        "id": instance.id,
        "version": instance.version,
        "metadata": dict(instance.metadata),
    }


def _endpoint(instance: Instance) -> dict[str, object]:
    # What may change belongs to the statistics of an endpoint. Its subject is that of the question itself, so that
    # there is nothing else to listen to, and nothing else to permit.
    subject = f"{stats_subject(instance.name)}.{instance.id}"
    return {"name": "state", "subject": subject, "queue_group": _QUEUE_GROUP}


def _ping(instance: Instance, _started: int, _questions: int) -> dict[str, object]:
    return _identity("ping", instance)


def _info(instance: Instance, _started: int, _questions: int) -> dict[str, object]:
    endpoints = [{**_endpoint(instance), "metadata": {}}]
    return {**_identity("info", instance), "description": instance.description, "endpoints": endpoints}


def _stats(instance: Instance, started: int, questions: int) -> dict[str, object]:
    counts = {
        "num_requests": questions,
        "num_errors": 0,
        "last_error": "",
        "processing_time": 0,
        "average_processing_time": 0,
    }
    endpoints = [{**_endpoint(instance), **counts, "data": dict(instance.state)}]
    return {**_identity("stats", instance), "started": format_timestamp(started), "endpoints": endpoints}


_ANSWERS: Mapping[bytes, Callable[[Instance, int, int], dict[str, object]]] = {
    b"PING": _ping,
    b"INFO": _info,
    b"STATS": _stats,
}
