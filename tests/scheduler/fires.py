"""Fires for tests: made of nothing but a name, fired on a real server, and what it stored of them."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from ajsync.asyncjobs.due import times_of
from ajsync.asyncjobs.names import TASKS_STREAM
from ajsync.asyncjobs.streams import make_stream
from ajsync.asyncjobs.tasks import StoredTask
from ajsync.scheduler.agenda.agenda import AgendaEntry, Fire
from ajsync.scheduler.firing.dispatcher import Dispatcher
from ajsync.scheduler.firing.in_flight import InFlightFire
from ajsync.scheduler.firing.ledger import Ledger
from ajsync.scheduler.firing.lifecycle import Event
from ajsync.scheduler.firing.prepare import Prepared, Preparer
from ajsync.timestamp import NANOSECONDS as SECOND
from ajsync.transport.connection import Connection
from tests.tasks import task
from tests.waiting import until

HOUR = 3600 * SECOND


def fire(name: str = "A", *, due: int | None = None, since: int = 0, **fields: Any) -> Fire:
    """A fire of a schedule of this name, due now unless said otherwise."""
    scheduled = task(name, **{"schedule": "@every 1s", **fields})
    return Fire(time.time_ns() if due is None else due, AgendaEntry(scheduled, times_of(scheduled), since))


class ObservedDispatcher(Dispatcher):
    """A dispatcher that keeps its outcomes, and may be made deaf to acknowledgements."""

    def __init__(self, connection: Connection, **options: Any) -> None:
        self.outcomes: list[InFlightFire] = []
        self.retries = 0
        self.deaf: Callable[[str], bool] = lambda _token: False
        """Whether an answer with this token gets lost."""
        options.setdefault("give_up_after", HOUR)
        super().__init__(connection, Ledger(), self.outcomes.extend, on_retry=self._count, **options)
        self._take = self._window._take
        self._window._take = self._hear  # type: ignore[method-assign]  # where an answer can get lost
        self.preparer = Preparer(self.inbox)

    def prepare(self, *fires: Fire) -> list[Prepared]:
        """Encode fires."""
        return [self.preparer.prepare(each) for each in fires]

    def enter(self, prepared: Prepared) -> InFlightFire:
        """Take an encoded fire into the ledger, as one that is due."""
        self.ledger.take([prepared.fire])
        fire = self.ledger.next_to_encode(made_good=False)
        assert fire is not None
        self.ledger.encoded(fire, prepared)
        (due,) = self.ledger.take_due(prepared.fire.due, 1)
        assert due is fire
        return fire

    def start(self, prepared: Iterable[Prepared]) -> None:
        """Begin to write encoded fires."""
        fires = [self.enter(each) for each in prepared]
        for each in fires:
            self.ledger.apply(each, Event.DUE)
        self.dispatch(fires)

    def abandon(self) -> list[Fire]:
        """End everything as the end of a term does."""
        fires = self.ledger.hand_back()
        self.stop()
        return fires

    async def fire(self, *fires: Fire) -> list[InFlightFire]:
        """Fire, wait for the outcomes of these, and return them."""
        before = len(self.outcomes)
        self.start(self.prepare(*fires))
        await until(lambda: len(self.outcomes) >= before + len(fires))
        return self.outcomes[before:]

    def states(self) -> dict[str, str]:
        """What became of the fires so far, by the names of their schedules."""
        return {outcome.name: outcome.outcome for outcome in self.outcomes}

    def _count(self) -> None:
        self.retries += 1

    def _hear(self, token: str, headers: bytes, data: bytes) -> None:
        if not self.deaf(token):
            self._take(token, headers, data)


@asynccontextmanager
async def firing(connection: Connection, **options: Any) -> AsyncIterator[ObservedDispatcher]:
    """A dispatcher that runs until the block ends; the tasks' stream is made if it is missing."""
    await make_stream(connection, TASKS_STREAM)
    made = ObservedDispatcher(connection, **options)
    running = asyncio.create_task(made.run())
    try:
        yield made
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert running.cancelled(), running.exception()


async def make_queue(connection: Connection, queue: str = "EMAIL", **config: Any) -> None:
    """Make the stream of a queue as the Go tool does."""
    await connection.jetstream_request(
        f"STREAM.CREATE.CHORIA_AJ_Q_{queue}",
        {
            "name": f"CHORIA_AJ_Q_{queue}",
            "subjects": [f"CHORIA_AJ.Q.{queue}.>"],
            "retention": "workqueue",
            "max_msgs_per_subject": 1,
            "discard": "new",
            "storage": "file",
            "num_replicas": 1,
            "duplicate_window": 120 * SECOND,
            **config,
        },
    )


async def change_stream(connection: Connection, stream: str, **config: Any) -> None:
    """Change the configuration of a stream."""
    info = await connection.jetstream_request(f"STREAM.INFO.{stream}")
    await connection.jetstream_request(f"STREAM.UPDATE.{stream}", {**info["config"], **config})


async def counts(connection: Connection, stream: str) -> tuple[int, int]:
    """How many messages a stream holds, and how many were ever stored in it."""
    state = (await connection.jetstream_request(f"STREAM.INFO.{stream}"))["state"]
    return state["messages"], state["last_seq"]


@dataclass(frozen=True, slots=True)
class Stored:
    """A message of a stream."""

    subject: str
    headers: dict[str, str]
    data: bytes


async def stored(connection: Connection, stream: str, subject: str) -> Stored:
    """The last message of a subject."""
    reply = await connection.jetstream_request(f"STREAM.MSG.GET.{stream}", {"last_by_subj": subject})
    message = reply["message"]
    lines = base64.b64decode(message.get("hdrs", "")).decode().split("\r\n")[1:]
    headers = dict(line.split(": ", 1) for line in lines if line)
    return Stored(message["subject"], headers, base64.b64decode(message.get("data", "")))


async def handle(connection: Connection, task: StoredTask, data: bytes) -> None:
    """Store a task anew, as a worker does."""
    await connection.request(f"CHORIA_AJ.T.{task.id}", data)
