"""A service of NATS: one instance, which can be found by the service's name and asked for its state.

It speaks the protocol of the NATS services API (ADR-32), which `nats micro` and the libraries of NATS use. It is
written here and not taken from nats-py, because it must not hold up the loop that it runs in. nats-py's service takes a
place in a queue and a task for every question, is silent if the server does not let it answer, and waits for the server
when it stops.
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
"""The most questions in a second: many times what all instances of a service and some people ask together."""
_AWAY_SECONDS = 60.0
_OPEN_ANSWERS = 100
_SECOND = 1.0
_REPLY = re.compile(rb"_[!-)+-=?-~]{1,255}")
"""The subjects that answers may go to: inboxes begin with an underscore, even those that a server makes for another
account.

The server does not check whether the client that asks may write to the subject that it names for the answer. So an
answer to a subject of a stream or a bucket would be stored for a client that may not write there.
"""
_QUEUE_GROUP = ""
"""All instances answer."""


@dataclass(frozen=True, slots=True)
class Instance:
    """The description that an instance of a service gives of itself at one moment."""

    name: str
    """The name of the service: letters, digits, `-` and `_`; the same for all instances."""
    id: str
    """The id of this instance, of the same characters."""
    version: str
    """A semantic version."""
    description: str
    metadata: Mapping[str, str]
    """Facts that do not change while the instance runs."""
    state: Mapping[str, object]
    """Facts that may change."""


class Service:
    """An instance of a service, which answers while `run` runs."""

    def __init__(self, connection: Connection, describe: Callable[[], Instance]) -> None:
        """`describe` returns the instance as it is now; its name and its id must stay the same."""
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
        """The subjects that it listens to, one by one, because a user who may subscribe to `$SRV.*` may also subscribe
        to `$SRV.>`."""

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
        """Why the server does not let us listen, or did not let us send the last answer; None if it has not said so."""
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
    """The subject that asks all instances of a service for their state."""
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
    # Facts that may change belong to the statistics of an endpoint. Its subject is that of the question itself, so that
    # there is nothing else to listen to or to permit.
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
